"""What somebody has to look at so that families keep getting answers: facts, policies, partners out of date or nearly.

Nothing of it is stored: it follows from the files and the calendar, so no task is ever lost or stays when it is done.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from bot.content.library import Library
from bot.content.partners import PartnerCheckRecord, find_last_check

WARNING_PERIOD = timedelta(days=14)
"""So long before its time ends the owner is told."""

NOT_SET_UP = date.min
"""The `since` of what a district has not set up yet: on the page and in `bot check`, but no text to anybody."""


@dataclass(frozen=True, order=True)
class ReviewTask:
    """`since` is the day from which families are offered a person instead (in the future: from then on)."""

    since: date
    owner: str
    subject: str
    todo: str
    effect: str = "not said"
    """What its being overdue means: families are not told it, or (`not live`) the front office gets no steps."""
    should_warn_early: bool = False
    """Whether the owner gets a text before its time is over, and not only after."""

    def is_overdue(self, today: date) -> bool:
        """Whether families are already sent to a person for want of this."""
        return self.since <= today


def list_tasks(library: Library, today: date, checks: Sequence[PartnerCheckRecord] = ()) -> list[ReviewTask]:
    """All that is due or will be within two weeks, the oldest first.  `checks`: calls of staff to partners."""
    tasks = [
        *_list_fact_tasks(library),
        *_list_policy_tasks(library),
        *_list_partner_tasks(library, checks),
        *_list_protocol_tasks(library),
    ]
    return sorted(
        [
            *(task for task in tasks if task.since <= today + WARNING_PERIOD),
            *_list_unwritten_facts(library),
            *_list_unsigned_protocol(library),
        ]
    )


def _list_fact_tasks(library: Library) -> Iterator[ReviewTask]:
    for name, fact in library.facts.items():
        file = "flows/facts.yaml" if name not in library.district.facts else "district.yaml"
        todo = f"Read the source again, mend the text if it changed, then set reviewed_on in {file}."
        yield ReviewTask(fact.get_review_due_date() + timedelta(days=1), fact.owner, f"fact {name}", todo)


def _list_policy_tasks(library: Library) -> Iterator[ReviewTask]:
    needed_policies = {need for fact in library.facts.values() for need in fact.needs}
    for name, policy in library.district.policies.items():
        todo = "Have counsel sign the rule off again, then set signed_on, version and review_by in district.yaml."
        yield ReviewTask(policy.review_by + timedelta(days=1), policy.signed_off_by, f"policy {name}", todo)
    for name in sorted(needed_policies - set(library.district.policies)):
        yield ReviewTask(
            NOT_SET_UP, "district counsel", f"policy {name}", "Have counsel sign it off: it is not in district.yaml."
        )


def _list_partner_tasks(library: Library, checks: Sequence[PartnerCheckRecord]) -> Iterator[ReviewTask]:
    """The newer of both counts: the day in the file, or the last call to that number."""
    for name, partner in library.district.partners.items():
        last = find_last_check(name, partner, checks)
        if last and not last.is_number_correct:
            todo = f"The number of {partner.name} was wrong: mend phone and checked_on in district.yaml."
            yield ReviewTask(last.checked_on, partner.owner, f"partner {name}", todo)
            continue
        checked = partner.model_copy(update={"checked_on": last.checked_on}) if last else partner
        todo = f"Call {partner.name}, then say on the page Directory (or in district.yaml) whether all is right."
        yield ReviewTask(checked.get_last_valid_day() + timedelta(days=1), partner.owner, f"partner {name}", todo)


PROTOCOL_SUBJECT = "protocol for agents at school"


def _list_protocol_tasks(library: Library) -> Iterator[ReviewTask]:
    protocol = library.district.protocol
    if protocol and protocol.review_by and protocol.signed_off_by:
        todo = "Review it with counsel, then set signed_on, version and review_by in district.yaml."
        ends = protocol.review_by + timedelta(days=1)
        yield ReviewTask(ends, protocol.signed_off_by, PROTOCOL_SUBJECT, todo, "not live", should_warn_early=True)


def _list_unsigned_protocol(library: Library) -> Iterator[ReviewTask]:
    protocol = library.district.protocol
    if protocol is None or protocol.review_by is None:
        todo = (
            "Have counsel sign your own steps (bot/incidents/samples has one to begin from): district.yaml, 'protocol'."
        )
        yield ReviewTask(NOT_SET_UP, "district counsel", PROTOCOL_SUBJECT, todo, "not live")


def _list_unwritten_facts(library: Library) -> Iterator[ReviewTask]:
    for name in sorted(library.district_fact_ids - frozenset(library.facts)):
        yield ReviewTask(
            NOT_SET_UP, "office", f"fact {name}", "Write it under 'facts' in district.yaml: nobody else can say it."
        )

"""List the content that needs a review: facts, policies, partners, and the protocol that are or will soon be overdue.

No task is stored. Tasks follow from the files and the calendar, so no task is lost, and none remains after its review.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from bot.content.library import Library
from bot.content.partners import PartnerCheckRecord, find_last_check

WARNING_PERIOD = timedelta(days=14)
"""How long before the due date Puente reminds the owner."""

NOT_SET_UP = date.min
"""The `since` of content that a district has not set up. The console and `bot check` show it; no one gets a text."""


@dataclass(frozen=True, order=True)
class ReviewTask:
    """One review. From the day `since`, which can be in the future, families get a person instead of the content."""

    since: date
    owner: str
    subject: str
    todo: str
    effect: str = "not shown to families"
    """The effect of an overdue review: families do not see it, or (`not live`) the front office gets no steps."""
    should_warn_early: bool = False
    """Whether the owner gets a text before the due date, and not only after it."""

    def is_overdue(self, today: date) -> bool:
        """Return whether the review is overdue, so that families already get a person instead."""
        return self.since <= today


def list_tasks(library: Library, today: date, checks: Sequence[PartnerCheckRecord] = ()) -> list[ReviewTask]:
    """List the reviews that are due now or within `WARNING_PERIOD`, the oldest first.

    Args:
        checks: The calls of staff to partners.
    """
    tasks = [
        *_list_fact_tasks(library),
        *_list_policy_tasks(library),
        *_list_partner_tasks(library, checks),
        *_list_protocol_tasks(library),
    ]
    due_tasks = [task for task in tasks if task.since <= today + WARNING_PERIOD]
    return sorted([*due_tasks, *_list_unwritten_facts(library), *_list_unsigned_protocol(library)])


def _list_fact_tasks(library: Library) -> Iterator[ReviewTask]:
    for name, fact in library.facts.items():
        file = "flows/facts.yaml" if name not in library.district.facts else "district.yaml"
        todo = f"Read the source again, correct the text if it changed, then set reviewed_on in {file}."
        yield ReviewTask(fact.get_review_due_date() + timedelta(days=1), fact.owner, f"fact {name}", todo)


def _list_policy_tasks(library: Library) -> Iterator[ReviewTask]:
    needed_policies = {need for fact in library.facts.values() for need in fact.needs}
    for name, policy in library.district.policies.items():
        todo = "Have counsel sign the rule again, then set signed_on, version, and review_by in district.yaml."
        yield ReviewTask(policy.review_by + timedelta(days=1), policy.signed_off_by, f"policy {name}", todo)
    for name in sorted(needed_policies - set(library.district.policies)):
        todo = "Have counsel sign it, then add it to district.yaml."
        yield ReviewTask(NOT_SET_UP, "district counsel", f"policy {name}", todo)


def _list_partner_tasks(library: Library, checks: Sequence[PartnerCheckRecord]) -> Iterator[ReviewTask]:
    """List partners to call. The newer one counts: the check in the file, or the last call to that number."""
    for name, partner in library.district.partners.items():
        last = find_last_check(name, partner, checks)
        if last and not last.is_number_correct:
            todo = f"The number of {partner.name} was wrong: correct phone and checked_on in district.yaml."
            yield ReviewTask(last.checked_on, partner.owner, f"partner {name}", todo)
            continue
        checked = partner.model_copy(update={"checked_on": last.checked_on}) if last else partner
        todo = f"Call {partner.name}, then record on the page Directory (or in district.yaml) whether all is right."
        yield ReviewTask(checked.get_last_valid_day() + timedelta(days=1), partner.owner, f"partner {name}", todo)


PROTOCOL_SUBJECT = "protocol for agents at school"


def _list_protocol_tasks(library: Library) -> Iterator[ReviewTask]:
    protocol = library.district.protocol
    if protocol and protocol.review_by and protocol.signed_off_by:
        todo = "Review it with counsel, then set signed_on, version, and review_by in district.yaml."
        since = protocol.review_by + timedelta(days=1)
        yield ReviewTask(since, protocol.signed_off_by, PROTOCOL_SUBJECT, todo, "not live", should_warn_early=True)


def _list_unsigned_protocol(library: Library) -> Iterator[ReviewTask]:
    protocol = library.district.protocol
    if protocol is None or protocol.review_by is None:
        todo = (
            "Have counsel sign your steps, then add 'protocol' to district.yaml (bot/incidents/samples has a sample)."
        )
        yield ReviewTask(NOT_SET_UP, "district counsel", PROTOCOL_SUBJECT, todo, "not live")


def _list_unwritten_facts(library: Library) -> Iterator[ReviewTask]:
    for name in sorted(library.district_fact_ids - frozenset(library.facts)):
        todo = "Write it under 'facts' in district.yaml: only the district knows it."
        yield ReviewTask(NOT_SET_UP, "office", f"fact {name}", todo)

"""What somebody has to look at so that families keep getting answers: facts, policies, partners out of date or nearly.

Nothing of it is stored: it follows from the files and the calendar, so no task is ever lost or stays when it is done.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from bot.content.library import Library
from bot.content.partners import Check, last_check

SOON = timedelta(days=14)
"""So long before its time ends the owner is told."""

NEVER_WRITTEN = date.min
"""The `since` of what a district has not set up yet: on the page and in `bot check`, but no text to anybody."""


@dataclass(frozen=True, order=True)
class Task:
    """`since` is the day from which families are offered a person instead (in the future: from then on)."""

    since: date
    owner: str
    subject: str
    todo: str
    effect: str = "not said"
    """What its being overdue means: families are not told it, or (`not live`) the front office gets no steps."""
    early: bool = False
    """Whether the owner gets a text before its time is over, and not only after."""

    def overdue(self, today: date) -> bool:
        """Whether families are already sent to a person for want of this."""
        return self.since <= today


def tasks(library: Library, today: date, checks: Sequence[Check] = ()) -> list[Task]:
    """All that is due or will be within two weeks, the oldest first.  `checks`: calls of staff to partners."""
    found = [*_facts(library), *_policies(library), *_partners(library, checks), *_protocol(library)]
    return sorted([*(task for task in found if task.since <= today + SOON), *_unwritten(library), *_unsigned(library)])


def _facts(library: Library) -> Iterator[Task]:
    for name, fact in library.facts.items():
        file = "flows/facts.yaml" if name not in library.district.facts else "district.yaml"
        todo = f"Read the source again, mend the text if it changed, then set reviewed_on in {file}."
        yield Task(fact.review_due() + timedelta(days=1), fact.owner, f"fact {name}", todo)


def _policies(library: Library) -> Iterator[Task]:
    needed = {need for fact in library.facts.values() for need in fact.needs}
    for name, policy in library.district.policies.items():
        todo = "Have counsel sign the rule off again, then set signed_on, version and review_by in district.yaml."
        yield Task(policy.review_by + timedelta(days=1), policy.signed_off_by, f"policy {name}", todo)
    for name in sorted(needed - set(library.district.policies)):
        yield Task(
            NEVER_WRITTEN, "district counsel", f"policy {name}", "Have counsel sign it off: it is not in district.yaml."
        )


def _partners(library: Library, checks: Sequence[Check]) -> Iterator[Task]:
    """The newer of both counts: the day in the file, or the last call to that number."""
    for name, partner in library.district.partners.items():
        last = last_check(name, partner, checks)
        if last and not last.right:
            todo = f"The number of {partner.name} was wrong: mend phone and checked_on in district.yaml."
            yield Task(last.on, partner.owner, f"partner {name}", todo)
            continue
        checked = partner.model_copy(update={"checked_on": last.on}) if last else partner
        todo = f"Call {partner.name}, then say on the page Directory (or in district.yaml) whether all is right."
        yield Task(checked.good_until() + timedelta(days=1), partner.owner, f"partner {name}", todo)


PROTOCOL = "protocol for agents at school"


def _protocol(library: Library) -> Iterator[Task]:
    protocol = library.district.protocol
    if protocol and protocol.review_by and protocol.signed_off_by:
        todo = "Review it with counsel, then set signed_on, version and review_by in district.yaml."
        ends = protocol.review_by + timedelta(days=1)
        yield Task(ends, protocol.signed_off_by, PROTOCOL, todo, "not live", early=True)


def _unsigned(library: Library) -> Iterator[Task]:
    protocol = library.district.protocol
    if protocol is None or protocol.review_by is None:
        todo = (
            "Have counsel sign your own steps (bot/incidents/samples has one to begin from): district.yaml, 'protocol'."
        )
        yield Task(NEVER_WRITTEN, "district counsel", PROTOCOL, todo, "not live")


def _unwritten(library: Library) -> Iterator[Task]:
    for name in sorted(library.from_district - frozenset(library.facts)):
        yield Task(
            NEVER_WRITTEN, "office", f"fact {name}", "Write it under 'facts' in district.yaml: nobody else can say it."
        )

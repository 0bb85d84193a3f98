"""Define facts: statements with a source and a review date. Puente does not state an overdue fact."""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Annotated, Literal

from pydantic import Field

from bot.base.language_codes import Language
from bot.flows.model import Name, Need, StrictModel

MAX_FACT_AGE_DAYS = {"fast": 14, "medium": 120, "slow": 365}
"""For how many days after a review a fact can be stated, by how fast it changes (FACTS.md: FAST, MED, SLOW)."""


LIVE_FACT_IDS = frozenset({"school_status", "what_is_held"})
"""Values that flows state like facts but that come from the database.

One is the status of the family's school, which is empty unless a verified status is current. The other is the summary
of the data that Puente holds about the family.
"""
DATA_SUMMARY_FACT_ID = "what_is_held"

PartnerKind = Literal["legal", "needs"]
PARTNER_CHECK_VALID_DAYS = 120
"""For how many days after a call to a partner Puente names it to families."""


PartnerService = Literal[
    "asylum", "family_petitions", "work_permits", "court_help", "food", "clothes", "rent", "shelter", "clinic",
    "counseling", "english_classes", "interpreters",
]  # fmt: skip
"""The services of partners, as a closed list. Each has a text (`service_asylum` …) in every language."""
SERVICES_BY_NEED: Mapping[Need, frozenset[str]] = {
    "legal": frozenset({"asylum", "family_petitions", "work_permits", "court_help"}),
    "food": frozenset({"food", "clothes"}),
    "home": frozenset({"rent", "shelter"}),
    "health": frozenset({"clinic", "counseling"}),
    "learning": frozenset({"english_classes", "interpreters"}),
}
"""The services that match each need of a family (flow find_help)."""


class SignedPolicy(StrictModel):
    """A rule of the district that can be stated to families until a day, because counsel signed it."""

    version: str
    signed_off_by: str
    signed_on: date
    review_by: date

    def is_in_force(self, today: date) -> bool:
        """Return whether counsel's signature covers this day."""
        return self.signed_on <= today <= self.review_by


class Partner(StrictModel):
    """An organization that helps families. Families see its cost and languages with its name and number.

    `area` is the ZIP codes and towns that it serves; empty means everywhere. `owner` is the role that calls it to check
    its number.
    """

    name: str
    kind: PartnerKind
    phone: Annotated[str, Field(pattern=r"^[0-9+][0-9 ()-]{6,20}$")]
    languages: tuple[Language, ...] = Field(min_length=1)
    cost: Literal["free", "low"]
    checked_on: date
    services: tuple[PartnerService, ...] = ()
    area: tuple[str, ...] = ()
    owner: str = "family liaison"
    website: Annotated[str, Field(pattern=r"^[a-z0-9.-]+\.[a-z]{2,}(/[!-~]*)?$")] | None = None

    def is_recently_checked(self, today: date) -> bool:
        """Return whether the partner was checked recently enough to be named to families."""
        return self.checked_on <= today <= self.get_last_valid_day()

    def get_last_valid_day(self) -> date:
        """Return the last day on which it can be named without another call."""
        return self.checked_on + timedelta(days=PARTNER_CHECK_VALID_DAYS)

    def can_help_with(self, need: Need) -> bool:
        """Return whether it offers a service for this need. A legal partner matches without listed services."""
        if need == "legal" and self.kind == "legal":
            return True
        return bool(SERVICES_BY_NEED[need] & set(self.services))


class SourceReference(StrictModel):
    """The source of a fact: what was read, where, and on which day."""

    title: str
    url: str | None = None
    read_on: date


class Fact(StrictModel):
    """One dated statement.

    `needs` names the policies of the district file that must be in force. If `partners` is set, the fact lists the
    partners of this kind, and at least one of them must be recently checked.
    """

    text: str
    source: SourceReference
    owner: str
    reviewed_on: date
    changes: Literal["fast", "medium", "slow"]
    needs: tuple[Name, ...] = ()
    partners: PartnerKind | None = None

    def get_review_due_date(self) -> date:
        """Return the last day on which this can be stated without another review."""
        return self.reviewed_on + timedelta(days=MAX_FACT_AGE_DAYS[self.changes])

    def is_usable(self, today: date, policies: Mapping[str, SignedPolicy], partners: Iterable[Partner]) -> bool:
        """Return whether it can be stated today: it is current, and so are the policies and partners it needs."""
        if not self.reviewed_on <= today <= self.get_review_due_date():
            return False
        needed_policies = [policies.get(need) for need in self.needs]
        if not all(policy and policy.is_in_force(today) for policy in needed_policies):
            return False
        if self.partners is None:
            return True
        return any(partner.kind == self.partners and partner.is_recently_checked(today) for partner in partners)


class DistrictFact(Fact):
    """A statement that the district makes about itself, so that the district is the source."""

    source: SourceReference | None = None  # type: ignore[assignment]  # required only in flows/facts.yaml


class FactsFile(StrictModel):
    """`flows/facts.yaml`: the facts of all districts, and IDs of facts that each district writes, with a hint."""

    facts: dict[Name, Fact] = Field(min_length=1)
    from_district: dict[Name, str] = Field(default_factory=dict)


class WatchedSource(StrictModel):
    """A source that its owner reads regularly, because a change there can affect the district."""

    title: str
    url: Annotated[str, Field(pattern=r"^https://[^\s]+$", max_length=300)]
    owner: str
    every_days: int = Field(7, ge=1, le=92)


class ContextNote(StrictModel):
    """A dated note that explains to staff why families ask. Families never see it, since Puente states no news."""

    text: Annotated[str, Field(max_length=600)]
    source: SourceReference
    owner: str

    def get_due_date(self) -> date:
        """Return the last day on which staff see it without another review."""
        return self.source.read_on + timedelta(days=MAX_FACT_AGE_DAYS["medium"])

    def is_current(self, today: date) -> bool:
        """Return whether its source was read recently enough."""
        return self.source.read_on <= today <= self.get_due_date()

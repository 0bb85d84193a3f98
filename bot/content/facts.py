"""Facts: what a flow may state, each with its source and the day it was last checked.  Past its time it is not said."""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Annotated, Literal

from pydantic import Field

from bot.base.language_codes import Language
from bot.flows.model import Name, Need, StrictModel

MAX_FACT_AGE_DAYS = {"fast": 14, "medium": 120, "slow": 365}
"""How long a fact may be stated after it was checked, by how fast the matter changes (FACTS.md: FAST, MED, SLOW)."""


LIVE_FACT_IDS = frozenset({"school_status", "what_is_held"})
"""Stated like a fact, but kept in the database: how the family's school is (bot/store/statuses; where nothing is
verified now, nothing is said in its place), and what is held about the family (bot/store/held)."""
DATA_SUMMARY_FACT_ID = "what_is_held"

PartnerKind = Literal["legal", "needs"]
PARTNER_CHECK_VALID_DAYS = 120
"""So long after somebody called it, an organization is named to families."""


PartnerService = Literal[
    "asylum", "family_petitions", "work_permits", "court_help", "food", "clothes", "rent", "shelter", "clinic",
    "counseling", "english_classes", "interpreters",
]  # fmt: skip
"""What an organization does, as a closed list: each has a text (`service_asylum` …) in every language."""
SERVICES_BY_NEED: Mapping[Need, frozenset[str]] = {
    "legal": frozenset({"asylum", "family_petitions", "work_permits", "court_help"}),
    "food": frozenset({"food", "clothes"}),
    "home": frozenset({"rent", "shelter"}),
    "health": frozenset({"clinic", "counseling"}),
    "learning": frozenset({"english_classes", "interpreters"}),
}
"""Which services answer what a family asks for (flow find_help)."""


class SignedPolicy(StrictModel):
    """A rule of the district that may be stated to families, because counsel has signed it off until a day."""

    version: str
    signed_off_by: str
    signed_on: date
    review_by: date

    def is_in_force(self, today: date) -> bool:
        """Whether counsel's word covers this day."""
        return self.signed_on <= today <= self.review_by


class Partner(StrictModel):
    """An organization that helps families.  `cost` and `languages` are told with its name and number.

    `area`: the ZIP codes and towns that it serves; none: everywhere.  `owner`: the role that calls it in time.
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
        """Whether somebody checked it lately enough that families may be sent there."""
        return self.checked_on <= today <= self.get_last_valid_day()

    def get_last_valid_day(self) -> date:
        """The last day on which it is named without being called again."""
        return self.checked_on + timedelta(days=PARTNER_CHECK_VALID_DAYS)

    def can_help_with(self, need: Need) -> bool:
        """Whether it does what a family asks for; legal help also where no service is named."""
        return bool(SERVICES_BY_NEED[need] & set(self.services)) or (need == "legal" and self.kind == "legal")


class SourceReference(StrictModel):
    """Where a fact stands: what was read, where, and on which day."""

    title: str
    url: str | None = None
    read_on: date


class Fact(StrictModel):
    """One dated statement.  `needs` names policies of the district file without which it is not said.

    `partners`: it lists the organizations of this kind, and is not said where none was checked lately.
    """

    text: str
    source: SourceReference
    owner: str
    reviewed_on: date
    changes: Literal["fast", "medium", "slow"]
    needs: tuple[Name, ...] = ()
    partners: PartnerKind | None = None

    def get_review_due_date(self) -> date:
        """The last day on which this may be stated without being checked again."""
        return self.reviewed_on + timedelta(days=MAX_FACT_AGE_DAYS[self.changes])

    def is_usable(self, today: date, policies: Mapping[str, SignedPolicy], partners: Iterable[Partner]) -> bool:
        """Whether it may be stated today: in date, and all that it rests on is signed off and in date."""
        needed_policies = [policies.get(need) for need in self.needs]
        is_signed = all(policy and policy.is_in_force(today) for policy in needed_policies)
        has_partners = self.partners is None or any(
            partner.kind == self.partners and partner.is_recently_checked(today) for partner in partners
        )
        return is_signed and has_partners and self.reviewed_on <= today <= self.get_review_due_date()


class DistrictFact(Fact):
    """A statement that the district makes about itself: it is its own source."""

    source: SourceReference | None = None  # type: ignore[assignment]  # a fact of flows/facts.yaml always has one


class FactsFile(StrictModel):
    """`flows/facts.yaml`: what is stated everywhere, and (id: what to write there) what each district says itself."""

    facts: dict[Name, Fact] = Field(min_length=1)
    from_district: dict[Name, str] = Field(default_factory=dict)


class WatchedSource(StrictModel):
    """A source that somebody reads every week, because what it tells may change what the district does."""

    title: str
    url: Annotated[str, Field(pattern=r"^https://[^\s]+$", max_length=300)]
    owner: str
    every_days: int = Field(7, ge=1, le=92)


class ContextNote(StrictModel):
    """A dated note for staff: why families ask what they ask.  Families are never told it: the line states no news."""

    text: Annotated[str, Field(max_length=600)]
    source: SourceReference
    owner: str

    def get_due_date(self) -> date:
        """The last day on which staff are shown it without its being read again."""
        return self.source.read_on + timedelta(days=MAX_FACT_AGE_DAYS["medium"])

    def is_current(self, today: date) -> bool:
        """Whether it was read lately enough."""
        return self.source.read_on <= today <= self.get_due_date()

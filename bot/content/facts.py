"""Facts: what a flow may state, each with its source and the day it was last checked.  Past its time it is not said."""

from datetime import date, timedelta
from typing import Literal

from pydantic import Field

from bot.content.district import District
from bot.conversation.flow import Model, Name

DAYS = {"fast": 14, "medium": 120, "slow": 365}
"""How long a fact may be stated after it was checked, by how fast the matter changes (FACTS.md: FAST, MED, SLOW)."""


class Reference(Model):
    """Where a fact stands: what was read, where, and on which day."""

    title: str
    url: str | None = None
    read_on: date


class Fact(Model):
    """One dated statement.  `needs` names policies of the district file without which it is not said."""

    text: str
    source: Reference
    owner: str
    reviewed_on: date
    changes: Literal["fast", "medium", "slow"]
    needs: tuple[Name, ...] = ()

    def review_due(self) -> date:
        """The last day on which this may be stated without being checked again."""
        return self.reviewed_on + timedelta(days=DAYS[self.changes])

    def usable(self, today: date, district: District) -> bool:
        """Whether it may be stated today: in date, and all that it needs is signed off and in date."""
        policies = [district.policies.get(need) for need in self.needs]
        signed = all(policy and policy.signed_on <= today <= policy.review_by for policy in policies)
        return signed and self.reviewed_on <= today <= self.review_due()


class Facts(Model):
    """`flows/facts.yaml`."""

    facts: dict[Name, Fact] = Field(min_length=1)

"""List the names that flows of a district can use in their conditions."""

from bot.content.district import District

CONDITION_CHANNELS = ("whatsapp", "sms")
BOARD_CONDITION = "board"
"""The name of the condition that a date of the school board's next meeting is set."""


def list_condition_names(district: District, facts: frozenset[str]) -> frozenset[str]:
    """List every `district.` and `school.` name that a flow of this district can use."""
    district_names = {*facts, *district.policies, *CONDITION_CHANNELS, BOARD_CONDITION}
    school_fact_names = {fact for school in district.schools.values() for fact in school.facts}
    return frozenset({f"district.{name}" for name in district_names} | {f"school.{name}" for name in school_fact_names})

"""The rules for community leaders: when one may be called again, which partners are missing, and what is overdue."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta

from bot.content.district import District
from bot.store.community.community_leaders import MIN_TIME_BETWEEN_REQUESTS, CommunityLeader, LeaderTask

PARTNER_KINDS = ("faith", "legal", "community", "clinic", "culture")
"""The five kinds of partners to find first (SEED_MAP.md, C2b)."""
CONTACT_INTERVAL = timedelta(days=60)
"""How long after the last contact a staff member should call again."""
FIRST_CONTACT_PERIOD = timedelta(days=14)
INVITATION_TEXT = (
    "Dear friends,\n\nI write as the superintendent of {district}. Some families are afraid to send their children to"
    " school now. You know them, and they trust you. I would like to hear what you hear, and to ask how we can reach"
    " families in the way that they trust. May I call you this week, or come to you?\n\n"
    "We ask for no names and no lists, and nobody needs to tell us about immigration papers.\n\n{office_phone}"
)
"""The superintendent's invitation until a staff member changes it."""


def build_starter_tasks(district: District, owner: str, today: date) -> list[LeaderTask]:
    """Build the tasks of the first week: one kind of partner for each school day."""
    tasks, day = [], today
    text = INVITATION_TEXT.replace("{district}", district.name).replace("{office_phone}", district.office_phone)
    for kind in PARTNER_KINDS:
        day = district.find_next_school_day(day)
        tasks.append(LeaderTask(kind, day, owner, text))
    return tasks


def list_open_tasks(plan: Iterable[LeaderTask], register: Iterable[CommunityLeader]) -> list[LeaderTask]:
    """Return the tasks whose kind of partner is still missing in the register."""
    registered_kinds = {leader.kind for leader in register}
    return [task for task in plan if task.kind not in registered_kinds]


def is_overdue(leader: CommunityLeader, today: date) -> bool:
    """Return whether the day for the next call is past."""
    return leader.due_on is not None and leader.due_on < today


def find_next_call_day(contacted_on: date | None, today: date) -> date:
    """Return the day for the next call: two weeks after the registration, or two months after the last contact."""
    return contacted_on + CONTACT_INTERVAL if contacted_on else today + FIRST_CONTACT_PERIOD


def find_next_allowed_time(last_contact_at: datetime | None) -> datetime | None:
    """Return when this leader may be called again, or None for at once."""
    return last_contact_at + MIN_TIME_BETWEEN_REQUESTS if last_contact_at else None

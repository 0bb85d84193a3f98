"""When a leader may be asked again, which partners are missing, what is overdue.  Pure."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta

from bot.content.district import District
from bot.store.community.community_leaders import MIN_TIME_BETWEEN_REQUESTS, CommunityLeader, LeaderTask

PARTNER_KINDS = ("faith", "legal", "community", "clinic", "culture")
"""The five kinds of partners to find first (SEED_MAP.md, C2b)."""
CONTACT_INTERVAL = timedelta(days=60)
"""So long after the last contact somebody should call again."""
FIRST_CONTACT_PERIOD = timedelta(days=14)
INVITATION_TEXT = (
    "Dear friends,\n\nI write as the superintendent of {district}. Some families are afraid to send their children to"
    " school now. You know them, and they trust you. I would like to hear what you hear, and to ask how we can reach"
    " families in the way that they trust. May I call you this week, or come to you?\n\n"
    "We ask for no names and no lists, and nobody needs to tell us about immigration papers.\n\n{office_phone}"
)
"""What the superintendent's invitation says until somebody writes it better."""


def build_starter_tasks(district: District, owner: str, today: date) -> list[LeaderTask]:
    """The first week: a kind of partner a school day."""
    tasks, day = [], today
    words = INVITATION_TEXT.replace("{district}", district.name).replace("{office_phone}", district.office_phone)
    for kind in PARTNER_KINDS:
        day = district.find_next_school_day(day)
        tasks.append(LeaderTask(kind, day, owner, words))
    return tasks


def list_open_tasks(plan: Iterable[LeaderTask], register: Iterable[CommunityLeader]) -> list[LeaderTask]:
    """The tasks whose kind of partner stands in the register of nobody yet."""
    there = {one.kind for one in register}
    return [one for one in plan if one.kind not in there]


def is_overdue(leader: CommunityLeader, today: date) -> bool:
    """Whether it is past the day on which somebody should have called."""
    return leader.due_on is not None and leader.due_on < today


def find_next_call_day(contacted_on: date | None, today: date) -> date:
    """By when to call: two weeks after somebody is written in, two months after the last contact."""
    return contacted_on + CONTACT_INTERVAL if contacted_on else today + FIRST_CONTACT_PERIOD


def find_next_allowed_time(last_contact_at: datetime | None) -> datetime | None:
    """From when on this leader may be called again; None: at once."""
    return last_contact_at + MIN_TIME_BETWEEN_REQUESTS if last_contact_at else None

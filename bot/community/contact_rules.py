"""When a leader may be asked again, which partners are missing, what is overdue.  Pure."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta

from bot.content.district import District
from bot.store.community.community_leaders import QUIET, Leader, Task

KINDS = ("faith", "legal", "community", "clinic", "culture")
"""The five kinds of partners to find first (SEED_MAP.md, C2b)."""
AGAIN = timedelta(days=60)
"""So long after the last contact somebody should call again."""
FIRST = timedelta(days=14)
INVITATION = (
    "Dear friends,\n\nI write as the superintendent of {district}. Some families are afraid to send their children to"
    " school now. You know them, and they trust you. I would like to hear what you hear, and to ask how we can reach"
    " families in the way that they trust. May I call you this week, or come to you?\n\n"
    "We ask for no names and no lists, and nobody needs to tell us about immigration papers.\n\n{office_phone}"
)
"""What the superintendent's invitation says until somebody writes it better."""


def starter_tasks(district: District, owner: str, today: date) -> list[Task]:
    """The first week: a kind of partner a school day."""
    tasks, day = [], today
    words = INVITATION.replace("{district}", district.name).replace("{office_phone}", district.office_phone)
    for kind in KINDS:
        day = district.next_school_day(day)
        tasks.append(Task(kind, day, owner, words))
    return tasks


def still_to_do(plan: Iterable[Task], register: Iterable[Leader]) -> list[Task]:
    """The tasks whose kind of partner stands in the register of nobody yet."""
    there = {one.kind for one in register}
    return [one for one in plan if one.kind not in there]


def overdue(leader: Leader, today: date) -> bool:
    """Whether it is past the day on which somebody should have called."""
    return leader.due_on is not None and leader.due_on < today


def next_call(contacted_on: date | None, today: date) -> date:
    """By when to call: two weeks after somebody is written in, two months after the last contact."""
    return contacted_on + AGAIN if contacted_on else today + FIRST


def not_before(last: datetime | None) -> datetime | None:
    """From when on this leader may be called again; None: at once."""
    return last + QUIET if last else None

"""An urgent question: if nobody answers whether the children are safe, staff are alerted."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import select

from bot.base.database import now
from bot.cases.follow_ups import start
from bot.store.cases.cases import cases
from bot.store.cases.deliveries import deliveries
from bot.store.families.follow_ups import follow_ups
from tests.conftest import NOW, Family

DETAINED = "my husband was detained by ICE yesterday, what can I do"


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOW) as traveller:
        yield traveller


def list_case_topics(family: Family) -> list[str]:
    with family.runtime.database.read() as db:
        return list(db.execute(select(cases.c.topic).order_by(cases.c.id)).scalars())


def pass_time(family: Family, clock: time_machine.Traveller, minutes: int) -> None:
    clock.move_to(now() + timedelta(minutes=minutes))
    with family.runtime.database.read() as db:
        waiting = db.execute(select(follow_ups.c.id).where(follow_ups.c.state == "waiting")).scalars().all()
    for follow_up in waiting:
        start(family.runtime, follow_up)


def sent_to_family(family: Family) -> int:
    with family.runtime.database.read() as db:
        return len(db.execute(select(deliveries.c.id).where(deliveries.c.kind == "follow_up")).all())


def test_no_answer_in_ten_minutes_alerts_about_the_children(family: Family, clock: time_machine.Traveller) -> None:
    assert "children with a grown-up" in family.text(DETAINED)
    pass_time(family, clock, 5)
    assert list_case_topics(family) == ["family_detained"]
    pass_time(family, clock, 6)
    assert list_case_topics(family) == ["family_detained", "child_alone_now"]
    assert sent_to_family(family) == 1
    pass_time(family, clock, 20)
    assert len(list_case_topics(family)) == 2 and sent_to_family(family) == 1


def test_answer_in_time_sends_no_alert(family: Family, clock: time_machine.Traveller) -> None:
    family.text(DETAINED)
    assert "locator.ice.gov" in family.text("yes")
    pass_time(family, clock, 15)
    assert list_case_topics(family) == ["family_detained"]


def test_lost_conversation_still_alerts_staff(family: Family, clock: time_machine.Traveller) -> None:
    family.text(DETAINED)
    family.runtime.redis.flushall()
    pass_time(family, clock, 11)
    assert list_case_topics(family)[-1] == "child_alone_now"


def test_answer_no_means_children_are_alone_now(family: Family) -> None:
    family.text(DETAINED)
    assert "911" in family.text("no")
    assert list_case_topics(family)[-1] == "child_alone_now"

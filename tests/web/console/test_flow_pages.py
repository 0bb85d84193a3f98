"""Flow diagrams in the console, with the steps where people stop."""

from datetime import UTC, datetime

from flask.testing import FlaskClient

from bot.base.database import now
from bot.content.library import Library
from bot.runtime import Runtime
from bot.store.families import flow_stats
from bot.store.families.flow_stats import StepStats
from bot.web.console.content.flow_drawing import draw_flow
from bot.web.console.registration import issue_password
from tests.conftest import Family
from tests.web.console.test_console import log_in


def test_flow_stats_count_asked_continued_and_misunderstood(runtime: Runtime, family: Family) -> None:
    family.text("I need to report that my child will be absent")
    family.text("Rosa, Lincoln")
    family.text("tomorrow")
    family.text("🤷")
    counted = flow_stats.load(runtime.redis, now())
    assert counted["report_absence", "open"] == StepStats(asked=1, went_on=1)
    assert counted["report_absence", "reason"] == StepStats(asked=1, not_understood=1)
    assert counted["report_absence", "reason"].drop_out_count == 1
    assert family.address.encode() not in b"".join(runtime.redis.hgetall(flow_stats.build_key(now())))


def test_repeated_webhook_counts_once(runtime: Runtime, family: Family) -> None:
    for _ in range(3):
        family.text("I need to report that my child will be absent", MessageSid="SM" + "a" * 32)
    assert flow_stats.load(runtime.redis, now())["report_absence", "open"].asked == 1


def test_previous_month_is_included(runtime: Runtime) -> None:
    runtime.redis.hincrby(flow_stats.build_key(datetime(2026, 12, 31, tzinfo=UTC)), "menu.open.asked", 2)
    runtime.redis.hincrby(flow_stats.build_key(datetime(2027, 1, 1, tzinfo=UTC)), "menu.open.asked", 3)
    assert flow_stats.load(runtime.redis, datetime(2027, 1, 31, tzinfo=UTC))["menu", "open"].asked == 5


def test_pages_show_every_flow_and_where_people_stop(runtime: Runtime, client: FlaskClient, family: Family) -> None:
    assert client.get("/console/flows").status_code == 302
    for _ in range(4):
        family.text("I need to report that my child will be absent")
        family.text("menu")
    family.text("I need to report that my child will be absent")
    log_in(client, "ana", issue_password(runtime, "ana"))
    listed = client.get("/console/flows").text
    assert all(f"/console/flows/{name}" in listed for name in runtime.library.flows.flows)
    assert listed.index("A child will be absent") < listed.index("Meals, food, housing"), "the worst first"
    page = client.get("/console/flows/report_absence").text
    assert "What is your child" in page and "<svg" in page
    assert client.get("/console/flows/no_such").status_code == 404


def test_every_flow_is_drawn_without_overlap(library: Library) -> None:
    for flow in library.flows.flows.values():
        boxes = draw_flow(flow).boxes
        assert {box.name for box in boxes if box.kind != "flow"} == set(flow.steps), flow.flow
        places = {(box.x, box.y) for box in boxes}
        assert len(places) == len(boxes), "no box stands on another"

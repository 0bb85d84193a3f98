"""After a restore, nothing for families sends by itself; staff alerts do. On both databases."""

from datetime import timedelta

from click.testing import CliRunner
from sqlalchemy import select

from bot.announcements import launch
from bot.base.database import now
from bot.cases import follow_ups as following
from bot.cases.paging import page_staff
from bot.cli import main
from bot.jobs.sweeper import sweep_all
from bot.messaging.delivery import deliver
from bot.retention import after_restore
from bot.retention.after_restore import HeldItems
from bot.runtime import Runtime
from bot.store.cases import deliveries
from bot.store.families import contacts, follow_ups
from bot.store.families.follow_ups import FollowUpTarget
from bot.store.lifecycle import erasure_list
from tests.announcements.conftest import District, district
from tests.conftest import Family
from tests.stand_in import TwilioStandIn

__all__ = ["district"]

THEO, ROSTER = "+12175550184", "+12175550161"


def add_waiting_items(runtime: Runtime, family: Family) -> None:
    """Create a case, a waiting text to the family and one to staff, a due follow-up, and one of next week."""
    family.text("ICE is at my door right now")
    at = now()
    with runtime.database.write() as db:
        contact = contacts.find(db, family.address)
        assert contact
        deliveries.plan_staff_message(db, contact.id, "I am on my way", at)
        deliveries.plan_reminder(db, "theo_lang", "No worker runs", at)
        follow_ups.plan(db, ("SM1", 0), contact.id, FollowUpTarget("was_it_solved"), at - timedelta(minutes=1))
        follow_ups.plan(db, ("SM2", 0), contact.id, FollowUpTarget("was_it_solved"), at + timedelta(days=7))


def run_jobs(runtime: Runtime) -> None:
    """Run the jobs of scheduler and workers."""
    sweep_all(runtime)
    page_staff(runtime, 1)
    with runtime.database.read() as db:
        waiting = db.execute(select(deliveries.deliveries.c.id)).scalars().all()
        due = follow_ups.list_due(db, now(), 9)
    for delivery in waiting:
        deliver(runtime, delivery)
    for one in due:
        following.start(runtime, one)


def test_families_get_no_repeats_and_staff_are_alerted(runtime: Runtime, family: Family, twilio: TwilioStandIn) -> None:
    add_waiting_items(runtime, family)
    assert after_restore.hold_family_messages(runtime, "theo_lang") == HeldItems(1, 1, 0, (), ())
    run_jobs(runtime)
    assert not twilio.sent_to(family.address)
    assert [one for one in twilio.messages if "case 1 (URGENT" in one.body], "the emergency is paged"
    assert [one.body for one in twilio.sent_to(THEO)] == ["No worker runs"]
    with runtime.database.read() as db:
        assert len(follow_ups.list_due(db, now() + timedelta(days=8), 9)) == 1, "what is not due yet stays"
    assert after_restore.hold_family_messages(runtime, "theo_lang").texts == 0


def test_announcements_wait_for_a_person(district: District, runtime: Runtime, twilio: TwilioStandIn) -> None:
    district.family(ROSTER)
    sending = district.say()
    launch.start(runtime, sending)
    coming = district.say(send_at=now() + timedelta(hours=1))
    assert after_restore.hold_family_messages(runtime, "theo_lang") == HeldItems(0, 0, 0, (sending,), (coming,))
    district.send(sending)
    assert district.state(sending) == "paused" and not twilio.sent_to(ROSTER)
    launch.resume(runtime, sending, "rosa_lind")
    district.send(sending)
    assert len(twilio.sent_to(ROSTER)) == 1


def test_command_clears_redis_except_erasures_and_reports_the_rest(district: District, runtime: Runtime) -> None:
    district.family(ROSTER)
    sending = district.say()
    launch.start(runtime, sending)
    runtime.redis.set("puente:talk:newer", b"than the backup")
    erasure_list.add(runtime.redis, {"7:a-token": now()})
    given = runtime.settings
    environment = {
        **{"REDIS_URL": given.redis_url, "DATABASE_URL": given.database_url, "DATA_KEY": given.data_key},
        **{"VAR_DIR": str(given.var_dir), "TRANSLATOR": "off"},
    }
    done = CliRunner().invoke(main.main, ["after-restore"], env=environment)
    assert done.exit_code == 0, done.output
    assert f"announcement {sending} is paused" in done.output
    assert runtime.redis.keys() == [erasure_list.ERASED_TOKENS_KEY.encode()] and erasure_list.list_tokens(
        runtime.redis, now()
    ) == ["7:a-token"]

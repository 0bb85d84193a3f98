"""Leaders: no one is called by five people in a week, the first week has a plan, numbers are encrypted, load is
visible.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
import time_machine
from flask.testing import FlaskClient
from sqlalchemy import text

from bot.base.database import now
from bot.community import contact_rules, overdue_contacts, register
from bot.community.register import LeaderAskedRecentlyError
from bot.content.library import Library
from bot.runtime import Runtime
from bot.store.community import community_leaders
from bot.store.community.community_leaders import CommunityLeader
from bot.store.families import contacts, families
from bot.web.console.cases.workload_page import calculate_shares
from tests.cases.test_paging import send_all
from tests.conftest import NOW, Family
from tests.stand_in import TwilioStandIn
from tests.web.console.conftest import member
from tests.web.console.test_console import token
from tests.web.console.test_login import cheap_passwords

__all__ = ["cheap_passwords"]  # this fixture also applies here

HOME = "/console/leaders"
PHONE = "+12175550188"
PAUL = CommunityLeader(0, "Rev. Paul", PHONE, "Grace Church", "faith", ("ht",), "at worship", "ana_ruiz")


def send(client: FlaskClient, path: str, **form: Any) -> Any:
    given = {"csrf_token": token(client.get("/console/account").text), **form}
    return client.post(path, data=given, follow_redirects=True)


@pytest.fixture
def paul(runtime: Runtime) -> CommunityLeader:
    register.save_leader(runtime, PAUL, "ana_ruiz")
    return replace(PAUL, id=1)


@pytest.fixture
def logged_in(runtime: Runtime, client: FlaskClient) -> Callable[[str], FlaskClient]:
    return lambda staff: member(runtime, client.application, "staff", staff)


def test_two_requests_for_the_same_leader_share_one_call(runtime: Runtime, paul: CommunityLeader) -> None:
    assert register.request_contact(runtime, paul, "the gathering", "sam_ortiz") is None
    before = register.request_contact(runtime, paul, "attendance letters", "pat_moore")
    assert before and before.asked_by == "sam_ortiz"
    with runtime.database.read() as db:
        assert [(one.why, one.with_id) for one in community_leaders.list_open_requests(db)] == [
            ("the gathering", None), ("attendance letters", 1),
        ]  # fmt: skip
    assert register.complete_request(runtime, 1, "ana_ruiz") and not register.complete_request(runtime, 1, "ana_ruiz")
    with runtime.database.read() as db:
        assert community_leaders.list_open_requests(db) == []
        found = community_leaders.find(db, 1)
    assert found and found.contacted_on == date(2026, 11, 24) and found.due_on == date(2027, 1, 23)


def test_leader_is_not_called_again_within_a_week(runtime: Runtime, paul: CommunityLeader) -> None:
    register.request_contact(runtime, paul, "the gathering", "sam_ortiz")
    register.complete_request(runtime, 1, "ana_ruiz")
    with time_machine.travel(NOW + timedelta(days=6)), pytest.raises(LeaderAskedRecentlyError) as lately:
        register.request_contact(runtime, paul, "attendance letters", "pat_moore")
    assert lately.value.last_request.done_by == "ana_ruiz"
    with time_machine.travel(NOW + timedelta(days=7, minutes=1)):
        assert register.request_contact(runtime, paul, "attendance letters", "pat_moore") is None


def test_empty_register_starts_with_five_partner_tasks(runtime: Runtime, library: Library) -> None:
    todo = register.list_tasks(runtime)
    assert [one.kind for one in todo] == list(contact_rules.PARTNER_KINDS) and {one.owner for one in todo} == {
        "ruth_adams"
    }
    assert todo[0].due_on == date(2026, 11, 25) and todo[1].due_on == date(2026, 11, 30), "the 26th and 27th are closed"
    assert "Riverbend Public Schools" in todo[0].invitation and "{" not in todo[0].invitation
    register.save_leader(runtime, PAUL, "ana_ruiz")
    assert [one.kind for one in register.list_tasks(runtime)] == list(contact_rules.PARTNER_KINDS[1:])


def test_name_and_number_are_encrypted(runtime: Runtime, paul: CommunityLeader) -> None:
    with runtime.database.read() as db:
        row = dict(db.execute(text("SELECT * FROM community_leaders")).mappings().one())
    assert "Paul" not in str(row) and "5550188" not in str(row)
    assert register.save_leader(runtime, PAUL, "ana_ruiz") is None, "a number can be registered only once"
    register.remove_leader(runtime, paul, "ana_ruiz")
    with runtime.database.read() as db:
        row = dict(db.execute(text("SELECT * FROM community_leaders")).mappings().one())
        assert community_leaders.list_all(db) == []
    assert row["sealed"] == "" and row["number_index"] is None


def test_text_from_leader_number_sets_leader_role(
    runtime: Runtime, paul: CommunityLeader, new_family: Callable[[str], Family]
) -> None:
    new_family(PHONE).text("English")
    with runtime.database.read() as db:
        contact = contacts.find(db, PHONE)
        assert contact and contact.family_id
        found = families.get(db, contact.family_id)
    assert found.role == "leader" and found.consent_at is None, "nobody said that they want texts"


def test_console_shows_and_edits_leaders(runtime: Runtime, logged_in: Callable[[str], FlaskClient]) -> None:
    ana, pat = logged_in("ana_ruiz"), logged_in("pat_moore")
    assert "Start here" in ana.get(HOME).text
    form = {"organization": "Grace Church", "name": "Rev. Paul", "phone": "217-555-0188", "kind": "faith"}
    form |= {"owner": "ana_ruiz", "channel": "at worship"}
    assert send(ana, HOME, **{**form, "phone": "12"}).status_code == 422
    page = send(ana, HOME, **form, texts="yes").text
    assert PHONE in page and "at worship" in page and "no contact yet" in page
    assert send(ana, HOME, **form).status_code == 409
    assert PHONE not in pat.get(HOME).text, "all others ask through the queue"
    send(pat, f"{HOME}/1/ask", why="attendance letters")
    told = send(logged_in("sam_ortiz"), f"{HOME}/1/ask", why="the gathering").text
    assert "Pat Moore made a request on" in told and "The same call covers yours." in told
    send(ana, f"{HOME}/requests/1")
    refused = send(pat, f"{HOME}/1/ask", why="once more")
    assert refused.status_code == 409 and "Ana Ruiz called" in refused.text and "less than a week ago" in refused.text
    assert send(pat, f"{HOME}/1", **form).status_code == 403
    assert "Imam" in send(ana, f"{HOME}/1", **{**form, "name": "Imam Ali"}).text
    with time_machine.travel(NOW + timedelta(days=90)):
        assert "overdue since" in logged_in("lee_tran").get(HOME).text


def test_task_can_be_rescheduled_and_invitation_edited(
    runtime: Runtime, logged_in: Callable[[str], FlaskClient]
) -> None:
    ana = logged_in("ana_ruiz")
    ana.get(HOME)
    page = send(ana, f"{HOME}/tasks", kind="faith", owner="ana_ruiz", due_on="2026-11-20", invitation="Dear all")
    assert "Dear all" in page.text and "overdue since Friday, November 20" in page.text
    assert send(ana, f"{HOME}/tasks", kind="faith", owner="x", due_on="", invitation="").status_code == 422


def test_leaders_cannot_be_imported(client: FlaskClient) -> None:
    rules_ = [rule.rule for rule in client.application.url_map.iter_rules()]
    assert not [one for one in rules_ if "leader" in one and ("import" in one or "upload" in one)]


def test_overloaded_contact_owner_is_flagged(library: Library) -> None:
    staff = library.district.staff
    coordinator = staff["grace_wu"].model_copy(update={"role": "EL coordinator"})
    district = library.district.model_copy(update={"staff": {**staff, "grace_wu": coordinator}})
    assert calculate_shares(district, [("grace_wu", "principal")] * 9) is None, "so few would tell of families"
    found = [("grace_wu", "principal")] * 4 + [("ana_ruiz", "x")] * 5 + [(None, "counselor")] * 3
    told = {one.role: (one.percent, one.alone) for one in calculate_shares(district, found) or []}
    assert told == {"EL coordinator": (30, True), "family liaison": (40, False), "counselor": (20, False)}


def test_outreach_advice_is_shown_next_to_sent_message(family: Family) -> None:
    family.text("English")
    said = family.text("We are a community organization and want to partner with the district")
    assert "2. Say how to reach my community" in said
    assert "How should we send news" in family.text("2")
    assert "will read this" in family.text("Haitian families: radio on Sundays")


def test_school_board_meeting_is_announced(family: Family) -> None:
    family.text("English")
    family.text("We are a community organization and want to partner with the district")
    said = family.text("3")
    assert "Tuesday, December 8, 6:30 PM" in said and "board@riverbend.example.org" in said and "217-555-0104" in said
    assert "for or against" in said
    assert "with your language" in family.text("1")


def list_reminders(runtime: Runtime, twilio: TwilioStandIn) -> list[str]:
    overdue_contacts.remind_owners(runtime)
    overdue_contacts.remind_owners(runtime)
    send_all(runtime)
    numbers = [one.phone for one in runtime.library.district.staff.values()]
    return [one.body for number in numbers for one in twilio.sent_to(number)]


def test_owner_of_overdue_contact_is_reminded_once(
    runtime: Runtime, twilio: TwilioStandIn, paul: CommunityLeader
) -> None:
    register.save_leader(runtime, replace(paul, due_on=date(2026, 12, 1)), "ana_ruiz")
    assert list_reminders(runtime, twilio) == [], "the day has not come"
    with time_machine.travel(NOW + timedelta(days=8), tick=True):
        once = list_reminders(runtime, twilio)
    assert len(once) == 1 and "1 contact with a community leader is overdue" in once[0] and "Paul" not in once[0]
    register.save_leader(runtime, replace(paul, due_on=date(2026, 12, 8)), "ana_ruiz")
    with time_machine.travel(NOW + timedelta(days=15), tick=True):
        assert len(list_reminders(runtime, twilio)) == 2, "another day was promised, and it has passed too"


def test_changed_number_loses_leader_role(runtime: Runtime, paul: CommunityLeader) -> None:
    other = "+12175550177"
    register.save_leader(runtime, replace(paul, phone=other), "ana_ruiz")
    with runtime.database.write() as db:
        roles = [families.get(db, families.find_or_create(db, one, now())).role for one in (PHONE, other)]
    assert roles == ["family", "leader"]


def test_removed_leader_gets_no_more_texts(runtime: Runtime) -> None:
    register.save_leader(runtime, PAUL, "ana_ruiz", has_text_consent=True)
    register.remove_leader(runtime, replace(PAUL, id=1), "ana_ruiz")
    with runtime.database.write() as db:
        family = families.get(db, families.find_or_create(db, PHONE, now()))
    assert family.role == "family" and family.consent_basis is None


def test_number_of_another_leader_is_refused_with_a_message(
    runtime: Runtime, logged_in: Callable[[str], FlaskClient], paul: CommunityLeader
) -> None:
    register.save_leader(runtime, replace(PAUL, phone="+12175550189", organization="Legal aid"), "ana_ruiz")
    form = {"organization": "Legal aid", "phone": PHONE, "kind": "legal", "owner": "ana_ruiz"}
    page = send(logged_in("ana_ruiz"), f"{HOME}/2", **form)
    assert page.status_code == 409 and "This number is already registered" in page.text


def test_call_sets_next_date_and_only_owner_records_it(
    runtime: Runtime, logged_in: Callable[[str], FlaskClient]
) -> None:
    register.save_leader(runtime, replace(PAUL, phone="", due_on=date(2026, 11, 20)), "ana_ruiz")
    ana, form = logged_in("ana_ruiz"), {"organization": "Grace Church", "phone": "", "kind": "faith"}
    send(ana, f"{HOME}/1/ask", why="the gathering")
    assert "Mark as contacted" in ana.get(HOME).text, "a leader without a number is talked with too"
    assert send(logged_in("pat_moore"), f"{HOME}/requests/1").status_code == 403
    form |= {"owner": "ana_ruiz", "contacted_on": "2026-11-24", "due_on": "2026-11-20"}
    assert "overdue since" not in send(ana, f"{HOME}/1", **form).text.split("<h2>Leaders</h2>", 1)[1]
    assert send(ana, f"{HOME}/1", **{**form, "contacted_on": "2026-12-24"}).status_code == 422


def test_group_inquiry_gets_answer_date_on_next_working_day(family: Family) -> None:
    family.text("English")
    family.text("We are a community organization and want to partner with the district")
    family.text("1")
    assert "by Wednesday, November 25" in family.text("Grace Church, Monday at three")

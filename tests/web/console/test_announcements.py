"""Announcements in the console: written, reviewed in each language, approved, released, watched; consent shown."""

import csv
import io
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from flask.testing import FlaskClient

from bot.announcements import approval, composition, launch, progress, translation_drafts
from bot.base.database import now
from bot.runtime import Runtime
from bot.store import audit_log
from bot.store.announcements import announcements, approvals, approved_phrases, translations
from bot.store.announcements.announcements import Announcement, Audience
from bot.store.cases import cases
from bot.store.families import consent_events, contacts, families
from bot.web.console.announcements.progress_page import HOLD_REASON_TEXTS
from bot.web.console.announcements.translation_page import MAX_RECORDING_BYTES
from bot.web.console.core.audit_page import AUDIT_ACTION_TEXTS
from tests.announcements.conftest import TEXT, District
from tests.cases.test_paging import send_all
from tests.conftest import Family
from tests.stand_in import TwilioStandIn
from tests.web.console.conftest import DRAFTED, add_machine_drafts, finish_urgent_work, get_announcement, member
from tests.web.console.test_console import token

A, B, C = "+12175550201", "+12175550202", "+12175550203"
SPANISH = [one[0] for one in DRAFTED["es"]]
HOME = "/console/announcements"
FORM: dict[str, Any] = {
    "kind": "event", "sender": "sam_ortiz", "text": "Come on Friday.\r\nBring {sender} a cake.", "roles": ["families"],
    "schools": ["lincoln"], "channels": ["sms"], "unapproved": "hold", "send_at": "2026-11-25T09:30", "until": "",
}  # fmt: skip
MP3 = b"ID3\x04" + bytes(400_000)


def send(client: FlaskClient, path: str, follow: bool = False, **form: Any) -> Any:
    """Post a form with its token."""
    given = {"csrf_token": token(client.get("/console/account").text), **form}
    if path.endswith("/approve"):  # a person looks at the preview, then approves what they saw
        given = {"seen": read_digest(client.get(path.replace("/approve", "/preview")).text), **given}
    if path.endswith("/edit"):
        given = {"seen": read_digest(client.get(path).text), **given}
    if "/languages/" in path and "text" in form:  # the English that the reviewer read is next to the input
        given = {"english": read_english(client.get(path).text), **given}
    return client.post(path, data=given, follow_redirects=follow)


def read_digest(page: str) -> str:
    shown = re.search(r'name="seen" value="(\w+)"', page)
    return shown[1] if shown else ""


def read_english(page: str) -> list[str]:
    return [unescape(one) for one in re.findall(r'name="english" value="(.*?)"', page)]


def get_stored(runtime: Runtime, number: int = 1) -> Announcement:
    with runtime.database.read() as db:
        return get_announcement(db, number)


def log_in_as(runtime: Runtime, client: FlaskClient, staff: str, role: str = "staff") -> FlaskClient:
    return member(runtime, client.application, role, staff)


def list_audit_entries(runtime: Runtime, subject: str) -> list[tuple[str, str]]:
    with runtime.database.read() as db:
        return [(one.who, one.what) for one in audit_log.list_newest(db, 100, subject)]


@pytest.fixture
def draft(district: District, runtime: Runtime) -> int:
    """A draft of Dana's, written by Ana, with machine drafts in Spanish and Arabic."""
    made = district.draft()
    add_machine_drafts(runtime, made)
    return made.id


# --- Writing ------------------------------------------------------------------------------------------------------


def test_draft_is_saved_and_translated_into_every_language(runtime: Runtime, ana: FlaskClient) -> None:
    answer = send(ana, f"{HOME}/new", **FORM)
    assert answer.headers["Location"].endswith(f"{HOME}/1"), answer.text
    one = get_stored(runtime)
    assert (one.kind, one.sender, one.written_by, one.state) == ("event", "sam_ortiz", "ana_ruiz", "draft")
    assert one.text == "Come on Friday.\nBring {sender} a cake.", "one letter ends a line"
    assert one.audience == Audience(("family",), ("lincoln",)) and one.channels == ("sms",)
    assert one.send_at == datetime(2026, 11, 25, 15, 30, tzinfo=UTC), "half past nine on the district's clocks"
    assert one.until == one.send_at + timedelta(days=14)
    with runtime.database.read() as db:
        assert set(translations.list_for_announcement(db, 1)) == set(runtime.library.district.languages) - {"en"}
    page = ana.get(f"{HOME}/1").text
    assert "Translating" in page and "hx-get" in page and "Lincoln Elementary" in page
    assert "Come on Friday." in ana.get(HOME).text


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"kind": ""}, "Choose a type of announcement."),
        ({"sender": "ana_ruiz"}, "&#39;ana_ruiz&#39; cannot be the sender"),
        ({"text": " "}, "Enter a text of 3 to 1000 characters."),
        ({"text": "Call {parent}."}, "{parent} isn&#39;t a word that Puente can fill in."),
        ({"text": "See {link}.", "link": ""}, "The text has a place for a link. Enter a link."),
        ({"link": "http://x.org"}, "starts with https://"),
        ({"link": "javascript:alert(1)"}, "starts with https://"),
        ({"roles": []}, "Choose everyone, or choose families, leaders, or staff."),
        ({"roles": [], "schools": []}, "Choose everyone, or choose families, leaders, or staff."),
        ({"everyone": "yes"}, "Choose either everyone or a part of them."),
        ({"schools": ["hogwarts"]}, "There is no school"),
        ({"channels": []}, "Choose at least one channel."),
        ({"unapproved": ""}, "Choose what happens with unapproved languages."),
        ({"send_at": "soon"}, "Enter a date and time"),
        ({"until": "9999-12-31T23:59"}, "Enter a date and time"),
        ({"send_at": "2026-11-23T09:00"}, "The send time is in the past"),
        ({"until": "2026-11-25T09:00"}, "The end of validity is before the send time"),
    ],
)
def test_errors_appear_at_their_field_and_input_is_kept(
    runtime: Runtime, ana: FlaskClient, change: dict[str, Any], sentence: str
) -> None:
    answer = send(ana, f"{HOME}/new", **{**FORM, "link": "https://typed.example", **change})
    assert answer.status_code == 422 and sentence in answer.text
    field = next(iter(change)) if "{link}" not in str(change) and "everyone" not in change else ""
    places = {"roles": "audience", "schools": "audience", "everyone": "audience"}
    assert not field or f'id="wrong-{places.get(field, field)}"' in answer.text
    assert "typed.example" in answer.text or "link" in change
    assert 'value="lincoln" checked' in answer.text or "schools" in change
    with runtime.database.read() as db:
        assert announcements.list_newest(db, 9) == []


def test_empty_form_preselects_nothing(ana: FlaskClient) -> None:
    page = ana.get(f"{HOME}/new").text
    assert set(re.findall(r'name="(\w+)" value="\w+" checked', page)) == {"channels"}


def test_everyone_means_families_leaders_and_staff(runtime: Runtime, ana: FlaskClient) -> None:
    send(ana, f"{HOME}/new", **{**FORM, "everyone": "yes", "roles": [], "schools": []})
    assert get_stored(runtime).audience == Audience(("family", "leader", "staff"))
    assert 'name="everyone" value="yes" checked' in ana.get(f"{HOME}/1/edit").text


def test_concurrent_edit_is_not_overwritten(runtime: Runtime, ana: FlaskClient, draft: int) -> None:
    path, opened = f"{HOME}/{draft}/edit", read_digest(ana.get(f"{HOME}/{draft}/edit").text)
    send(log_in_as(runtime, ana, "kim_novak"), path, **{**FORM, "text": "Come on Monday."})
    for again in (opened, ""):
        answer = send(ana, path, seen=again, **{**FORM, "text": "Come on Sunday."})
        assert answer.status_code == 409 and "This announcement just changed" in answer.text
        assert "Come on Sunday." in answer.text, "what was typed is there"
    assert read_digest(send(ana, path, seen=opened, **FORM).text) == opened, "and sending it again does not help"
    assert get_stored(runtime, draft).text == "Come on Monday."


def test_edit_withdraws_approvals_and_sent_draft_is_unchanged(
    runtime: Runtime, ana: FlaskClient, draft: int, district: District
) -> None:
    approval.approve(runtime, draft, "rosa_lind")
    assert "Approved by Rosa Lind." in ana.get(f"{HOME}/{draft}").text
    assert "Come on Friday" not in ana.get(f"{HOME}/{draft}/edit").text
    send(ana, f"{HOME}/{draft}/edit", **FORM)
    page = ana.get(f"{HOME}/{draft}").text
    assert "Come on Friday" in page and "No approvals yet." in page
    gone = district.say()
    answer = send(ana, f"{HOME}/{gone}/edit", follow=True, **FORM)
    assert "already scheduled or sent" in answer.text and get_stored(runtime, gone).text.startswith(
        "There is no school"
    )
    assert ana.get(f"{HOME}/{gone}/edit").status_code == 302


def test_form_counts_its_recipients(ana: FlaskClient, district: District) -> None:
    district.family(A, "lincoln")
    district.family(B, "lincoln", consent=False)
    district.family(C, "harbor")
    count = f"{HOME}/count?roles=families&schools=lincoln&channels=sms&kind="
    assert "Audience: 2 people. We can reach 1 of them" in ana.get(f"{count}event").text
    assert "Audience: 2 people. We can reach 2 of them" in ana.get(f"{count}emergency").text
    assert "To see the number of families, choose an audience." in ana.get(f"{HOME}/count?schools=lincoln").text


def test_texts_and_names_are_escaped(runtime: Runtime, ana: FlaskClient) -> None:
    send(ana, f"{HOME}/new", **{**FORM, "text": "Hello <script>alert(1)</script> you."})
    with runtime.database.read() as db:
        parts = translations.list_for_announcement(db, 1)["es"].parts
    answer = send(ana, f"{HOME}/1/languages/es", text=["<b>x</b>"] * len(parts), reviewed_by="<i>Ana</i>")
    assert answer.status_code == 302
    for path in ("", "/1", "/1/languages/es", "/1/preview", "/1/edit"):
        page = ana.get(HOME + path).text
        assert not re.search("<script>alert|<b>x|<i>Ana", page), path


# --- Languages ----------------------------------------------------------------------------------------------------


def test_review_shows_back_translation_and_differences(ana: FlaskClient, draft: int) -> None:
    page = ana.get(f"{HOME}/{draft}/languages/es").text
    assert "There is no school on Friday." in page and SPANISH[0] in page
    assert '<q lang="en">There is no school on Thursday.</q>' in page and page.count("A day or time might differ.") == 1
    assert ana.get(f"{HOME}/{draft}/languages/tlh").status_code == 404


def test_speaker_approves_and_others_name_the_reviewer(runtime: Runtime, ana: FlaskClient, draft: int) -> None:
    kim = log_in_as(runtime, ana, "kim_novak")
    nobody = send(kim, f"{HOME}/{draft}/languages/es", text=["Otra frase.", *SPANISH[1:]])
    assert nobody.status_code == 422 and "Enter the reviewer&#39;s name." in nobody.text
    assert "Otra frase." in nobody.text, "what was typed is there"
    send(kim, f"{HOME}/{draft}/languages/es", text=SPANISH, reviewed_by="Marta Gil")
    assert "Approved by Marta Gil" in ana.get(f"{HOME}/{draft}").text
    send(ana, f"{HOME}/{draft}/languages/es", text=["No hay clases el viernes.", *SPANISH[1:]])
    with runtime.database.read() as db:
        found = translations.list_for_announcement(db, draft)["es"]
        assert approved_phrases.find(db, "en", "es", "There is no school on Friday.") == "No hay clases el viernes."
    assert (found.state, found.reviewed_by, found.recorded_by) == ("approved", "Ana Ruiz", "ana_ruiz")
    assert found.parts[0].machine == "no" and found.parts[1].machine == "yes"


def test_placeholder_cannot_be_lost_in_translation(runtime: Runtime, ana: FlaskClient, draft: int) -> None:
    answer = send(ana, f"{HOME}/{draft}/languages/es", text=[*SPANISH[:2], "Llame."])
    assert answer.status_code == 422 and "office_phone" in answer.text and "Llame.</textarea>" in answer.text
    with runtime.database.read() as db:
        assert translations.list_for_announcement(db, draft)["es"].state == "draft"


def test_outdated_translation_is_not_approved_for_new_text(runtime: Runtime, ana: FlaskClient, draft: int) -> None:
    kim, path = log_in_as(runtime, ana, "kim_novak"), f"{HOME}/{draft}/languages/es"
    read = read_english(kim.get(path).text)
    newer = replace(get_stored(runtime, draft), text=TEXT.replace("no school", "school"))
    translation_drafts.request_drafts(runtime, composition.save_draft(runtime, newer, "ana_ruiz", draft))
    answer = send(kim, path, english=read, text=["El viernes no hay clases.", *SPANISH[1:]], reviewed_by="Marta Gil")
    assert answer.status_code == 422 and "The text changed in the meantime" in answer.text
    assert "There is school on Friday." in answer.text and "no hay clases.</textarea>" not in answer.text
    assert f"{SPANISH[1]}</textarea>" in answer.text, "what still fits was not typed in vain"
    with runtime.database.read() as db:
        assert translations.list_for_announcement(db, draft)["es"].state == "waiting"
        assert approved_phrases.find(db, "en", "es", "There is school on Friday.") is None


def test_approved_sentence_is_offered_and_reused(
    runtime: Runtime, ana: FlaskClient, draft: int, district: District
) -> None:
    send(ana, f"{HOME}/{draft}/languages/es", text=["No hay clases el viernes.", *SPANISH[1:]])
    later = district.draft("There is no school on Monday. Stay warm.")
    translation_drafts.request_drafts(runtime, later)
    path = f"{HOME}/{later.id}/languages/es"
    page = ana.get(path).text
    assert "No hay clases el viernes." in page and 'name="use" value="0:0"' in page
    taken = send(ana, path, text=["", "Abríguese."], use="0:0").text
    assert "No hay clases el viernes.</textarea>" in taken and "Abríguese.</textarea>" in taken
    with runtime.database.read() as db:
        assert translations.list_for_announcement(db, later.id)["es"].state == "waiting", "nothing is approved by that"
    for nonsense in ("9:0", "x", "0:", "²:0"):
        assert send(ana, path, text=["", ""], use=nonsense).status_code == 400


def test_waiting_families_get_it_when_language_is_approved(
    runtime: Runtime, ana: FlaskClient, district: District
) -> None:
    district.family(A, language="es")
    number = district.say()
    add_machine_drafts(runtime, get_stored(runtime, number))
    finish_urgent_work(runtime)
    district.send(number)
    assert district.got(A) == []
    assert "other than the writer" in send(ana, f"{HOME}/{number}/languages/es", text=SPANISH).text
    other = log_in_as(runtime, ana, "rosa_lind", "approver")
    page = send(other, f"{HOME}/{number}/languages/es", follow=True, text=SPANISH).text
    assert "Families who waited for this language and get the message now: 1." in page
    finish_urgent_work(runtime)
    district.send(number)
    assert "No hay clases" in district.got(A)[0]


def test_translation_can_be_requested_again_and_page_updates(runtime: Runtime, ana: FlaskClient, draft: int) -> None:
    path = f"{HOME}/{draft}/languages/es"
    send(ana, f"{path}/again")
    assert ana.get(path, headers={"HX-Request": "true"}).status_code == 204
    assert "Translating" in ana.get(path).text
    translation_drafts.create_draft(runtime, draft, "es")
    assert "The draft is ready." in ana.get(path, headers={"HX-Request": "true"}).text
    assert "Missing: machine translation isn&#39;t available." in ana.get(f"{HOME}/{draft}").text, (
        "there is no translator"
    )


def test_recording_may_be_larger_than_other_forms(runtime: Runtime, ana: FlaskClient, draft: int) -> None:
    path = f"{HOME}/{draft}/languages/es/recording"
    assert ana.get(path).status_code == 404
    send(ana, path, recording=(io.BytesIO(MP3), "a.mp3"))
    answer = ana.get(path)
    assert answer.data == MP3 and answer.mimetype == "audio/mpeg"
    assert "<audio" in ana.get(f"{HOME}/{draft}/languages/es").text
    large = MP3[:4] + bytes(MAX_RECORDING_BYTES)
    for wrong in (b"<html>", b"", b"\xff\xf1aac", large[:-3]):
        page = send(ana, path, follow=True, recording=(io.BytesIO(wrong), "a.mp3")).text
        assert "Choose an MP3 file" in page or wrong == large[:-3]
    assert send(ana, path, recording=(io.BytesIO(large + bytes(20_000)), "a.mp3")).status_code == 413
    assert send(ana, f"{HOME}/new", more=(io.BytesIO(MP3), "a.mp3")).status_code == 413
    assert ana.application.test_client().post(path, data={"recording": (io.BytesIO(MP3), "a")}).status_code == 413
    send(ana, f"{path}/remove")
    assert ana.get(path).status_code == 404
    assert ("ana_ruiz", "recorded an announcement") in list_audit_entries(runtime, f"announcement {draft}")


# --- Approving and releasing --------------------------------------------------------------------------------------


def test_writer_cannot_approve_and_staff_approve_only_as_themselves(
    runtime: Runtime, ana: FlaskClient, draft: int
) -> None:
    path = f"{HOME}/{draft}/approve"
    assert send(ana, path).status_code == 403
    assert "The writer can&#39;t." in send(log_in_as(runtime, ana, "ana_ruiz", "approver"), path).text
    assert send(log_in_as(runtime, ana, "kim_novak"), path).status_code == 403
    with runtime.database.read() as db:
        assert approvals.list_for_announcement(db, draft) == []
    send(log_in_as(runtime, ana, "dana_cole"), path)
    with runtime.database.read() as db:
        assert [one.by for one in approvals.list_for_announcement(db, draft)] == ["dana_cole"], "it stands in her name"


def test_superintendent_message_needs_her_approval(runtime: Runtime, ana: FlaskClient, district: District) -> None:
    number = district.draft(sender="ruth_adams").id
    approver = log_in_as(runtime, ana, "rosa_lind", "approver")
    page = send(approver, f"{HOME}/{number}/approve", follow=True).text
    assert "Ruth Adams must approve it personally." in page and "Send announcement" not in page
    page = send(approver, f"{HOME}/{number}/release", follow=True, sure="none").text
    assert "Ruth Adams must approve it personally." in page and get_stored(runtime, number).state == "draft"
    send(log_in_as(runtime, ana, "ruth_adams"), f"{HOME}/{number}/approve")
    assert "Send announcement" in approver.get(f"{HOME}/{number}/preview").text


def test_preview_lists_recipients_and_exclusions(
    runtime: Runtime, ana: FlaskClient, draft: int, district: District
) -> None:
    district.family(A)
    district.family(B, language="es")
    district.family(C, consent=False)
    page = ana.get(f"{HOME}/{draft}/preview").text
    assert "<b>1</b> of 3; waiting for their language: 1" in page
    assert "<b>Spanish</b>" in page.replace(' class="named"', "") and "families wait until someone" in page
    assert "<b>1</b>: No consent for this type of message." in page
    assert "Riverbend Public Schools, Dana Cole:\nNo hay clases el jueves." in page and "segments: 2" in page
    assert "$0.02" in page and "217-555-0100" in page
    assert "Languages without recipients: 14" in page


def test_missing_language_is_named_with_its_consequence(runtime: Runtime, ana: FlaskClient, district: District) -> None:
    district.family(B, language="uk")
    number = district.draft(unapproved="machine").id
    page = ana.get(f"{HOME}/{number}/preview").text
    assert "(not translated yet): recipients: 1; not translated, so it is sent in English with a notice" in page
    assert "Missing: not requested yet." in ana.get(f"{HOME}/{number}").text
    send(ana, f"{HOME}/{number}/languages")
    assert "not requested yet" not in ana.get(f"{HOME}/{number}").text


def test_release_requires_acknowledging_consequences(
    runtime: Runtime, ana: FlaskClient, draft: int, district: District
) -> None:
    district.family(B, language="es")
    approval.approve(runtime, draft, "rosa_lind")
    page = ana.get(f"{HOME}/{draft}/preview").text
    assert 'name="sure" value="es:machine"' in page and "Send announcement" in page
    path = f"{HOME}/{draft}/release"
    assert "To confirm what happens, select the checkbox." in send(ana, path, follow=True).text
    assert send(log_in_as(runtime, ana, "kim_novak"), path, sure="es:machine").status_code == 403
    district.family(C, language="ar")
    assert "The languages changed in the meantime." in send(ana, path, follow=True, sure="es:machine").text
    assert get_stored(runtime, draft).state == "draft"
    answer = send(ana, path, sure="ar:machine,es:machine")
    assert answer.headers["Location"].endswith("/watch") and get_stored(runtime, draft).state == "ready"
    assert (
        runtime.redis.llen("rq:queue:default")
        and "no longer a draft"
        in send(log_in_as(runtime, ana, "rosa_lind", "approver"), f"{HOME}/{draft}/approve", follow=True).text
    )


def test_text_too_long_for_a_message_is_not_released(runtime: Runtime, ana: FlaskClient, district: District) -> None:
    district.family(A)
    number = district.draft("👋" * 800).id
    approval.approve(runtime, number, "rosa_lind")
    assert "too long in: English." in ana.get(f"{HOME}/{number}/preview").text
    assert "too long for one message" in send(ana, f"{HOME}/{number}/release", follow=True, sure="none").text
    assert get_stored(runtime, number).state == "draft"


def test_test_message_goes_to_own_phone(runtime: Runtime, ana: FlaskClient, draft: int, twilio: TwilioStandIn) -> None:
    assert (
        "We are sending the test to your phone." in send(ana, f"{HOME}/{draft}/test", follow=True, language="es").text
    )
    send_all(runtime)
    assert twilio.sent_to("+12175550141")[-1].body.startswith("[TEST]\nRiverbend Public Schools, Dana Cole:\nNo hay")
    assert send(ana, f"{HOME}/{draft}/test", language="tlh").status_code == 400
    nobody = member(runtime, ana.application, "approver")
    assert "there is no phone for the test" in send(nobody, f"{HOME}/{draft}/test", follow=True, language="es").text


# --- Sending ------------------------------------------------------------------------------------------------------


@pytest.fixture
def sent(district: District) -> int:
    """An announcement that reached one family, failed for two, and was held for one."""
    for number in (A, B, "+15005550001"):
        district.family(number)
    district.family(C, consent=False)
    number = district.say()
    district.send(number)
    district.report(number, A, "delivered")
    district.report(number, B, "undelivered", 30003)
    return number


def test_progress_page_shows_outcomes_and_remedies(runtime: Runtime, ana: FlaskClient, sent: int) -> None:
    page = ana.get(f"{HOME}/{sent}/watch").text
    for count, group in ((1, "Delivered"), (2, "Failed"), (1, "Not sent"), (0, "Queued")):
        assert f"<b>{count}</b> {group}" in page
    assert "The phone is off or out of range. Try again later, or call." in page and "(code 30003)" in page
    assert "No consent for this type of message." in page and "4 of 4 processed" in page
    assert "Retry failed messages (1)" in page, "not the wrong number"
    assert "Messages to retry: 1." in send(ana, f"{HOME}/{sent}/again", follow=True).text
    assert get_stored(runtime, sent).state == "sending"


def test_anyone_can_pause_but_only_approvers_resume(runtime: Runtime, ana: FlaskClient, district: District) -> None:
    district.family(A)
    number = district.say()
    launch.start(runtime, number)
    kim = log_in_as(runtime, ana, "kim_novak")
    assert "every 2s" in kim.get(f"{HOME}/{number}/watch").text
    page = send(kim, f"{HOME}/{number}/pause", follow=True).text
    assert (
        get_stored(runtime, number).state == "paused"
        and "This announcement is paused" in page
        and "Resume announcement" not in page
    )
    assert send(kim, f"{HOME}/{number}/resume").status_code == 403 and get_stored(runtime, number).state == "paused"
    assert send(kim, f"{HOME}/{number}/again").status_code == 403
    assert "Resume announcement" in ana.get(f"{HOME}/{number}/watch").text
    send(ana, f"{HOME}/{number}/resume")
    assert get_stored(runtime, number).state == "sending"
    assert (
        "To stop the announcement, select the checkbox first." in send(kim, f"{HOME}/{number}/stop", follow=True).text
    )
    assert get_stored(runtime, number).state == "sending"
    send(kim, f"{HOME}/{number}/stop", sure="yes")
    assert get_stored(runtime, number).state == "stopped"
    assert "There is nothing to stop." in send(kim, f"{HOME}/{number}/stop", follow=True, sure="yes").text


def test_open_page_reloads_when_controls_change(runtime: Runtime, ana: FlaskClient, sent: int) -> None:
    same, other = (ana.get(f"{HOME}/{sent}/watch/part?state={one}") for one in ("done", "sending"))
    assert "HX-Refresh" not in same.headers and "<b>2</b> Failed" in same.text and "<html" not in same.text
    assert other.headers["HX-Refresh"] == "true"


def test_replies_are_listed_for_permitted_staff(runtime: Runtime, ana: FlaskClient, sent: int, family: Family) -> None:
    family.text("I want to talk to a person")
    with runtime.database.write() as db:
        cases.link_announcement(db, 1, sent)
    assert "/console/cases/1" in ana.get(f"{HOME}/{sent}/watch").text
    grace = log_in_as(runtime, ana, "grace_wu").get(f"{HOME}/{sent}/watch").text
    assert "Cases opened by replies: 1. You see only cases for your roles" in grace and "/console/cases/1" not in grace
    page = ana.get("/console/cases/1").text
    assert "In reply to" in page and f'href="{HOME}/{sent}"' in page


def test_report_contains_no_names_and_no_formula(runtime: Runtime, ana: FlaskClient, sent: int) -> None:
    answer = ana.get(f"{HOME}/{sent}/report.csv")
    code = get_stored(runtime, sent).code
    assert answer.headers["Content-Disposition"] == f"attachment; filename=announcement-{code}.csv"
    assert answer.mimetype == "text/csv" and answer.is_streamed
    head, *lines = csv.reader(io.StringIO(answer.text))
    assert len(lines) == 4 and head[0] == "number" and sorted(line[5] for line in lines)[0] == "delivered"
    assert not re.search(r"\+?1?\d{10}", answer.text)
    assert not [cell for line in lines for cell in line if cell.startswith(("=", "+", "-", "@", "\t"))]
    assert ("ana_ruiz", "took the report of an announcement") in list_audit_entries(runtime, f"announcement {sent}")


def test_viewer_sees_only_list_and_announcement(runtime: Runtime, ana: FlaskClient, sent: int, draft: int) -> None:
    viewer = member(runtime, ana.application, "viewer")
    assert "new" not in re.findall(rf'href="{HOME}/(\w+)"', viewer.get(HOME).text)
    for number in (sent, draft):
        page = viewer.get(f"{HOME}/{number}").text
        assert page.count("<form") == 1 and not re.findall(rf'href="{HOME}/\d+/', page), "only the way out"
        assert viewer.get(f"{HOME}/{number}/watch").status_code == 403
    records = member(runtime, ana.application, "records_officer")
    page = records.get(f"{HOME}/{sent}/watch").text
    assert "Failed" in page and page.count("<form") == 1


# --- Consent ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spelled", ["(217) 555-0201", "+1 217 555 0201", "217.555.0201", "1-217-555-0201"])
def test_consent_proof_logs_no_number(runtime: Runtime, ana: FlaskClient, district: District, spelled: str) -> None:
    family = district.family(A)
    district.family(f"whatsapp:{A}")
    vault, at = runtime.database.vault, now()
    with runtime.database.write() as db:
        consent_events.record(db, vault.compute_lookup_hash(A), "given", "enrollment form", "roster:1", at)
        consent_events.record(db, vault.compute_lookup_hash(f"whatsapp:{A}"), "stop", "keyword", "SM77", at)
        found = contacts.find(db, f"whatsapp:{A}")
        assert found
        contacts.set_opted_out(db, found.id, at)
        families.mark_bad_number(db, family, 30006, at)
    office = member(runtime, ana.application, "records_officer")
    page = send(office, "/console/consent", number=spelled).text
    assert "Yes, since November 24, 2026" in page and "(roster)" in page and "Opted out since November 24, 2026" in page
    assert "Consent in the roster" in page and "enrollment form" in page
    assert "Opted out (STOP)" in page and "SM77" in page and "landline" in page and "Not opted out" in page
    with runtime.database.read() as db:
        entries = [one for one in audit_log.list_newest(db, 100) if one.what == "looked up consent"]
    assert [one.subject for one in entries] == [f"family {family}"]
    assert "5550201" not in str(entries)


def test_unknown_number_has_no_stored_data(runtime: Runtime, ana: FlaskClient, district: District) -> None:
    office = member(runtime, ana.application, "records_officer")
    assert "No data is stored for this number." in send(office, "/console/consent", number=B).text
    assert "This isn&#39;t a phone number." in send(office, "/console/consent", number="Maria").text
    with runtime.database.read() as db:
        assert contacts.find(db, B) is None, "looking makes no family"


# --- Wording ------------------------------------------------------------------------------------------------------


def test_every_sentence_from_lower_layers_is_translated(
    runtime: Runtime, ana: FlaskClient, sent: int, new_family: Callable[[str], Family]
) -> None:
    assert set(HOLD_REASON_TEXTS) == set(progress.HOLD_EXPLANATIONS.values())
    send(ana, f"{HOME}/{sent}/stop", sure="yes")
    assert {what for _, what in list_audit_entries(runtime, f"announcement {sent}")} <= set(AUDIT_ACTION_TEXTS)

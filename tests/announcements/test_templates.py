"""Templates: created once, approved in advance, released by two people, and available again another day."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
import time_machine

from bot.announcements import approval, templates, translation_drafts
from bot.announcements.approval import ReleaseError
from bot.base.database import now
from bot.content.catalog import CatalogText
from bot.messaging import suppression_rules
from bot.runtime import Runtime
from bot.store import audit_log
from bot.store.announcements import announcements, approvals, translations
from bot.store.announcements import templates as announcements_templates
from bot.store.announcements.announcements import Announcement
from bot.store.announcements.templates import AGENTS_HAVE_LEFT, AGENTS_WERE_HERE, AnnouncementTemplate
from bot.store.announcements.translations import TranslationReview
from tests.announcements.conftest import District
from tests.cases.test_paging import send_all
from tests.conftest import NOW, Family

EN, ES, AR = "+12175550201", "+12175550202", "+12175550203"
SPANISH = (
    "El {date}, agentes de inmigración estuvieron en {school}.",
    "El distrito lo verificó el {date} a las {time}.",
    "Si tiene una pregunta, escríbala aquí o llame al {office_phone}.",
    "En peligro, llame al 911.",
)


def get_template(runtime: Runtime, what: str = AGENTS_WERE_HERE, school: str = "lincoln") -> AnnouncementTemplate:
    with runtime.database.read() as db:
        return next(one for one in announcements_templates.list_all(db) if (one.school, one.what) == (school, what))


def get_announcement(runtime: Runtime, number: int) -> Announcement:
    with runtime.database.read() as db:
        one = announcements.find(db, number)
    assert one
    return one


@pytest.fixture
def created_templates(district: District) -> District:
    """Create the templates of all schools; approve Lincoln's first in English and Spanish; add four families."""
    for number, language in ((EN, "en"), (ES, "es"), (AR, "ar")):
        district.family(number, "lincoln", language=language)
    district.family("+12175550204", "harbor")
    assert templates.create_missing(district.runtime, "ana_ruiz") == 6
    approved(district, get_template(district.runtime).announcement_id)
    return district


def approved(district: District, number: int) -> None:
    translation_drafts.approve(district.runtime, number, "es", SPANISH, TranslationReview("Ana", "ana_ruiz", now()))
    approval.approve(district.runtime, number, "rosa_lind")


def release(
    district: District, first: str = "dana_cole", second: str = "sam_ortiz", what: str = AGENTS_WERE_HERE
) -> int:
    one = get_template(district.runtime, what)
    templates.propose_release(district.runtime, one.id, first)
    copy = templates.confirm_release(district.runtime, one.id, second)
    send_all(district.runtime)  # the broadcast yields to the text for the second person
    district.runtime.redis.delete("rq:queue:urgent")
    district.send(copy.id)
    return copy.id


def test_templates_are_created_only_once(created_templates: District) -> None:
    assert templates.create_missing(created_templates.runtime, "ana_ruiz") == 0
    one = get_announcement(created_templates.runtime, get_template(created_templates.runtime).announcement_id)
    assert one.kind == "emergency" and one.unapproved == "hold" and one.audience.schools == ("lincoln",)
    assert one.sender == "dana_cole", "nobody who must approve in person on the day"


def test_one_person_cannot_release_a_template(created_templates: District) -> None:
    one = get_template(created_templates.runtime)
    templates.propose_release(created_templates.runtime, one.id, "dana_cole")
    with pytest.raises(ReleaseError, match="different person must confirm"):
        templates.confirm_release(created_templates.runtime, one.id, "dana_cole")
    with pytest.raises(ReleaseError, match="Another person proposed"):
        templates.propose_release(created_templates.runtime, one.id, "sam_ortiz")
    assert created_templates.got(EN) == []


def test_missing_or_expired_proposal_cannot_be_confirmed(created_templates: District) -> None:
    one = get_template(created_templates.runtime)
    with pytest.raises(ReleaseError, match="withdrawn"):
        templates.confirm_release(created_templates.runtime, one.id, "sam_ortiz")
    templates.propose_release(created_templates.runtime, one.id, "dana_cole")
    with time_machine.travel(NOW + timedelta(minutes=31)), pytest.raises(ReleaseError, match="expired"):
        templates.confirm_release(created_templates.runtime, one.id, "sam_ortiz")


def test_proposal_can_be_withdrawn(created_templates: District) -> None:
    one = get_template(created_templates.runtime)
    templates.propose_release(created_templates.runtime, one.id, "dana_cole")
    assert templates.drop_proposal(created_templates.runtime, one.id, "sam_ortiz") and not templates.drop_proposal(
        created_templates.runtime, one.id, "sam_ortiz"
    )
    with pytest.raises(ReleaseError):
        templates.confirm_release(created_templates.runtime, one.id, "sam_ortiz")


def test_released_copy_has_approved_wording_time_and_both_names(created_templates: District) -> None:
    with time_machine.travel(NOW + timedelta(days=3, hours=1, minutes=40)):
        number = release(created_templates)
        (english,), (spanish,) = created_templates.got(EN), created_templates.got(ES)
    assert "On Friday, November 27, immigration agents were at Lincoln Elementary." in english
    assert "The district checked this on Friday, November 27 at 11:40 AM." in english
    assert "El viernes 27 de noviembre, agentes de inmigración estuvieron en Lincoln Elementary." in spanish
    assert "translated by machine" not in spanish and "{" not in english + spanish
    copy, before = (
        get_announcement(created_templates.runtime, number),
        get_announcement(created_templates.runtime, get_template(created_templates.runtime).announcement_id),
    )
    assert before.state == "draft" and copy.state in ("sending", "done")
    with created_templates.runtime.database.read() as db:
        assert {one.by for one in approvals.list_for_announcement(db, number)} == {
            "rosa_lind",
            "dana_cole",
            "sam_ortiz",
        }
        kept = translations.find(db, number, "es")
        did = [(one.who, one.what) for one in audit_log.list_newest(db, 9, f"announcement {number}")]
    assert kept and kept.state == "approved" and kept.reviewed_by == "Ana"
    assert ("dana_cole", "proposed an announcement") in did and ("sam_ortiz", "released an announcement") in did


def test_unapproved_language_is_held(created_templates: District) -> None:
    number = release(created_templates)
    assert created_templates.got(AR) == [] and created_templates.states(number)["held language"] == 1


def test_only_families_of_the_school_get_it_once(created_templates: District) -> None:
    number = release(created_templates)
    created_templates.send(number)
    assert len(created_templates.got(EN)) == 1 and created_templates.got("+12175550204") == []


def test_template_is_not_sent_twice_in_a_day_but_again_later(created_templates: District) -> None:
    release(created_templates)
    with pytest.raises(ReleaseError, match="was just sent"):
        templates.propose_release(created_templates.runtime, get_template(created_templates.runtime).id, "ruth_adams")
    with time_machine.travel(NOW + timedelta(days=20)):
        release(created_templates, "sam_ortiz", "dana_cole")
    assert len(created_templates.got(EN)) == 2 and "December 14" in created_templates.got(EN)[1]


def test_agents_left_template_is_offered_after_agents_were_here(created_templates: District) -> None:
    def offered() -> str | None:
        return templates.choose_offer(
            [get_template(created_templates.runtime, what) for what in (AGENTS_WERE_HERE, AGENTS_HAVE_LEFT)], now()
        )

    assert offered() is None
    release(created_templates)
    assert offered() == AGENTS_HAVE_LEFT
    approval.approve(
        created_templates.runtime,
        get_template(created_templates.runtime, AGENTS_HAVE_LEFT).announcement_id,
        "rosa_lind",
    )
    release(created_templates, what=AGENTS_HAVE_LEFT)
    assert offered() is None and "have left" in created_templates.got(EN)[1]


def test_unapproved_template_cannot_be_proposed(created_templates: District) -> None:
    with pytest.raises(ReleaseError, match="More approvals"):
        templates.propose_release(
            created_templates.runtime, get_template(created_templates.runtime, AGENTS_HAVE_LEFT).id, "dana_cole"
        )
    with time_machine.travel(NOW + timedelta(days=366)), pytest.raises(ReleaseError, match="approval has expired"):
        templates.propose_release(created_templates.runtime, get_template(created_templates.runtime).id, "dana_cole")


def test_template_draft_itself_is_never_released(created_templates: District) -> None:
    with pytest.raises(ReleaseError, match="announcement template"):
        approval.release(
            created_templates.runtime, get_template(created_templates.runtime).announcement_id, "rosa_lind"
        )


def test_second_person_gets_a_text_about_the_proposal(created_templates: District) -> None:
    templates.propose_release(created_templates.runtime, get_template(created_templates.runtime).id, "dana_cole")
    send_all(created_templates.runtime)
    (text,) = created_templates.got("+12175550144")
    assert "Dana Cole proposes" in text and "/console/schools" in text and created_templates.got("+12175550143") == []


def test_approved_sentence_is_reused_for_other_schools(created_templates: District) -> None:
    translation_drafts.request_redraft(
        created_templates.runtime, get_template(created_templates.runtime, school="harbor").announcement_id, "es"
    )
    translation_drafts.create_draft(
        created_templates.runtime, get_template(created_templates.runtime, school="harbor").announcement_id, "es"
    )
    with created_templates.runtime.database.read() as db:
        other = translations.find(db, get_template(created_templates.runtime, school="harbor").announcement_id, "es")
    assert other and [part.wording for part in other.parts] == list(SPANISH)
    assert other.state == "draft", "and still a person says so for this one"


def test_recipient_can_check_a_template_message(
    created_templates: District, new_family: Callable[[str], Family]
) -> None:
    number = release(created_templates)
    (text,) = created_templates.got(EN)
    answer = new_family(EN).text(text)
    assert answer.startswith("Yes, this is a message from Riverbend") and "November 24" in answer
    assert get_announcement(created_templates.runtime, number).until == get_announcement(
        created_templates.runtime, number
    ).send_at + timedelta(days=1)  # type: ignore[operator]


def test_catalog_wording_is_the_first_draft(runtime: Runtime) -> None:
    texts = [runtime.library.texts[one] for one in templates.TEMPLATE_TEXT_IDS[AGENTS_WERE_HERE]]
    spanish = {english: CatalogText(text, is_draft=True) for english, text in zip(texts, SPANISH, strict=True)}
    catalogs = replace(runtime.library.catalogs, texts={**runtime.library.catalogs.texts, "es": spanish, "fr": {}})
    own = replace(runtime, library=replace(runtime.library, catalogs=catalogs))
    templates.create_missing(own, "ana_ruiz")
    with runtime.database.read() as db:
        found = translations.find(db, get_template(runtime).announcement_id, "es")
        other = translations.find(db, get_template(runtime).announcement_id, "fr")
    assert found and found.state == "draft" and found.text == " ".join(SPANISH)
    assert other and other.state == "waiting"


def test_confirmed_template_holds_truancy_texts(created_templates: District) -> None:
    templates.propose_release(created_templates.runtime, get_template(created_templates.runtime).id, "dana_cole")
    with created_templates.runtime.database.read() as db:
        assert suppression_rules.find_held_schools(db, created_templates.runtime.library.district, now()) == {}, (
            "one person is not enough"
        )
    templates.drop_proposal(created_templates.runtime, get_template(created_templates.runtime).id, "dana_cole")
    release(created_templates)
    with created_templates.runtime.database.read() as db:
        assert set(suppression_rules.find_held_schools(db, created_templates.runtime.library.district, now())) == {
            "lincoln"
        }

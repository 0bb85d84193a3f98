"""Who must approve an announcement before it is sent."""

from datetime import timedelta

import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st

from bot.announcements import approval, composition, translation_drafts
from bot.announcements.approval import ReleaseError, compute_digest, get_approval_status
from bot.announcements.composition import InvalidAnnouncementError, build_draft, parse_input
from bot.announcements.translation_drafts import TranslationApprovalError
from bot.base.database import now
from bot.content.library import Library
from bot.store.announcements.announcements import Announcement, Audience
from bot.store.announcements.approvals import Approval
from bot.store.announcements.translations import TranslationReview
from tests.announcements.conftest import District
from tests.conftest import NOW


def test_writer_cannot_release_alone(district: District) -> None:
    draft = district.draft()
    approval.approve(district.runtime, draft.id, "ana_ruiz")
    with pytest.raises(ReleaseError, match="one more person must approve"):
        approval.release(district.runtime, draft.id, "ana_ruiz")
    approval.approve(district.runtime, draft.id, "rosa_lind")
    approval.release(district.runtime, draft.id, "ana_ruiz")


def test_large_audience_needs_two_approvals(district: District) -> None:
    for one in range(205):
        district.family(f"+12175556{one:03d}")
    draft = district.draft()
    approval.approve(district.runtime, draft.id, "rosa_lind")
    with pytest.raises(ReleaseError, match="one more person"):
        approval.release(district.runtime, draft.id, "rosa_lind")
    approval.approve(district.runtime, draft.id, "lee_tran")
    approval.release(district.runtime, draft.id, "rosa_lind")


def test_superintendent_message_needs_her_approval(district: District) -> None:
    draft = district.draft(sender="ruth_adams")
    approval.approve(district.runtime, draft.id, "rosa_lind")
    with pytest.raises(ReleaseError, match="Ruth Adams must approve"):
        approval.release(district.runtime, draft.id, "rosa_lind")
    approval.approve(district.runtime, draft.id, "ruth_adams")
    approval.release(district.runtime, draft.id, "rosa_lind")


def test_edit_requires_new_approvals(district: District) -> None:
    draft = district.draft()
    approval.approve(district.runtime, draft.id, "rosa_lind")
    changed = district.draft(text="School is open on Friday after all.")
    composition.save_draft(district.runtime, changed, "ana_ruiz", draft.id)
    with pytest.raises(ReleaseError):
        approval.release(district.runtime, draft.id, "rosa_lind")


def test_editor_counts_as_writer(district: District) -> None:
    draft = district.draft()
    composition.save_draft(district.runtime, district.draft(text="No school on Friday."), "rosa_lind", draft.id)
    for writer in ("ana_ruiz", "rosa_lind"):
        approval.approve(district.runtime, draft.id, writer)
    with pytest.raises(ReleaseError, match="one more person"):
        approval.release(district.runtime, draft.id, "rosa_lind")


def test_draft_is_released_only_once(district: District) -> None:
    number = district.say()
    with pytest.raises(ReleaseError):
        approval.release(district.runtime, number, "rosa_lind")
    with pytest.raises(InvalidAnnouncementError, match="already scheduled or sent"):
        composition.save_draft(district.runtime, district.draft(), "ana_ruiz", number)


@given(
    st.sets(st.sampled_from(["ana_ruiz", "rosa_lind", "lee_tran", "ruth_adams"])), st.integers(0, 500), st.booleans()
)
def test_only_non_writers_and_sender_count_as_approvers(
    library: Library, people: set[str], families: int, superintendent: bool
) -> None:
    sender = "ruth_adams" if superintendent else "dana_cole"
    one = Announcement("general", sender, "Text.", Audience(), NOW, written_by="ana_ruiz")
    seen = compute_digest(one, {})
    given = [Approval(person, seen, NOW) for person in people]
    found = get_approval_status(library.district, one, given, families, seen)
    enough = len(people - {"ana_ruiz"}) >= (2 if families > 200 else 1)
    assert found.is_complete == (enough and (not superintendent or "ruth_adams" in people))


WRITTEN = {"kind": "general", "sender": "dana_cole", "text": "There is a fair.", "audience": {}, "unapproved": "hold"}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"audience": {"schools": ["hogwarts"]}}, "There is no school 'hogwarts'"),
        ({"sender": "lee_tran"}, "'lee_tran' cannot be the sender"),
        ({"send_at": NOW - timedelta(hours=2)}, "in the past"),
        ({"until": NOW - timedelta(hours=2)}, "before the send time"),
    ],
)
def test_invalid_draft_is_refused_with_a_clear_message(
    library: Library, changed: dict[str, object], message: str
) -> None:
    with pytest.raises(InvalidAnnouncementError, match=message):
        build_draft(library.district, parse_input({**WRITTEN, **changed}), now())


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"text": "Dear {parent}"}, "nothing fills in {parent}"),
        ({"link": "http://example.org"}, "begins with https://"),
        ({"text": "See {link}"}, "has no link"),
        ({"kind": "gossip"}, "kind"),
        ({"unapproved": None}, "unapproved"),
    ],
)
def test_malformed_input_is_refused(changed: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_input({**WRITTEN, **changed})


def test_everyone_audience_includes_families_leaders_and_staff(library: Library) -> None:
    draft = build_draft(library.district, parse_input({**WRITTEN, "audience": "everyone"}), now())
    assert set(draft.audience.roles) == {"family", "leader", "staff"}


def test_approval_covers_only_the_viewed_content(district: District) -> None:
    draft = district.draft()
    with district.runtime.database.read() as db:
        seen = approval.compute_current_digest(db, draft)
    composition.save_draft(district.runtime, district.draft(text="School is open on Friday."), "ana_ruiz", draft.id)
    with pytest.raises(ReleaseError, match="just changed"):
        approval.approve(district.runtime, draft.id, "rosa_lind", seen)


def test_changed_translation_requires_new_approvals(district: District) -> None:
    draft = district.draft("There is a fair.")
    translation_drafts.request_drafts(district.runtime, draft)
    translation_drafts.create_draft(district.runtime, draft.id, "es")
    approval.approve(district.runtime, draft.id, "rosa_lind")
    translation_drafts.approve(
        district.runtime, draft.id, "es", ["Paguen aquí."], TranslationReview("Ana", "ana_ruiz", now())
    )
    with pytest.raises(ReleaseError):
        approval.release(district.runtime, draft.id, "rosa_lind")


def test_released_draft_accepts_only_new_languages_and_not_from_its_writer(district: District) -> None:
    draft = district.draft("There is a fair.")
    translation_drafts.request_drafts(district.runtime, draft)
    translation_drafts.approve(
        district.runtime, draft.id, "es", ["Hay una feria."], TranslationReview("Ana", "ana_ruiz", now())
    )
    approval.approve(district.runtime, draft.id, "rosa_lind")
    approval.release(district.runtime, draft.id, "rosa_lind")
    with pytest.raises(TranslationApprovalError, match="sent with the approved text"):
        translation_drafts.approve(
            district.runtime, draft.id, "es", ["Paguen aquí."], TranslationReview("Ana", "lee_tran", now())
        )
    with pytest.raises(TranslationApprovalError, match="other than the writer"):
        translation_drafts.approve(
            district.runtime, draft.id, "ht", ["Gen yon fwa."], TranslationReview("Ana", "ana_ruiz", now())
        )
    translation_drafts.approve(
        district.runtime, draft.id, "ht", ["Gen yon fwa."], TranslationReview("Jean", "jean_pierre", now())
    )


def test_draft_that_would_send_too_late_is_not_released(district: District) -> None:
    with time_machine.travel(NOW.replace(hour=4)):  # 10 PM in the district
        with pytest.raises(ReleaseError, match="would be sent after"):
            district.say(until=now() + timedelta(hours=3))
        district.say(until=now() + timedelta(hours=3), kind="emergency")

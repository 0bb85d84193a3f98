"""`/m/<code>` and its share kit, as seen with nothing but the link."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from bot.announcements import share_kit
from bot.announcements.share_kit import build_kit_link
from bot.announcements.text import build_verification_link, split_sentences
from bot.base.database import now
from bot.runtime import Runtime
from bot.store.announcements import announcements, share_kits, translations
from bot.store.announcements.announcements import Announcement, AnnouncementDraft, Audience
from bot.store.announcements.share_kits import ShareKit
from bot.store.announcements.translations import TranslatedSentence, TranslationReview
from bot.web.public.verify_message import verification_pages

ENGLISH = "School is closed on Friday. Call 217-555-0110 & ask."
WORDS = {
    "es": "El viernes no hay clases. Llame al 217-555-0110.",
    "ar": "لا توجد دروس يوم الجمعة. اتصلوا بالرقم 217-555-0110 للسؤال.",
    "zh": "星期五停课。 请致电 217-555-0110。",
}
DRAFT = "ነገ ትምህርት የለም።"
"""In Amharic, by a machine."""
PNG, OWN, MACHINE = b"\x89PNG a picture", b"ID3 the district's voice", b"ID3 a machine's voice"
UNKNOWN = "ZZZZZ2"
NOT_STARTED, STARTED = ("draft", "ready"), ("freezing", "sending", "paused", "done")
UNTIL_EN = "You can pass this on until Friday, November 27, 10:00"
AFTER_END = timedelta(days=4)


def _parts(text: str, wording: str, machine: str = "") -> tuple[TranslatedSentence, ...]:
    """Return the wording, however its sentences are split, by the sentences of the text."""
    english, words = split_sentences(text), wording.split(" ")
    cut = [*range(len(english) - 1)]
    pieces = [*(words[one] for one in cut), " ".join(words[len(cut) :])]
    return tuple(replace(part, wording=piece, machine=machine) for part, piece in zip(english, pieces, strict=True))


@dataclass
class Line:
    """`say` stores an announcement in any state, with translations; `made` stores its kit."""

    runtime: Runtime

    def say(self, state: str = "sending", text: str = ENGLISH, **given: object) -> Announcement:
        given = {"until": now() + timedelta(days=3), "link": "https://riverbend.example.org/closed", **given}
        at, started = now(), state not in NOT_STARTED
        with self.runtime.database.write() as db:
            draft = AnnouncementDraft(
                **{"kind": "general", "sender": "dana_cole", "text": text, "audience": Audience(), **given}
            )  # type: ignore[arg-type]
            number = announcements.add(db, draft, "ana_ruiz", at)
            announcements.change_state(db, number, ["draft"], state, started_at=at if started else None)
            for language, wording in WORDS.items():
                parts = _parts(text, wording)
                translations.request(db, number, language, parts, at)
                translations.approve(db, number, language, parts, TranslationReview("Ana Ruiz", "ana_ruiz", at))
            translations.request(db, number, "am", split_sentences(text), at)
            translations.save_draft(db, number, "am", _parts(text, DRAFT, machine="yes"))
            found = announcements.find(db, number)
        assert found is not None
        return found

    def made(
        self, announcement: Announcement, language: str, picture: bytes | None = PNG, sound: bytes | None = MACHINE
    ) -> None:
        """Store a kit of the current words."""
        with self.runtime.database.write() as db:
            wording = translations.find(db, announcement.id, language)
            text = share_kit.render_share_text(self.runtime, announcement, language, wording)
            share_kits.save(
                db, announcement.id, ShareKit(language, share_kit._compute_text_digest(text), picture, sound), now()
            )


@pytest.fixture
def line(runtime: Runtime) -> Line:
    return Line(runtime)


@pytest.fixture
def app(runtime: Runtime, serve: Callable[[Runtime], Flask]) -> Flask:
    return serve(runtime)


@pytest.fixture
def look(app: Flask) -> Callable[..., TestResponse]:
    """Open an address; each request comes from its own phone, without cookies."""
    looks = iter(range(1, 250))

    def opened(path: str, accept: str = "", address: str = "") -> TestResponse:
        headers = {"Accept-Language": accept} if accept else {}
        where = {"REMOTE_ADDR": address or f"10.0.0.{next(looks)}"}
        return app.test_client(use_cookies=False).get(path, headers=headers, environ_base=where)

    return opened


Look = Callable[..., TestResponse]


def get_visible_text(answer: TestResponse) -> str:
    """Return the text of a page as a reader sees it: without tags, with single spaces."""
    return " ".join(unescape(re.sub(r"<[^>]+>", "", answer.text.split("<body>")[1])).split())


def element(answer: TestResponse, start: str) -> str:
    """Return the tag around `start`."""
    found = re.search(rf"<([^<>]*)>{re.escape(start)}", answer.text)
    assert found, start
    return found[1]


def list_routes(announcement: Announcement, language: str = "es") -> list[str]:
    at = f"/m/{announcement.code}"
    return [at, f"{at}/kit", f"{at}/kit/{language}.png", f"{at}/kit/{language}.mp3"]


# Is it genuine?


@pytest.mark.parametrize("state", STARTED)
def test_sent_message_is_genuine(line: Line, look: Look, state: str) -> None:
    answer = look(f"/m/{line.say(state).code.lower()}")
    assert answer.status_code == 200
    for part in (
        "Yes, this is a message from Riverbend Public Schools. We sent it on Tuesday, November 24, 10:00",
        ENGLISH,
        UNTIL_EN,
        "https://riverbend.example.org/closed",
    ):
        assert part in get_visible_text(answer)
    assert 'href="https://riverbend.example.org/closed"' in answer.text
    assert "machine" not in get_visible_text(answer)


def test_link_in_the_message_opens_the_page(line: Line, look: Look) -> None:
    code = line.say().code
    assert look(urlsplit(build_verification_link("https://puente.test", code)).path).status_code == 200
    assert look(urlsplit(build_kit_link("https://puente.test", code)).path).status_code == 200


def test_expired_text_is_not_shown(line: Line, look: Look) -> None:
    announcement = line.say()
    with time_machine.travel(now() + AFTER_END):
        answer = look(f"/m/{announcement.code}?lang=es")
    assert answer.status_code == 200
    assert "Este fue un mensaje de Riverbend Public Schools" in get_visible_text(
        answer
    ) and "24 de noviembre" in get_visible_text(answer)
    assert "viernes no hay clases" not in answer.text and "closed" not in answer.text


def test_stopped_text_is_not_shown(line: Line, look: Look) -> None:
    announcement = line.say("stopped")
    for after in (timedelta(0), AFTER_END):
        with time_machine.travel(now() + after):
            answer = look(f"/m/{announcement.code}")
        assert answer.status_code == 200 and "then we took it back" in get_visible_text(answer)
        assert "closed" not in answer.text


@pytest.mark.parametrize("state", NOT_STARTED)
def test_nothing_is_revealed_before_sending_starts(line: Line, look: Look, state: str) -> None:
    early = line.say(state)
    line.made(early, "es")
    for door in list_routes(early):
        known, unknown = look(door), look(door.replace(early.code, UNKNOWN))
        assert known.status_code == unknown.status_code == 404, door
        assert known.text.replace(early.code, UNKNOWN) == unknown.text
        assert dict(known.headers) == dict(unknown.headers)
        assert "has sent no message with this code" in get_visible_text(known)


def test_announcement_stopped_before_start_stays_unknown(line: Line, runtime: Runtime, look: Look) -> None:
    ready = line.say("ready")
    with runtime.database.write() as db:
        announcements.change_state(db, ready.id, ["ready"], "stopped")
    assert [look(door).status_code for door in list_routes(ready)] == [404] * 4


@pytest.mark.parametrize("code", ["x", "K7Q2MXX", "%00", "'%20or%201=1", "<script>", "ı" * 6, "a" * 3000])
def test_any_code_is_answered(look: Look, code: str) -> None:
    answer = look(f"/m/{code}?lang=es")
    assert answer.status_code == 404 and "no ha enviado ningún mensaje" in get_visible_text(answer)
    assert "<script" not in answer.text


# In which language?


@pytest.mark.parametrize("language", ["es", "ar", "zh"])
def test_approved_translation_is_shown(line: Line, look: Look, language: str) -> None:
    answer = look(f"/m/{line.say().code}?lang={language}")
    assert WORDS[language] in get_visible_text(answer) and "School is closed" not in get_visible_text(answer)
    assert f'<html lang="{language}"' in answer.text


@pytest.mark.parametrize(("unapproved", "shown"), [("machine", True), ("hold", False)])
def test_draft_translation_is_shown_only_if_it_was_sent(line: Line, look: Look, unapproved: str, shown: bool) -> None:
    code = line.say(unapproved=unapproved).code
    answer = look(f"/m/{code}?lang=am")
    assert (DRAFT in answer.text) is shown and (ENGLISH in get_visible_text(answer)) is not shown
    assert ("ይህን የተረጎመው ማሽን ነው" in answer.text) is shown
    assert (DRAFT in look(f"/m/{code}/kit?lang=am").text) is shown


def test_english_fallback_is_marked_as_english(line: Line, look: Look) -> None:
    answer = look(f"/m/{line.say().code}?lang=fa")
    assert '<html lang="fa" dir="rtl">' in answer.text
    assert element(answer, "School is closed") == 'blockquote lang="en" dir="ltr"'
    assert "پس به انگلیسی" in answer.text


@pytest.mark.parametrize("language", ["ar", "fa", "ps", "es", "am", "zh"])
def test_text_direction_matches_the_language(line: Line, look: Look, language: str) -> None:
    direction = "rtl" if language in ("ar", "fa", "ps") else "ltr"
    code = line.say().code
    for path in (f"/m/{code}", f"/m/{code}/kit", f"/m/{UNKNOWN}"):
        assert f'<html lang="{language}" dir="{direction}">' in look(f"{path}?lang={language}").text


def test_numbers_keep_their_order(line: Line, look: Look) -> None:
    code = line.say(text="Call 217-555-0110 or see https://a.example.org/b?c=1&d=2 now.").code
    assert '<bdi dir="ltr" class="phone">217-555-0110</bdi>' in look(f"/m/{code}?lang=ar").text
    assert '<bdi dir="ltr" class="">https://a.example.org/b?c=1&amp;d=2</bdi> now' in look(f"/m/{code}").text


@pytest.mark.parametrize(
    ("wishes", "language"),
    [
        ("es-MX,en;q=0.5", "es"),
        ("en;q=0.5,zh-TW;q=0.9", "zh"),
        ("fil-PH,fil;q=0.9,en;q=0.8", "tl"),
        ("de-DE,ar;q=0.3", "ar"),
        ("es;q=0", "en"),
        ("de,*;q=0.1", "en"),
        ("", "en"),
        ("nonsense;;;q=x,,", "en"),
    ],
)
def test_browser_language_is_used(line: Line, look: Look, wishes: str, language: str) -> None:
    assert f'<html lang="{language}"' in look(f"/m/{line.say().code}", accept=wishes).text


@pytest.mark.parametrize("lang", ["xx", "", "en-US", '"><script>', "../es", "es" * 500])
def test_invalid_language_is_ignored(line: Line, look: Look, lang: str) -> None:
    answer = look(f"/m/{line.say().code}?lang={lang}", accept="vi")
    assert '<html lang="vi" dir="ltr">' in answer.text and "<script" not in answer.text


def test_clicked_language_overrides_the_browser(line: Line, look: Look) -> None:
    assert '<html lang="en"' in look(f"/m/{line.say().code}?lang=en", accept="es").text


@pytest.mark.parametrize("path", ["", "/kit"])
def test_every_language_is_one_click_away(line: Line, look: Look, runtime: Runtime, path: str) -> None:
    at = f"/m/{line.say().code}{path}"
    page = look(f"{at}?lang=ar").text
    for code in runtime.library.district.languages:
        assert f'<a href="{at}?lang={code}" lang="{code}" hreflang="{code}"' in page
    assert re.findall(r'hreflang="(\w+)" dir="\w+" aria-current', page) == ["ar"]
    assert ">Español</a>" in page and ">العربية</a>" in page and ">አማርኛ</a>" in page


def test_office_number_is_tappable(line: Line, look: Look) -> None:
    code = line.say().code
    for path in (f"/m/{code}", f"/m/{code}/kit", f"/m/{UNKNOWN}"):
        page = look(path).text
        assert '<a href="tel:+1-217-555-0100" dir="ltr">217-555-0100</a>' in page
        assert 'href="https://riverbend.example.org"' in page


# Text stays text


def test_text_never_becomes_markup(line: Line, look: Look) -> None:
    evil = "<script>alert(1)</script> <img src=x onerror=y> \"'&"
    code = line.say(text=evil, link="javascript:alert(1)").code
    for path in (f"/m/{code}", f"/m/{code}/kit"):
        answer = look(path)
        assert "<script" not in answer.text and "<img src=x" not in answer.text
        assert evil in get_visible_text(answer)
    assert 'href="javascript' not in look(f"/m/{code}").text


@pytest.mark.parametrize("path", ["", "/kit"])
def test_pages_contain_no_script_or_inline_style(line: Line, look: Look, path: str) -> None:
    page = look(f"/m/{line.say().code}{path}").text
    assert not re.search(r"<script|<style|\sstyle=|\son\w+=|data:", page)
    fetched = re.findall(r'(?:src|<link[^>]* href)="([^"]*)"', page)
    assert fetched and all(one.startswith("/") for one in fetched)
    assert look("/static/genuine.css").status_code == 200


# The share kit


def test_kit_shows_what_may_be_shared(line: Line, look: Look) -> None:
    announcement = line.say()
    answer = look(f"/m/{announcement.code}/kit")
    assert answer.status_code == 200
    for part in ("To pass on", UNTIL_EN, "We keep no list of the people you send it to.", ENGLISH, *WORDS.values()):
        assert part in get_visible_text(answer)
    assert re.findall(r'<h2 id="(\w+)"', answer.text) == ["en", "ar", "es", "zh"]
    assert '<h2 id="ar" lang="ar" dir="rtl">العربية</h2>' in answer.text


def test_reader_language_comes_first(line: Line, look: Look) -> None:
    answer = look(f"/m/{line.say().code}/kit?lang=zh")
    assert re.findall(r'<h2 id="(\w+)"', answer.text) == ["zh", "en", "ar", "es"]
    assert "可转发的消息" in get_visible_text(answer)


def test_whatsapp_link_contains_exactly_the_text(line: Line, look: Look, runtime: Runtime) -> None:
    announcement = line.say(text="Bring 100% & a #2 pencil + paper?\nYes = ñ.")
    answer = look(f"/m/{announcement.code}/kit?lang=es")
    links = re.findall(r'<a class="share" href="([^"]*)" rel="noreferrer"[^>]*>Enviar por WhatsApp</a>', answer.text)
    got = []
    for one in links:
        assert re.fullmatch(r"https://wa\.me/\?text=[A-Za-z0-9%._~-]+", one)
        got += parse_qs(urlsplit(unescape(one)).query)["text"]
    assert sorted(got) == sorted(item.text for item in share_kit.list_items(runtime, announcement)) and len(got) == 4


def test_existing_pictures_and_audio_are_linked(line: Line, look: Look, runtime: Runtime) -> None:
    announcement = line.say()
    line.made(announcement, "es")
    line.made(announcement, "ar", sound=None)
    with runtime.database.write() as db:
        translations.set_audio(db, announcement.id, "zh", OWN)
    sections = dict(
        re.findall(r'aria-labelledby="(\w+)">(.*?)</section>', look(f"/m/{announcement.code}/kit").text, re.S)
    )
    shown = {
        code: ("<img" in one, "<audio" in one, "A machine reads this aloud." in one) for code, one in sections.items()
    }
    assert shown == {
        "en": (False, False, False),
        "es": (True, True, True),
        "ar": (True, False, False),
        "zh": (False, True, False),
    }
    assert f'<img src="/m/{announcement.code}/kit/es.png"' in sections["es"]
    assert f'href="/m/{announcement.code}/kit/es.png" download' in sections["es"]
    assert f'src="/m/{announcement.code}/kit/zh.mp3"' in sections["zh"]


def test_files_are_served_with_their_types(line: Line, look: Look, runtime: Runtime) -> None:
    announcement = line.say()
    line.made(announcement, "es")
    with runtime.database.write() as db:
        translations.set_audio(db, announcement.id, "zh", OWN)
    found = {one: look(f"/m/{announcement.code.lower()}/kit/{one}") for one in ("es.png", "es.mp3", "zh.mp3")}
    assert {one: answer.data for one, answer in found.items()} == {"es.png": PNG, "es.mp3": MACHINE, "zh.mp3": OWN}
    for one, answer in found.items():
        name = f"riverbend-public-schools-{announcement.code}-{one}"
        assert answer.headers["Content-Disposition"] == f"inline; filename={name}"
        assert answer.headers["Content-Type"] == ("image/png" if one.endswith("png") else "audio/mpeg")
        assert answer.cache_control.max_age == 300


def test_district_recording_overrides_the_synthetic_voice(line: Line, look: Look, runtime: Runtime) -> None:
    announcement = line.say()
    line.made(announcement, "es")
    with runtime.database.write() as db:
        translations.set_audio(db, announcement.id, "es", OWN)
    assert look(f"/m/{announcement.code}/kit/es.mp3").data == OWN
    assert "A machine reads" not in get_visible_text(look(f"/m/{announcement.code}/kit"))


def test_audio_supports_range_requests(line: Line, app: Flask) -> None:
    """iPhones need them to play audio."""
    announcement = line.say()
    line.made(announcement, "es")
    answer = app.test_client().get(f"/m/{announcement.code}/kit/es.mp3", headers={"Range": "bytes=0-2"})
    assert (answer.status_code, answer.data) == (206, b"ID3")


def test_nothing_is_cached_beyond_its_end(line: Line, look: Look) -> None:
    announcement = line.say(until=now() + timedelta(seconds=90))
    line.made(announcement, "es")
    kept = look(f"/m/{announcement.code}/kit/es.png").cache_control.max_age
    assert kept is not None and 60 <= kept <= 90


@pytest.mark.parametrize("file", ["es.mp3", "vi.png", "am.png", "am.mp3", "xx.png", "..%2Fes.png", "en.png"])
def test_missing_files_are_not_found(line: Line, look: Look, file: str) -> None:
    """No file was made, no such language, one that may not be shared, one of outdated text."""
    announcement = line.say()
    line.made(announcement, "es", sound=None)
    line.made(announcement, "am")
    with line.runtime.database.write() as db:
        share_kits.save(db, announcement.id, ShareKit("en", "of older words", PNG, MACHINE), now())
    assert look(f"/m/{announcement.code}/kit/{file}").status_code == 404
    assert look(f"/m/{announcement.code}/kit/es.png").status_code == 200


@pytest.mark.parametrize(
    ("state", "after", "said"),
    [
        ("sending", AFTER_END, "Please do not pass it on any more."),
        ("stopped", timedelta(0), "then we took it back"),
        ("stopped", AFTER_END, "then we took it back"),
    ],
)
def test_expired_kit_serves_no_files(line: Line, look: Look, state: str, after: timedelta, said: str) -> None:
    announcement = line.say(state)
    line.made(announcement, "es")
    with line.runtime.database.write() as db:
        translations.set_audio(db, announcement.id, "es", OWN)
    with time_machine.travel(now() + after):
        _, page, *files = (look(door) for door in list_routes(announcement))
    for answer in (page, *files):
        assert answer.status_code == 410 and said in get_visible_text(answer)
        assert "max-age=300" not in answer.headers["Cache-Control"]
    for part in ("closed", "no hay clases", "wa.me", "<img", "<audio", ".png", ".mp3"):
        assert part not in page.text


# The public routes


def test_list_of_public_routes_is_complete(app: Flask, line: Line) -> None:
    rules = {rule.rule for rule in app.url_map.iter_rules() if rule.endpoint.startswith(f"{verification_pages.name}.")}
    assert len(rules) == len(list_routes(line.say()))


def test_every_public_route_is_open_with_the_same_headers(line: Line, look: Look) -> None:
    announcement = line.say()
    line.made(announcement, "es")
    for door in (*list_routes(announcement), f"/m/{UNKNOWN}"):
        answer = look(door)
        assert answer.status_code == (404 if UNKNOWN in door else 200), door
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["X-Robots-Tag"] == "noindex"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
        assert "Set-Cookie" not in answer.headers
        assert ("no-store" in answer.headers["Cache-Control"]) is not door.endswith(("png", "mp3"))


def test_public_routes_refuse_post(line: Line, client: FlaskClient) -> None:
    for door in list_routes(line.say()):
        assert client.post(door).status_code in (400, 405)


@pytest.mark.long
def test_sixty_requests_a_minute_are_allowed(line: Line, look: Look) -> None:
    announcement = line.say()
    line.made(announcement, "es")
    with time_machine.travel(now(), tick=False):
        for door in list_routes(announcement):
            status = [look(f"{door}?lang=es", address="192.0.2.1").status_code for _ in range(61)]
            assert status == [200] * 60 + [429], door
        last = look(f"/m/{announcement.code}?lang=es", address="192.0.2.1")
        assert (
            "217-555-0100" in get_visible_text(last) and '<html lang="es"' in last.text and WORDS["es"] not in last.text
        )
        assert last.headers["Referrer-Policy"] == "no-referrer"
        assert look(f"/m/{UNKNOWN}", address="192.0.2.1").status_code == 429
        assert look(list_routes(announcement)[0], address="192.0.2.2").status_code == 200
    with time_machine.travel(now() + timedelta(seconds=61)):
        assert look(list_routes(announcement)[0], address="192.0.2.2").status_code == 200

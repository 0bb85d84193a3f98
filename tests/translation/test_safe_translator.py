"""People's texts to the machine and back: what it may see, every way it can fail, and what is stored."""

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from bot.base.database import now
from bot.base.encryption import Vault
from bot.content.catalog import Catalogs, CatalogText
from bot.content.library import Library
from bot.runtime import Runtime, open_runtime
from bot.store.announcements import approved_phrases
from bot.translation import TranslationError, circuit_breaker, google
from bot.translation.google import GoogleTranslator
from bot.translation.safe_translator import SafeTranslator, TranslatedText
from bot.translation.term_glossary import TermGlossary
from tests.stand_in.google import GoogleStandIn, Mood

VAULT = Vault(["a key of the tests"])
PLANTED = "Call Xochitl Perez at 217-555-0133, 412 oak street apt 5, A-number A204 567 891, mail x@y.org, by Friday."
SECRETS = ("Xochitl", "Perez", "555", "0133", "oak", "412", "204", "567", "891", "y.org")
Make = Callable[..., SafeTranslator]


def build_unreachable_redis() -> Redis:
    """Return a Redis client without a server."""
    return Redis(port=9, retry=Retry(NoBackoff(), 0))


@pytest.fixture
def glossary(library: Library) -> TermGlossary:
    return TermGlossary(library.glossary.terms, library.glossary.names)


class Google(GoogleStandIn):
    """A stand-in with scripted translations: `says` maps a text to its translation."""

    def __init__(self) -> None:
        super().__init__()
        self.says: dict[str, str] = {}

    def translated(self, text: str, target: str) -> str:
        return self.says.get(text) or super().translated(text, target)

    @property
    def sent(self) -> str:
        """Return everything that arrived."""
        return "\n".join(text for text, _, _ in self.asked)


@pytest.fixture
def stand_in() -> Iterator[Google]:
    with Google() as one:
        assert isinstance(one, Google)
        yield one


@pytest.fixture
def make(stand_in: Google, clean_redis: Redis, glossary: TermGlossary) -> Make:
    def made(redis: Redis = clean_redis, url: str = stand_in.url, approved: str | None = None) -> SafeTranslator:
        return SafeTranslator(GoogleTranslator(url), redis, VAULT, glossary, lambda *_: approved)

    return made


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(google, "TEXT_TIMEOUT_SECONDS", 0.3)
    monkeypatch.setattr(circuit_breaker, "OPEN_MILLISECONDS", 400)


def test_nothing_personal_is_sent_and_everything_is_restored(make: Make, stand_in: Google) -> None:
    answer = make().translate(PLANTED, "en", "es")
    assert answer.machine == "yes" and answer.failure is None
    assert all(secret in answer.text and secret in answer.back for secret in SECRETS)
    assert len(stand_in.asked) == 2, "there and back"
    assert not any(secret.casefold() in stand_in.sent.casefold() for secret in SECRETS), stand_in.sent


def test_nothing_personal_is_cached_and_second_call_uses_cache(
    make: Make, stand_in: Google, clean_redis: Redis
) -> None:
    first = make().translate(PLANTED, "en", "es")
    asked = len(stand_in.asked)
    other = make().translate(PLANTED.replace("Xochitl Perez", "Ana Gomez").replace("0133", "0144"), "en", "es")
    assert len(stand_in.asked) == asked, "only name and number differ, and they are not in what is kept"
    assert other.text == first.text.replace("Xochitl Perez", "Ana Gomez").replace("0133", "0144")
    keys = list(clean_redis.scan_iter("puente:translated:*"))
    everything = " ".join(f"{key!r} {clean_redis.get(key)!r}" for key in keys)
    assert keys and not any(word in everything for word in ("FRIDAY", "Friday", "Xochitl", "0133"))
    assert all(29 * 86400 < clean_redis.ttl(key) <= 30 * 86400 for key in keys)


@pytest.mark.parametrize(
    ("mood", "reason"),
    [
        ("slow", "time-out"),
        ("busy", "busy"),
        ("broken", "broken"),
        ("garbage", "garbage"),
        ("unchanged", "unchanged"),
        ("loses_marks", "lost words"),
    ],
)
def test_each_failure_has_its_reason(make: Make, stand_in: Google, mood: Mood, reason: str, quick: None) -> None:
    stand_in.mood = mood
    careful = make()
    assert careful.translate("Ana Ruiz waits here.", "en", "es") == TranslatedText("", "", failure=reason)  # type: ignore[arg-type]
    stand_in.mood = "well"
    assert careful.translate("Ana Ruiz waits here.", "en", "es").machine == "yes", "a failure is not kept"


def test_unchanged_text_is_detected_despite_respaced_placeholders(make: Make, stand_in: Google) -> None:
    stand_in.says = {"Please wait for [[0]].": "Please wait for [ [0] ] ."}
    assert make().translate("Please wait for Ana Ruiz.", "en", "es").failure == "unchanged"


def test_unreachable_or_disabled_provider_is_reported(make: Make, clean_redis: Redis, glossary: TermGlossary) -> None:
    assert make(url="http://127.0.0.1:9").translate("Hello there", "en", "es").failure == "unreachable"
    off = SafeTranslator(None, clean_redis, VAULT, glossary, lambda *_: None)
    assert off.translate("Hello there", "en", "es") == TranslatedText("", "", failure="off")
    assert make().translate("Hello there", "en", "quc").failure == "off", "Google has no K'iche'"


def test_raising_provider_is_handled(clean_redis: Redis, glossary: TermGlossary) -> None:
    class Bad:
        name = "bad"

        def translate(self, *_: object) -> list[str | TranslationError]:
            raise RuntimeError

    def no_database(*_: str) -> str | None:
        raise OSError

    careful = SafeTranslator(Bad(), clean_redis, VAULT, glossary, no_database)
    assert careful.translate("Hello there", "en", "es").failure == "broken"


@pytest.mark.long
def test_breaker_opens_waits_retries_once_and_closes(make: Make, stand_in: Google, quick: None) -> None:
    stand_in.mood = "broken"
    careful, another = make(), make()
    assert {careful.translate(f"Hello {word}", "en", "es").failure for word in "abcde"} == {"broken"}
    assert another.translate("Hello there", "en", "es").failure == "resting", "shared by all processes"
    assert len(stand_in.asked) == 5
    time.sleep(0.5)
    assert careful.translate("Hello there", "en", "es").failure == "broken", "one attempt"
    assert careful.translate("Hello there", "en", "es").failure == "resting", "and rest again"
    time.sleep(0.5)
    stand_in.mood = "well"
    assert another.translate("Hello there", "en", "es").machine == "yes"
    assert careful.translate("Good morning", "en", "es").machine == "yes"


def test_breaker_allows_one_request_after_the_wait(make: Make, clean_redis: Redis, quick: None) -> None:
    careful = make()
    for _ in range(5):
        careful._breaker.record_result("time-out")
    time.sleep(0.5)
    assert [careful._breaker.allow_request() for _ in range(3)] == [True, False, False]
    careful._breaker.record_result("off")
    assert [careful._breaker.allow_request() for _ in range(2)] == [True, False], "that one was no attempt"
    careful._breaker.record_result("unchanged")
    assert all(careful._breaker.allow_request() for _ in range(3)), "it answers"


@pytest.mark.parametrize("mood", ["unchanged", "loses_marks"])
def test_bad_answers_do_not_open_the_breaker(make: Make, stand_in: Google, mood: Mood) -> None:
    stand_in.mood = mood
    careful = make()
    assert "resting" not in {careful.translate(f"Ana Ruiz {word}", "en", "es").failure for word in ("aa", "bb") * 4}


def test_translation_works_without_redis(make: Make, stand_in: Google) -> None:
    careful = make(redis=build_unreachable_redis())
    assert [careful.translate("Good morning", "en", "es", should_check=False).text for _ in range(2)] == [
        "es: GOOD MORNING"
    ] * 2
    assert len(stand_in.asked) == 2, "nothing is kept"


def test_approved_phrase_replaces_the_machine(make: Make, stand_in: Google) -> None:
    answer = make(approved="Aprobado.").translate("The office opens at 8.", "en", "es")
    assert answer == TranslatedText("Aprobado.", "no") and not stand_in.asked


def test_same_language_and_text_without_words_are_unchanged(make: Make, stand_in: Google) -> None:
    assert make().translate("Hello there", "en", "en") == TranslatedText("Hello there", "")
    for text in ("", "217-555-0133", "Ana Ruiz", "👍"):
        assert make().translate(text, "en", "es") == TranslatedText(text, "")
    assert make().translate("Early dismissal", "en", "es") == TranslatedText("Salida temprana", "no")
    assert not stand_in.asked


def test_glossary_keeps_and_translates_terms(make: Make, stand_in: Google) -> None:
    answer = make().translate("Bring your Chromebook and your 504 plan to the IEP meeting at Harbor.", "en", "es")
    assert "Chromebook" in answer.text and "plan 504" in answer.text and "IEP" in answer.text
    assert "504 plan" in answer.back and "Harbor" not in stand_in.sent and "IEP" not in stand_in.sent


def test_back_translation_causes_warnings(make: Make, stand_in: Google) -> None:
    text = "Do not come on Monday, Maria Lopez; ICE left two hours ago."
    sent = "Do not come on Monday, [[0]]; ICE left two hours ago."
    stand_in.says = {sent: "Venga el martes, [[0]].", "Venga el martes, [[0]].": "Come on Tuesday, [[0]]."}
    answer = make().translate(text, "en", "es")
    assert answer.text == "Venga el martes, Maria Lopez." and answer.back == "Come on Tuesday, Maria Lopez."
    assert answer.warnings == ("numbers", "dates", "names", "negation")
    stand_in.says["Venga el martes, [[0]]."] = sent
    stand_in.asked.clear()
    assert make(redis=build_unreachable_redis()).translate(text, "en", "es").warnings == ()


def test_failed_back_translation_is_not_a_failure(make: Make, stand_in: Google) -> None:
    stand_in.cannot = "es: "
    assert make().translate("Good morning", "en", "es") == TranslatedText("es: GOOD MORNING", "yes")
    assert make().translate("Good night", "en", "es", should_check=False) == TranslatedText("es: GOOD NIGHT", "yes")


def test_google_works_inside_an_event_loop(stand_in: Google) -> None:
    async def inside() -> list[str | TranslationError]:
        return GoogleTranslator(stand_in.url).translate(["Hello there"], "en", "es")

    assert asyncio.run(inside()) == ["es: HELLO THERE"]


def test_runtime_translator_uses_reviewed_answers_and_approved_phrases(runtime: Runtime, stand_in: Google) -> None:
    answer = runtime.library.district.answers["call_you"]
    reviewed = Catalogs(
        {"es": {answer: CatalogText("Le llamo hoy.")}, "fr": {answer: CatalogText("Brouillon", is_draft=True)}}
    )
    given = runtime.settings.model_copy(update={"translator": "googletrans", "googletrans_base": stand_in.url})
    opened = open_runtime(given, replace(runtime.library, catalogs=reviewed))
    with opened.database.write() as db:
        approved_phrases.approve(
            db, approved_phrases.ApprovedPhrase("es", "en", "Ya voy.", "On my way.", "ana_ruiz"), now()
        )
    assert opened.safe_translator.translate(answer, "en", "es") == TranslatedText("Le llamo hoy.", "no")
    assert opened.safe_translator.translate("ya  voy", "es", "en") == TranslatedText("On my way.", "no")
    assert not stand_in.asked
    assert opened.safe_translator.translate(answer, "en", "fr").machine == "yes", "a draft is no approved wording"
    assert runtime.safe_translator.translate("Hello there", "en", "es").failure == "off"

"""The language of first messages: short, without accents, misspelled, mixed."""

import pytest

from bot.nlu import Phrasebook, normalize_text, preload_language_model
from bot.nlu.features import build_lexical_features, split_tokens
from bot.nlu.language_id import LANGUAGE_CONFIDENCE_THRESHOLD
from bot.nlu.language_id import detect_language as _detect

LANGUAGES = ("en", "es", "ht", "pt", "ar", "uk", "zh", "vi")
FIRST = {
    "en": ["hi", "hello", "thank you", "where is the bus", "my daughter is sick today"],
    "es": ["hola", "buenas tardes", "gracias", "mi niño no va ir hoy", "a que hora salen los ninos"],
    "ht": ["bonjou", "mèsi", "wi", "mwen pa konprann lèt la", "ki le lekol la ap ouvri"],
    "pt": ["bom dia", "obrigada", "sim", "nao entendi o recado", "meu filho ta doente"],
    "ar": ["مرحبا", "شكرا", "ابني مريض اليوم", "badi mutarjem", "3nd el bab"],
    "uk": ["привіт", "дякую", "дитина захворіла сьогодні", "привет"],
    "zh": ["你好", "孩子今天请假", "ICE在哪里"],
    "vi": ["xin chào", "cam on", "con toi bi sot", "mấy giờ tan học"],
}


def detect(
    text: str, phrasebook: Phrasebook, languages: tuple[str, ...] = LANGUAGES, stored: str | None = None
) -> tuple[str | None, float]:
    return _detect(
        text,
        build_lexical_features(split_tokens(normalize_text(text))),
        phrasebook.nlu_model.language_weights,
        languages,
        stored,
    )


@pytest.mark.parametrize(("lang", "text"), [(lang, text) for lang, texts in FIRST.items() for text in texts])
def test_first_message_language_is_detected(lang: str, text: str, phrasebook: Phrasebook) -> None:
    assert detect(text, phrasebook)[0] == lang


@pytest.mark.parametrize("text", ["", " ", "12", "555-0100", "😀👍", "?!", "שלום"])
def test_no_letters_or_unknown_script_detects_nothing(text: str, phrasebook: Phrasebook) -> None:
    assert detect(text, phrasebook) == (None, 0.0)


def test_lone_name_is_uncertain_and_stored_language_wins(phrasebook: Phrasebook) -> None:
    assert detect("Lincoln", phrasebook)[1] < LANGUAGE_CONFIDENCE_THRESHOLD
    assert detect("ok", phrasebook, stored="vi")[0] == "vi"


def test_stored_language_does_not_hide_a_clear_one(phrasebook: Phrasebook) -> None:
    lang, sure = detect("necesito hablar con la maestra de mi hija", phrasebook, stored="en")
    assert lang == "es"
    assert sure > LANGUAGE_CONFIDENCE_THRESHOLD


def test_only_requested_languages_are_returned(phrasebook: Phrasebook) -> None:
    assert detect("mi hija esta enferma", phrasebook, ("en", "vi"))[0] in {"en", "vi"}
    assert detect("дитина захворіла", phrasebook, ("en", "vi")) == (None, 0.0)
    assert detect("hello there", phrasebook, ("en",))[0] == "en"
    assert detect("hello", phrasebook, ()) == (None, 0.0)


def test_languages_unknown_to_the_model_are_harmless(phrasebook: Phrasebook) -> None:
    preload_language_model(("en", "es", "quc"))
    assert detect("donde esta la escuela de mi hija", phrasebook, ("en", "es", "quc"))[0] == "es"

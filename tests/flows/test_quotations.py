"""Reactions and automatic replies: texts that a phone writes by itself."""

import pytest

from bot.base.text_normalization import NormalizedText
from bot.content.library import Library
from bot.flows.quotations import find_unspoken_kind
from bot.nlu import NluContext, classify_message
from tests.conftest import Family
from tests.store.reading import newest_cases

REACTIONS = [
    "Liked “No school tomorrow. Reply STOP to get no more messages.”",
    "👍 to “In danger, call 911.”",
    "\u200a👍\u200a to “\u200ahello\u200a”",
    "Le gusta “Hay agentes de ICE en la puerta de la escuela.”",
    "Le encantó “Hola”",
    "Laughed at “ok”",
    "A aimé « Pas d'école demain »",
    "Gostou de “Amanhã não tem aula”",
    "Reacted 😂 to “There was a man with a gun”",
    "Removed a like from “hello there”",
    "Liked an image",
    "Понравилось «Завтра нет уроков»",
    "Сподобалося «Завтра немає уроків»",
    "赞了“明天没有课”",
    "Đã thích “Ngày mai nghỉ học”",
    "أعجبه “لا مدرسة غدًا”",
    "“내일 휴교입니다”에 좋아요를 표시함",
]
OWN_WORDS = [
    'my husband said "I will kill you"',
    "mi esposo dijo “te voy a matar”",
    "😭 she wrote “i want to die”",
    "她说“我想死”",
    "I liked the concert",
    "“help”",
    "to “the school” please",
]


@pytest.mark.parametrize("text", REACTIONS)
def test_reaction_is_recognized(text: str, library: Library) -> None:
    assert find_unspoken_kind(text, library.phrasebook) == "reaction"


@pytest.mark.parametrize("text", OWN_WORDS)
def test_quote_in_own_words_is_no_reaction(text: str, library: Library) -> None:
    assert find_unspoken_kind(text, library.phrasebook) is None


def test_quote_of_our_own_text_is_a_reaction_in_any_language(library: Library) -> None:
    own = "Thank you for letting us know. What is your child's first name, and which school?"
    quote = "Wuxuu ka helay “Thank you for letting us know. What is your child…”"
    assert find_unspoken_kind(quote, library.phrasebook) is None
    assert find_unspoken_kind(quote, library.phrasebook, [own]) == "reaction"


def test_forwarded_text_of_ours_is_no_message_of_the_family(library: Library, family: Family) -> None:
    ours = library.catalogs.translate("es", "Call 911 now. I cannot call for you, and I am not an emergency service.")
    assert find_unspoken_kind(ours, library.phrasebook) == "reaction"
    family.text("español")
    assert family.text(ours) == ""
    with family.runtime.database.read() as db:
        assert newest_cases(db, 10) == []


def test_words_beside_a_forwarded_text_count(library: Library) -> None:
    ours = library.catalogs.translate("es", "Call 911 now. I cannot call for you, and I am not an emergency service.")
    context = NluContext(library.phrasebook, library.district.languages)
    found = classify_message(NormalizedText(f"{ours} mi hijo está enfermo y no va a ir mañana"), context)
    assert (found.page, found.intent) == ("no", "report_absence")


@pytest.mark.parametrize(
    "text",
    [
        "I’m driving with Do Not Disturb While Driving turned on. I’ll see your message when I get where I’m going.",
        "(I’m not receiving notifications. If this is urgent, reply “urgent”)",
        "Respuesta automática: estoy fuera",
        "Автоответ: я за рулём",
    ],
)
def test_automatic_reply_is_recognized(text: str, library: Library) -> None:
    assert find_unspoken_kind(text, library.phrasebook) == "auto_reply"


@pytest.mark.parametrize("text", [*REACTIONS[:5], "I’m driving with Do Not Disturb While Driving turned on."])
def test_phone_gets_silence_and_staff_no_page(text: str, family: Family) -> None:
    family.text("English")
    assert family.text(text) == ""
    with family.runtime.database.read() as db:
        assert newest_cases(db, 10) == []


def test_reaction_of_whatsapp_gets_silence(family: Family) -> None:
    family.text("English")
    assert family.text("👍", MessageType="reaction") == ""

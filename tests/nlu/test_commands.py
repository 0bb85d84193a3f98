"""The words that always work: whole messages only, one meaning each."""

import pytest

from bot.base.text_normalization import NormalizedText
from bot.flows.commands import Command, match_command
from bot.nlu import Phrasebook, SignalFile, normalize_text
from bot.nlu.model import MODEL_FILENAME, load_model
from bot.nlu_training.dataset import TrainingData
from tests.nlu.conftest import FLOWS

COMMAND_WORDS = {
    "stop": [
        "STOP",
        "stop.",
        "please stop",
        "Stop, please!",
        "STOPALL",
        "unsubscribe",
        "Cancel",
        "END",
        "quit",
    ]
    + ["revoke", "OPTOUT", "ALTO", "baja", "Parar por favor", "CANCELAR", "ARRET", "sispann tanpri", "KANPE"]
    + ["إيقاف", "توقف", "СТОП", "Відписатися", "停止", "请停止", "退订", "DỪNG", "ngừng", "stop stop stop"],
    "start": ["START", "unstop", "alta", "reanudar", "comenzar", "kòmanse", "старт", "开始", "bắt đầu"],
    "help": ["HELP", "info", "ayuda", "ajuda", "èd", "مساعدة", "допомога", "帮助", "trợ giúp"],
    "person": ["0", "٠", "persona", "pessoa", "yon moun", "людина", "人工", "người thật"],
    "menu": ["menu", "Menú", "meni", "القائمة", "меню", "菜单"],
    "choose_language": ["LANG", "language", "idiomas", "lang?", "اللغة", "мова", "语言", "ngôn ngữ"],
}
LANGUAGE_COMMANDS = {
    "es": ["español", "ESPANOL", "LANG es", "idioma español", "Spanish please", "español por favor"],
    "ht": ["kreyòl", "kreyol", "lang: ht", "Haitian Creole"],
    "ar": ["العربية", "عربي", "arabic", "LANG ar"],
    "en": ["english", "in english please", "inglés", "لغة انجليزي"],
    "pt": ["português", "portugues"],
    "uk": ["українська", "ukrainian"],
    "zh": ["中文", "请用中文", "mandarin"],
    "vi": ["tiếng việt", "tieng viet", "LANG VI"],
}
NON_COMMANDS = [
    "",
    "YES",
    "si",
    "no",
    "1",
    "10",
    "the bus did not stop here",
    "stop the bus",
    "can you help my son",
    "đúng",
]
NON_COMMANDS += [
    "dung",
    "es",
    "lang xx",
    "my daughter speaks english",
    "cancel the bus for friday",
    "thanks",
    "gracias",
    "请",
]


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in COMMAND_WORDS.items() for text in texts])
def test_command_words_are_recognized(kind: str, text: str, phrasebook: Phrasebook) -> None:
    command = match_command(NormalizedText(text), phrasebook)
    assert command is not None
    assert (command.kind, command.lang) == (kind, None)


@pytest.mark.parametrize(
    ("lang", "text"), [(lang, text) for lang, texts in LANGUAGE_COMMANDS.items() for text in texts]
)
def test_language_names_are_recognized(lang: str, text: str, phrasebook: Phrasebook) -> None:
    assert match_command(NormalizedText(text), phrasebook) == Command("language", lang)


@pytest.mark.parametrize("text", NON_COMMANDS)
def test_answers_and_sentences_are_not_commands(text: str, phrasebook: Phrasebook) -> None:
    assert match_command(NormalizedText(text), phrasebook) is None


def test_each_word_has_one_command_kind(files: dict[str, SignalFile], phrasebook: Phrasebook) -> None:
    meanings: dict[str, set[str]] = {}
    for lang, file in files.items():
        for kind, words in file.commands.items():
            for word in words:
                meanings.setdefault(normalize_text(word), set()).add(kind)
        for name in file.names:
            meanings.setdefault(normalize_text(name), set()).add(lang)
    assert {word: kinds for word, kinds in meanings.items() if len(kinds) > 1} == {}


def test_conflicting_words_are_refused() -> None:
    one = SignalFile.model_validate({"commands": {"stop": ["fin"]}})
    other = SignalFile.model_validate({"commands": {"menu": ["FIN"]}})
    with pytest.raises(ValueError, match="FIN"):
        Phrasebook.build({"es": one, "ht": other}, load_model(FLOWS / MODEL_FILENAME))


def test_trained_answers_are_not_commands(lessons: TrainingData, phrasebook: Phrasebook) -> None:
    answers = {lesson.text for lesson in lessons.phrases if lesson.intent == "short_reply"}
    assert {word for word in answers if match_command(NormalizedText(word), phrasebook)} == set()

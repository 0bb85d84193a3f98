"""Find the choice that an answer means, by button, number, label, or other text, in any language."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from rapidfuzz import fuzz
from rapidfuzz.process import extractOne

from bot.base.text_normalization import NormalizedText, normalize_text
from bot.flows.model import Choice

TranslateLabel = Callable[[str], str]
"""Return an English label in the family's language."""
YES_WORDS = [
    "yes", "y", "yeah", "yep", "ok", "okay", "si", "claro", "sim", "wi", "oui", "نعم", "ايوه", "ايوا", "так", "да",
    "是", "是的", "对", "好", "好的", "có", "co", "vâng", "vang", "dạ", "da", "بله", "بلی", "هو", "haa", "አዎ", "oo",
    "opo", "네", "예",
]  # fmt: skip
NO_WORDS = [
    "no", "nope", "n", "non", "não", "nao", "لا", "كلا", "ні", "нет", "不", "不是", "没有", "không", "khong", "نه",
    "نخیر", "یا", "maya", "አይ", "አይደለም", "hindi", "아니요", "아니",
]  # fmt: skip
THANKS_WORDS = [
    "thanks", "thank you", "thank you very much", "gracias", "muchas gracias", "obrigado", "obrigada", "merci",
    "mèsi", "mesi", "شكرا", "شكرا لك", "дякую", "спасибо", "谢谢", "多谢", "cảm ơn", "cam on", "متشکرم", "ممنون",
    "تشکر", "مننه", "mahadsanid", "አመሰግናለሁ", "salamat", "salamat po", "감사합니다", "고맙습니다",
]  # fmt: skip
WORDS_BY_CHOICE_NAME: Mapping[str, Sequence[str]] = {"yes": YES_WORDS, "no": NO_WORDS, "done": THANKS_WORDS}
"""Flows don't need to list these words. Puente understands choices named `yes`, `no`, or `done` in every language."""
_OPENING_WORDS = {name: frozenset(map(normalize_text, WORDS_BY_CHOICE_NAME[name])) for name in ("yes", "no")}

NUMBER_WORDS = {
    1: [
        "one", "first", "uno", "una", "primero", "primera", "um", "uma", "primeiro", "youn", "en", "premye",
        "واحد", "الاول", "один", "одна", "перший", "一", "một", "mot",
    ],
    2: [
        "two", "second", "dos", "segundo", "segunda", "dois", "duas", "de", "dezyèm", "dezyem", "اثنين", "اثنان",
        "الثاني", "два", "дві", "другий", "二", "两", "hai",
    ],
    3: [
        "three", "third", "tres", "tercero", "tercera", "três", "terceiro", "twa", "twazyèm", "ثلاثة", "الثالث",
        "три", "третій", "三", "ba",
    ],
    4: [
        "four", "fourth", "cuatro", "cuarto", "quatro", "quarto", "kat", "اربعة", "الرابع", "чотири", "четыре",
        "四", "bốn", "bon",
    ],
    5: [
        "five", "fifth", "cinco", "quinto", "senk", "خمسة", "الخامس", "п'ять", "пять", "五", "năm", "nam",
    ],
}  # fmt: skip
NUMBER_BY_WORD = {normalize_text(word): number for number, words in NUMBER_WORDS.items() for word in words}
DIGITS_PATTERN = re.compile(r"\d+")
MIN_FUZZY_RATIO = 88
"""The rapidfuzz ratio from which a misspelled label still counts ("Sicknes")."""


def match_choice(
    text: NormalizedText, payload: str | None, choices: Mapping[str, Choice], translate: Callable[[str], str]
) -> str | None:
    """Return the name of the choice that `text` or the `payload` of a button means, or None.

    `translate` returns a label in the family's language.
    """
    if payload in choices:
        return payload
    names = list(choices)
    answer = text.plain
    number = parse_number(answer)
    if number is not None and 1 <= number <= len(names):
        return names[number - 1]
    if number is not None or not answer:
        return None
    wordings = [(name, _get_wordings(name, choice, translate)) for name, choice in choices.items()]
    for is_match in (_is_exact_match, _is_partial_match, _is_fuzzy_match):
        matches = [name for name, wording in wordings if is_match(answer, wording)]
        if len(matches) == 1:
            return matches[0]
    return _match_first_word(answer, names) or _match_contained_word(answer, choices)


def is_unambiguous(
    text: NormalizedText, payload: str | None, name: str, choices: Mapping[str, Choice], translate: TranslateLabel
) -> bool:
    """Return whether the answer means the choice `name` beyond doubt.

    An unambiguous answer is the button, the number, the exact label, or a plain "yes". Use this check before an action
    that nobody can undo. "Yes, but ..." and text that only resembles the label don't count.
    """
    if payload is not None:
        return payload == name
    answer = text.plain
    number = parse_number(answer)
    if number is not None:
        return list(choices)[number - 1 : number] == [name]
    return _is_exact_match(answer, _get_wordings(name, choices[name], translate))


def _match_first_word(answer: str, names: Sequence[str]) -> str | None:
    """Match an answer that starts with yes or no, such as "Yes, they are with my sister"."""
    first_word = answer.split(" ", 1)[0]
    matches = [name for name, words in _OPENING_WORDS.items() if name in names and first_word in words]
    return _get_only(matches)


def _match_contained_word(answer: str, choices: Mapping[str, Choice]) -> str | None:
    """Match an answer that contains another word of a choice, such as "with my" in "They are with my sister"."""
    padded_answer = f" {answer} "
    matches = [name for name, choice in choices.items() if any(word in padded_answer for word in choice.padded_words)]
    return _get_only(matches)


def _get_only(names: Sequence[str]) -> str | None:
    if len(names) == 1:
        return names[0]
    return None


def parse_number(answer: str) -> int | None:
    """Return the number that a short normalized answer means ("2", "option 2", "two", "2 please"), or None."""
    if len(answer) > 16:
        return None
    digits = DIGITS_PATTERN.findall(answer)
    if len(digits) == 1 and len(digits[0]) <= 2:
        return int(digits[0])
    if digits:
        return None
    return NUMBER_BY_WORD.get(answer)


@dataclass(frozen=True, slots=True)
class _ChoiceWordings:
    """Hold the normalized texts that name one choice.

    `joined_wordings` holds all of them in one string, for a search for a part of one.
    """

    wordings: frozenset[str]
    joined_wordings: str


def _get_wordings(name: str, choice: Choice, translate: Callable[[str], str]) -> _ChoiceWordings:
    return _compile_wordings(choice.label, translate(choice.label), choice.other_words, name)


@lru_cache(maxsize=8192)
def _compile_wordings(label: str, translated_label: str, other_words: tuple[str, ...], name: str) -> _ChoiceWordings:
    """Normalize the texts that name one choice.

    The cache holds only labels and other words from flows. It never holds text from a family.
    """
    wordings = frozenset(
        (
            normalize_text(label),
            normalize_text(translated_label),
            *other_words,
            *map(normalize_text, WORDS_BY_CHOICE_NAME.get(name, ())),
        )
    )
    return _ChoiceWordings(wordings, f" {' | '.join(sorted(wordings))} ")


def _is_exact_match(answer: str, wordings: _ChoiceWordings) -> bool:
    return answer in wordings.wordings


def _is_partial_match(answer: str, wordings: _ChoiceWordings) -> bool:
    """Match a part of a label, such as "a bus" in "Help with a bus".

    Shorter answers don't count, because they are a part of too many labels.
    """
    return len(answer) >= 3 and f" {answer} " in wordings.joined_wordings


def _is_fuzzy_match(answer: str, wordings: _ChoiceWordings) -> bool:
    if len(answer) < 4:
        return False
    return extractOne(answer, wordings.wordings, scorer=fuzz.ratio, score_cutoff=MIN_FUZZY_RATIO) is not None

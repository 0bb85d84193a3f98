"""Which of the choices does an answer mean?  By button, number, label, another word, in any language."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from rapidfuzz import fuzz
from rapidfuzz.process import extractOne

from bot.base.text_normalization import normalise
from bot.flows.model import Choice

Wording = Callable[[str], str]
"""Translates a label."""
YES = [
    "yes",
    "y",
    "yeah",
    "yep",
    "ok",
    "okay",
    "si",
    "claro",
    "sim",
    "wi",
    "oui",
    "نعم",
    "ايوه",
    "ايوا",
    "так",
    "да",
    "是",
    "是的",
    "对",
    "好",
    "好的",
    "có",
    "co",
    "vâng",
    "vang",
    "dạ",
    "da",
    "بله",
    "بلی",
    "هو",
    "haa",
    "አዎ",
    "oo",
    "opo",
    "네",
    "예",
]
NO = [
    "no",
    "nope",
    "n",
    "non",
    "não",
    "nao",
    "لا",
    "كلا",
    "ні",
    "нет",
    "不",
    "不是",
    "没有",
    "không",
    "khong",
    "نه",
    "نخیر",
    "یا",
    "maya",
    "አይ",
    "አይደለም",
    "hindi",
    "아니요",
    "아니",
]
THANKS = [
    "thanks",
    "thank you",
    "thank you very much",
    "gracias",
    "muchas gracias",
    "obrigado",
    "obrigada",
    "merci",
    "mèsi",
    "mesi",
    "شكرا",
    "شكرا لك",
    "дякую",
    "спасибо",
    "谢谢",
    "多谢",
    "cảm ơn",
    "cam on",
    "متشکرم",
    "ممنون",
    "تشکر",
    "مننه",
    "mahadsanid",
    "አመሰግናለሁ",
    "salamat",
    "salamat po",
    "감사합니다",
    "고맙습니다",
]
WORDS_OF_ID: Mapping[str, Sequence[str]] = {"yes": YES, "no": NO, "done": THANKS}
"""A choice named `yes`, `no` or `done` is understood in every language without listing the words in the flow."""

NUMBER_WORDS = {
    1: [
        "one",
        "first",
        "uno",
        "una",
        "primero",
        "primera",
        "um",
        "uma",
        "primeiro",
        "youn",
        "en",
        "premye",
        "واحد",
        "الاول",
        "один",
        "одна",
        "перший",
        "一",
        "một",
        "mot",
    ],
    2: [
        "two",
        "second",
        "dos",
        "segundo",
        "segunda",
        "dois",
        "duas",
        "de",
        "dezyèm",
        "dezyem",
        "اثنين",
        "اثنان",
        "الثاني",
        "два",
        "дві",
        "другий",
        "二",
        "两",
        "hai",
    ],
    3: [
        "three",
        "third",
        "tres",
        "tercero",
        "tercera",
        "três",
        "terceiro",
        "twa",
        "twazyèm",
        "ثلاثة",
        "الثالث",
        "три",
        "третій",
        "三",
        "ba",
    ],
    4: [
        "four",
        "fourth",
        "cuatro",
        "cuarto",
        "quatro",
        "quarto",
        "kat",
        "اربعة",
        "الرابع",
        "чотири",
        "четыре",
        "四",
        "bốn",
        "bon",
    ],
    5: ["five", "fifth", "cinco", "quinto", "senk", "خمسة", "الخامس", "п'ять", "пять", "五", "năm", "nam"],
}
NUMBERS = {normalise(word): number for number, words in NUMBER_WORDS.items() for word in words}
DIGITS = re.compile(r"\d+")
LIKE_ENOUGH = 88
"""rapidfuzz ratio from which a misspelt label still counts ("Sicknes")."""


def choose(text: str, payload: str | None, choices: Mapping[str, Choice], read: Callable[[str], str]) -> str | None:
    """The name of the choice that `text` (or a button's `payload`) means, or None.  `read` translates a label."""
    if payload in choices:
        return payload
    names = list(choices)
    said = normalise(text)
    number = number_in(said)
    if number is not None:
        return names[number - 1] if 1 <= number <= len(names) else None
    if not said:
        return None
    wordings = [(name, _wordings(name, choice, read)) for name, choice in choices.items()]
    for fits in (_same, _within, _alike):
        found = [name for name, wording in wordings if fits(said, wording)]
        if len(found) == 1:
            return found[0]
    return _begins(said, names) or _holds(said, choices)


def means_plainly(text: str, payload: str | None, name: str, choices: Mapping[str, Choice], read: Wording) -> bool:
    """Whether this is the choice `name` beyond doubt: its button, its number, its very label, or just "yes".

    For what cannot be undone: "yes, but ..." and words that only resemble the label are not enough.
    """
    if payload is not None:
        return payload == name
    said = normalise(text)
    number = number_in(said)
    if number is not None:
        return list(choices)[number - 1 : number] == [name]
    return _same(said, _wordings(name, choices[name], read))


def _begins(said: str, names: Sequence[str]) -> str | None:
    """'Yes, they are with my sister' is a yes."""
    first = said.split(" ", 1)[0]
    found = [name for name in ("yes", "no") if name in names and first in _first_words(name)]
    return found[0] if len(found) == 1 else None


def _holds(said: str, choices: Mapping[str, Choice]) -> str | None:
    """'They are with my sister' holds another word of a choice ("with my")."""
    padded = f" {said} "
    found = [name for name, choice in choices.items() if any(word in padded for word in choice.within)]
    return found[0] if len(found) == 1 else None


@lru_cache(maxsize=2)
def _first_words(name: str) -> frozenset[str]:
    return frozenset(_normal(word) for word in WORDS_OF_ID[name])


def number_in(said: str) -> int | None:
    """The number that a short normalised answer stands for: '2', 'option 2', 'two', '2 please'; else None."""
    if len(said) > 16:
        return None
    digits = DIGITS.findall(said)
    if len(digits) == 1 and len(digits[0]) <= 2:
        return int(digits[0])
    return NUMBERS.get(said) if not digits else None


@dataclass(frozen=True, slots=True)
class _Wordings:
    """All that names one choice, normalised: one by one, and as one line in which a part of one is found."""

    each: frozenset[str]
    line: str


def _wordings(name: str, choice: Choice, read: Callable[[str], str]) -> _Wordings:
    return _compiled(choice.label, read(choice.label), choice.others, name)


@lru_cache(maxsize=8192)
def _compiled(label: str, own: str, others: tuple[str, ...], name: str) -> _Wordings:
    """Of labels and their other words only: what a family writes is never kept here."""
    each = frozenset((_normal(label), _normal(own), *others, *map(_normal, WORDS_OF_ID.get(name, ()))))
    return _Wordings(each, f" {' | '.join(sorted(each))} ")


@lru_cache(maxsize=8192)
def _normal(wording: str) -> str:
    return normalise(wording)


def _same(said: str, wordings: _Wordings) -> bool:
    return said in wordings.each


def _within(said: str, wordings: _Wordings) -> bool:
    """'a bus' for 'Help with a bus'; not for answers so short that they stand in everything."""
    return len(said) >= 3 and f" {said} " in wordings.line


def _alike(said: str, wordings: _Wordings) -> bool:
    return len(said) >= 4 and extractOne(said, wordings.each, scorer=fuzz.ratio, score_cutoff=LIKE_ENOUGH) is not None

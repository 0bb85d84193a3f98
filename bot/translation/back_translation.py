"""What a translation may have changed: the original beside its back-translation, both in one language.  Pure.

It warns when in doubt: a person looks, and says whether it matters.  Number words, dates and negation are known in
English and Spanish, in which staff write; digits and names in every language.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final, Literal

Warning = Literal["numbers", "dates", "names", "negation"]

_NUMBERS: Final = {
    "en": "one two three four five six seven eight nine ten eleven twelve",
    "es": "uno dos tres cuatro cinco seis siete ocho nueve diez once doce",
}
NUMBERS: Final = {
    language: {word: str(value) for value, word in enumerate(words.split(), 1)} for language, words in _NUMBERS.items()
}
NOT_ONE: Final = re.compile(r"\b(?:no|this|that|each|any|every|which|the)\s+one\b|\bone\s+(?:of|another)\b")
"""English "one" that counts nothing."""
_DATES: Final = {
    "en": "monday tuesday wednesday thursday friday saturday sunday january february april june july august september "
    "october november december today tomorrow yesterday tonight morning noon afternoon evening night midnight day days "
    "week weeks weekend month months year years hour hours minute minutes next last before after until",
    "es": "lunes martes miércoles miercoles jueves viernes sábado sabado domingo enero febrero marzo abril mayo junio "
    "julio agosto septiembre setiembre octubre noviembre diciembre hoy mañana manana ayer anoche mediodía mediodia "
    "tarde noche medianoche madrugada día dia días dias semana semanas mes meses año años hora horas minuto minutos "
    "próximo próxima pasado pasada antes después despues hasta",
}
DATES: Final = {language: frozenset(words.split()) for language, words in _DATES.items()}
MAY_OR_MARCH: Final = re.compile(r"(?<=[\w,] )(?:May|March)\b|\b(?:May|March)(?= \d)")
"""Months that are words too: with a capital, and not at the beginning of a sentence."""
NEGATION: Final = {
    "en": re.compile(
        r"\b(?:no|not|never|none|nobody|nothing|nowhere|neither|nor|without|cannot|unless)\b|n['’]t\b"
        r"|\b(?:do|does|did|ca|wo|is|are|was|were|has|have|should|could|would|must)nt\b"
    ),
    "es": re.compile(r"\b(?:no|nunca|jam[áa]s|sin|ni|nadie|nada|ning[úu]n[oa]?s?|tampoco)\b"),
}
NUMBER: Final = re.compile(r"\d+(?:[.,]\d{3})*(?!\d)|\d+")
WORD: Final = re.compile(r"[^\W\d_]+")
ACRONYM: Final = re.compile(r"\b[^\W\d_]{2,5}\b")


def warnings(original: str, back: str, names: Iterable[str] = (), language: str = "en") -> tuple[Warning, ...]:
    """What differs, of "numbers", "dates", "names" and "negation".  `names`: what must stand in both."""
    differ: Mapping[Warning, bool] = {
        "numbers": numbers(original, language) != numbers(back, language),
        "dates": dates(original, language) != dates(back, language),
        "names": any(not _holds(back, name) for name in _named(original, names)),
        "negation": _negated(original, language) != _negated(back, language),
    }
    return tuple(what for what, so in differ.items() if so)


def numbers(text: str, language: str) -> Counter[str]:
    """The numbers in a text, in digits, and how often each stands there."""
    plain = NOT_ONE.sub(" ", text.casefold()) if language == "en" else text.casefold()
    words = NUMBERS.get(language, {})
    found = Counter(_plain(digits) for digits in NUMBER.findall(plain))
    return found + Counter(words[word] for word in WORD.findall(plain) if word in words)


def _plain(number: str) -> str:
    """In ASCII digits, without separators and leading zeros: 1,000 and 08 and ٣."""
    return "".join(str(int(char)) for char in number if char.isdecimal()).lstrip("0") or "0"


def dates(text: str, language: str) -> Counter[str]:
    """Days, months and other words of time, and how often each stands there."""
    known = DATES.get(language, frozenset())
    months = MAY_OR_MARCH.findall(text) if language == "en" else []
    return Counter(months) + Counter(word for word in WORD.findall(text.casefold()) if word in known)


def _named(original: str, names: Iterable[str]) -> list[str]:
    """What must stand in both: the names that do stand in the original, and its acronyms."""
    acronyms = [] if original.isupper() else [word for word in ACRONYM.findall(original) if word.isupper()]
    return [*(name for name in names if _holds(original, name)), *acronyms]


def _holds(text: str, name: str) -> bool:
    return bool(re.search(rf"(?<!\w){re.escape(name.casefold())}(?!\w)", text.casefold()))


def _negated(text: str, language: str) -> tuple[int, bool]:
    """Whether the negations are odd in number, and whether there are any."""
    pattern = NEGATION.get(language)
    count = len(pattern.findall(text.casefold())) if pattern else 0
    return count % 2, count > 0

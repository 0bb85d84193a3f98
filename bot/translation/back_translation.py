"""Find what a translation may have changed: compare the original with its back-translation. Pure.

Both texts are in the same language. In case of doubt, the module warns, and a person decides. It compares digits and
names in every language. It compares number words, dates, and negation in English and Spanish, the languages of staff.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final, Literal

TranslationWarning = Literal["numbers", "dates", "names", "negation"]

_NUMBER_WORD_LISTS: Final = {
    "en": "one two three four five six seven eight nine ten eleven twelve",
    "es": "uno dos tres cuatro cinco seis siete ocho nueve diez once doce",
}
NUMBER_WORD_VALUES: Final = {
    language: {word: str(value) for value, word in enumerate(words.split(), 1)}
    for language, words in _NUMBER_WORD_LISTS.items()
}
UNCOUNTED_ONE_PATTERN: Final = re.compile(
    r"\b(?:no|this|that|each|any|every|which|the)\s+one\b|\bone\s+(?:of|another)\b"
)
"""English "one" without a count."""
_DATE_WORD_LISTS: Final = {
    "en": "monday tuesday wednesday thursday friday saturday sunday january february april june july august september "
    "october november december today tomorrow yesterday tonight morning noon afternoon evening night midnight day days "
    "week weeks weekend month months year years hour hours minute minutes next last before after until",
    "es": "lunes martes miércoles miercoles jueves viernes sábado sabado domingo enero febrero marzo abril mayo junio "
    "julio agosto septiembre setiembre octubre noviembre diciembre hoy mañana manana ayer anoche mediodía mediodia "
    "tarde noche medianoche madrugada día dia días dias semana semanas mes meses año años hora horas minuto minutos "
    "próximo próxima pasado pasada antes después despues hasta",
}
DATE_WORDS: Final = {language: frozenset(words.split()) for language, words in _DATE_WORD_LISTS.items()}
MONTH_WORD_PATTERN: Final = re.compile(r"(?<=[\w,] )(?:May|March)\b|\b(?:May|March)(?= \d)")
"""Months that are also ordinary words. They count with a capital, and not at the start of a sentence."""
NEGATION_PATTERNS: Final = {
    "en": re.compile(
        r"\b(?:no|not|never|none|nobody|nothing|nowhere|neither|nor|without|cannot|unless)\b|n['’]t\b"
        r"|\b(?:do|does|did|ca|wo|is|are|was|were|has|have|should|could|would|must)nt\b"
    ),
    "es": re.compile(r"\b(?:no|nunca|jam[áa]s|sin|ni|nadie|nada|ning[úu]n[oa]?s?|tampoco)\b"),
}
NUMBER_PATTERN: Final = re.compile(r"\d+(?:[.,]\d{3})*(?!\d)|\d+")
LETTERS_PATTERN: Final = re.compile(r"[^\W\d_]+")
ACRONYM_PATTERN: Final = re.compile(r"\b[^\W\d_]{2,5}\b")


def find_warnings(
    original: str, back: str, names: Iterable[str] = (), language: str = "en"
) -> tuple[TranslationWarning, ...]:
    """List what differs, of "numbers", "dates", "names", and "negation". `names` must appear in both texts."""
    difference_by_warning: Mapping[TranslationWarning, bool] = {
        "numbers": count_numbers(original, language) != count_numbers(back, language),
        "dates": count_date_words(original, language) != count_date_words(back, language),
        "names": any(not _has_name(back, name) for name in _list_required_names(original, names)),
        "negation": _count_negations(original, language) != _count_negations(back, language),
    }
    return tuple(warning for warning, is_different in difference_by_warning.items() if is_different)


def count_numbers(text: str, language: str) -> Counter[str]:
    """Count each number of a text, in digits."""
    plain = text.casefold()
    if language == "en":
        plain = UNCOUNTED_ONE_PATTERN.sub(" ", plain)
    words = NUMBER_WORD_VALUES.get(language, {})
    counts = Counter(_normalize_number(digits) for digits in NUMBER_PATTERN.findall(plain))
    return counts + Counter(words[word] for word in LETTERS_PATTERN.findall(plain) if word in words)


def _normalize_number(number: str) -> str:
    """Return the number in ASCII digits without separators and leading zeros (1,000, 08, ٣)."""
    return "".join(str(int(char)) for char in number if char.isdecimal()).lstrip("0") or "0"


def count_date_words(text: str, language: str) -> Counter[str]:
    """Count the days, months, and other words of time."""
    date_words = DATE_WORDS.get(language, frozenset())
    months = MONTH_WORD_PATTERN.findall(text) if language == "en" else []
    return Counter(months) + Counter(word for word in LETTERS_PATTERN.findall(text.casefold()) if word in date_words)


def _list_required_names(original: str, names: Iterable[str]) -> list[str]:
    """List the texts that both versions must contain: the names in the original, and its acronyms."""
    required_names = [name for name in names if _has_name(original, name)]
    if not original.isupper():
        required_names += [word for word in ACRONYM_PATTERN.findall(original) if word.isupper()]
    return required_names


def _has_name(text: str, name: str) -> bool:
    return bool(re.search(rf"(?<!\w){re.escape(name.casefold())}(?!\w)", text.casefold()))


def _count_negations(text: str, language: str) -> tuple[int, bool]:
    """Return whether the number of negations is odd (1) or even (0), and whether there are any."""
    pattern = NEGATION_PATTERNS.get(language)
    count = len(pattern.findall(text.casefold())) if pattern else 0
    return count % 2, count > 0

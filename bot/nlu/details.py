"""Extract details from a family's message in any language: who, which school, when, why, and how to reach them.

The concepts of `flows/concepts` find words of all languages, and CLDR has the weekdays. A detail that isn't sure is
left out, because a flow then asks for it. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Final, Literal

import phonenumbers
from babel import Locale, UnknownLocaleError

from bot.base.text_normalization import NormalizedText, normalize_text, split_words
from bot.nlu.concepts import ConceptMatch
from bot.nlu.date_parsing import WEEKDAY_NUMBERS, parse_day
from bot.nlu.features import find_concepts, split_tokens
from bot.nlu.phrasebook import Phrasebook
from bot.pii.name_lists import is_ordinary
from bot.pii.personal_names import find_names
from bot.pii.street_addresses import find_addresses

Reason = Literal["sick", "appointment", "travel", "work", "afraid"]

REASON_BY_CONCEPT: Final[Mapping[str, Reason]] = {
    "SICK": "sick",
    "FEVER": "sick",
    "APPOINTMENT": "appointment",
    "AFRAID": "afraid",
    "WORK": "work",
    "BUS": "travel",
    "CAR": "travel",
}
"""The concepts that name the reason of an absence, the surest first."""
_CHILD_CONCEPTS: Final = frozenset({"CHILD", "SON", "DAUGHTER", "BABY", "STUDENT", "BROTHER"})
_PLACE_CONCEPTS: Final = ("STOP_BUS", "BUS", "SCHOOL", "HOME", "STREET", "CAR", "COURT", "CHURCH", "WORK")
"""Places in the order in which they count: a bus stop is more exact than a bus."""
_MAX_CHILDREN: Final = 12
_CHILD_DISTANCE: Final = 3
"""So many words may lie between a number and the word for child."""
_TIME_PATTERN: Final = re.compile(
    r"(?<![\d:./-])(?P<hour>[01]?\d|2[0-3])(?:(?P<mark>[:hH.]|点|點|시|giờ|g)\s?(?P<minute>[0-5]\d)?)?"
    r"\s*(?P<half>[ap]\.?\s?m\.?\b|uhr|pm|am)?",
    re.IGNORECASE,
)
_AFTERNOON_PATTERN: Final = re.compile(
    r"下午|晚上|傍晚|오후|저녁|chi[eề]u|t[oố]i\b|(?:de|por) la (?:tarde|noche)|da (?:tarde|noite)|apr[eè]s.midi"
    r"|du soir|مساء|عصر|بعد ?از ?ظهر|ماسپښین|вечора|вечера|\bдня\b|galab|fiid|asw[eè]|apremidi|hapon|gabi",
    re.IGNORECASE,
)
"""Words beside an hour that put it after noon."""
_AFTERNOON_DISTANCE: Final = 16
_HAN_CHILD_PATTERN: Final = re.compile(
    r"(?:儿子|兒子|女儿|女兒|孩子)(?:叫|是)?([\u4e00-\u9fff]{2,3}?)(?=[今明昨后後下上这這发發生病不没沒要在从從的有也和去没得頭头，。,.\s])"
)
_KOREAN_ENDING_PATTERN: Final = re.compile(r"(?<=.{2})(?:이가|이는|이를|가|이|는|은|를|을|도|랑|와|과|의)$")
_DATE_PATTERN: Final = re.compile(
    r"(?<![\d:])\d{1,2}[/.-]\d{1,2}(?:[/.-]\d{2,4})?(?!\d)|\d{1,2}\s*[月월]\s*\d{1,2}\s*[日号號일]?"
)
_NUMBERS: Final[Mapping[str, int]] = {
    normalize_text(word): number
    for number, words in {
        2: "two dos dois duas de deux اثنين اثنان два двоє двое дві 两 兩 hai دو دوه laba ሁለት dalawa dalawang 두 둘",
        3: "three tres três twa trois ثلاثة ثلاث три троє трое 三 ba سه درې saddex ሦስት ሶስት tatlo tatlong 세 셋",
        4: "four cuatro quatro kat quatre اربعة اربع чотири четверо четыре 四 bốn چهار څلور afar አራት apat 네 넷",
        5: "five cinco senk cinq خمسة خمس пʼять пять 五 năm پنج پنځه shan አምስት lima limang 다섯",
        6: "six seis sis ستة ست шість шесть 六 sáu شش شپږ lix ስድስት anim 여섯",
    }.items()
    for word in words.split()
}


@dataclass(frozen=True, slots=True)
class Details:
    """Hold what a message says beside its topic. Store it only masked or encrypted."""

    names: tuple[str, ...] = ()
    """Names of children, as written."""
    school: str | None = None
    days: tuple[date, ...] = ()
    time: str | None = None
    """The first time of day, as HH:MM in 24 hours."""
    reason: Reason | None = None
    child_count: int | None = None
    phone: str | None = None
    """A phone number as E.164."""
    language: str | None = None
    """A language that the message names, for an interpreter."""
    place: str | None = None
    """An address as written, or the concept of the place (HOME, STOP_BUS)."""


def extract_details(
    text: NormalizedText, language: str, phrasebook: Phrasebook, schools: Mapping[str, str], today: date
) -> Details:
    """Return the details of a message in `language`. `schools` maps IDs to names."""
    tokens = split_tokens(text.plain)
    lexicons = [
        phrasebook.nlu_model.lexicons[code]
        for code in dict.fromkeys((language, "en"))
        if code in phrasebook.nlu_model.lexicons
    ]
    matches = find_concepts(tokens, lexicons) if lexicons else []
    return Details(
        names=tuple(_find_child_names(text.raw, language, matches, schools)),
        school=_find_school(text.plain, schools),
        days=tuple(dict.fromkeys(_find_days(text, tokens, language, matches, today))),
        time=_find_time(text.raw),
        reason=_find_reason(matches),
        child_count=_count_children(tokens, matches),
        phone=_find_phone(text.raw),
        language=_find_language(tokens, phrasebook),
        place=_find_place(text.raw, matches),
    )


def _find_child_names(
    text: str, language: str, matches: Sequence[ConceptMatch], schools: Mapping[str, str]
) -> Iterator[str]:
    """Yield the names that masking also finds, without the words of schools, and words after "my son"."""
    school_words = {word for name in schools.values() for word in normalize_text(name).split()}
    child_words = {word for concept, words in matches if concept in _CHILD_CONCEPTS for word in words.split()}
    found: list[str] = []
    for start, stop in find_names(text, language):
        name = " ".join(word for word in text[start:stop].split() if normalize_text(word) not in child_words)
        if name and not set(normalize_text(name).split()) & school_words:
            found.append(name)
    known_words = {word for _, words in matches for word in words.split()}
    found += (match[1] for match in _HAN_CHILD_PATTERN.finditer(text))
    for first, second in pairwise(text.split()):
        plain = normalize_text(second)
        follows_child = normalize_text(first) in child_words and not first.endswith((",", ".", "،", "。"))
        is_name = plain.isalpha() and len(plain) > 1 and plain not in known_words and not is_ordinary(plain, language)
        # In a script with capitals, `find_names` has found the names.
        if follows_child and is_name and second.lower() == second.upper() and not found:
            found.append(_KOREAN_ENDING_PATTERN.sub("", second.strip(".,!?،؟።")))
    yield from dict.fromkeys(found)


def _find_school(plain: str, schools: Mapping[str, str]) -> str | None:
    """Return the school that the message names by the first word of its name, if it names exactly one."""
    words = set(plain.split())
    found = [code for code, name in schools.items() if normalize_text(name).split()[0] in words]
    return found[0] if len(found) == 1 else None


def _find_days(
    text: NormalizedText, tokens: Sequence[str], language: str, matches: Sequence[ConceptMatch], today: date
) -> Iterator[date]:
    for concept, _ in matches:
        if concept in ("TODAY", "TOMORROW"):
            yield today + timedelta(days=concept == "TOMORROW")
    for code in dict.fromkeys((language, "en")):
        weekdays = _load_weekdays(code)
        for weekday in (weekdays[token] for token in tokens if token in weekdays):
            yield today + timedelta(days=(weekday - today.weekday() - 1) % 7 + 1)
    for match in _DATE_PATTERN.finditer(text.raw):
        if day := parse_day(match[0], language, today):
            yield day


@lru_cache(maxsize=64)
def _load_weekdays(language: str) -> Mapping[str, int]:
    """Return the weekday numbers by normalized name, from CLDR and for the languages that it lacks."""
    numbers = dict(WEEKDAY_NUMBERS.get(language, {}))
    try:
        locale = Locale.parse({"tl": "fil"}.get(language, language))
    except (ValueError, UnknownLocaleError):
        return numbers
    for form in ("format", "stand-alone"):
        for number, name in locale.days[form]["wide"].items():
            words = normalize_text(name).split()
            numbers[words[0] if len(words) == 1 or language == "pt" else " ".join(words)] = int(number)
    return {name.partition(" ")[0] if language == "pt" else name: number for name, number in numbers.items()}


def _find_time(text: str) -> str | None:
    """Return the first time with a mark or with am or pm. A bare number is none."""
    for match in _TIME_PATTERN.finditer(text):
        half = re.sub(r"[^apm]", "", (match["half"] or "").lower())
        is_marked = match["mark"] and (match["minute"] or match["mark"] in "hH点點시")
        if not (half or is_marked or match["mark"] == "giờ") or (match["mark"] == "." and not half):
            continue
        hour = int(match["hour"])
        around = text[max(0, match.start() - _AFTERNOON_DISTANCE) : match.end() + _AFTERNOON_DISTANCE]
        if not half and hour < 12 and _AFTERNOON_PATTERN.search(around):
            half = "pm"
        if half == "pm" and hour < 12:
            hour += 12
        if half == "am" and hour == 12:
            hour = 0
        return f"{hour:02}:{match['minute'] or '00'}"
    return None


def _find_reason(matches: Sequence[ConceptMatch]) -> Reason | None:
    concepts = {concept for concept, _ in matches}
    return next((reason for concept, reason in REASON_BY_CONCEPT.items() if concept in concepts), None)


def _count_children(tokens: Sequence[str], matches: Sequence[ConceptMatch]) -> int | None:
    child_words = {word for concept, words in matches if concept in _CHILD_CONCEPTS for word in split_words(words)}
    for place, token in enumerate(tokens):
        number = _NUMBERS.get(token, int(token) if token.isdigit() and len(token) <= 2 else 0)
        near = tokens[place + 1 : place + 1 + _CHILD_DISTANCE]
        if 1 < number <= _MAX_CHILDREN and child_words & set(near):
            return number
    return None


def _find_phone(text: str) -> str | None:
    numbers = (match.number for match in phonenumbers.PhoneNumberMatcher(text, "US"))
    return next((phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) for number in numbers), None)


def _find_language(tokens: Sequence[str], phrasebook: Phrasebook) -> str | None:
    named = [phrasebook.names[token] for token in tokens if token in phrasebook.names and len(token) > 3]
    return named[0] if named else None


def _find_place(text: str, matches: Sequence[ConceptMatch]) -> str | None:
    if spans := find_addresses(text):
        return text[slice(*spans[0])]
    concepts = {concept for concept, _ in matches}
    return next((concept for concept in _PLACE_CONCEPTS if concept in concepts), None)

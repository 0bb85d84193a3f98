"""Find the columns of a roster by the many ways in which districts name them. Other columns are never read."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bot.base.text_normalization import normalize_text

_CAMEL_CASE_PATTERN = re.compile(r"(?<=[a-z])(?=[A-Z0-9])")

MOBILE_WORDS = frozenset({"mobile", "mobiles", "cell", "cells", "cellphone", "cellular", "celular", "sms", "movil"})
PHONE_WORDS = frozenset({"phone", "phones", "telephone", "telephones", "telefono", "telephon", "tel"})
OTHER_PHONE_WORDS = frozenset(
    {"fax", "work", "office", "school", "student", "child", "emergency", "doctor", "type", "carrier", "extension",
     "ext", "consent", "opt", "permission", "date", "country", "alert", "alerts", "ok", "may", "provider", "message"}
)  # fmt: skip
"""Words that, with "phone", mean the phone of another person or no number."""
LANGUAGE_WORDS = frozenset({"language", "languages", "lang", "idioma", "langue", "lengua"})
OTHER_LANGUAGE_WORDS = frozenset(
    {"learner", "learners", "proficiency", "instruction", "status", "program", "second", "other", "arts", "level",
     "interpreter", "date", "test", "score"}
)  # fmt: skip
PREFERRED_LANGUAGE_WORDS = (
    "correspondence",
    "contact",
    "communication",
    "preferred",
    "parent",
    "guardian",
    "family",
    "home",
)
"""Words that select the language for messages if a file has several language columns, best first."""
SCHOOL_WORDS = frozenset({"school", "schools", "building", "campus", "escuela", "ecole"})
SCHOOL_HEADER_WORDS = SCHOOL_WORDS | {
    "name",
    "id",
    "code",
    "current",
    "enrolled",
    "attending",
    "home",
    "student",
    "site",
    "number",
}
ROLE_HEADERS = frozenset(
    {"role", "contact role", "contact type", "relationship", "relation", "relationship to student"}
)
CHANNEL_HEADERS = frozenset(
    {"channel", "contact channel", "preferred channel", "contact method", "preferred contact method", "contact by"}
)
TAG_HEADERS = frozenset({"tag", "tags", "group", "groups", "label", "labels"})
CONSENT_HEADERS = frozenset(
    {"consent", "opt in", "optin", "permission to text", "ok to text", "may text", "consentimiento"}
)
OTHER_CONSENT_WORDS = frozenset(
    {"photo", "media", "trip", "field", "medical", "directory", "video", "image", "internet"}
)
DATE_HEADER_WORDS = frozenset({"date", "on", "day", "when", "since", "at", "fecha"})


@dataclass(frozen=True)
class ColumnMap:
    """The index of each column. `phones` has the preferred columns, then those to read if the first are empty."""

    phones: tuple[tuple[int, ...], ...] = ()
    language: int | None = None
    school: int | None = None
    role: int | None = None
    channel: int | None = None
    tags: int | None = None
    consent: int | None = None
    consent_on: int | None = None


def normalize_header(name: str) -> str:
    """Normalize `homeLanguage`, `Home_Language`, and "Home language:" to "home language"."""
    return normalize_text(_CAMEL_CASE_PATTERN.sub(" ", name))


def map_columns(header: Sequence[str]) -> ColumnMap:
    """Find the columns by their headers. If two headers match the same column, choose the better one."""
    names = [normalize_header(name) for name in header]
    words_by_index = dict(enumerate(frozenset(name.split()) for name in names))
    mobile = tuple(index for index, words in words_by_index.items() if _is_mobile_phone(words))
    phone = tuple(index for index, words in words_by_index.items() if _is_phone(words) and index not in mobile)
    schools = [index for index, words in words_by_index.items() if _is_school(words)]
    consents = [index for index, name in enumerate(names) if _is_consent(name)]
    return ColumnMap(
        phones=tuple(group for group in (mobile, phone) if group),
        language=find_language_column(header),
        school=min(schools, key=lambda index: _rank_school(names[index]), default=None),
        role=_find_exact(names, ROLE_HEADERS),
        channel=_find_exact(names, CHANNEL_HEADERS),
        tags=_find_exact(names, TAG_HEADERS),
        consent=next((index for index in consents if not words_by_index[index] & DATE_HEADER_WORDS), None),
        consent_on=next((index for index in consents if words_by_index[index] & DATE_HEADER_WORDS), None),
    )


def find_language_column(header: Sequence[str]) -> int | None:
    """Find the column of the language for messages."""
    words_by_index = dict(enumerate(frozenset(normalize_header(name).split()) for name in header))
    candidates = [
        index for index, words in words_by_index.items() if words & LANGUAGE_WORDS and not words & OTHER_LANGUAGE_WORDS
    ]
    return min(candidates, key=lambda index: _rank_language(words_by_index[index]), default=None)


def _rank_language(words: frozenset[str]) -> int:
    for rank, word in enumerate(PREFERRED_LANGUAGE_WORDS):
        if word in words:
            return rank
    return len(PREFERRED_LANGUAGE_WORDS)


def _is_mobile_phone(words: frozenset[str]) -> bool:
    return bool(words & MOBILE_WORDS and not words & OTHER_PHONE_WORDS)


def _is_phone(words: frozenset[str]) -> bool:
    return bool((words & PHONE_WORDS or {"contact", "number"} <= words) and not words & OTHER_PHONE_WORDS)


def _is_school(words: frozenset[str]) -> bool:
    return bool(words & SCHOOL_WORDS) and words <= SCHOOL_HEADER_WORDS


def _rank_school(name: str) -> int:
    """Prefer the name of a school over the numbers of other systems."""
    if name in ("school", "school name"):
        return 0
    if {"id", "code", "number"} & set(name.split()):
        return 2
    return 1


def _is_consent(name: str) -> bool:
    words = set(name.split())
    if words & OTHER_CONSENT_WORDS:
        return False
    stem = " ".join(word for word in name.split() if word not in DATE_HEADER_WORDS)
    return stem in CONSENT_HEADERS or "consent" in words or "optin" in words


def _find_exact(names: Sequence[str], headers: frozenset[str]) -> int | None:
    return next((index for index, name in enumerate(names) if name in headers), None)

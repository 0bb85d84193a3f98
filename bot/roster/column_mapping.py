"""Which column is what, by the many ways in which their headers are written.  Columns not named here are never read."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bot.base.text_normalization import normalize_text

_CAMEL_CASE_PATTERN = re.compile(r"(?<=[a-z])(?=[A-Z0-9])")

MOBILE_WORDS = frozenset({"mobile", "mobiles", "cell", "cells", "cellphone", "cellular", "celular", "sms", "movil"})
PHONE_WORDS = frozenset({"phone", "phones", "telephone", "telephones", "telefono", "telephon", "tel"})
OTHER_PHONE_WORDS = frozenset(
    {"fax", "work", "office", "school", "student", "child", "emergency", "doctor", "type", "carrier", "extension",
     "ext", "consent", "opt", "permission", "date", "country", "alert", "alerts", "ok", "may", "provider", "message"}
)  # fmt: skip
"""Beside "phone" they mean another's phone, or no number at all."""
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
"""Of several languages the one that messages are wanted in; the first of these that a header has."""
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
    """Where each thing stands.  `phones`: those read first, and those read where the first are empty."""

    phones: tuple[tuple[int, ...], ...] = ()
    language: int | None = None
    school: int | None = None
    role: int | None = None
    channel: int | None = None
    tags: int | None = None
    consent: int | None = None
    consent_on: int | None = None


def normalize_header(name: str) -> str:
    """`homeLanguage`, `Home_Language` and "Home language:" as one: "home language"."""
    return normalize_text(_CAMEL_CASE_PATTERN.sub(" ", name))


def map_columns(header: Sequence[str]) -> ColumnMap:
    """What the headers name; where two name the same, the better one."""
    names = [normalize_header(name) for name in header]
    words = [frozenset(name.split()) for name in names]
    mobile = tuple(at for at, own in enumerate(words) if own & MOBILE_WORDS and not own & OTHER_PHONE_WORDS)
    phone = tuple(at for at, own in enumerate(words) if _is_phone(own) and at not in mobile)
    return ColumnMap(
        phones=tuple(group for group in (mobile, phone) if group),
        language=find_language_column(header),
        school=_find_first(sorted(range(len(words)), key=lambda at: _rank_school(names[at])), words, _is_school),
        role=_find_exact(names, ROLE_HEADERS),
        channel=_find_exact(names, CHANNEL_HEADERS),
        tags=_find_exact(names, TAG_HEADERS),
        consent=next(
            (at for at, name in enumerate(names) if _is_consent(name) and not words[at] & DATE_HEADER_WORDS), None
        ),
        consent_on=next(
            (at for at, name in enumerate(names) if _is_consent(name) and words[at] & DATE_HEADER_WORDS), None
        ),
    )


def find_language_column(header: Sequence[str]) -> int | None:
    """The column of the language that messages are wanted in."""
    words = [frozenset(normalize_header(name).split()) for name in header]
    found = [at for at, own in enumerate(words) if own & LANGUAGE_WORDS and not own & OTHER_LANGUAGE_WORDS]
    return min(found, key=lambda at: _rank_language(words[at]), default=None)


def _rank_language(words: frozenset[str]) -> int:
    return next(
        (at for at, word in enumerate(PREFERRED_LANGUAGE_WORDS) if word in words), len(PREFERRED_LANGUAGE_WORDS)
    )


def _is_phone(words: frozenset[str]) -> bool:
    return bool((words & PHONE_WORDS or {"contact", "number"} <= words) and not words & OTHER_PHONE_WORDS)


def _is_school(words: frozenset[str]) -> bool:
    return bool(words & SCHOOL_WORDS) and words <= SCHOOL_HEADER_WORDS


def _rank_school(name: str) -> int:
    """The name is known better than the numbers of other systems."""
    return 0 if name in ("school", "school name") else 2 if {"id", "code", "number"} & set(name.split()) else 1


def _is_consent(name: str) -> bool:
    own = set(name.split())
    stem = " ".join(word for word in name.split() if word not in DATE_HEADER_WORDS)
    return not own & OTHER_CONSENT_WORDS and (stem in CONSENT_HEADERS or "consent" in own or "optin" in own)


def _find_exact(names: Sequence[str], wanted: frozenset[str]) -> int | None:
    return next((at for at, name in enumerate(names) if name in wanted), None)


def _find_first(
    order: Sequence[int], words: Sequence[frozenset[str]], fits: Callable[[frozenset[str]], bool]
) -> int | None:
    return next((at for at in order if fits(words[at])), None)

"""Which column is what, by the many ways in which their headers are written.  Columns not named here are never read."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bot.base.text_normalization import normalise

_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z0-9])")

MOBILE = frozenset({"mobile", "mobiles", "cell", "cells", "cellphone", "cellular", "celular", "sms", "movil"})
PHONE = frozenset({"phone", "phones", "telephone", "telephones", "telefono", "telephon", "tel"})
NO_FAMILY_PHONE = frozenset(
    {"fax", "work", "office", "school", "student", "child", "emergency", "doctor", "type", "carrier", "extension",
     "ext", "consent", "opt", "permission", "date", "country", "alert", "alerts", "ok", "may", "provider", "message"}
)  # fmt: skip
"""Beside "phone" they mean another's phone, or no number at all."""
LANGUAGE = frozenset({"language", "languages", "lang", "idioma", "langue", "lengua"})
NO_HOME_LANGUAGE = frozenset(
    {"learner", "learners", "proficiency", "instruction", "status", "program", "second", "other", "arts", "level",
     "interpreter", "date", "test", "score"}
)  # fmt: skip
BEST_LANGUAGE = ("correspondence", "contact", "communication", "preferred", "parent", "guardian", "family", "home")
"""Of several languages the one that messages are wanted in; the first of these that a header has."""
SCHOOL = frozenset({"school", "schools", "building", "campus", "escuela", "ecole"})
OF_SCHOOL = SCHOOL | {"name", "id", "code", "current", "enrolled", "attending", "home", "student", "site", "number"}
ROLE = frozenset({"role", "contact role", "contact type", "relationship", "relation", "relationship to student"})
CHANNEL = frozenset(
    {"channel", "contact channel", "preferred channel", "contact method", "preferred contact method", "contact by"}
)
TAGS = frozenset({"tag", "tags", "group", "groups", "label", "labels"})
CONSENT = frozenset({"consent", "opt in", "optin", "permission to text", "ok to text", "may text", "consentimiento"})
OTHER_CONSENT = frozenset({"photo", "media", "trip", "field", "medical", "directory", "video", "image", "internet"})
OF_DATE = frozenset({"date", "on", "day", "when", "since", "at", "fecha"})


@dataclass(frozen=True)
class Columns:
    """Where each thing stands.  `phones`: those read first, and those read where the first are empty."""

    phones: tuple[tuple[int, ...], ...] = ()
    language: int | None = None
    school: int | None = None
    role: int | None = None
    channel: int | None = None
    tags: int | None = None
    consent: int | None = None
    consent_on: int | None = None


def spaced(name: str) -> str:
    """`homeLanguage`, `Home_Language` and "Home language:" as one: "home language"."""
    return normalise(_CAMEL.sub(" ", name))


def columns(header: Sequence[str]) -> Columns:
    """What the headers name; where two name the same, the better one."""
    names = [spaced(name) for name in header]
    words = [frozenset(name.split()) for name in names]
    mobile = tuple(at for at, own in enumerate(words) if own & MOBILE and not own & NO_FAMILY_PHONE)
    phone = tuple(at for at, own in enumerate(words) if _is_phone(own) and at not in mobile)
    return Columns(
        phones=tuple(group for group in (mobile, phone) if group),
        language=language(header),
        school=_first(sorted(range(len(words)), key=lambda at: _school_rank(names[at])), words, _is_school),
        role=_exact(names, ROLE),
        channel=_exact(names, CHANNEL),
        tags=_exact(names, TAGS),
        consent=next((at for at, name in enumerate(names) if _is_consent(name) and not words[at] & OF_DATE), None),
        consent_on=next((at for at, name in enumerate(names) if _is_consent(name) and words[at] & OF_DATE), None),
    )


def language(header: Sequence[str]) -> int | None:
    """The column of the language that messages are wanted in."""
    words = [frozenset(spaced(name).split()) for name in header]
    found = [at for at, own in enumerate(words) if own & LANGUAGE and not own & NO_HOME_LANGUAGE]
    return min(found, key=lambda at: _language_rank(words[at]), default=None)


def _language_rank(words: frozenset[str]) -> int:
    return next((at for at, word in enumerate(BEST_LANGUAGE) if word in words), len(BEST_LANGUAGE))


def _is_phone(words: frozenset[str]) -> bool:
    return bool((words & PHONE or {"contact", "number"} <= words) and not words & NO_FAMILY_PHONE)


def _is_school(words: frozenset[str]) -> bool:
    return bool(words & SCHOOL) and words <= OF_SCHOOL


def _school_rank(name: str) -> int:
    """The name is known better than the numbers of other systems."""
    return 0 if name in ("school", "school name") else 2 if {"id", "code", "number"} & set(name.split()) else 1


def _is_consent(name: str) -> bool:
    own = set(name.split())
    stem = " ".join(word for word in name.split() if word not in OF_DATE)
    return not own & OTHER_CONSENT and (stem in CONSENT or "consent" in own or "optin" in own)


def _exact(names: Sequence[str], wanted: frozenset[str]) -> int | None:
    return next((at for at, name in enumerate(names) if name in wanted), None)


def _first(order: Sequence[int], words: Sequence[frozenset[str]], fits: Callable[[frozenset[str]], bool]) -> int | None:
    return next((at for at in order if fits(words[at])), None)

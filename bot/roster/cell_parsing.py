"""What stands in the cells: numbers, roles, channels, tags, consent and its date.

Each raises `BadLine` where the line cannot be used, and takes `warn` where it can.
"""

import re
from collections.abc import Callable
from datetime import date, datetime
from functools import lru_cache

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberType, ValidationResult

from bot.base.text_normalization import normalise
from bot.roster.column_mapping import spaced
from bot.roster.report import BadLine

Warn = Callable[[str], None]

LONGEST_CELL = 120
_SEVERAL = re.compile(r"[/;,|&\n]|\bor\b|\band\b", re.IGNORECASE)
_GAP = r"[\s().-]*"
_AMERICAN = re.compile(rf"{_GAP}(?:\+?1{_GAP})?([2-9]\d\d){_GAP}([2-9]\d\d){_GAP}(\d{{4}}){_GAP}", re.ASCII)
_DIGITS = re.compile(r"\d")
_WORDS = re.compile(r"\([^\d)]*\)|(?<![^\W\d_])(?!ext)[^\W\d_]{2,}", re.IGNORECASE)
"""Such as "(mom)": the library would take its letters for the digits of a keypad."""
_SHORTENED = re.compile(r"\s*\d(?:[.,]\d+)?E\+?\d+\s*", re.IGNORECASE)
_NUMBER_INSIDE = re.compile(r"(?:\d[\s().-]*){7,}")
DIGITS_OF_A_NUMBER = 7
NO_FAMILY = frozenset({PhoneNumberType.TOLL_FREE, PhoneNumberType.PREMIUM_RATE, PhoneNumberType.SHARED_COST})

ROLES: dict[str, str] = {
    **dict.fromkeys(
        ["family", "parent", "parents", "guardian", "guardians", "parent guardian", "legal guardian", "mother",
         "father", "mother father", "mom", "mum", "dad", "madre", "padre", "tutor", "tutora", "stepmother",
         "step mother",
         "stepfather", "step father", "step parent", "grandmother", "grandfather", "grandparent", "aunt", "uncle",
         "brother", "sister", "sibling", "relative", "foster parent", "host parent", "caregiver", "caretaker"],
        "family",
    ),
    **dict.fromkeys(["leader", "community leader", "family leader", "parent leader", "ambassador"], "leader"),
    **dict.fromkeys(
        ["staff", "teacher", "administrator", "aide", "proctor", "principal", "counselor", "employee",
         "district administrator", "site administrator", "system administrator", "paraprofessional"],
        "staff",
    ),
    **dict.fromkeys(["student", "child", "self", "pupil", "learner"], "student"),
}  # fmt: skip
CHANNELS = {
    **dict.fromkeys(["sms", "text", "texts", "text message", "texto", "cell", "phone"], "sms"),
    **dict.fromkeys(["whatsapp", "whats app", "wa"], "whatsapp"),
    **dict.fromkeys(["voice", "call", "calls", "phone call", "phone calls", "llamada", "llamadas"], "voice"),
}
YES = frozenset(
    {"yes", "y", "true", "t", "1", "x", "si", "sim", "oui", "wi", "given", "granted", "ok", "checked", "accepted",
     "opt in", "opted in"}
)  # fmt: skip
NO = frozenset(
    {"no", "n", "false", "f", "0", "non", "denied", "declined", "refused", "revoked", "withdrawn", "never",
     "opt out", "opted out"}
)  # fmt: skip
UNKNOWN = frozenset({"unknown", "n a", "na", "pending", "not asked", "none", "null", "not answered"})
LONGEST_BASIS, LONGEST_TAG = 80, 48
FORMATS = ("%Y-%m-%d", "%m/%d/%Y", "%m/%d/%y", "%m-%d-%Y", "%d/%m/%Y", "%Y/%m/%d", "%Y%m%d", "%b %d, %Y", "%B %d, %Y",
           "%d %b %Y", "%d %B %Y", "%m.%d.%Y", "%d.%m.%Y")  # fmt: skip
"""American first: 3/4/2026 is the fourth of March."""
OLDEST = date(1990, 1, 1)


def numbers(cell: str) -> list[str]:
    """Every telephone number of a cell, as E.164: several in one cell are several families."""
    if len(cell) > LONGEST_CELL:
        raise BadLine("the phone cell holds far more than a number: leave only the number in it")
    parts = [part for part in _SEVERAL.split(cell) if part.strip()]
    several = len(parts) > 1 and all(len(_DIGITS.findall(part)) >= DIGITS_OF_A_NUMBER for part in parts)
    return list(dict.fromkeys(number(part) for part in (parts if several else [cell])))


def number(text: str) -> str:
    """One telephone number as E.164, of a kind that a family has."""
    if _SHORTENED.fullmatch(text):
        raise BadLine("a spreadsheet has shortened the phone number: format the column as text, and export it again")
    parsed = _parsed_number(text)
    kind = phonenumbers.number_type(parsed)
    if kind == PhoneNumberType.UNKNOWN:
        raise BadLine(_wrong_with(parsed))
    if kind in NO_FAMILY:
        raise BadLine("the phone number is a toll-free or paid service number, no family's: give the family's own")
    if parsed.extension:
        raise BadLine("the phone number has an extension, where texts do not arrive: give a mobile number")
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def _parsed_number(text: str) -> phonenumbers.PhoneNumber:
    """What stands there, valid or not; the plain ways need no parser, which is most of the time of an import."""
    if plain := _AMERICAN.fullmatch(text):
        return phonenumbers.PhoneNumber(country_code=1, national_number=int("".join(plain.groups())))
    try:
        return phonenumbers.parse(_WORDS.sub(" ", text).strip(" #"), "US")
    except NumberParseException:
        raise BadLine("there is no phone number in the phone column: write it as 217-555-0123") from None


def _wrong_with(parsed: phonenumbers.PhoneNumber) -> str:
    reason = phonenumbers.is_possible_number_with_reason(parsed)
    if reason in (ValidationResult.TOO_SHORT, ValidationResult.IS_POSSIBLE_LOCAL_ONLY):
        return "the phone number has too few digits: write it with its area code"
    if reason == ValidationResult.TOO_LONG:
        return "the phone number has too many digits: look for a digit typed twice, or two numbers without a slash"
    return "the phone number is none that can exist: check its area code and digits"


def role(cell: str) -> str:
    """`family`, `leader`, `staff` or `student`."""
    found = ROLES.get(spaced(cell)) if cell.strip() else "family"
    if found is None:
        raise BadLine("the role is not known: write parent, guardian, leader, staff or student, or leave it empty")
    return found


def channel(cell: str, warn: Warn) -> tuple[str, ...]:
    """The channel that the file names; none if it names none."""
    if not cell.strip():
        return ()
    found = CHANNELS.get(normalise(cell))
    if found is None:
        warn("the channel is not known: write sms, whatsapp or voice; the family gets SMS")
    return (found,) if found else ()


def tags(cell: str, warn: Warn) -> tuple[str, ...]:
    """The tags of a cell, in small letters."""
    found = [" ".join(part.split()).casefold() for part in re.split(r"[,;|\n]", cell)]
    fine = [one for one in found if one and len(one) <= LONGEST_TAG and not _NUMBER_INSIDE.search(one)]
    if len(fine) < sum(1 for one in found if one):
        warn(f"a tag was left out: tags have up to {LONGEST_TAG} letters and hold no phone number")
    return tuple(dict.fromkeys(fine))


def bases(cell: str, usual: str, warn: Warn) -> tuple[str | None, ...]:
    """On what basis consent was given (None: it was refused); none at all where nobody knows."""
    said = " ".join(char for char in cell.split() if char.isprintable())
    plain = normalise(said)
    if not plain or plain in YES:
        return (usual,)
    if plain in NO:
        return (None,)
    if plain in UNKNOWN:
        warn("the consent is neither yes nor no: the family gets no announcements until it is")
        return ()
    return (_as_basis(said, usual, warn),)


def _as_basis(said: str, usual: str, warn: Warn) -> str:
    if _NUMBER_INSIDE.search(said):
        warn("the consent holds what looks like a phone number; it was not kept, the usual basis stands instead")
        return usual
    if len(said) > LONGEST_BASIS:
        warn(f"the consent is longer than {LONGEST_BASIS} letters: only its beginning is kept")
    return said[:LONGEST_BASIS]


def day(cell: str, today: date, warn: Warn) -> date | None:
    """The day of a consent; None where none is given or it cannot be read."""
    cell = cell if len(cell) <= LONGEST_CELL else "far too long for a day"
    text = cell.strip().split("T")[0] if re.match(r"\s*\d{4}-", cell) else cell.strip()
    text = re.sub(r"\s+\d{1,2}:\d\d.*$", "", text)
    if not text:
        return None
    found = _day(text)
    if found is None or not OLDEST <= found <= today:
        warn("the date of the consent cannot be read or lies ahead: write it as 2026-08-31; it counts as not given")
        return None
    return found


@lru_cache(maxsize=4096)  # most families of a file signed on one of a few hundred days
def _day(text: str) -> date | None:
    for pattern in FORMATS:
        try:
            return datetime.strptime(text, pattern).date()
        except ValueError:
            continue
    return None

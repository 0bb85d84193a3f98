"""What stands in the cells: numbers, roles, channels, tags, consent and its date.

Each raises `BadLine` where the line cannot be used, and takes `warn` where it can.
"""

import re
from collections.abc import Callable
from datetime import date, datetime

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberType, ValidationResult

from bot.base.text_normalization import normalize_text
from bot.roster.column_mapping import normalize_header
from bot.roster.report import BadLineError

WarnCallback = Callable[[str], None]

MAX_CELL_LENGTH = 120
_NUMBER_SEPARATOR_PATTERN = re.compile(r"[/;,|&\n]|\bor\b|\band\b", re.IGNORECASE)
_GAP = r"[\s().-]*"
_US_NUMBER_PATTERN = re.compile(rf"{_GAP}(?:\+?1{_GAP})?([2-9]\d\d){_GAP}([2-9]\d\d){_GAP}(\d{{4}}){_GAP}", re.ASCII)
_DIGIT_PATTERN = re.compile(r"\d")
_WORD_PATTERN = re.compile(r"\([^\d)]*\)|(?<![^\W\d_])(?!ext)[^\W\d_]{2,}", re.IGNORECASE)
"""Such as "(mom)": the library would take its letters for the digits of a keypad."""
_SCIENTIFIC_PATTERN = re.compile(r"\s*\d(?:[.,]\d+)?E\+?\d+\s*", re.IGNORECASE)
_EMBEDDED_NUMBER_PATTERN = re.compile(r"(?:\d[\s().-]*){7,}")
MIN_PHONE_DIGITS = 7
NON_FAMILY_NUMBER_TYPES = frozenset(
    {PhoneNumberType.TOLL_FREE, PhoneNumberType.PREMIUM_RATE, PhoneNumberType.SHARED_COST}
)

ROLE_BY_NAME: dict[str, str] = {
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
CHANNEL_BY_NAME = {
    **dict.fromkeys(["sms", "text", "texts", "text message", "texto", "cell", "phone"], "sms"),
    **dict.fromkeys(["whatsapp", "whats app", "wa"], "whatsapp"),
    **dict.fromkeys(["voice", "call", "calls", "phone call", "phone calls", "llamada", "llamadas"], "voice"),
}
CONSENT_YES_WORDS = frozenset(
    {"yes", "y", "true", "t", "1", "x", "si", "sim", "oui", "wi", "given", "granted", "ok", "checked", "accepted",
     "opt in", "opted in"}
)  # fmt: skip
CONSENT_NO_WORDS = frozenset(
    {"no", "n", "false", "f", "0", "non", "denied", "declined", "refused", "revoked", "withdrawn", "never",
     "opt out", "opted out"}
)  # fmt: skip
CONSENT_UNKNOWN_WORDS = frozenset({"unknown", "n a", "na", "pending", "not asked", "none", "null", "not answered"})
MAX_BASIS_LENGTH, MAX_TAG_LENGTH = 80, 48
DATE_FORMATS = (
    "%Y-%m-%d",
    "%m/%d/%Y",
    "%m/%d/%y",
    "%m-%d-%Y",
    "%d/%m/%Y",
    "%Y/%m/%d",
    "%Y%m%d",
    "%b %d, %Y",
    "%B %d, %Y",
    "%d %b %Y",
    "%d %B %Y",
    "%m.%d.%Y",
    "%d.%m.%Y",
)
"""American first: 3/4/2026 is the fourth of March."""
OLDEST_CONSENT_DATE = date(1990, 1, 1)


def parse_phones(cell: str) -> list[str]:
    """Every telephone number of a cell, as E.164: several in one cell are several families."""
    if len(cell) > MAX_CELL_LENGTH:
        raise BadLineError("the phone cell holds far more than a number: leave only the number in it")
    parts = [part for part in _NUMBER_SEPARATOR_PATTERN.split(cell) if part.strip()]
    several = len(parts) > 1 and all(len(_DIGIT_PATTERN.findall(part)) >= MIN_PHONE_DIGITS for part in parts)
    return list(dict.fromkeys(parse_phone(part) for part in (parts if several else [cell])))


def parse_phone(text: str) -> str:
    """One telephone number as E.164, of a kind that a family has."""
    if _SCIENTIFIC_PATTERN.fullmatch(text):
        raise BadLineError(
            "a spreadsheet has shortened the phone number: format the column as text, and export it again"
        )
    parsed = _parse_number(text)
    kind = phonenumbers.number_type(parsed)
    if kind == PhoneNumberType.UNKNOWN:
        raise BadLineError(_describe_number_problem(parsed))
    if kind in NON_FAMILY_NUMBER_TYPES:
        raise BadLineError("the phone number is a toll-free or paid service number, no family's: give the family's own")
    if parsed.extension:
        raise BadLineError("the phone number has an extension, where texts do not arrive: give a mobile number")
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def _parse_number(text: str) -> phonenumbers.PhoneNumber:
    """What stands there, valid or not; the plain ways need no parser, which is most of the time of an import."""
    if plain := _US_NUMBER_PATTERN.fullmatch(text):
        return phonenumbers.PhoneNumber(country_code=1, national_number=int("".join(plain.groups())))
    try:
        return phonenumbers.parse(_WORD_PATTERN.sub(" ", text).strip(" #"), "US")
    except NumberParseException:
        raise BadLineError("there is no phone number in the phone column: write it as 217-555-0123") from None


def _describe_number_problem(parsed: phonenumbers.PhoneNumber) -> str:
    reason = phonenumbers.is_possible_number_with_reason(parsed)
    if reason in (ValidationResult.TOO_SHORT, ValidationResult.IS_POSSIBLE_LOCAL_ONLY):
        return "the phone number has too few digits: write it with its area code"
    if reason == ValidationResult.TOO_LONG:
        return "the phone number has too many digits: look for a digit typed twice, or two numbers without a slash"
    return "the phone number is none that can exist: check its area code and digits"


def parse_role(cell: str) -> str:
    """`family`, `leader`, `staff` or `student`."""
    found = ROLE_BY_NAME.get(normalize_header(cell)) if cell.strip() else "family"
    if found is None:
        raise BadLineError("the role is not known: write parent, guardian, leader, staff or student, or leave it empty")
    return found


def parse_channels(cell: str, warn: WarnCallback) -> tuple[str, ...]:
    """The channel that the file names; none if it names none."""
    if not cell.strip():
        return ()
    found = CHANNEL_BY_NAME.get(normalize_text(cell))
    if found is None:
        warn("the channel is not known: write sms, whatsapp or voice; the family gets SMS")
    return (found,) if found else ()


def parse_tags(cell: str, warn: WarnCallback) -> tuple[str, ...]:
    """The tags of a cell, in small letters."""
    found = [" ".join(part.split()).casefold() for part in re.split(r"[,;|\n]", cell)]
    fine = [one for one in found if one and len(one) <= MAX_TAG_LENGTH and not _EMBEDDED_NUMBER_PATTERN.search(one)]
    if len(fine) < sum(1 for one in found if one):
        warn(f"a tag was left out: tags have up to {MAX_TAG_LENGTH} letters and hold no phone number")
    return tuple(dict.fromkeys(fine))


def parse_consent_bases(cell: str, usual: str, warn: WarnCallback) -> tuple[str | None, ...]:
    """On what basis consent was given (None: it was refused); none at all where nobody knows."""
    said = " ".join(char for char in cell.split() if char.isprintable())
    plain = normalize_text(said)
    if not plain or plain in CONSENT_YES_WORDS:
        return (usual,)
    if plain in CONSENT_NO_WORDS:
        return (None,)
    if plain in CONSENT_UNKNOWN_WORDS:
        warn("the consent is neither yes nor no: the family gets no announcements until it is")
        return ()
    return (_limit_basis(said, usual, warn),)


def _limit_basis(said: str, usual: str, warn: WarnCallback) -> str:
    if _EMBEDDED_NUMBER_PATTERN.search(said):
        warn("the consent holds what looks like a phone number; it was not kept, the usual basis stands instead")
        return usual
    if len(said) > MAX_BASIS_LENGTH:
        warn(f"the consent is longer than {MAX_BASIS_LENGTH} letters: only its beginning is kept")
    return said[:MAX_BASIS_LENGTH]


def parse_day(cell: str, today: date, warn: WarnCallback) -> date | None:
    """The day of a consent; None where none is given or it cannot be read."""
    cell = cell if len(cell) <= MAX_CELL_LENGTH else "far too long for a day"
    text = cell.strip().split("T")[0] if re.match(r"\s*\d{4}-", cell) else cell.strip()
    text = re.sub(r"\s+\d{1,2}:\d\d.*$", "", text)
    if not text:
        return None
    found = _parse_date(text)
    if found is None or not OLDEST_CONSENT_DATE <= found <= today:
        warn("the date of the consent cannot be read or lies ahead: write it as 2026-08-31; it counts as not given")
        return None
    return found


def _parse_date(text: str) -> date | None:
    for pattern in DATE_FORMATS:
        try:
            return datetime.strptime(text, pattern).date()
        except ValueError:
            continue
    return None

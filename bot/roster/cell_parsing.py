"""Parse the cells of a roster: numbers, roles, channels, tags, consent, and its date.

A function raises `BadLineError` if the line cannot be used, and calls `warn` if it can be used without the cell.
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
"""Words such as "(mom)", whose letters the library would read as keypad digits."""
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
"""American formats come first: 3/4/2026 is March 4."""
OLDEST_CONSENT_DATE = date(1990, 1, 1)


def parse_phones(cell: str) -> list[str]:
    """Return every phone number in a cell as E.164. Several numbers in one cell are several families."""
    if len(cell) > MAX_CELL_LENGTH:
        raise BadLineError("the phone cell contains more than a number: remove all other text")
    parts = [part for part in _NUMBER_SEPARATOR_PATTERN.split(cell) if part.strip()]
    if len(parts) < 2 or any(len(_DIGIT_PATTERN.findall(part)) < MIN_PHONE_DIGITS for part in parts):
        parts = [cell]
    return list(dict.fromkeys(parse_phone(part) for part in parts))


def parse_phone(text: str) -> str:
    """Return one phone number as E.164. Toll-free and paid service numbers are refused."""
    if _SCIENTIFIC_PATTERN.fullmatch(text):
        raise BadLineError(
            "a spreadsheet shortened the phone number: format the column as text, and export the file again"
        )
    parsed = _parse_number(text)
    kind = phonenumbers.number_type(parsed)
    if kind == PhoneNumberType.UNKNOWN:
        raise BadLineError(_describe_number_problem(parsed))
    if kind in NON_FAMILY_NUMBER_TYPES:
        raise BadLineError("the phone number is a toll-free or paid service number: enter the family's own number")
    if parsed.extension:
        raise BadLineError("the phone number has an extension, which cannot get texts: enter a mobile number")
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def _parse_number(text: str) -> phonenumbers.PhoneNumber:
    """Parse a number, valid or not. Plain US numbers skip the library, which would take most of an import's time."""
    if us_number := _US_NUMBER_PATTERN.fullmatch(text):
        return phonenumbers.PhoneNumber(country_code=1, national_number=int("".join(us_number.groups())))
    try:
        return phonenumbers.parse(_WORD_PATTERN.sub(" ", text).strip(" #"), "US")
    except NumberParseException:
        raise BadLineError("the phone column has no phone number: write it as 217-555-0123") from None


def _describe_number_problem(parsed: phonenumbers.PhoneNumber) -> str:
    reason = phonenumbers.is_possible_number_with_reason(parsed)
    if reason in (ValidationResult.TOO_SHORT, ValidationResult.IS_POSSIBLE_LOCAL_ONLY):
        return "the phone number has too few digits: write it with its area code"
    if reason == ValidationResult.TOO_LONG:
        return "the phone number has too many digits: check for a repeated digit, or separate two numbers with a slash"
    return "the phone number cannot exist: check its area code and digits"


def parse_role(cell: str) -> str:
    """Return `family`, `leader`, `staff`, or `student`. An empty cell means `family`."""
    if not cell.strip():
        return "family"
    role = ROLE_BY_NAME.get(normalize_header(cell))
    if role is None:
        raise BadLineError("the role is unknown: write parent, guardian, leader, staff, or student, or leave it empty")
    return role


def parse_channels(cell: str, warn: WarnCallback) -> tuple[str, ...]:
    """Return the channel of a cell, or () if it is empty or unknown."""
    if not cell.strip():
        return ()
    channel = CHANNEL_BY_NAME.get(normalize_text(cell))
    if channel is None:
        warn("the channel is unknown, so the family gets SMS: write sms, whatsapp, or voice")
        return ()
    return (channel,)


def parse_tags(cell: str, warn: WarnCallback) -> tuple[str, ...]:
    """Return the tags of a cell in lowercase."""
    tags = [" ".join(part.split()).casefold() for part in re.split(r"[,;|\n]", cell) if part.strip()]
    valid_tags = [tag for tag in tags if len(tag) <= MAX_TAG_LENGTH and not _EMBEDDED_NUMBER_PATTERN.search(tag)]
    if len(valid_tags) < len(tags):
        warn(f"a tag was skipped: tags have up to {MAX_TAG_LENGTH} letters and no phone number")
    return tuple(dict.fromkeys(valid_tags))


def parse_consent_bases(cell: str, default_basis: str, warn: WarnCallback) -> tuple[str | None, ...]:
    """Return the basis of a consent: (None,) for a refusal, and () if the consent is unknown."""
    text = " ".join(word for word in cell.split() if word.isprintable())
    plain = normalize_text(text)
    if not plain or plain in CONSENT_YES_WORDS:
        return (default_basis,)
    if plain in CONSENT_NO_WORDS:
        return (None,)
    if plain in CONSENT_UNKNOWN_WORDS:
        warn("the consent is neither yes nor no, so the family gets no announcements: write yes or no")
        return ()
    if _EMBEDDED_NUMBER_PATTERN.search(text):
        warn("the consent contains what looks like a phone number, so the default basis was saved instead")
        return (default_basis,)
    if len(text) > MAX_BASIS_LENGTH:
        warn(f"the consent is longer than {MAX_BASIS_LENGTH} letters, so only its beginning was saved")
    return (text[:MAX_BASIS_LENGTH],)


def parse_day(cell: str, today: date, warn: WarnCallback) -> date | None:
    """Return the date of a consent, or None if it is empty or cannot be read."""
    if len(cell) > MAX_CELL_LENGTH:
        cell = "too long for a date"
    text = cell.strip()
    if re.match(r"\d{4}-", text):
        text = text.split("T")[0]
    text = re.sub(r"\s+\d{1,2}:\d\d.*$", "", text)
    if not text:
        return None
    day = _parse_date(text)
    if day is None or not OLDEST_CONSENT_DATE <= day <= today:
        warn("the date of the consent is unreadable or in the future, so it was not used: write it as 2026-08-31")
        return None
    return day


def _parse_date(text: str) -> date | None:
    for pattern in DATE_FORMATS:
        try:
            return datetime.strptime(text, pattern).date()
        except ValueError:
            continue
    return None

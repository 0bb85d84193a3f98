"""Parse a family's text reply to an invitation: GO K7Q2MX, NOGO K7Q2MX, ASK K7Q2MX and a question, or CHECK K7Q2MX.

The words are the same Latin words in every language, so that one line fits every invitation. The code alone means yes.
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

from bot.messaging.command_request import CommandRequest

MEETING_CODE_LENGTH = 6
MEETING_CODE_REGEX = r"(?=\w*\d)[A-HJ-NP-Z2-9]{6}"
RSVP_PATTERN = re.compile(
    rf"(?:(?P<word>go|no\s?go|no|ask)\s*[:.,-]?\s*)?(?P<code>{MEETING_CODE_REGEX})(?:[\s:.,-]+(?P<rest>\S.*))?[\W_]*",
    re.IGNORECASE | re.DOTALL,
)
CODE_FIRST_PATTERN = re.compile(
    rf"(?P<code>{MEETING_CODE_REGEX})[\s:.,-]+(?P<word>go|no\s?go|ask)(?P<rest>(?:[\s:.,-]+\S.*)?[\W_]*)",
    re.IGNORECASE | re.DOTALL,
)
"""The code first: a phone shows "GO K7Q2MX" this way in a right-to-left line, and people type what they see."""
EDGE_PUNCTUATION_PATTERN = re.compile(r"^[\W_]+|[\W_]+$")
"""Quotes, stops, and the invisible right-to-left marks that a phone puts around a line."""
LEADING_PUNCTUATION_PATTERN = re.compile(r"^[\W_]+")
SHORT_YES_TEXTS = frozenset({"1", "go"})
MEETING_PAGE_PATH = "/m/"

RsvpReplyKind = Literal["yes", "no", "ask", "check", "short_yes"]


@dataclass(frozen=True)
class RsvpReply:
    """What a text says about a meeting.

    `attendee_count` is 0 where the text names no number. `has_keyword` is False for the bare code or "no", which can
    also be ordinary messages. A `short_yes` ("1" or "go") names no code.
    """

    kind: RsvpReplyKind
    code: str
    attendee_count: int = 0
    question: str = ""
    has_keyword: bool = True


def parse_request(request: CommandRequest) -> RsvpReply | None:
    """Return the reply that the whole text is, or None for any other message."""
    text, command = request.message.text, request.command
    if rsvp_reply := parse_reply(text):
        return rsvp_reply
    if command and command.kind == "check" and command.argument and MEETING_PAGE_PATH not in text:
        return RsvpReply("check", command.argument)
    plain = EDGE_PUNCTUATION_PATTERN.sub("", unicodedata.normalize("NFKC", text)).casefold()
    if plain in SHORT_YES_TEXTS:
        return RsvpReply("short_yes", "")
    return None


def parse_code_check(request: CommandRequest) -> str | None:
    """Return the code of "CHECK K7Q2MX" or of a message sent back ("" for CHECK alone), or None for anything else."""
    command = request.command
    if command and command.kind == "check":
        return command.argument
    return None


def parse_reply(text: str) -> RsvpReply | None:
    """Return the reply with a meeting code that the whole text is, or None."""
    plain = LEADING_PUNCTUATION_PATTERN.sub("", unicodedata.normalize("NFKC", text))
    code_first = CODE_FIRST_PATTERN.fullmatch(plain)
    if code_first:
        plain = f"{code_first['word']} {code_first['code']}{code_first['rest']}"
    match = RSVP_PATTERN.fullmatch(plain)
    if not match:
        return None
    word = re.sub(r"\s", "", match["word"] or "").casefold()
    code, rest = match["code"].upper(), (match["rest"] or "").strip()
    if word == "ask":
        return RsvpReply("ask", code, question=rest)
    rest = EDGE_PUNCTUATION_PATTERN.sub("", rest)
    is_no = word in ("no", "nogo")
    if rest and (is_no or not re.fullmatch(r"\d{1,2}", rest)):
        return None
    if is_no:
        return RsvpReply("no", code, has_keyword=word == "nogo")
    return RsvpReply("yes", code, int(rest or 0), has_keyword=bool(word))

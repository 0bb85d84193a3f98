"""What TwiML makes a telephone do, as steps that the page walks through one after the other.  Pure.

A step is plain data: what is heard (`say`, `play`, `pause`), what waits for the caller (`gather`, `record`), who is
rung (`dial`), where it goes on (`redirect`) and the end (`hangup`, also where the document just ends).
Defaults are Twilio's own (www.twilio.com/docs/voice/twiml, read November 2026).
"""

from typing import Any
from urllib.parse import urljoin, urlsplit
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

CALL_WEBHOOK_PATH = "/webhooks/twilio/voice"
"""Whatever the page names, nothing else of this program is posted to."""
PlayerStep = dict[str, Any]


class InvalidTwimlError(Exception):
    """The answer is no TwiML: Twilio would say that an application error has occurred."""


def parse_steps(document: str, document_path: str, base_url: str) -> list[PlayerStep]:
    """The steps of this answer, which came from the path `here`; `base` is the program's public address.

    Raises `NoTwiml`.
    """
    try:
        root = ElementTree.fromstring(document)
    except ElementTree.ParseError:
        raise InvalidTwimlError("The answer is no XML.") from None
    if root.tag != "Response":
        raise InvalidTwimlError("The answer is no TwiML: it begins with no <Response>.")
    parsed_steps = [step for verb in root for step in _parse_verb(verb, document_path, base_url)]
    return (
        parsed_steps
        if parsed_steps and parsed_steps[-1]["does"] in ("hangup", "redirect")
        else [*parsed_steps, {"does": "hangup"}]
    )


def _parse_verb(verb: Element, document_path: str, base_url: str) -> list[PlayerStep]:
    build_step = {"Say": _build_say_step, "Play": _build_play_step, "Pause": _build_pause_step}.get(verb.tag)
    if build_step:
        return [build_step(verb)]
    if verb.tag == "Gather":
        return [
            *(step for inner in verb for step in _parse_verb(inner, document_path, base_url)),
            _build_gather_step(verb, document_path, base_url),
        ]
    if verb.tag == "Record":
        keys = verb.get("finishOnKey", "1234567890*#")
        return [
            {"does": "record", "action": _resolve_path(verb.get("action"), document_path, base_url), "finish": keys}
        ]
    if verb.tag == "Dial":
        return [
            {
                "does": "dial",
                "to": _list_dialed_numbers(verb),
                "action": _resolve_path(verb.get("action"), document_path, base_url, is_dial=True),
            }
        ]
    if verb.tag == "Redirect":
        return [{"does": "redirect", "action": _resolve_path(verb.text, document_path, base_url)}]
    if verb.tag in ("Hangup", "Reject"):
        return [{"does": "hangup"}]
    return [{"does": "unknown", "text": f"<{verb.tag}>"}]


def _build_say_step(verb: Element) -> PlayerStep:
    is_slow = verb.find("prosody") is not None
    voice, language = verb.get("voice", "man"), verb.get("language", "en-US")
    return {"does": "say", "text": " ".join("".join(verb.itertext()).split()), "voice": voice, "lang": language} | (
        {"slowly": True} if is_slow else {}
    )


def _build_play_step(verb: Element) -> PlayerStep:
    return {"does": "play", "url": (verb.text or "").strip()}


def _build_pause_step(verb: Element) -> PlayerStep:
    return {"does": "pause", "seconds": _parse_number(verb.get("length"), 1)}


def _build_gather_step(verb: Element, document_path: str, base_url: str) -> PlayerStep:
    input_kinds = verb.get("input", "dtmf").split()
    return {
        "does": "gather",
        "action": _resolve_path(verb.get("action"), document_path, base_url),
        "keys": "dtmf" in input_kinds,
        "speech": "speech" in input_kinds,
        "lang": verb.get("language", "en-US"),
        "digits": _parse_number(verb.get("numDigits"), 0),
        "finish": verb.get("finishOnKey", "#"),
        "seconds": _parse_number(verb.get("timeout"), 5),
        "empty": verb.get("actionOnEmptyResult") == "true",
    }


def _list_dialed_numbers(verb: Element) -> str:
    numbers = [(target.text or "").strip() for target in verb if target.tag in ("Number", "Sip", "Client")]
    return ", ".join(numbers) or (verb.text or "").strip()


def _resolve_path(action: str | None, document_path: str, base_url: str, is_dial: bool = False) -> str:
    """Where a callback goes, as a path of this program: the document's own where no action is named (after a Dial
    without one the document goes on); empty for an address elsewhere."""
    if not action:
        return "" if is_dial else document_path
    url = urlsplit(urljoin(base_url + document_path, action.strip()))
    path = f"{url.path}?{url.query}" if url.query else url.path
    is_own_url = f"{url.scheme}://{url.netloc}" == base_url and url.path == CALL_WEBHOOK_PATH
    return path if is_own_url else ""


def _parse_number(text: str | None, default: int) -> int:
    return int(text) if text and text.isdecimal() else default

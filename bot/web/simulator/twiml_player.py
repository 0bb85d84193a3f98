"""Convert the TwiML of a call to steps that the simulator's page plays in order. Pure.

A step is plain data. `say`, `play`, and `pause` make sound. `gather` and `record` wait for the caller. `dial` calls a
number, `redirect` continues at a URL, and `hangup` ends the call, also at the end of the document.
Defaults are Twilio's own (www.twilio.com/docs/voice/twiml, read November 2026).
"""

from typing import Any
from urllib.parse import urljoin, urlsplit
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

CALL_WEBHOOK_PATH = "/webhooks/twilio/voice"
"""The only path to which the simulator posts callbacks of calls."""
PlayerStep = dict[str, Any]


class InvalidTwimlError(Exception):
    """The answer isn't TwiML. Twilio would say that an application error has occurred."""


def parse_steps(document: str, document_path: str, base_url: str) -> list[PlayerStep]:
    """Return the steps of an answer.

    Args:
        document: The TwiML.
        document_path: The path that gave the answer.
        base_url: Puente's public URL.

    Raises:
        InvalidTwimlError: If the answer isn't TwiML.
    """
    try:
        root = ElementTree.fromstring(document)
    except ElementTree.ParseError:
        raise InvalidTwimlError("The answer is not XML.") from None
    if root.tag != "Response":
        raise InvalidTwimlError("The answer is not TwiML: the root element is not <Response>.")
    parsed_steps = [step for verb in root for step in _parse_verb(verb, document_path, base_url)]
    if not parsed_steps or parsed_steps[-1]["does"] not in ("hangup", "redirect"):
        parsed_steps.append({"does": "hangup"})
    return parsed_steps


def _parse_verb(verb: Element, document_path: str, base_url: str) -> list[PlayerStep]:
    if verb.tag == "Gather":
        inner_steps = [step for inner in verb for step in _parse_verb(inner, document_path, base_url)]
        return [*inner_steps, _build_gather_step(verb, document_path, base_url)]
    return [_build_step(verb, document_path, base_url)]


def _build_step(verb: Element, document_path: str, base_url: str) -> PlayerStep:
    action = verb.get("action")
    if verb.tag == "Say":
        return _build_say_step(verb)
    if verb.tag == "Play":
        return {"does": "play", "url": (verb.text or "").strip()}
    if verb.tag == "Pause":
        return {"does": "pause", "seconds": _parse_number(verb.get("length"), 1)}
    if verb.tag == "Record":
        keys = verb.get("finishOnKey", "1234567890*#")
        return {"does": "record", "action": _resolve_path(action, document_path, base_url), "finish": keys}
    if verb.tag == "Dial":
        path = _resolve_path(action, document_path, base_url, is_dial=True)
        return {"does": "dial", "to": _list_dialed_numbers(verb), "action": path}
    if verb.tag == "Redirect":
        return {"does": "redirect", "action": _resolve_path(verb.text, document_path, base_url)}
    if verb.tag in ("Hangup", "Reject"):
        return {"does": "hangup"}
    return {"does": "unknown", "text": f"<{verb.tag}>"}


def _build_say_step(verb: Element) -> PlayerStep:
    step: PlayerStep = {
        "does": "say",
        "text": " ".join("".join(verb.itertext()).split()),
        "voice": verb.get("voice", "man"),
        "lang": verb.get("language", "en-US"),
    }
    if verb.find("prosody") is not None:
        step["slowly"] = True
    return step


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
    """Return the path of a callback, or "" for a URL that isn't Puente's.

    Without an action, it is the path of the document. After a `<Dial>` without an action, the document continues.
    """
    if not action and is_dial:
        return ""
    if not action:
        return document_path
    url = urlsplit(urljoin(base_url + document_path, action.strip()))
    if f"{url.scheme}://{url.netloc}" != base_url or url.path != CALL_WEBHOOK_PATH:
        return ""
    if url.query:
        return f"{url.path}?{url.query}"
    return url.path


def _parse_number(text: str | None, default: int) -> int:
    if text and text.isdecimal():
        return int(text)
    return default

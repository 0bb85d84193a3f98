"""What TwiML makes a telephone do, as steps that the page walks through one after the other.  Pure.

A step is plain data: what is heard (`say`, `play`, `pause`), what waits for the caller (`gather`, `record`), who is
rung (`dial`), where it goes on (`redirect`) and the end (`hangup`, also where the document just ends).
Defaults are Twilio's own (www.twilio.com/docs/voice/twiml, read November 2026).
"""

from typing import Any
from urllib.parse import urljoin, urlsplit
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

DOOR = "/webhooks/twilio/voice"
"""Whatever the page names, nothing else of this program is posted to."""
Step = dict[str, Any]


class NoTwiml(Exception):
    """The answer is no TwiML: Twilio would say that an application error has occurred."""


def steps(document: str, here: str, base: str) -> list[Step]:
    """The steps of this answer, which came from the path `here`; `base` is the program's public address.

    Raises `NoTwiml`.
    """
    try:
        root = ElementTree.fromstring(document)
    except ElementTree.ParseError:
        raise NoTwiml("The answer is no XML.") from None
    if root.tag != "Response":
        raise NoTwiml("The answer is no TwiML: it begins with no <Response>.")
    found = [step for verb in root for step in _steps(verb, here, base)]
    return found if found and found[-1]["does"] in ("hangup", "redirect") else [*found, {"does": "hangup"}]


def _steps(verb: Element, here: str, base: str) -> list[Step]:
    heard = {"Say": _say, "Play": _play, "Pause": _pause}.get(verb.tag)
    if heard:
        return [heard(verb)]
    if verb.tag == "Gather":
        return [*(step for inner in verb for step in _steps(inner, here, base)), _gather(verb, here, base)]
    if verb.tag == "Record":
        keys = verb.get("finishOnKey", "1234567890*#")
        return [{"does": "record", "action": _path(verb.get("action"), here, base), "finish": keys}]
    if verb.tag == "Dial":
        return [{"does": "dial", "to": _dialed(verb), "action": _path(verb.get("action"), here, base, dial=True)}]
    if verb.tag == "Redirect":
        return [{"does": "redirect", "action": _path(verb.text, here, base)}]
    if verb.tag in ("Hangup", "Reject"):
        return [{"does": "hangup"}]
    return [{"does": "unknown", "text": f"<{verb.tag}>"}]


def _say(verb: Element) -> Step:
    slow = verb.find("prosody") is not None
    voice, language = verb.get("voice", "man"), verb.get("language", "en-US")
    return {"does": "say", "text": " ".join("".join(verb.itertext()).split()), "voice": voice, "lang": language} | (
        {"slowly": True} if slow else {}
    )


def _play(verb: Element) -> Step:
    return {"does": "play", "url": (verb.text or "").strip()}


def _pause(verb: Element) -> Step:
    return {"does": "pause", "seconds": _number(verb.get("length"), 1)}


def _gather(verb: Element, here: str, base: str) -> Step:
    kinds = verb.get("input", "dtmf").split()
    return {
        "does": "gather",
        "action": _path(verb.get("action"), here, base),
        "keys": "dtmf" in kinds,
        "speech": "speech" in kinds,
        "lang": verb.get("language", "en-US"),
        "digits": _number(verb.get("numDigits"), 0),
        "finish": verb.get("finishOnKey", "#"),
        "seconds": _number(verb.get("timeout"), 5),
        "empty": verb.get("actionOnEmptyResult") == "true",
    }


def _dialed(verb: Element) -> str:
    numbers = [(one.text or "").strip() for one in verb if one.tag in ("Number", "Sip", "Client")]
    return ", ".join(numbers) or (verb.text or "").strip()


def _path(action: str | None, here: str, base: str, dial: bool = False) -> str:
    """Where a callback goes, as a path of this program: the document's own where no action is named (after a Dial
    without one the document goes on); empty for an address elsewhere."""
    if not action:
        return "" if dial else here
    whole = urlsplit(urljoin(base + here, action.strip()))
    path = f"{whole.path}?{whole.query}" if whole.query else whole.path
    ours = f"{whole.scheme}://{whole.netloc}" == base and whole.path == DOOR
    return path if ours else ""


def _number(text: str | None, otherwise: int) -> int:
    return int(text) if text and text.isdecimal() else otherwise

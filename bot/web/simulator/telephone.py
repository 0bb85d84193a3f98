"""TwiML of a call as a phone acts on it: a list of steps, each as plain data.  Pure."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin, urlsplit
from xml.etree import ElementTree

from bot.web.simulator.sounds import NotOurs

Step = dict[str, Any]


def steps(twiml: str, base: str) -> list[Step]:
    """What happens in a call, in order; `base` is where its callbacks must go.

    A step is `{"do": "say" | "play" | "pause" | "gather" | "record" | "dial" | "redirect" | "hangup", …}`; addresses of
    callbacks are paths of this program.  Raises `NotOurs` for a callback that goes elsewhere.
    """
    return [step for verb in ElementTree.fromstring(twiml) for step in _step(verb, base)]


def _step(verb: ElementTree.Element, base: str) -> Iterator[Step]:
    given = verb.attrib
    if verb.tag == "Say":
        voice = {name: given.get(name, "") for name in ("voice", "language")}
        yield {"do": "say", "text": "".join(verb.itertext()), "slowly": verb.find("prosody") is not None, **voice}
    elif verb.tag == "Play":
        yield {"do": "play", "url": _path(verb.text or "", base)}
    elif verb.tag == "Pause":
        yield {"do": "pause", "seconds": int(given.get("length", "1"))}
    elif verb.tag == "Gather":
        yield _gather(verb, base)
    elif verb.tag == "Record":
        yield {"do": "record", "action": _path(given.get("action", ""), base), "ends": given.get("finishOnKey", "")}
    elif verb.tag == "Dial":
        yield {"do": "dial", "number": "".join(verb.itertext()), "action": _path(given.get("action", ""), base)}
    elif verb.tag == "Redirect":
        yield {"do": "redirect", "action": _path(verb.text or "", base)}
    elif verb.tag in ("Hangup", "Reject"):
        yield {"do": "hangup"}
    else:
        raise NotOurs(f"This phone does not know <{verb.tag}>.")


def _gather(verb: ElementTree.Element, base: str) -> Step:
    given = verb.attrib
    return {
        "do": "gather",
        "steps": [step for inner in verb for step in _step(inner, base)],
        "action": _path(given.get("action", ""), base),
        "digits": int(given.get("numDigits", "0")),
        "ends": given.get("finishOnKey", "#"),
        "hears": given.get("language", "") if "speech" in given.get("input", "dtmf") else "",
        "seconds": int(given.get("timeout", "5")),
        "empty": given.get("actionOnEmptyResult") == "true",
    }


def _path(url: str, base: str) -> str:
    """The path of an address of ours; empty for none."""
    if not url:
        return ""
    whole = urljoin(f"{base}/", url.strip())
    if not whole.startswith(f"{base}/"):
        raise NotOurs("A callback goes to another address than PUBLIC_URL.")
    parts = urlsplit(whole)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path

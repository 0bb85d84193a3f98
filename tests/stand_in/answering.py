"""Play calls: a phone rings, someone picks up and presses a key, or someone calls the app."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urljoin
from xml.etree import ElementTree

from tests.twiml.checking import check

from .calls import Call
from .inbound import COMPUTED, read_twiml
from .records import Callback, new_sid
from .signing import sign
from .wire import post

ENDS = ("busy", "no-answer", "failed", "canceled")
EVENT_OF = {"in-progress": "answered", "completed": "completed", **dict.fromkeys(ENDS, "completed")}


@dataclass(frozen=True)
class Heard:
    """An answer of the app to a call: the texts while a key can be pressed (`asked`), and after that (`said`)."""

    status: int | None
    text: str
    error: int | None
    asked: list[str]
    said: list[str]
    languages: set[str]
    action: str | None
    seconds: int | None
    hangs_up: bool

    @property
    def words(self) -> str:
        """Return all texts of the answer, in order."""
        return " ".join(self.asked + self.said)


@dataclass(frozen=True)
class Line:
    """The connection of an account to the app: the account that signs, and the local URL of the app."""

    account_sid: str
    auth_token: str
    reach: Mapping[str, str]

    def ask(self, url: str, params: Mapping[str, str], signature: str | None = COMPUTED) -> Heard:
        """Post a callback of a call to the app, as Twilio does, and return its answer."""
        form = {"AccountSid": self.account_sid, "ApiVersion": "2010-04-01", **params}
        if signature == COMPUTED:
            signature = sign(self.auth_token, url, form)
        headers = {} if signature is None else {"X-Twilio-Signature": signature}
        answer = post(url, urlencode(form).encode(), headers, self.reach)
        return read_voice(answer.status, answer.content_type, answer.text)

    def report(self, call: Call, status: str) -> Callback | None:
        """Post the status callback if the call requested one for this event."""
        call.status = status
        if not call.status_callback or EVENT_OF.get(status, status) not in call.events:
            return None
        form = {**form_of(call), "AccountSid": self.account_sid, "CallbackSource": "call-progress-events"}
        headers = {"X-Twilio-Signature": sign(self.auth_token, call.status_callback, form)}
        answer = post(call.status_callback, urlencode(form).encode(), headers, self.reach)
        return Callback(call.status_callback, form, "", answer.status, answer.text[:2000], time.time())

    def pick_up(self, call: Call, press: str | None = None, machine: bool = False) -> Iterator[Heard | Callback | None]:
        """Let a person or a machine answer, listen, and press a key if the call asks for one. Then the call ends."""
        if "MachineDetection" in call.params:
            call.answered_by = "machine_end_beep" if machine else "human"
        for status in ("initiated", "ringing", "in-progress"):
            yield self.report(call, status)
        heard = self.ask(call.url, form_of(call)) if call.url else read_voice(200, "text/xml", call.twiml)
        yield heard
        if press is not None and heard.action is not None:
            yield self.ask(urljoin(call.url, heard.action), {**form_of(call), "Digits": press})
        yield self.report(call, "completed")

    def miss(self, call: Call, how: str) -> Iterator[Callback | None]:
        """End the call without an answer, with one of ENDS."""
        if how not in ENDS:
            raise ValueError(f"no such end of a call: {how}")
        for status in ("initiated", how) if how in ("failed", "canceled") else ("initiated", "ringing", how):
            yield self.report(call, status)


def form_of(call: Call) -> dict[str, str]:
    """Return the form of a call that Twilio posts in each callback."""
    form = {"CallSid": call.sid, "CallStatus": call.status, "Direction": "outbound-api"}
    form |= {"From": call.sender, "Caller": call.sender, "To": call.to, "Called": call.to}
    if call.answered_by and call.status in ("in-progress", "completed"):
        form["AnsweredBy"] = call.answered_by
    return form


def form_of_inbound(caller: str, line: str, **more: str) -> dict[str, str]:
    """Return the form that Twilio posts for an incoming call."""
    parties = {"From": caller, "Caller": caller, "To": line, "Called": line, "FromCity": "SEATTLE", "FromState": "WA"}
    return {"CallSid": new_sid("CA"), "CallStatus": "ringing", "Direction": "inbound", **parties, **more}


def read_voice(status: int | None, content_type: str, text: str) -> Heard:
    """Parse an answer as TwiML for voice."""
    _, error = read_twiml(status, content_type, text)
    if error is None and text:
        check(text, "Voice")
    root = ElementTree.fromstring(text) if error is None and text else ElementTree.Element("Response")
    gather = root.find("Gather")
    attributes: dict[str, Any] = {} if gather is None else gather.attrib
    return Heard(
        status=status,
        text=text,
        error=error,
        asked=[] if gather is None else [_words(verb) for verb in gather.findall("Say")],
        said=[_words(verb) for verb in root.findall("Say")],
        languages={verb.get("language", "") for verb in root.iter("Say")},
        action=attributes.get("action"),
        seconds=int(attributes["timeout"]) if "timeout" in attributes else None,
        hangs_up=root.find("Hangup") is not None,
    )


def _words(verb: ElementTree.Element) -> str:
    return "".join(verb.itertext())

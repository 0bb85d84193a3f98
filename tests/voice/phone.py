"""A caller's phone for tests: it posts what Twilio posts, signed, and hears what Twilio would say."""

import secrets
from dataclasses import asdict, dataclass, field, replace
from xml.etree import ElementTree

from flask.testing import FlaskClient

from bot.base.database import now
from bot.flows.dialog_state import DialogState, start_flow
from bot.messaging.reply_context import build_flow_context
from bot.runtime import Runtime
from bot.store.families import contacts
from tests.conftest import PUBLIC
from tests.stand_in import sign

URL = "/webhooks/twilio/voice"
CALL = "CA" + "7" * 32
LETTERS_A_SECOND, RECORDING_SECONDS = 12, 10
"""About as fast as Twilio's voices speak; the length of a sentence's recording."""


@dataclass
class Phone:
    """A caller: `press`, `speak`, and `wait` answer the last prompt."""

    client: FlaskClient
    runtime: Runtime
    number: str = "+12175550177"
    sid: str = CALL
    root: ElementTree.Element = field(default_factory=lambda: ElementTree.Element("Response"))
    knew: str = ""
    """The last known language of the caller."""

    def ask(self, path: str, **form: str) -> str:
        """Post this callback, signed; return everything that is spoken."""
        given = {"CallSid": self.sid, "From": self.number, "To": "+12175550100", "Direction": "inbound", **form}
        signature = sign(self.runtime.settings.twilio_auth_token, PUBLIC + path, given)
        answer = self.client.post(path, data=given, headers={"X-Twilio-Signature": signature})
        assert answer.status_code == 200 and answer.mimetype == "text/xml"
        self.root = ElementTree.fromstring(answer.text)
        return self.words

    def ring(self) -> str:
        return self.ask(URL)

    def press(self, digits: str) -> str:
        return self.ask(self.on, Digits=digits)

    def speak(self, text: str) -> str:
        return self.ask(self.on, SpeechResult=text)

    def record(self, url: str) -> str:
        return self.ask(self.on, RecordingUrl=url, RecordingDuration="4")

    def wait(self) -> str:
        return self.ask(self.on)

    @property
    def on(self) -> str:
        """Where Twilio continues."""
        found = next(one.get("action") for one in self.root.iter() if one.get("action"))
        return (found or "").removeprefix(PUBLIC)

    @property
    def words(self) -> str:
        return " ".join("".join(one.itertext()) for one in self.root.iter("Say"))

    @property
    def voices(self) -> set[str]:
        return {one.get("language", "") for one in self.root.iter("Say")}

    def has(self, verb: str) -> bool:
        return self.root.find(verb) is not None

    @property
    def goes_on(self) -> bool:
        """Whether the call waits for a key, for words, or for a recording."""
        return any(one.get("action") for one in self.root.iter())

    def reads(self) -> str:
        """The language of this number in the database; "" before one is chosen."""
        with self.runtime.database.read() as db:
            return contacts.find_language(db, f"voice:{self.number}") or ""

    def seconds_before_a_key(self) -> float:
        """About how long the call talks while no key works, including pauses."""
        seconds = 0.0
        for one in self.root:
            if one.tag in ("Gather", "Record"):
                break
            seconds += len("".join(one.itertext())) / LETTERS_A_SECOND if one.tag == "Say" else 0
            seconds += float(one.get("length", "0")) if one.tag == "Pause" else 0
            seconds += RECORDING_SECONDS if one.tag == "Play" else 0
        return seconds


def start_in_flow(phone: Phone, language: str, flow: str) -> None:
    """Put the caller in this language and at the first question of this flow (or after its end)."""
    runtime = phone.runtime
    phone.ask(f"/webhooks/twilio/voice?page={runtime.library.district.languages.index(language) // 8}",
              Digits=str(runtime.library.district.languages.index(language) % 8 + 1))  # fmt: skip
    family, owner = runtime.compute_lookup_hash(f"voice:{phone.number}"), secrets.token_hex(8)
    standing = runtime.conversations.lock_for_outgoing(family, owner)
    assert standing is not None
    world = build_flow_context(runtime.library, now(), {"language": language, "channel": "voice"})
    talk, _effects = start_flow(world, DialogState(language=language), flow)
    runtime.conversations.save_outgoing(family, owner, replace(standing, talk=asdict(talk)))
    runtime.conversations.release(family, owner)

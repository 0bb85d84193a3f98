"""Families and staff who write during the faults; each repeats a message until it is answered, as Twilio would."""

import re
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import requests

from tests.faults.line import Line
from tests.faults.schedule import Act
from tests.stand_in import sign

GIVE_UP_SECONDS = 180
"""Seconds until a message counts as lost. Twilio itself retries once and then uses the fallback address."""
WAIT = 15


@dataclass
class Answered:
    """The result of an act: last status, answer, number of posts, time of the answer (0: never).

    `early`: staff claimed a case before their first alert; the case may not have existed.
    """

    act: Act
    text: str
    reply: str = ""
    status: int = 0
    tries: int = 0
    at: float = 0.0
    early: bool = False


@dataclass
class Traffic:
    """Runs all acts of a schedule, each in its own thread."""

    line: Line
    answered: list[Answered] = field(default_factory=list)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self, acts: Sequence[Act]) -> None:
        """Start and return at once."""
        began = time.monotonic()
        self._threads = [threading.Thread(target=self._act, args=(act, began + act.at), daemon=True) for act in acts]
        for thread in self._threads:
            thread.start()

    def wait(self) -> None:
        """Wait until everyone is answered or has given up."""
        for thread in self._threads:
            thread.join()

    def _act(self, act: Act, when: float) -> None:
        time.sleep(max(0.0, when - time.monotonic()))
        one = self._taking(act) if act.text == "TAKE" else Answered(act, act.text)
        self.answered.append(one)
        until = time.monotonic() + GIVE_UP_SECONDS
        while not one.at and time.monotonic() < until:
            self.post(one)
            if 400 <= one.status < 500:
                return
            time.sleep(0 if one.at else 0.5)

    def _taking(self, act: Act) -> Answered:
        """Return the newest case in this phone's alerts; without any alert, the first case."""
        numbers = self.line.alerts(act.sender)
        return Answered(act, f"TAKE {numbers[-1] if numbers else 1}", early=not numbers)

    def post(self, one: Answered) -> None:
        """Post it once, as Twilio does; `at` is the time of the first good answer."""
        form = {"MessageSid": one.act.sid, "From": one.act.sender, "Body": one.text}
        form["AccountSid"] = self.line.twilio.account_sid
        url = f"{self.line.public}/webhooks/twilio/messages"
        one.tries += 1
        try:
            headers = {"X-Twilio-Signature": sign(self.line.twilio.auth_token, url, form)}
            answer = requests.post(url, form, headers=headers, timeout=WAIT)
        except requests.RequestException:
            one.status = 0
            return
        one.status = answer.status_code
        if answer.status_code == 200 and not one.at:
            one.at, one.reply = time.time(), answer.text


def get_shown_text(reply: str) -> str:
    """Return what a phone shows of an answer."""
    return re.sub(r"<[^>]+>", "", reply).strip()

"""Families and staff who write while the line is struck, each again until it is answered, as Twilio would."""

import re
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import requests

from tests.faults.line import Line
from tests.faults.schedule import Act
from tests.stand_in import sign

PATIENCE = 180
"""Seconds until a message counts as lost; Twilio itself tries once more and then asks the fallback address."""
WAIT = 15


@dataclass
class Answered:
    """What came of an act: the last status, the answer, how often it was posted, when the answer came (0: never).

    `early`: staff who took a case before they were told of any; the case may not have been there.
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
    """All acts of a schedule, each in a thread of its own."""

    line: Line
    answered: list[Answered] = field(default_factory=list)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self, acts: Sequence[Act]) -> None:
        """Begin; returns at once."""
        began = time.monotonic()
        self._threads = [threading.Thread(target=self._act, args=(act, began + act.at), daemon=True) for act in acts]
        for thread in self._threads:
            thread.start()

    def wait(self) -> None:
        """Until everybody is answered or has given up."""
        for thread in self._threads:
            thread.join()

    def _act(self, act: Act, when: float) -> None:
        time.sleep(max(0.0, when - time.monotonic()))
        one = self._taking(act) if act.text == "TAKE" else Answered(act, act.text)
        self.answered.append(one)
        until = time.monotonic() + PATIENCE
        while not one.at and time.monotonic() < until:
            self.post(one)
            if 400 <= one.status < 500:
                return
            time.sleep(0 if one.at else 0.5)

    def _taking(self, act: Act) -> Answered:
        """The newest case that this phone was told of; staff who were told of none ask for the first."""
        numbers = self.line.alerts(act.sender)
        return Answered(act, f"TAKE {numbers[-1] if numbers else 1}", early=not numbers)

    def post(self, one: Answered) -> None:
        """Post it once, as Twilio does; `at` is set with the first good answer."""
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


def words(reply: str) -> str:
    """What a phone shows of an answer."""
    return re.sub(r"<[^>]+>", "", reply).strip()

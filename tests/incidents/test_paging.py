"""Messages between the desk and alerted staff, and the mark on every drill message."""

from collections.abc import Callable

from bot.runtime import Runtime
from tests.conftest import Family
from tests.incidents.conftest import IRIS, SAM
from tests.stand_in import TwilioStandIn

Phone = Callable[[str], Family]
Worker = Callable[[], None]


def _ask_as_principal(phone: Phone, worker: Worker, word: str) -> str:
    """Start as the front office; claim and write to the desk as the principal; return the principal's reply."""
    phone(IRIS).text(word)
    worker()
    phone(SAM).text("TAKE 1")
    answer = phone(SAM).text("1 Keep them in the front office. How many are they?")
    worker()
    return answer


def test_message_from_principal_to_desk_in_drill_is_marked(
    live: Runtime, phone: Phone, twilio: TwilioStandIn, worker: Worker
) -> None:
    answer = _ask_as_principal(phone, worker, "DRILL")
    assert answer.startswith("DRILL, not real.") and "to the front office" in answer
    read = next(one.body for one in twilio.sent_to(IRIS) if "How many are they?" in one.body)
    assert read.startswith("DRILL, not real.")
    phone(IRIS).text("OVER")
    worker()
    assert all(one.body.startswith("DRILL, not real.") for one in twilio.sent_to(IRIS)), "no word of a family's helper"


def test_message_in_real_incident_is_unmarked_and_asker_sees_the_reply(
    live: Runtime, phone: Phone, twilio: TwilioStandIn, worker: Worker
) -> None:
    _ask_as_principal(phone, worker, "ICE")
    read = next(one.body for one in twilio.sent_to(IRIS) if "How many are they?" in one.body)
    assert "DRILL" not in read
    phone(IRIS).text("two, at the counter")
    phone(IRIS).text("one has a paper")
    worker()
    told = [one.body for one in twilio.sent_to(SAM) if "the front office has written in case 1" in one.body]
    assert len(told) == 1 and "counter" not in told[0] and "/console/agents/1" in told[0]
    assert "until it replies OVER" in phone(SAM).text("DONE 1"), "texts to staff never name END, which means STOP"

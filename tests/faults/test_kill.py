"""kill -9 between any two steps: no escalation is lost or sent twice. All processes are real."""

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.line import Line, running

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]
DANA, SAM = "+12175550143", "+12175550144"
"""The two people who are on call for the safety lead."""
EMERGENCY = "ICE agents are at my door right now"


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    with running(tmp_path_factory.mktemp("line").resolve()) as line:
        yield line


def are_both_alerted(line: Line, how_many: int) -> bool:
    return all(len(set(line.alerts(phone))) >= how_many for phone in (DANA, SAM))


def is_each_alerted_once(line: Line) -> bool:
    return all(max(Counter(line.alerts(phone)).values()) == 1 for phone in (DANA, SAM))


def test_alert_survives_kill_of_worker_and_work_horse(line: Line) -> None:
    before = len(line.alerts(DANA))
    line.twilio.arrange("fail_next", kind="hang", to=DANA, seconds=60)
    line.tell("+12175550151", EMERGENCY)
    line.until(lambda: len(line.alerts(SAM)) > before, 20)
    time.sleep(1)
    assert line.kill("worker") >= 3, "two workers and a work-horse"
    seconds = line.until(lambda: len(line.alerts(DANA)) > before, 90)
    print(f"\nfrom kill -9 of worker and work-horse to the alert sent: {seconds:.0f} s")
    assert is_each_alerted_once(line)


def test_kill_after_twilio_accepts_sends_no_duplicate(line: Line) -> None:
    before = len(line.alerts(DANA))
    line.twilio.arrange("plan", none=True)  # no callback arrives
    line.twilio.arrange("fail_next", kind="slow_after_accept", to=DANA, seconds=60)
    line.tell("+12175550152", EMERGENCY)
    line.until(lambda: len(line.alerts(DANA)) > before, 20)
    line.kill("worker")
    time.sleep(55)  # the lease, a sweep, and a look-up in the list
    assert len(line.alerts(DANA)) == before + 1 and is_each_alerted_once(line)
    line.twilio.arrange("plan", none=False)


@pytest.mark.parametrize("kind", ["redis", "scheduler", "web"])
def test_kill_right_after_the_message_loses_nothing(line: Line, kind: str) -> None:
    before = len(line.alerts(DANA))
    line.tell(f"+1217555016{len(kind)}", EMERGENCY)
    assert line.kill(kind) >= 1
    line.until(lambda: are_both_alerted(line, before + 1), 90)
    line.until(line.ready, 60)
    assert is_each_alerted_once(line)


def test_many_emergencies_survive_many_kills(line: Line) -> None:
    """Families write, and write again if nobody answers, while parts of the service are killed at random."""
    chance = random.Random(20261124)
    before = len(set(line.alerts(DANA)))
    families = [f"+121755502{number:02d}" for number in range(30)]
    writers = [threading.Thread(target=line.tell, args=(family, EMERGENCY)) for family in families]
    for number, writer in enumerate(writers):
        writer.start()
        time.sleep(0.4)
        if number % 3 == 0:
            line.kill(chance.choice(["web", "worker", "scheduler", "redis"]))
    for writer in writers:
        writer.join()
    line.until(lambda: are_both_alerted(line, before + len(families)), 150)
    time.sleep(15)  # anything a sweep would send twice
    assert is_each_alerted_once(line)
    assert len(set(line.alerts(DANA))) == before + len(families)


def test_killing_and_restarting_everything_loses_nothing(tmp_path: Path) -> None:
    folder = tmp_path.resolve()
    with running(folder) as line:
        line.kill("worker")
        line.tell("+12175550153", EMERGENCY)
        for kind in ("web", "worker", "scheduler", "redis"):
            line.kill(kind)
    with running(folder) as again:
        again.until(lambda: are_both_alerted(again, 1), 60)
        assert is_each_alerted_once(again)

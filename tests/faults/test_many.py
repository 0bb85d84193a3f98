"""Two hundred emergencies at once, two workers: every first alert within a minute, no duplicates, none lost."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.line import Line, running
from tests.faults.test_kill import DANA, EMERGENCY, SAM, is_each_alerted_once

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]
MANY = 200


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    with running(tmp_path.resolve()) as line:
        yield line


def text_all_at_once(line: Line, first: int) -> list[threading.Thread]:
    """Text an emergency from all families at the same moment; return the running threads."""
    families = [f"+1217556{first + number:04d}" for number in range(MANY)]
    writers = [threading.Thread(target=line.tell, args=(family, EMERGENCY)) for family in families]
    for writer in writers:
        writer.start()
    return writers


def are_all_alerted(line: Line) -> bool:
    return all(len(set(line.alerts(phone))) == MANY for phone in (DANA, SAM))


def test_all_first_alerts_leave_within_a_minute(line: Line) -> None:
    started = time.monotonic()
    writers = text_all_at_once(line, 0)
    line.until(lambda: are_all_alerted(line), 60)
    print(f"\n{MANY} emergencies at once: all first alerts handed over in {time.monotonic() - started:.0f} s")
    for writer in writers:
        writer.join()
    assert is_each_alerted_once(line)


def test_killing_worker_and_redis_midway_loses_and_repeats_nothing(line: Line) -> None:
    started = time.monotonic()
    writers = text_all_at_once(line, 1000)
    line.until(lambda: len(line.alerts(DANA)) > MANY // 10, 60)
    assert line.kill("worker", most=1) == 1 and line.kill("redis") >= 1
    line.until(lambda: are_all_alerted(line), 240)
    print(f"\nwith a worker and Redis killed in the middle: {time.monotonic() - started:.0f} s")
    for writer in writers:
        writer.join()
    time.sleep(35)  # by now, a sweep has checked everything that dead workers had claimed
    assert is_each_alerted_once(line), Counter(line.alerts(DANA)).most_common(3)

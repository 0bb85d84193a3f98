"""A front office texts ICE to the whole service with real processes: how long until on-call staff have the alert."""

from collections.abc import Iterator

import pytest

from tests.faults.line import Line, running

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]
IRIS, CHAIN = "+12175550183", ("+12175550144", "+12175550151", "+12175550181")
"""The front office of Lincoln; its principal, the superintendent's office, counsel."""


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    with running(tmp_path_factory.mktemp("agents").resolve()) as line:
        yield line


@pytest.mark.parametrize("word", ["DRILL", "ICE"])
def test_on_call_staff_are_alerted_within_a_minute(line: Line, word: str) -> None:
    before = len(line.alerts(CHAIN[0]))
    line.tell(IRIS, word)
    seconds = line.until(lambda: all(len(line.alerts(phone)) > before for phone in CHAIN), 60)
    print(f"\n{word}: principal, superintendent and counsel paged after {seconds:.1f} s")
    line.tell(IRIS, "MISTAKE")

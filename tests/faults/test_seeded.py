"""Two hundred faults and more, by seeds: each line is struck some forty times, then everything must hold.

`PUENTE_FAULTS=2000` strikes more often.  Each seed is a command that repeats it; a failure prints it.
"""

import json
import os
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from bot.base.settings import ROOT
from tests.databases import program
from tests.faults.schedule import KINDS, schedule

pytestmark = [pytest.mark.long, pytest.mark.timeout(0)]
A_LINE = 36
"""Faults of one seed: a line's start and its settling cost two minutes, however often it is struck."""
SIDE_BY_SIDE = 2
SECONDS = 900
"""For one seed; generous, so that a busy machine fails nobody."""

UNSETTLED = ("announced 0 times", "the announcement is ", "stuck: ", "left in Redis: ", "queue ", "not alerted: ")
"""What a machine that is too slow explains; whatever else does not hold fails at once."""


def test_seed_determines_the_schedule() -> None:
    assert schedule(7, A_LINE) == schedule(7, A_LINE) != schedule(8, A_LINE)
    assert {fault.kind for fault in schedule(7, A_LINE).faults} == set(KINDS)


def test_invariants_hold_after_two_hundred_faults() -> None:
    program("pg_ctl")  # skipped with a sentence, or failed, where there is no PostgreSQL
    wanted = int(os.environ.get("PUENTE_FAULTS", "200"))
    seeds = range(1, -(-wanted // A_LINE) + 1)
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        ended = list(pool.map(once_more_if_slow, seeds))
    told = [json.loads(line.stdout) for line in ended if line.stdout.strip()]
    struck: Counter[str] = Counter()
    for line in told:
        struck.update(line["faults"])
    print(f"\n{struck.total()} faults in {len(told)} lines: {dict(struck)}; {[line['seconds'] for line in told]} s")
    failed = [f"{line.stdout}{line.stderr}" for line in ended if line.returncode]
    assert not failed, "\n".join(failed)
    assert struck.total() >= wanted


def once_more_if_slow(seed: int) -> subprocess.CompletedProcess[str]:
    """A line that had not settled in time runs once more, and says so: a machine of two cores may be too slow for it.
    What was sent twice, or to somebody who had stopped, fails without another try."""
    ended = one(seed)
    problems = json.loads(ended.stdout)["problems"] if ended.returncode and ended.stdout.strip() else []
    if not problems or not all(problem.startswith(UNSETTLED) for problem in problems):
        return ended
    print(f"\nseed {seed} did not settle, and runs once more: {problems[:5]}")
    return one(seed)


def one(seed: int) -> subprocess.CompletedProcess[str]:
    """A line of its own with this seed; every third on PostgreSQL."""
    database = "sqlite" if seed % 3 else "postgresql"
    command = [sys.executable, "-m", "tests.faults", "--seed", str(seed), "--faults", str(A_LINE)]
    command += ["--database", database]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS, check=False)

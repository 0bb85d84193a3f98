"""`python -m tests.faults --seed 7 --faults 36`: one service, one seed; exit with 1 and the violations.

The seed determines the schedule of faults and of what families and staff write. It doesn't determine how the operating
system schedules them, so a failed seed may need a few tries.
"""

import argparse
import json
import os
import re
import shutil
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

from bot.base.database import now
from bot.base.settings import ROOT
from bot.runtime import Runtime
from bot.store.announcements import announcements
from bot.store.announcements.announcements import AnnouncementDraft, Audience
from tests.bench.broadcast import fill
from tests.faults.invariants import Run
from tests.faults.line import running
from tests.faults.postgres import Postgres
from tests.faults.schedule import AUDIENCE, Schedule, schedule
from tests.faults.strikes import Strikes, small_disk
from tests.faults.traffic import Traffic

SETTLE = 300
SWEEP_SECONDS = 12
PACE = 3
PERMANENT_VIOLATION = re.compile(r"answered with nothing|(?<!\b0) times|in clear|written to|lost")
"""Violations that no waiting repairs."""


def main() -> int:
    """Run one seed; return 0 if every invariant holds."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--faults", type=int, default=36)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    given = parser.parse_args()
    plan = schedule(given.seed, given.faults)
    started = time.monotonic()
    problems = run(plan, given.database)
    told = {
        "seed": plan.seed,
        "database": given.database,
        "faults": dict(Counter(fault.kind for fault in plan.faults)),
        "seconds": round(time.monotonic() - started),
        "problems": problems,
    }
    print(json.dumps(told), flush=True)
    if problems:
        print(
            f"Again: python -m tests.faults --seed {plan.seed} --faults {given.faults} --database {given.database}",
            file=sys.stderr,
        )
        for fault in plan.faults:
            print(f"  {fault}", file=sys.stderr)
    return 1 if problems else 0


def run(plan: Schedule, database: str) -> list[str]:
    """Return the violations at the end; keep the log if there are any."""
    folder = Path(tempfile.mkdtemp(prefix=f"puente-faults-{plan.seed}-")).resolve()
    var, clock, log = folder / "var", folder / "clock", folder / "output.log"
    var.mkdir()
    clock.write_text("+0\n")
    with ExitStack() as stack:
        disk = stack.enter_context(small_disk(var))
        postgres = stack.enter_context(Postgres()) if database == "postgresql" else None
        around = write_clock_file(clock) | ({"DATABASE_URL": postgres.url} if postgres else {})
        line = stack.enter_context(running(var, around, log, PACE))
        runtime = stack.enter_context(line.runtime())
        fill(runtime, AUDIENCE)
        number = release_announcement(runtime)
        traffic, strikes = Traffic(line), Strikes(line, clock, disk, postgres)
        traffic.start(plan.acts)
        strikes.all(plan.faults)
        traffic.wait()
        whole = Run(line, runtime, traffic.answered, number, log)
        problems = strikes.troubles + (wait_until_settled(whole) or repeat_messages(whole, traffic))
    if problems:
        print(f"The line's log: {log}", file=sys.stderr)
    else:
        shutil.rmtree(folder)
    return problems


def write_clock_file(file: Path) -> dict[str, str]:
    """Write the file that makes Python processes shift their clock (clock/sitecustomize.py)."""
    path = os.pathsep.join([str(Path(__file__).parent / "clock"), str(ROOT)])
    return {"PYTHONPATH": path, "PUENTE_CLOCK": str(file)}


def release_announcement(runtime: Runtime) -> int:
    """Release an announcement to everyone."""
    draft = AnnouncementDraft(
        "emergency", "ruth_adams", "School is closed today.", Audience(), now() + timedelta(days=1)
    )
    with runtime.database.write() as db:
        number = announcements.add(db, draft, "test", now())
        announcements.change_state(db, number, ["draft"], "ready")
    return number


def wait_until_settled(whole: Run) -> list[str]:
    """Wait until every invariant holds; return what still fails after `SETTLE` seconds."""
    until = time.monotonic() + SETTLE
    while problems := whole.problems():
        if any(PERMANENT_VIOLATION.search(one) for one in problems) or time.monotonic() > until:
            break
        time.sleep(2)
    return problems


def repeat_messages(whole: Run, traffic: Traffic) -> list[str]:
    """Post every message again, as Twilio does; nothing may change.

    Skip senders that got "try again later" while Redis was down: their question still needs an answer.
    """
    before, in_vain = whole.counts(), whole.in_vain()
    again = [one for one in traffic.answered if one.act.sid not in in_vain]
    for one in again:
        traffic.post(one)
    time.sleep(SWEEP_SECONDS)
    refused = [f"a repeat got {one.status}: {one.act.sid}" for one in again if one.status != 200]
    after = whole.counts()
    more = [
        f"a repeat made {name}: {before[name]}, then {after[name]}" for name in before if after[name] != before[name]
    ]
    return refused + more + wait_until_settled(whole)


if __name__ == "__main__":
    sys.exit(main())

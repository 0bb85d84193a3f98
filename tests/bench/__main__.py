"""Run all benchmarks, print them, and keep them in `var/bench.json`."""

import json
import sys
from datetime import UTC, datetime

from bot.base.settings import ROOT
from tests.bench.broadcast import broadcast
from tests.bench.engine import engine
from tests.bench.growth import growth
from tests.bench.inbound import inbound
from tests.bench.process import process
from tests.bench.roster import roster
from tests.bench.webhook import webhook

FIGURES = {
    "webhook": webhook,
    "engine": engine,
    "growth": growth,
    "process": process,
    "broadcast": broadcast,
    "inbound": inbound,
    "roster": roster,
}
"""`python -m tests.bench NAME …` measures only these."""

if __name__ == "__main__":
    wanted = sys.argv[1:] or list(FIGURES)
    figures = {"at": datetime.now(UTC).isoformat(timespec="seconds"), **{name: FIGURES[name]() for name in wanted}}
    print(json.dumps(figures, indent=2))
    (ROOT / "var").mkdir(exist_ok=True)
    (ROOT / "var/bench.json").write_text(json.dumps(figures, indent=2) + "\n")

"""Run all benchmarks, print them, and keep them in `var/bench.json`."""

import json
from datetime import UTC, datetime

from bot.settings import ROOT
from tests.bench.webhook import webhook

if __name__ == "__main__":
    found = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "webhook": webhook()}
    print(json.dumps(found, indent=2))
    (ROOT / "var").mkdir(exist_ok=True)
    (ROOT / "var/bench.json").write_text(json.dumps(found, indent=2) + "\n")

"""`python -m tests.audit`: check the rules, then run pip-audit. Exit with 1 on a fault, and say so if no server
answered.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from bot.base.settings import ROOT
from tests.audit.rules import LOCKS, find_all_problems, parse_requirements

OPTIONS = ("--disable-pip", "--no-deps", "--format", "json", "--progress-spinner", "off", "--timeout", "10")
UNREACHABLE = (
    "audit: the advisory database could not be asked from here ({why}). Only the committed rules were checked"
    " (tests/audit/floors.txt): run `make audit` where there is a network before you deploy."
)


def main() -> int:
    """Run the audit and return the exit code."""
    wrong = find_all_problems()
    pins = sorted(
        {pin.split(";")[0].strip() for lock in LOCKS for pin, _ in parse_requirements((ROOT / lock).read_text())}
    )
    print(*wrong, sep="\n", end="\n" if wrong else "")
    answered, why = query_pip_audit(
        pins[:1]
    )  # one package shows whether a server answers before the others are requested
    if not answered:
        print(UNREACHABLE.format(why=why))
        return 1 if wrong else 0
    found, why = query_pip_audit(pins)
    for one in found:
        for advisory in one.get("vulns", []):
            wrong.append(one["name"])
            fixed = ", ".join(advisory["fix_versions"]) or "no version yet"
            print(f"{one['name']} {one['version']}: {advisory['id']}; mended in {fixed}")
    print(f"audit: {len(found)} of {len(pins)} packages asked about, {len(wrong)} faults. {why}")
    return 1 if wrong else 0


def query_pip_audit(pins: list[str]) -> tuple[list[dict[str, Any]], str]:
    """Return known problems of these packages, or none and a reason if no server answers.

    pip-audit says "no known vulnerabilities" and exits with 0 for packages that it couldn't look up.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pins.txt"
        path.write_text("\n".join(pins))
        command = [sys.executable, "-m", "pip_audit", "-r", str(path), *OPTIONS]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        all_ = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        return [], "no answer"
    asked = [one for one in all_ if "skip_reason" not in one]
    return asked, "" if len(asked) == len(all_) else "it does not know the package"


if __name__ == "__main__":
    sys.exit(main())

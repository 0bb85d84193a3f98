"""Check a lock file offline: each file has its hash, and no package is older than allowed."""

import re
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

from bot.base.settings import ROOT

LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-teach.lock")
FLOORS = Path(__file__).parent / "floors.txt"
PINNED = re.compile(r"(?P<name>[A-Za-z0-9._-]+)(\[[\w,-]+\])?==(?P<version>\S+?)( ?;.*)?")


def parse_requirements(lock: str) -> Iterator[tuple[str, list[str]]]:
    """Yield each requirement of a lock text with its hashes."""
    for whole in lock.replace("\\\n", " ").splitlines():
        words = whole.split(" --hash=")
        if whole.strip() and not whole.lstrip().startswith("#"):
            yield words[0].strip(), [one.strip() for one in words[1:]]


def find_problems(lock: str, floors: str) -> list[str]:
    """Return the problems of this lock, one sentence each."""
    lowest = {one.name: one for one in map(Requirement, _lines(floors))}
    found = []
    for requirement, hashes in parse_requirements(lock):
        match = PINNED.fullmatch(requirement)
        if not match:
            found.append(f"'{requirement}' is not pinned to one version of a package: run make lock.")
            continue
        if not hashes or not all(re.fullmatch(r"sha256:[0-9a-f]{64}", one) for one in hashes):
            found.append(f"{match['name']} has no hash: whatever the index sends would be installed. Run make lock.")
        floor = lowest.get(match["name"].lower().replace("_", "-"))
        if floor and Version(match["version"]) not in floor.specifier:
            found.append(f"{match['name']} {match['version']} is known to be unsafe: {floor.specifier} is needed.")
    return found


def find_all_problems() -> list[str]:
    """Return the problems of every lock file in the checkout."""
    floors = FLOORS.read_text()
    return [f"{name}: {one}" for name in LOCKS for one in find_problems((ROOT / name).read_text(), floors)]


def _lines(text: str) -> Iterator[str]:
    stripped = (line.split("#")[0].strip() for line in text.splitlines())
    return (line for line in stripped if line)

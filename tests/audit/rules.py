"""What can be said of a lock without asking anybody: each file has its hash, and no package is older than it may be."""

import re
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

from bot.base.settings import ROOT

LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-teach.lock")
FLOORS = Path(__file__).parent / "floors.txt"
PINNED = re.compile(r"(?P<name>[A-Za-z0-9._-]+)(\[[\w,-]+\])?==(?P<version>\S+?)( ?;.*)?")


def entries(lock: str) -> Iterator[tuple[str, list[str]]]:
    """Each requirement of a lock's text, with its hashes."""
    for whole in lock.replace("\\\n", " ").splitlines():
        words = whole.split(" --hash=")
        if whole.strip() and not whole.lstrip().startswith("#"):
            yield words[0].strip(), [one.strip() for one in words[1:]]


def faults(lock: str, floors: str) -> list[str]:
    """What is wrong with this lock, a sentence each."""
    lowest = {one.name: one for one in map(Requirement, _lines(floors))}
    found = []
    for requirement, hashes in entries(lock):
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


def all_faults() -> list[str]:
    """The same for every lock of the checkout."""
    floors = FLOORS.read_text()
    return [f"{name}: {one}" for name in LOCKS for one in faults((ROOT / name).read_text(), floors)]


def _lines(text: str) -> Iterator[str]:
    stripped = (line.split("#")[0].strip() for line in text.splitlines())
    return (line for line in stripped if line)

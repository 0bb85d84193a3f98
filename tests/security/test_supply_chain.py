"""Packages: installed packages match the lock, none is known to be unsafe, and no page loads from elsewhere."""

import re
from pathlib import Path

import pytest

from bot.base.settings import ROOT
from tests.audit.rules import FLOORS, LOCKS, find_all_problems, find_problems, parse_requirements

HASH = "--hash=sha256:" + "0" * 64


def test_every_package_is_pinned_hashed_and_safe() -> None:
    assert find_all_problems() == []
    assert all(len(list(parse_requirements((ROOT / name).read_text()))) > 40 for name in LOCKS)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (f"jinja2==3.1.5 \\\n    {HASH}", "known to be unsafe"),
        ("jinja2==3.1.6", "no hash"),
        (f"jinja2>=3.1.6 \\\n    {HASH}", "not pinned"),
        (f"jinja2 @ git+https://example.org/jinja2 \\\n    {HASH}", "not pinned"),
        (f"--extra-index-url https://example.org {HASH}", "not pinned"),
        ("jinja2==3.1.6 --hash=md5:0", "no hash"),
    ],
)
def test_lock_file_problem_is_reported(line: str, says: str) -> None:
    assert [says in one for one in find_problems(line, FLOORS.read_text())] == [True]
    assert find_problems(f"jinja2==3.1.6 \\\n    {HASH}", FLOORS.read_text()) == []


def test_installation_requires_hashes() -> None:
    assert "--require-hashes" in (ROOT / "Makefile").read_text()


def test_no_page_loads_from_elsewhere() -> None:
    """A script or style from another host would run with the user's permissions."""
    pages = [*(ROOT / "bot/web").rglob("*.html"), *(ROOT / "bot/web").rglob("*.css"), *(ROOT / "bot/web").rglob("*.js")]
    loads = re.compile(r"""(?:src=|@import\s+|url\()["']?(?:https?:)?//""")
    assert [path for path in pages if loads.search(_without_comments(path))] == [] and len(pages) > 50


def _without_comments(path: Path) -> str:
    return re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.DOTALL)

"""Where tests write: in memory if this machine has room, so that no test waits for a disk."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

ROOM_BYTES = 2 * 2**30
FOLDER = pytest.StashKey[Path]()


def find_memory() -> Path | None:
    """Return `/dev/shm`, unless it is small (as in a container) or can't run programs, which some tests write."""
    folder = Path("/dev/shm")
    if not hasattr(os, "ST_NOEXEC") or not os.access(folder, os.W_OK | os.X_OK):
        return None
    usage = os.statvfs(folder)
    is_large = usage.f_bavail * usage.f_frsize >= ROOM_BYTES
    return folder if is_large and not usage.f_flag & os.ST_NOEXEC else None


MEMORY = find_memory()
"""A folder in memory, or None for the usual temporary folder."""


def make_memory_folder(config: pytest.Config) -> None:
    """Put `tmp_path` in memory, unless the command line names another place."""
    if MEMORY and not config.option.basetemp:
        folder = config.stash[FOLDER] = Path(tempfile.mkdtemp(prefix="puente-tests-", dir=MEMORY))
        config.option.basetemp = str(folder / "run")


def remove_memory_folder(config: pytest.Config) -> None:
    """Remove the folder that `make_memory_folder` made in this process."""
    if FOLDER in config.stash:
        shutil.rmtree(config.stash[FOLDER], ignore_errors=True)

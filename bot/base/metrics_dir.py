"""Where the web processes of one gunicorn keep their counts together; app.py calls it before anything counts."""

import os
import shutil
from contextlib import suppress
from pathlib import Path

import psutil

NAME = "PROMETHEUS_MULTIPROC_DIR"
"""prometheus_client reads it when it is imported."""


def together(var_dir: Path) -> None:
    """A folder for the processes of this gunicorn (they share a parent); those of parents that are gone are deleted.

    Where it cannot be made each process counts for itself, and a scrape shows one of them.
    """
    if os.environ.get(NAME):
        return
    folder = var_dir / "metrics"
    with suppress(OSError):
        (folder / str(os.getppid())).mkdir(parents=True, exist_ok=True, mode=0o700)
        os.environ[NAME] = str(folder / str(os.getppid()))
        for old in folder.iterdir():
            if old.name.isdigit() and not psutil.pid_exists(int(old.name)):
                shutil.rmtree(old, ignore_errors=True)

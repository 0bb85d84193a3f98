"""Where the web processes of one gunicorn keep their counts together; app.py calls it before anything counts."""

import os
import shutil
from contextlib import suppress
from pathlib import Path

import psutil

MULTIPROCESS_DIR_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""prometheus_client reads it when it is imported."""


def prepare_metrics_dir(var_dir: Path) -> None:
    """A folder for the processes of this gunicorn (they share a parent); those of parents that are gone are deleted.

    Where it cannot be made each process counts for itself, and a scrape shows one of them.
    """
    if os.environ.get(MULTIPROCESS_DIR_VARIABLE):
        return
    folder = var_dir / "metrics"
    with suppress(OSError):
        (folder / str(os.getppid())).mkdir(parents=True, exist_ok=True, mode=0o700)
        os.environ[MULTIPROCESS_DIR_VARIABLE] = str(folder / str(os.getppid()))
        for process_dir in folder.iterdir():
            if process_dir.name.isdigit() and not psutil.pid_exists(int(process_dir.name)):
                shutil.rmtree(process_dir, ignore_errors=True)

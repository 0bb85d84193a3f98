"""Where the web processes of one gunicorn keep their counts together; gunicorn.conf.py calls it."""

import os
import shutil
from contextlib import suppress
from pathlib import Path

import psutil

MULTIPROCESS_DIR_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""prometheus_client reads it when it is imported."""


def prepare_metrics_dir(var_dir: Path) -> None:
    """Make a folder for the processes of this gunicorn and name it in the environment; delete those of dead gunicorns.

    Call it in gunicorn's main process: its processes inherit the name.

    Where it cannot be made each process counts for itself, and a scrape shows one of them.
    """
    if os.environ.get(MULTIPROCESS_DIR_VARIABLE):
        return
    folder = var_dir / "metrics"
    with suppress(OSError):
        (folder / str(os.getpid())).mkdir(parents=True, exist_ok=True, mode=0o700)
        os.environ[MULTIPROCESS_DIR_VARIABLE] = str(folder / str(os.getpid()))
        for process_dir in folder.iterdir():
            if process_dir.name.isdigit() and not psutil.pid_exists(int(process_dir.name)):
                shutil.rmtree(process_dir, ignore_errors=True)

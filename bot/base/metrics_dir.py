"""Prepare the folder in which the web processes of one gunicorn store their metrics."""

import os
import shutil
from contextlib import suppress
from pathlib import Path

import psutil

MULTIPROCESS_DIR_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""prometheus_client reads this variable when it is imported."""


def prepare_metrics_dir(var_dir: Path) -> None:
    """Create a folder for this gunicorn, name it in the environment, and delete the folders of ended gunicorns.

    Call it in gunicorn's main process, so that its web processes inherit the name. If the folder cannot be created,
    each process counts separately and a scrape shows only one of them.
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

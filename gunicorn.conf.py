"""How gunicorn serves Puente: `gunicorn --config gunicorn.conf.py app:app`.

From the project's folder gunicorn also finds this file without `--config`.  A command line can override each option.
"""

import os
import sys
import threading
from pathlib import Path
from typing import Any

worker_class = "bot.web.server.gunicorn_worker.Worker"
logger_class = "bot.web.server.gunicorn_logger.Logger"
threads = 8
timeout = 30
graceful_timeout = 10
control_socket_disable = True
forwarder_headers = ""  # no client chooses the path or the script name


def on_starting(server: Any) -> None:
    """Name the folder of the counts before any process imports prometheus_client, which reads the name then."""
    from bot.base import metrics_dir

    metrics_dir.prepare_metrics_dir(Path(os.environ.get("VAR_DIR") or Path(__file__).resolve().parent / "var"))


def post_worker_init(worker: Any) -> None:
    """In each web process, before its first request: check the keys, then watch for alarms in a thread.

    An app without a runtime (a test's, the benchmark's) has neither.
    """
    runtime = getattr(worker.wsgi, "extensions", {}).get("puente")
    if runtime is None:
        return
    from bot.base.settings import SettingsError
    from bot.monitoring import notifier
    from bot.web.app import check_keys

    try:
        check_keys(worker.wsgi)
    except SettingsError as error:
        sys.exit(f"Puente cannot start:\n{error}")
    threading.Thread(target=notifier.check_forever, args=(runtime,), daemon=True, name="watch").start()


def child_exit(server: Any, worker: Any) -> None:
    """Delete the live gauges of a web process that ended; its counts stay, so that no counter goes down."""
    from bot.base import metrics_dir

    if os.environ.get(metrics_dir.MULTIPROCESS_DIR_VARIABLE):
        from prometheus_client.multiprocess import mark_process_dead

        mark_process_dead(worker.pid)

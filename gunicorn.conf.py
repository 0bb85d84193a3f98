"""Configure gunicorn: `gunicorn --config gunicorn.conf.py app:app`.

In the project's folder, gunicorn also finds this file without `--config`. Command-line options override it.
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
forwarder_headers = ""  # clients must not set the path or the script name


def on_starting(server: Any) -> None:
    """Set the metrics folder before any process imports prometheus_client, which reads it on import."""
    from bot.base import metrics_dir

    metrics_dir.prepare_metrics_dir(Path(os.environ.get("VAR_DIR") or Path(__file__).resolve().parent / "var"))


def post_worker_init(worker: Any) -> None:
    """Check the keys of each web process before its first request, then check for alarms in a thread.

    Apps without a runtime (in tests and the benchmark) skip both.
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
    """Delete the live gauges of a web process that ended. Its counters remain, so that no total decreases."""
    from bot.base import metrics_dir

    if os.environ.get(metrics_dir.MULTIPROCESS_DIR_VARIABLE):
        from prometheus_client.multiprocess import mark_process_dead

        mark_process_dead(worker.pid)

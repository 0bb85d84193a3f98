"""How long families' messages wait during an announcement at 80 a second, compared with an idle server.

The same web process receives the status reports.
"""

import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path

from bot.announcements import launch
from bot.dev_server.launch import migrate_database
from bot.dev_server.redis_server import run_embedded_server
from bot.runtime import open_runtime
from tests.bench.broadcast import ACCOUNT, TOKEN, environment, fill, given_settings, lean_twilio, released, worker
from tests.bench.load import requests, send_paced
from tests.bench.webhook import free_port, serving

FAMILIES, PER_SECOND, ALLOWED = 60, 20.0, 80.0


def inbound() -> dict[str, float]:
    """Measure the webhook's p95 alone and during a broadcast; `p95_ratio` must be at most 1.5."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        redis_url = stack.enter_context(run_embedded_server(folder / "redis"))
        twilio = stack.enter_context(lean_twilio(TOKEN))
        port = free_port()
        public = f"http://127.0.0.1:{port}"
        app_settings = given_settings(folder, redis_url, twilio, ALLOWED, public)
        migrate_database(app_settings.database_url)
        runtime = open_runtime(app_settings)
        fill(runtime, 8000)
        env = environment(app_settings)
        stack.enter_context(serving("app:app", env, port))
        for _ in range(2):
            stack.enter_context(worker(env))
        send_paced(port, requests(public, TOKEN, ACCOUNT, FAMILIES, "warm"), PER_SECOND)
        alone = send_paced(port, requests(public, TOKEN, ACCOUNT, FAMILIES, "warm"), PER_SECOND)
        sender = threading.Thread(target=launch.start, args=(runtime, released(runtime)))
        sender.start()
        time.sleep(5)
        during = send_paced(port, requests(public, TOKEN, ACCOUNT, FAMILIES, "warm"), PER_SECOND)
        sender.join()
        runtime.database.engine.dispose()
    return {
        "p95_ms_alone": round(p95(alone) * 1000, 1),
        "p95_ms_during": round(p95(during) * 1000, 1),
        "p95_ratio": round(p95(during) / p95(alone), 2),
    }


def p95(times: list[float]) -> float:
    """Return the 95th percentile."""
    return sorted(times)[int(len(times) * 0.95)]

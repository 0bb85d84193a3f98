"""Each thread's own connection to Redis, for what every message does twice.

Most of what a command costs in redis-py is not the command: the pool, the retries' bookkeeping, figures for telemetry
that nobody reads.  Here a script is sent and its answer read; what goes wrong is redis-py's again, with its retries.
"""

import threading
from collections.abc import Sequence
from typing import Any

from redis import ConnectionError, Redis, TimeoutError
from redis.commands.core import Script
from redis.exceptions import NoScriptError

ScriptArgument = str | bytes | int


class ThreadLocalScripts:
    """Runs scripts; a fork must not share one (each process makes its own)."""

    def __init__(self, redis: Redis) -> None:
        self._redis, self._thread_local = redis, threading.local()

    def run(self, script: Script, keys: Sequence[str], args: Sequence[ScriptArgument]) -> Any:
        """What the script returns.  Raises RedisError."""
        client = self._get_client()
        line = client.connection
        if line is not None:
            try:
                line.send_command("EVALSHA", script.sha, len(keys), *keys, *args)  # type: ignore[no-untyped-call]
                return line.read_response()
            except NoScriptError:
                pass
            except (ConnectionError, TimeoutError):
                line.disconnect()  # type: ignore[no-untyped-call]
        return script(keys=keys, args=args, client=client)

    def _get_client(self) -> Redis:
        if not hasattr(self._thread_local, "client"):
            self._thread_local.client = Redis(
                connection_pool=self._redis.connection_pool, single_connection_client=True
            )
        client: Redis = self._thread_local.client
        return client

"""A PostgreSQL server for one run, which can be stopped at any moment and restarts."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from tests.databases import as_somebody, program


class Postgres:
    """`with Postgres() as postgres:` serves at `postgres.url`; its data stays on the ordinary disk."""

    def __enter__(self) -> "Postgres":
        """Make a cluster and start it."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.folder = Path(tempfile.mkdtemp(prefix="puente-faults-pg-"))
        self.folder.chmod(0o777)
        self.url = f"postgresql://puente@127.0.0.1:{self.port}/postgres"
        made = [program("initdb"), "-D", f"{self.folder}/data", "-A", "trust", "-U", "puente"]
        subprocess.run(as_somebody(made), check=True, capture_output=True)
        self._start()
        return self

    def __exit__(self, *error: object) -> None:
        """Stop it and delete it."""
        self._control("stop", "-m", "immediate")
        shutil.rmtree(self.folder, ignore_errors=True)

    def cut(self, seconds: float) -> None:
        """Stop at once, as in a crash; start again after this many seconds."""
        self._control("stop", "-m", "immediate")
        time.sleep(seconds)
        self._start()

    def _start(self) -> None:
        options = f"-p {self.port} -k {self.folder} -c max_connections=200"
        self._control("start", "-o", options, "-l", f"{self.folder}/log")

    def _control(self, *words: str) -> None:
        command = [program("pg_ctl"), "-D", f"{self.folder}/data", "-w", "-t", "60", *words]
        quiet = {"cwd": str(self.folder), "env": {**os.environ, "LC_ALL": "C"}}
        subprocess.run(as_somebody(command), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **quiet)  # type: ignore[call-overload]

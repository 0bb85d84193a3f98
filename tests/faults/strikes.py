"""The faults on a running service. Each ends by itself; `calm` removes whatever is left of them."""

import contextlib
import os
import resource
import signal
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from redis import Redis, RedisError

from bot.dev_server import redis_server
from tests.faults.line import Line
from tests.faults.postgres import Postgres
from tests.faults.schedule import PARTS, Fault

DISK_MB = 48
PLANS: dict[str, dict[str, object]] = {
    "lost": {"none": True},
    "late": {"delay": 4.0},
    "out of order": {"out_of_order": True},
    "three times": {"copies": 3, "together": True},
}


@contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """Mount `folder` as a disk of `DISK_MB` if we are root (a tmpfs); otherwise leave it and return False."""
    mounted = os.getuid() == 0 and not subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m,mode=700", "none", str(folder)],
        check=False, capture_output=True,
    ).returncode  # fmt: skip
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(folder)], check=False)


@dataclass
class Strikes:
    """Injects faults into one service. `clock` is the file from which its processes read their clock shift."""

    line: Line
    clock: Path
    disk: bool
    postgres: Postgres | None = None
    troubles: list[str] = field(default_factory=list)
    _stopped: set[psutil.Process] = field(default_factory=set)
    _one_at_a_time: dict[str, threading.Lock] = field(default_factory=dict)

    def all(self, faults: Sequence[Fault]) -> None:
        """Inject the faults as scheduled; return when the last has ended."""
        began = time.monotonic()
        self._one_at_a_time = {fault.kind: threading.Lock() for fault in faults}
        threads = [threading.Thread(target=self._at, args=(fault, began), daemon=True) for fault in faults]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.calm()

    def _at(self, fault: Fault, began: float) -> None:
        time.sleep(max(0.0, began + fault.at - time.monotonic()))
        with self._one_at_a_time[fault.kind] if fault.kind not in ("kill", "pause") else contextlib.nullcontext():
            try:
                getattr(self, fault.kind)(fault)
            except Exception as error:  # a harness that injects nothing must not make the service look sound
                self.troubles.append(f"{fault}: {error!r}")

    def calm(self) -> None:
        """End every fault."""
        self.line.twilio.arrange("calm")
        self.line.twilio.arrange("plan")
        self.clock.write_text("+0\n")
        self._go_on(list(self._stopped))

    def kill(self, fault: Fault) -> None:
        """kill -9."""
        for kind in PARTS if fault.on == "all" else [fault.on]:
            self.line.kill(kind, fault.count)

    def pause(self, fault: Fault) -> None:
        """SIGSTOP, SIGCONT."""
        victims = self.line.processes(fault.on)[: fault.count]
        self._stopped.update(victims)
        for victim in victims:
            with contextlib.suppress(psutil.Error):
                victim.send_signal(signal.SIGSTOP)
        time.sleep(fault.seconds)
        self._go_on(victims)

    def _go_on(self, victims: list[psutil.Process]) -> None:
        for victim in victims:
            with contextlib.suppress(psutil.Error):
                victim.send_signal(signal.SIGCONT)

    def restart(self, fault: Fault) -> None:
        """SIGTERM in the given order; supervisors restart the processes."""
        for kind in fault.on.split():
            for process in self.line.processes(kind):
                with contextlib.suppress(psutil.Error):
                    process.send_signal(signal.SIGTERM)
            time.sleep(fault.seconds)

    def disk_full(self, fault: Fault) -> None:
        """Fill the small disk; without root, no file of web and workers may grow (RLIMIT_FSIZE)."""
        if not self.disk:
            self._limit(0)
            time.sleep(fault.seconds)
            return self._limit(resource.RLIM_INFINITY)
        ballast = self.line.var / "ballast"
        until = time.monotonic() + fault.seconds
        with ballast.open("wb", buffering=0) as file:
            while time.monotonic() < until:
                try:
                    file.write(os.urandom(4096))
                except OSError:
                    time.sleep(0.05)
        ballast.unlink()

    def _limit(self, size: int) -> None:
        for process in (*self.line.processes("web"), *self.line.processes("worker")):
            with contextlib.suppress(psutil.Error):
                process.rlimit(psutil.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    def redis_cut(self, fault: Fault) -> None:
        """Refuse new connections to the server and drop the open ones; the server keeps running."""
        url = redis_server.build_server_command(self.line.var / "redis")[1]
        socket = redis_server._get_socket_path(self.line.var / "redis")
        aside = socket.with_name(f"{socket.name}.aside")
        with contextlib.suppress(RedisError, OSError), Redis.from_url(url, socket_timeout=2) as redis:
            redis.ping()
            socket.rename(aside)
            for kind in ("normal", "pubsub"):
                redis.client_kill_filter(_type=kind, skipme=True)
        time.sleep(fault.seconds)
        with contextlib.suppress(FileNotFoundError):
            aside.unlink() if socket.exists() else aside.rename(socket)

    def database_cut(self, fault: Fault) -> None:
        """SQLite: another process locks the file. PostgreSQL: stopped in the middle, then started again."""
        if self.postgres:
            self.postgres.cut(fault.seconds)
            return
        with contextlib.closing(sqlite3.connect(self.line.var / "puente.db", timeout=20, isolation_level=None)) as db:
            db.execute("BEGIN EXCLUSIVE")
            time.sleep(fault.seconds)
            db.execute("ROLLBACK")

    def twilio_wrong(self, fault: Fault) -> None:
        """Answer this many requests with a 429, a 5xx, or an invalid answer."""
        kind, on = fault.on.split()
        self.line.twilio.arrange("fail_next", kind=kind, on=on, count=fault.count, seconds=fault.seconds)

    twilio_silent = twilio_slow = twilio_wrong

    def callbacks(self, fault: Fault) -> None:
        """Lose, delay, reorder, or triple status callbacks for a while."""
        self.line.twilio.arrange("plan", **PLANS[fault.on])
        time.sleep(fault.seconds)
        self.line.twilio.arrange("plan")

    def clock_jump(self, fault: Fault) -> None:
        """Shift the service's clock, and shift it back later."""
        self.clock.write_text(f"{fault.on}\n")
        time.sleep(fault.seconds)
        self.clock.write_text("+0\n")

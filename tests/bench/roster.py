"""A roster of 100,000 lines: its time, and its memory compared with 10,000 lines. Each runs in its own process."""

import json
import os
import resource
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from pathlib import Path

from bot.base.database import Transaction
from bot.base.settings import ROOT
from bot.dev_server.launch import migrate_database

LINES, FEW = 100_000, 10_000
SCHOOLS = ("Lincoln Elementary", "harbor", "Riverbend High")
LANGUAGES = ("Spanish", "en", "Haitian Creole", "Portuguese (Brazil)", "ara", "Tiếng Việt")


def roster() -> dict[str, float]:
    """Measure `seconds` for 100,000 lines (under 60), `again_seconds` for the same file, and the memory of both sizes.

    `cpu_seconds` is the time on one core if other programs run too. `longest_ms` is the longest transaction: a web
    request on SQLite may wait that long for the write lock.
    """
    few, many = _measured(FEW), _measured(LINES)
    return {
        "seconds": many["seconds"],
        "again_seconds": many["again"],
        "cpu_seconds": many["cpu"],
        "longest_ms": many["longest_ms"],
        "mb_at_10000": few["mb"],
        "mb_at_100000": many["mb"],
        "memory_ratio": round(many["mb"] / few["mb"], 3),
    }


def _measured(lines: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as name:
        database = f"sqlite:///{name}/bench.db"
        migrate_database(database)
        _write(Path(name) / "roster.csv", lines)
        env = {**os.environ, "DATABASE_URL": database, "VAR_DIR": name, "DATA_KEY": secrets.token_hex(32)}
        command = [sys.executable, "-m", "tests.bench.roster", f"{name}/roster.csv"]
        done = subprocess.run(command, env=env, cwd=ROOT, check=True, capture_output=True, text=True)
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def _write(path: Path, lines: int) -> None:
    """Write a roster in which every fourth line is a second child of the previous family."""
    with path.open("w", encoding="utf-8") as file:
        file.write("Student,Parent phone,School,Home language,Consent,Consent date\n")
        for line in range(lines):
            family = line - line // 4
            phone = f"({217 + family // 8_000_000}) {200 + family // 10_000}-{family % 10_000:04}"
            school, language = SCHOOLS[line % 3], LANGUAGES[family % 6]
            file.write(f"Child {line},{phone},{school},{language},signed form,8/{1 + family % 30}/2026\n")


def _import(path: str) -> None:
    """Run the command twice and time every transaction from its lock to its end."""
    from bot.base.database import Database
    from bot.roster.import_command import import_command

    longest, times, cpu, write = [0.0], [], [], Database.write

    @contextmanager
    def timed(database: Database) -> Iterator[Transaction]:
        with write(database) as db:
            begun = time.perf_counter()
            yield db
        longest[0] = max(longest[0], time.perf_counter() - begun)

    Database.write = timed  # type: ignore[method-assign]
    for _ in range(2):
        begun, worked = time.perf_counter(), time.process_time()
        with suppress(SystemExit), redirect_stdout(sys.stderr):
            import_command.main([path])
        times.append(time.perf_counter() - begun)
        cpu.append(time.process_time() - worked)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    figures = {"seconds": times[0], "again": times[1], "cpu": cpu[0], "longest_ms": longest[0] * 1000, "mb": peak}
    print(json.dumps({name: round(value, 2) for name, value in figures.items()}))


if __name__ == "__main__":
    _import(sys.argv[1])

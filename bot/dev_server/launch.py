"""`make run`: settings, database, server, then the Procfile's processes under honcho, each with a keeper."""

import os
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from alembic import command as alembic
from alembic.config import Config
from alembic.util import CommandError
from honcho.environ import parse_procfile
from honcho.manager import Manager
from sqlalchemy.exc import SQLAlchemyError

from bot.base.settings import ROOT, Settings, SettingsError, load_settings
from bot.dev_server.redis_server import RedisServerUnavailableError, build_server_command
from bot.dev_server.stale_processes import RUN_MARKER_VARIABLE, StartupError, hold_run_lock

PROCESS_COPIES = {"worker": 2}
"""So many of a process run; one of all others.  A second scheduler would queue everything twice."""

REQUESTED_EXIT_CODES = {0, 130, 143}
"""honcho's codes for an end that somebody asked for."""


def main(root: Path = ROOT) -> int:
    """Run the Procfile of `root` until Ctrl-C or SIGTERM: 0; or say in a sentence why not: 1."""
    os.chdir(root)
    try:
        settings = load_settings()
        var_dir = settings.var_dir.resolve()
        _ensure_run_marker(var_dir)
        with hold_run_lock(var_dir):
            return _run_processes(root, settings, var_dir)
    except (SettingsError, StartupError, RedisServerUnavailableError) as error:
        print(error, file=sys.stderr)
        return 1


def _ensure_run_marker(var_dir: Path) -> None:
    """Start over with the mark in the environment: what this process forks later must be found by it, too."""
    if os.environ.get(RUN_MARKER_VARIABLE) != str(var_dir):
        environment = os.environ | {RUN_MARKER_VARIABLE: str(var_dir)}
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment)  # noqa: S606


def _run_processes(root: Path, settings: Settings, var_dir: Path) -> int:
    check_port(settings.port)
    configured_redis_url = Settings(**{}).redis_url  # what `load` fills in for development is not meant
    server, redis_url = (
        (None, configured_redis_url) if configured_redis_url else build_server_command(var_dir / "redis")
    )
    env = _build_environment(settings, var_dir, redis_url)
    migrate_database(settings.database_url, root)
    manager = Manager()
    for name, command in _list_commands(root, server, var_dir / "keepers.lock"):
        manager.add_process(name, command, env=env, cwd=str(root))
    # A process of its own: a thread in this one would be there while honcho forks.
    readiness_process = subprocess.Popen([sys.executable, "-m", "bot.dev_server.readiness"], env=env, process_group=0)
    try:
        return _run_loop(manager)
    finally:
        readiness_process.kill()
        readiness_process.wait()


def check_port(port: int) -> None:
    """Raises `CannotRun` if nobody could listen on this port."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError as error:
            reason = os.strerror(error.errno or 0).lower()
            raise StartupError(
                f"Port {port} cannot be used ({reason}): choose another, `make run PORT=8001`."
            ) from None


def _build_environment(settings: Settings, var_dir: Path, redis_url: str) -> dict[str, str]:
    """The processes' environment.  No keys: each reads its own, and environments are easily seen."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    variables = {
        "PATH": path,
        "PORT": str(settings.port),
        "VAR_DIR": str(var_dir),
        RUN_MARKER_VARIABLE: str(var_dir),
        "PYTHONUNBUFFERED": "1",
    }
    variables |= {"REDIS_URL": redis_url, "DATABASE_URL": settings.database_url}
    if sys.platform == "darwin":
        variables["OBJC_DISABLE_INITIALIZE_FORK_SAFETY"] = "YES"  # or a forked work-horse is aborted there
    return {"BIND_ADDRESS": "127.0.0.1"} | dict(os.environ) | variables


def migrate_database(database_url: str, root: Path = ROOT) -> None:
    """Bring the database up to date.  Raises `CannotRun` with the database's own words."""
    config = Config(str(root / "alembic.ini"))
    config.attributes["url"] = database_url
    try:
        alembic.upgrade(config, "head")
    except (SQLAlchemyError, CommandError) as error:
        first_line = str(error).splitlines()[0]
        raise StartupError(
            f"The database could not be brought up to date: see DATABASE_URL. It said: {first_line}"
        ) from None


def _list_commands(root: Path, server: list[str] | None, lock: Path) -> Iterator[tuple[str, str]]:
    """Name and command of each process; the server first, and outliving the others."""
    if server:
        yield "redis", _wrap_in_supervisor("--outlives", lock, server)
    for name, line in parse_procfile((root / "Procfile").read_text()).processes.items():
        copies = PROCESS_COPIES.get(name, 1)
        for number in range(1, copies + 1):
            yield name if copies == 1 else f"{name}.{number}", _wrap_in_supervisor("--holds", lock, ["sh", "-c", line])


def _wrap_in_supervisor(option: str, lock: Path, command: list[str]) -> str:
    return "exec " + shlex.join([sys.executable, "-m", "bot.dev_server.supervisor", option, str(lock), "--", *command])


def _run_loop(manager: Manager) -> int:
    signal.signal(signal.SIGHUP, _handle_hangup)
    try:
        manager.loop()
    except KeyError:
        return 0  # honcho's own, for a signal that comes before all its processes have told their ids
    except OSError as error:
        raise StartupError(f"Puente was stopped, since nobody reads what it says ({error.strerror}).") from None
    if manager.returncode in REQUESTED_EXIT_CODES:
        return 0
    raise StartupError("A process's keeper was killed, so everything was stopped: start again with `make run`.")


def _handle_hangup(number: int, frame: object) -> None:
    """Stop as for SIGTERM, after giving up the terminal: writing to it would fail in the middle of stopping."""
    null_device = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null_device, 1)
    os.dup2(null_device, 2)
    signal.raise_signal(signal.SIGTERM)

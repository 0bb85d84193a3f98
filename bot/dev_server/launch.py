"""Start `make run`: the settings, the database, and Redis, then the Procfile's processes, each with a supervisor."""

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
"""How many copies of a process run; one by default. A second scheduler would queue everything twice."""

REQUESTED_EXIT_CODES = {0, 130, 143}
"""honcho's exit codes for a requested stop."""


def main(root: Path = ROOT) -> int:
    """Run the Procfile of `root` until Ctrl-C or SIGTERM and return 0, or print the error and return 1."""
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
    """Restart with the run marker in the environment, so that all later child processes can be found by it."""
    if os.environ.get(RUN_MARKER_VARIABLE) != str(var_dir):
        environment = os.environ | {RUN_MARKER_VARIABLE: str(var_dir)}
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment)  # noqa: S606


def _run_processes(root: Path, settings: Settings, var_dir: Path) -> int:
    check_port(settings.port)
    server, redis_url = None, Settings(**{}).redis_url  # without the default of load_settings
    if not redis_url:
        server, redis_url = build_server_command(var_dir / "redis")
    env = _build_environment(settings, var_dir, redis_url)
    migrate_database(settings.database_url, root)
    manager = Manager()
    for name, command in _list_commands(root, server, var_dir / "keepers.lock"):
        manager.add_process(name, command, env=env, cwd=str(root))
    # A separate process, since a thread in this one would be running while honcho forks.
    readiness_process = subprocess.Popen([sys.executable, "-m", "bot.dev_server.readiness"], env=env, process_group=0)
    try:
        return _run_loop(manager)
    finally:
        readiness_process.kill()
        readiness_process.wait()


def check_port(port: int) -> None:
    """Check that a process can listen on this port. Raises `StartupError` otherwise."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError as error:
            reason = os.strerror(error.errno or 0).lower()
            message = f"Port {port} cannot be used ({reason}): choose another one with `make run PORT=8001`."
            raise StartupError(message) from None


def _build_environment(settings: Settings, var_dir: Path, redis_url: str) -> dict[str, str]:
    """Build the environment of the processes. It has no keys, since other processes can read an environment."""
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
        variables["OBJC_DISABLE_INITIALIZE_FORK_SAFETY"] = "YES"  # otherwise macOS aborts a forked work-horse
    return {"BIND_ADDRESS": "127.0.0.1"} | dict(os.environ) | variables


def migrate_database(database_url: str, root: Path = ROOT) -> None:
    """Migrate the database to the newest version. Raises `StartupError` with the database's message."""
    config = Config(str(root / "alembic.ini"))
    config.attributes["url"] = database_url
    try:
        alembic.upgrade(config, "head")
    except (SQLAlchemyError, CommandError) as error:
        first_line = str(error).splitlines()[0]
        raise StartupError(f"The database migration failed: check DATABASE_URL. The error: {first_line}") from None


def _list_commands(root: Path, server: list[str] | None, lock: Path) -> Iterator[tuple[str, str]]:
    """Yield the name and command of each process. The server starts first and stops last."""
    if server:
        yield "redis", _wrap_in_supervisor("--outlives", lock, server)
    for name, line in parse_procfile((root / "Procfile").read_text()).processes.items():
        copies = PROCESS_COPIES.get(name, 1)
        for number in range(1, copies + 1):
            process_name = name if copies == 1 else f"{name}.{number}"
            yield process_name, _wrap_in_supervisor("--holds", lock, ["sh", "-c", line])


def _wrap_in_supervisor(option: str, lock: Path, command: list[str]) -> str:
    return "exec " + shlex.join([sys.executable, "-m", "bot.dev_server.supervisor", option, str(lock), "--", *command])


def _run_loop(manager: Manager) -> int:
    signal.signal(signal.SIGHUP, _handle_hangup)
    try:
        manager.loop()
    except KeyError:
        return 0  # honcho raises it if a signal arrives before all processes have reported their IDs
    except OSError as error:
        raise StartupError(f"Puente stopped because its output was closed ({error.strerror}).") from None
    if manager.returncode in REQUESTED_EXIT_CODES:
        return 0
    raise StartupError("A supervisor was killed, so everything was stopped: start again with `make run`.")


def _handle_hangup(number: int, frame: object) -> None:
    """Stop as for SIGTERM, after closing the terminal output, since writing to it would fail during the stop."""
    null_device = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null_device, 1)
    os.dup2(null_device, 2)
    signal.raise_signal(signal.SIGTERM)

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

from bot.base.settings import ROOT, Settings, SettingsError, load
from bot.dev_server.redis_server import NoServer, server_command
from bot.dev_server.stale_processes import MARK, CannotRun, alone

COPIES = {"worker": 2}
"""So many of a process run; one of all others.  A second scheduler would queue everything twice."""

ASKED = {0, 130, 143}
"""honcho's codes for an end that somebody asked for."""


def main(root: Path = ROOT) -> int:
    """Run the Procfile of `root` until Ctrl-C or SIGTERM: 0; or say in a sentence why not: 1."""
    os.chdir(root)
    try:
        settings = load()
        var = settings.var_dir.resolve()
        _carry_mark(var)
        with alone(var):
            return _run(root, settings, var)
    except (SettingsError, CannotRun, NoServer) as error:
        print(error, file=sys.stderr)
        return 1


def _carry_mark(var: Path) -> None:
    """Start over with the mark in the environment: what this process forks later must be found by it, too."""
    if os.environ.get(MARK) != str(var):
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], os.environ | {MARK: str(var)})  # noqa: S606


def _run(root: Path, settings: Settings, var: Path) -> int:
    check_port(settings.port)
    given = Settings(**{}).redis_url  # what `load` fills in for development is not meant
    server, redis_url = (None, given) if given else server_command(var / "redis")
    env = _environment(settings, var, redis_url)
    migrate(settings.database_url, root)
    manager = Manager()
    for name, command in _commands(root, server, var / "keepers.lock"):
        manager.add_process(name, command, env=env, cwd=str(root))
    # A process of its own: a thread in this one would be there while honcho forks.
    ready = subprocess.Popen([sys.executable, "-m", "bot.dev_server.readiness"], env=env, process_group=0)
    try:
        return _loop(manager)
    finally:
        ready.kill()
        ready.wait()


def check_port(port: int) -> None:
    """Raises `CannotRun` if nobody could listen on this port."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError as error:
            reason = os.strerror(error.errno or 0).lower()
            raise CannotRun(f"Port {port} cannot be used ({reason}): choose another, `make run PORT=8001`.") from None


def _environment(settings: Settings, var: Path, redis_url: str) -> dict[str, str]:
    """The processes' environment.  No keys: each reads its own, and environments are easily seen."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    ours = {"PATH": path, "PORT": str(settings.port), "VAR_DIR": str(var), MARK: str(var), "PYTHONUNBUFFERED": "1"}
    ours |= {"REDIS_URL": redis_url, "DATABASE_URL": settings.database_url}
    if sys.platform == "darwin":
        ours["OBJC_DISABLE_INITIALIZE_FORK_SAFETY"] = "YES"  # or a forked work-horse is aborted there
    return {"BIND_ADDRESS": "127.0.0.1"} | dict(os.environ) | ours


def migrate(database_url: str, root: Path = ROOT) -> None:
    """Bring the database up to date.  Raises `CannotRun` with the database's own words."""
    config = Config(str(root / "alembic.ini"))
    config.attributes["url"] = database_url
    try:
        alembic.upgrade(config, "head")
    except (SQLAlchemyError, CommandError) as error:
        said = str(error).splitlines()[0]
        raise CannotRun(f"The database could not be brought up to date: see DATABASE_URL. It said: {said}") from None


def _commands(root: Path, server: list[str] | None, lock: Path) -> Iterator[tuple[str, str]]:
    """Name and command of each process; the server first, and outliving the others."""
    if server:
        yield "redis", _kept("--outlives", lock, server)
    for name, line in parse_procfile((root / "Procfile").read_text()).processes.items():
        copies = COPIES.get(name, 1)
        for number in range(1, copies + 1):
            yield name if copies == 1 else f"{name}.{number}", _kept("--holds", lock, ["sh", "-c", line])


def _kept(option: str, lock: Path, command: list[str]) -> str:
    return "exec " + shlex.join([sys.executable, "-m", "bot.dev_server.supervisor", option, str(lock), "--", *command])


def _loop(manager: Manager) -> int:
    signal.signal(signal.SIGHUP, _terminal_gone)
    try:
        manager.loop()
    except KeyError:
        return 0  # honcho's own, for a signal that comes before all its processes have told their ids
    except OSError as error:
        raise CannotRun(f"Puente was stopped, since nobody reads what it says ({error.strerror}).") from None
    if manager.returncode in ASKED:
        return 0
    raise CannotRun("A process's keeper was killed, so everything was stopped: start again with `make run`.")


def _terminal_gone(number: int, frame: object) -> None:
    """Stop as for SIGTERM, after giving up the terminal: writing to it would fail in the middle of stopping."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    signal.raise_signal(signal.SIGTERM)

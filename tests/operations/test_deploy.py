"""The files in deploy/ start the same processes as the Procfile."""

import os
import re
import subprocess
import sys

import pytest
import yaml
from honcho.environ import parse_procfile

from bot.base import settings

ROOT = settings.ROOT
PROCFILE = parse_procfile((ROOT / "Procfile").read_text()).processes
COMPOSE = yaml.safe_load((ROOT / "deploy/compose.yaml").read_text())["services"]
UNITS = {"web": "puente-web", "worker": "puente-worker@", "scheduler": "puente-scheduler"}
HOST_OPTIONS = re.compile(r"--(workers|bind) \S+")
"""The address and the number of processes may differ."""


def normalize_command(command: str) -> str:
    inner = command.removeprefix('sh -c "exec ').removesuffix('"')
    return HOST_OPTIONS.sub("", inner.replace("/opt/puente/", "").replace(".venv/bin/", "")).replace("  ", " ")


@pytest.mark.parametrize("part", ["web", "worker", "scheduler"])
def test_compose_and_systemd_run_the_procfile_commands(part: str) -> None:
    unit = (ROOT / f"deploy/systemd/{UNITS[part]}.service").read_text()
    (started,) = re.findall(r"^ExecStart=(.*)$", unit, re.MULTILINE)
    assert (
        normalize_command(COMPOSE[part]["command"]) == normalize_command(started) == normalize_command(PROCFILE[part])
    )
    assert "ENVIRONMENT=production" in unit and COMPOSE[part]["environment"]["ENVIRONMENT"] == "production"


def test_redis_persists_its_queue() -> None:
    assert {"--appendonly yes", "--maxmemory-policy noeviction"} <= set(
        re.findall(r"--\S+ \S+", COMPOSE["valkey"]["command"])
    )


def test_health_checks_wait_for_real_readiness() -> None:
    """While PostgreSQL's image creates the cluster, a server answers only on the socket. Valkey answers LOADING."""
    assert "-h 127.0.0.1" in COMPOSE["postgres"]["healthcheck"]["test"][1]
    assert "PONG" in COMPOSE["valkey"]["healthcheck"]["test"][1]
    assert COMPOSE["web"]["depends_on"] == {"setup": {"condition": "service_completed_successfully"}}


def test_migration_without_database_explains_what_to_do() -> None:
    environment = {"PATH": os.environ["PATH"], "DATABASE_URL": "postgresql://puente:secret@127.0.0.1:9/puente"}
    command = [sys.executable, "-m", "alembic", "upgrade", "head"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
    told = done.stdout + done.stderr
    assert done.returncode and "is DATABASE_URL right?" in told
    assert "Traceback" not in told and "secret" not in told


def test_log_size_is_limited() -> None:
    assert all(service["logging"]["options"]["max-size"] for service in COMPOSE.values())

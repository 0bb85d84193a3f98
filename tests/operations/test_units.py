"""systemd reads the units, and `deploy/puente` gives a command the settings of the services."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from bot.base.settings import ROOT
from tests.databases import skip_or_fail

UNITS = sorted((ROOT / "deploy" / "systemd").glob("*.service"))
EXPOSED = 20
"""In tenths, of 100: what systemd calls OK. Without sandboxing it is 85."""
SETTINGS = "SECRET_KEY='with a space & $HOME'\nBIND_ADDRESS=0.0.0.0\n"


@pytest.fixture
def analyze() -> str:
    found = shutil.which("systemd-analyze")
    if not found:
        skip_or_fail("This test needs systemd-analyze: on Debian and Ubuntu, `sudo apt install systemd`.")
    return str(found)


@pytest.fixture
def units(tmp_path: Path) -> list[str]:
    """Copy the units from deploy/, without the program, which need not be installed here."""
    for unit in UNITS:
        text = re.sub(r"/opt/puente/\.venv/bin/\w+", "/bin/true", unit.read_text())
        (tmp_path / unit.name).write_text(text)
    return [str(tmp_path / unit.name) for unit in UNITS]


@pytest.mark.long
def test_systemd_accepts_every_line(analyze: str, units: list[str]) -> None:
    done = subprocess.run([analyze, "verify", *units], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.long
def test_services_are_sandboxed(analyze: str, units: list[str]) -> None:
    for unit in units:
        command = [analyze, "security", "--offline=true", f"--threshold={EXPOSED}", unit]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout[-200:]


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_service_restarts_forever_and_owns_its_files(unit: Path) -> None:
    """systemd stops restarting after five starts within ten seconds. An outage of Redis would last longer."""
    lines = unit.read_text().splitlines()
    assert {"Restart=always", "StartLimitIntervalSec=0", "UMask=0077", "StateDirectoryMode=0700"} <= set(lines)


def run(tmp_path: Path, *command: str) -> str:
    """Run a command with `deploy/puente` from another folder; return its output."""
    given = tmp_path / "puente.env"
    given.write_text(SETTINGS)
    environment = {"PATH": os.environ["PATH"], "SETTINGS": str(given), "RUN_AS": "root"}
    done = subprocess.run(
        [ROOT / "deploy" / "puente", *command],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_manual_command_gets_the_service_settings(tmp_path: Path) -> None:
    asked = "SECRET_KEY BIND_ADDRESS ENVIRONMENT VAR_DIR"
    told = run(tmp_path, "sh", "-c", f"for name in {asked}; do eval echo \\$$name; done; umask; pwd; command -v python")
    *_, umask, folder, python = told.splitlines()
    assert told.startswith("with a space & $HOME\n0.0.0.0\nproduction\n/var/lib/puente\n")
    assert (umask, folder, python) == ("0077", str(ROOT), str(ROOT / ".venv" / "bin" / "python"))

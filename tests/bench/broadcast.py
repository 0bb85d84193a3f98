"""Announcements: sending speed against the allowed rate, freezing time, and steady worker memory.

The stand-in answers after 200 ms. It shares this machine's cores with both workers and the database.
"""

import os
import re
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

import psutil
import requests
from sqlalchemy import insert, text

from bot.announcements import launch
from bot.base import settings
from bot.base.database import now
from bot.base.settings import ROOT
from bot.dev_server.launch import migrate_database
from bot.dev_server.redis_server import run_embedded_server
from bot.runtime import Runtime, open_runtime
from bot.store.announcements import announcements
from bot.store.announcements.announcements import AnnouncementDraft, Audience
from bot.store.families.contacts import contacts
from bot.store.families.families import families, family_schools

ACCOUNT, TOKEN = "AC" + "1" * 32, "t" * 32
LATENCY_MS = 200
ALLOWED_RATE = 80.0
TEXT = "School is closed on Friday. The buses do not run. Lunch can be picked up at the front door from 11 to 1."


def broadcast(fast: int = 50_000, paced: int = 4_000) -> dict[str, float]:
    """Measure `fast` families at an unlimited rate, 1,000 for the memory, and `paced` ones at 80 a second, two workers
    each.
    """
    small = _run(1_000, None)
    large = _run(fast, None)
    slow = _run(paced, ALLOWED_RATE)
    return {
        "families": fast,
        "freezing_seconds": large["freezing"],
        "per_second_unlimited": large["rate"],
        "worker_mb_1000": small["mb"],
        "worker_mb_all": large["mb"],
        "paced_families": paced,
        "allowed_per_second": ALLOWED_RATE,
        "share_of_allowed": round(slow["rate"] / ALLOWED_RATE, 3),
        "twice": large["twice"] + slow["twice"] + small["twice"],
        "missing": large["missing"] + slow["missing"] + small["missing"],
    }


def _run(number: int, per_second: float | None) -> dict[str, float]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        redis_url = stack.enter_context(run_embedded_server(folder / "redis"))
        twilio = stack.enter_context(lean_twilio())
        app_settings = given_settings(folder, redis_url, twilio, per_second)
        migrate_database(app_settings.database_url)
        runtime = open_runtime(app_settings)
        fill(runtime, number)
        announcement = released(runtime)
        stack.enter_context(
            patch("bot.announcements.share_kit.prepare")
        )  # drawing is a separate job with its own memory
        workers = [stack.enter_context(worker(environment(app_settings))) for _ in range(2)]
        started = time.perf_counter()
        launch.start(runtime, announcement)
        frozen = time.perf_counter() - started
        mb = _watch(runtime, announcement, workers)
        whole = time.perf_counter() - started - frozen
        counted = requests.get(f"{twilio}/_count", timeout=5).json()
        runtime.database.engine.dispose()
    return {
        "freezing": round(frozen, 1),
        "rate": round(counted["messages"] / counted["seconds"], 1),
        "whole": round(whole, 1),
        "mb": mb,
        "twice": counted["messages"] - counted["numbers"],
        "missing": number - counted["numbers"],
    }


def fill(runtime: Runtime, number: int, channel: str = "sms") -> None:
    """Add this many families, each with one number and one school. With `channel` "voice" they are phone-only."""
    vault, created_at = runtime.database.vault, now()
    for start in range(0, number, 1000):
        with runtime.database.write() as db:
            numbers = range(start + 1, min(start + 1000, number) + 1)
            people = [
                {
                    "id": family_id,
                    "person_index": vault.compute_lookup_hash(_phone(family_id)),
                    "created_at": created_at,
                }
                for family_id in numbers
            ]
            basis = {"consent_basis": "roster", "consent_at": created_at}
            db.execute(insert(families), [{**person, **basis} for person in people])
            db.execute(
                insert(family_schools),
                [{"family_id": family_id, "school": "lincoln", "source": "roster"} for family_id in numbers],
            )
            begins = "voice:" if channel == "voice" else ""
            indexes = [vault.compute_lookup_hash(begins + _phone(family_id)) for family_id in numbers]
            rows = [
                {
                    "id": family_id,
                    "address_index": index,
                    "sealed_address": vault.encrypt(begins + _phone(family_id), f"contact:address:{index}"),
                    "channel": channel,
                    "language": "en",
                    "created_at": created_at,
                    "family_id": family_id,
                }
                for family_id, index in zip(numbers, indexes, strict=True)
            ]
            db.execute(insert(contacts), rows)
    if runtime.database.engine.dialect.name == "postgresql":  # sequences ignore ids that were given explicitly
        with runtime.database.write() as db:
            for table in ("families", "contacts"):
                db.execute(text(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id)) FROM {table}"))


def _phone(number: int) -> str:
    return f"+1217{number + 2_000_000:07d}"


def released(runtime: Runtime) -> int:
    draft = AnnouncementDraft("emergency", "ruth_adams", TEXT, Audience(), now() + timedelta(days=2), channels=("sms",))
    with runtime.database.write() as db:
        number = announcements.add(db, draft, "bench", now())
        announcements.change_state(db, number, ["draft"], "ready")
    return number


def _watch(runtime: Runtime, announcement: int, workers: list[subprocess.Popen[bytes]]) -> float:
    """Wait until the announcement is done; return the peak private memory of a work-horse."""
    most = 0.0
    state = ""
    while state != "done":
        time.sleep(0.5)
        with runtime.database.read() as db:
            state = announcements.get_state(db, announcement)
        most = max([most, *(_mb(horse) for worker in workers for horse in psutil.Process(worker.pid).children())])
    return round(most, 1)


def _mb(process: psutil.Process) -> float:
    try:
        return process.memory_full_info().uss / 1e6
    except psutil.Error:
        return 0.0


def given_settings(
    folder: Path, redis_url: str, twilio: str, per_second: float | None, public: str = "http://127.0.0.1:9"
) -> settings.Settings:
    """Return settings of a district that may send this many messages a second."""
    district_text = (ROOT / "district.yaml").read_text()
    pace = f"pace: {{sms: {{per_second: {per_second}}}}}" if per_second else "pace: {}"
    district_text, changed = re.subn(r"pace: \{.*\}\}", pace, district_text)
    assert changed == 1, "the example district has one line for the pace"
    (folder / "district.yaml").write_text(district_text)
    return settings.load_settings(
        var_dir=folder,
        redis_url=redis_url,
        database_url=f"sqlite:///{folder}/bench.db",
        district_file=folder / "district.yaml",
        public_url=public,
        data_key=secrets.token_hex(32),
        twilio_account_sid=ACCOUNT,
        twilio_auth_token=TOKEN,
        twilio_sms_from="+12175550100",
        twilio_api_base=twilio,
        translator="off",
    )


def environment(app_settings: settings.Settings) -> dict[str, str]:
    """Return the same settings as the environment of a process."""
    names = ("var_dir", "redis_url", "database_url", "district_file", "public_url", "data_key", "translator")
    twilio = ("twilio_account_sid", "twilio_auth_token", "twilio_sms_from", "twilio_api_base")
    return {**os.environ, **{name.upper(): str(getattr(app_settings, name)) for name in (*names, *twilio)}}


@contextmanager
def worker(env: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "worker.py"], cwd=ROOT, env=env)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def lean_twilio(token: str = "") -> Iterator[str]:
    """Start a lean stand-in in its own process and yield its address. With the account token it posts status reports."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "tests.bench.lean_twilio", str(port), str(LATENCY_MS), token]
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()

"""The whole service as `make run` starts it, with Twilio's stand-in, and processes that a test can kill."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import psutil
import requests

from bot.base import settings
from bot.base.settings import ROOT, Settings
from bot.dev_server import redis_server
from bot.runtime import Runtime, open_runtime
from tests.stand_in import TwilioProcess, sign

KINDS = {"web": "gunicorn", "worker": "worker.py", "scheduler": "rq cron", "redis": "valkey-server|redis-server"}
CASE = re.compile(r"case (\d+) ")


@dataclass
class Line:
    """A running service: `tell` writes as a family, `kill` kills processes."""

    port: int
    var: Path
    twilio: TwilioProcess
    environment: Mapping[str, str] = field(default_factory=dict)
    """The environment of its processes."""

    @property
    def public(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def tell(self, address: str, text: str, sid: str | None = None, tries: int = 60, **fields: str) -> str:
        """Post a signed message as Twilio does; repeat it while there is no answer or a 5xx."""
        sid = sid or f"SM{uuid4().hex}"
        form = {"MessageSid": sid, "From": address, "Body": text, "AccountSid": self.twilio.account_sid, **fields}
        url = f"{self.public}/webhooks/twilio/messages"
        headers = {"X-Twilio-Signature": sign(self.twilio.auth_token, url, form)}
        for _ in range(tries):
            try:
                answer = requests.post(url, form, headers=headers, timeout=15)
                if answer.status_code < 500:
                    assert answer.status_code == 200, answer.text
                    return answer.text
            except requests.RequestException:
                pass
            time.sleep(0.5)
        raise AssertionError("the line did not come back")

    def processes(self, kind: str) -> list[psutil.Process]:
        """Return the service's processes of a kind, including work-horses but not their supervisors."""
        found = []
        for process in psutil.process_iter(["cmdline", "cwd"]):
            words = process.info["cmdline"] or []
            command = " ".join(words)
            ours = self._is_ours(process, command)
            if ours and re.search(KINDS[kind], command) and "bot.dev_server" not in command and words[0] != "sh":
                found.append(process)
        return found

    def _is_ours(self, process: psutil.Process, command: str) -> bool:
        if str(self.var) in command:
            return True
        try:
            return process.environ().get("PUENTE_RUN") == str(self.var) or process.cwd() == str(self.var / "redis")
        except psutil.Error:
            return False

    def kill(self, kind: str, most: int | None = None) -> int:
        """kill -9 all processes of a kind (or `most` of them); return how many there were."""
        victims = self.processes(kind)[:most]
        for victim in victims:
            try:
                victim.kill()
            except psutil.NoSuchProcess:
                continue
        return len(victims)

    def alerts(self, phone: str) -> list[int]:
        """Return the case numbers in this phone's alerts, in order."""
        return [int(found[1]) for message in self.twilio.sent_to(phone) if (found := CASE.search(message.body))]

    def until(self, check: Callable[[], bool], seconds: float) -> float:
        """Return how long it took; fail after `seconds`."""
        started = time.monotonic()
        while not check():
            assert time.monotonic() - started < seconds, f"not within {seconds} s"
            time.sleep(0.2)
        return time.monotonic() - started

    @contextmanager
    def runtime(self) -> Iterator[Runtime]:
        """Open the service's own database and Redis, for a test that arranges something."""
        given = settings.load_settings(**_given(self.environment))
        redis = redis_server.build_server_command(self.var / "redis")[1]
        opened = open_runtime(given.model_copy(update={"redis_url": redis}))
        try:
            yield opened
        finally:
            opened.database.engine.dispose()

    def ready(self) -> bool:
        try:
            return requests.get(f"{self.public}/readyz", timeout=3).status_code == 200
        except requests.RequestException:
            return False


@contextmanager
def running(
    folder: Path, around: Mapping[str, str] | None = None, log: Path | None = None, sms_per_second: int = 80
) -> Iterator[Line]:
    """Run a service in `folder` and stop it at the end, whatever happened to its parts.

    `around` extends the processes' environment; `log` is their log file (by default in `folder`).
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with TwilioProcess() as twilio:
        env = _environment(folder, port, twilio, sms_per_second) | (around or {})
        output = (log or folder / "output.log").open("w")
        run = subprocess.Popen(
            [sys.executable, "-m", "bot.dev_server"], cwd=ROOT, env=env, stdout=output, stderr=output
        )
        line = Line(port, folder, twilio, env)
        try:
            line.until(line.ready, 120)
            yield line
        finally:
            run.send_signal(signal.SIGTERM)
            try:
                run.wait(timeout=30)
            except subprocess.TimeoutExpired:
                run.kill()
            for kind in KINDS:
                line.kill(kind)


def _district(folder: Path, sms_per_second: int) -> Path:
    """The example district, with emergency alerts repeated only after an hour, so that a test can count duplicates.

    Its SMS sender has a short code's rate (80), so that an announcement doesn't take all morning.
    """
    told = (ROOT / "district.yaml").read_text()
    assert "every_minutes: 5" in told and "sms: {per_second: 10}" in told
    path = folder / "district.yaml"
    told = told.replace("sms: {per_second: 10}", f"sms: {{per_second: {sms_per_second}}}")
    path.write_text(told.replace("every_minutes: 5", "every_minutes: 60"))
    return path


def _given(environment: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in environment.items() if name.lower() in Settings.model_fields}


def _environment(folder: Path, port: int, twilio: TwilioProcess, sms_per_second: int) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in ("REDIS_URL", "DATABASE_URL")}
    return {
        **kept,
        "VAR_DIR": str(folder),
        "DISTRICT_FILE": str(_district(folder, sms_per_second)),
        "TRANSLATOR": "off",
        "DATABASE_URL": f"sqlite:///{folder}/puente.db",
        "PORT": str(port),
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "TWILIO_API_BASE": twilio.url,
        "TWILIO_ACCOUNT_SID": twilio.account_sid,
        "TWILIO_AUTH_TOKEN": twilio.auth_token,
        "TWILIO_SMS_FROM": "+12175550100",
        "TWILIO_WHATSAPP_FROM": "+12175550100",
    }

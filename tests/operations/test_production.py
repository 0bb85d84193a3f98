"""Real processes in production mode: every log line is JSON, one trace follows a message, two web processes share
counts.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest
import requests

from bot.base.settings import ROOT
from bot.dev_server.redis_server import run_embedded_server
from tests.databases import free_port
from tests.stand_in import TwilioProcess, sign

pytestmark = [pytest.mark.long, pytest.mark.timeout(120)]

PUBLIC, NAME, PHONE = "https://puente.test", "Quillonette", "+12175554400"
TOKEN = "for-prometheus-alone"


def until(what: Callable[[], object], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.2)


def ready(base: str) -> bool:
    try:
        return requests.get(f"{base}/readyz", timeout=2).status_code == 200
    except requests.RequestException:
        return False


def post_message(base: str, twilio: TwilioProcess, text: str) -> None:
    form = {"MessageSid": f"SM{uuid4().hex}", "From": PHONE, "Body": text, "AccountSid": twilio.account_sid}
    url = f"{PUBLIC}/webhooks/twilio/messages"
    signed = {"X-Twilio-Signature": sign(twilio.auth_token, url, form)}
    assert requests.post(f"{base}/webhooks/twilio/messages", form, headers=signed, timeout=15).status_code == 200


def scrape_metrics(base: str) -> str:
    return requests.get(f"{base}/metrics", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=10).text


def test_real_processes_write_logs_traces_and_metrics(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    port, output = free_port(), tmp_path / "output.log"
    base = f"http://127.0.0.1:{port}"
    with TwilioProcess() as twilio, run_embedded_server(tmp_path_factory.mktemp("redis")) as redis:
        kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")}
        given = {
            **{"ENVIRONMENT": "production", "SECRET_KEY": "s" * 40, "DATA_KEY": "d" * 40, "PUBLIC_URL": PUBLIC},
            **{"PORT": str(port), "VAR_DIR": str(tmp_path), "DATABASE_URL": f"sqlite:///{tmp_path}/puente.db"},
            **{"REDIS_URL": redis, "TRANSLATOR": "off", "METRICS_TOKEN": TOKEN, "WEB_CONCURRENCY": "2"},
            **{"TWILIO_ACCOUNT_SID": twilio.account_sid, "TWILIO_AUTH_TOKEN": twilio.auth_token},
            **{"TWILIO_API_BASE": twilio.url, "TWILIO_SMS_FROM": "+12175550100"},
        }
        with output.open("w") as out:
            run = subprocess.Popen(
                [sys.executable, "-m", "bot.dev_server"], cwd=ROOT, env=kept | given, stdout=out, stderr=out
            )
        try:
            until(lambda: ready(base))
            post_message(base, twilio, f"ICE is at my door right now, I am {NAME}")
            for number in range(19):
                post_message(base, twilio, f"{number} {NAME} is inside")
            until(lambda: '"event": "sent"' in output.read_text())
            shown = {re.findall(r"puente_messages_in_total\{\S* (\S+)", scrape_metrics(base))[0] for _ in range(8)}
            assert shown == {"20.0"}, "whichever process is asked"
        finally:
            run.send_signal(signal.SIGTERM)
            run.wait(30)
    check_lines(output.read_text())


def check_lines(text: str) -> None:
    """Return our processes' lines without honcho's own and the first login."""
    said = [line.partition("| ")[2] for line in text.splitlines() if re.match(r"\S+ (web|worker|scheduler)", line)]
    lines = [json.loads(line) for line in said if line.strip()]
    assert {line["logger"].split(".")[0] for line in lines} >= {"bot", "gunicorn"}
    first = next(line["trace"] for line in lines if line["event"] == "paged")
    followed = [line["event"] for line in lines if line.get("trace") == first]
    assert followed[0] == "answered" and {"paged", "sent"} <= set(followed)
    assert len({line["trace"] for line in lines if line["event"] == "answered"}) == 20
    assert NAME not in text and PHONE[2:] not in text and "5554400" not in text


def test_fatal_error_does_not_log_its_message() -> None:
    code = f"from bot.base import logs; logs.configure(); raise ValueError('{NAME} {PHONE}')"
    environment = os.environ | {"ENVIRONMENT": "production", "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=30)
    assert done.returncode == 1 and NAME not in done.stderr and PHONE not in done.stderr
    assert json.loads(done.stderr)["exception"][0]["type"] == "ValueError"

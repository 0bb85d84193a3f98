"""A deployment of several hosts on this machine: each process has its own home and `var/`."""

import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from uuid import uuid4

import requests
from honcho.environ import parse_procfile

from bot.base.settings import ROOT
from bot.dev_server.redis_server import find_server_binary
from tests.databases import free_port, migrate, wait_for_port
from tests.stand_in import TwilioProcess, sign

CASE = re.compile(r"case (\d+) ")
DANA, SAM = "+12175550143", "+12175550144"
EMERGENCY = "ICE is at my door right now"
PUBLIC = "http://puente.test"
PROCFILE = parse_procfile((ROOT / "Procfile").read_text()).processes
Process = subprocess.Popen[bytes]


def until(check: Callable[[], object], seconds: float = 60) -> float:
    """Return how long it took; fail after `seconds`."""
    started = time.monotonic()
    while not check():
        assert time.monotonic() - started < seconds, f"not within {seconds} s"
        time.sleep(0.1)
    return time.monotonic() - started


@dataclass
class Deployment:
    """Web hosts, worker hosts, and a scheduler on one Redis and one database."""

    folder: Path
    redis_url: str
    database_url: str
    twilio: TwilioProcess
    ports: list[int] = field(default_factory=list)
    processes: dict[str, Process] = field(default_factory=dict)
    answers: Counter[str] = field(default_factory=Counter)
    """The results of the posts by `tell`: `200`, `503`, the name of an exception."""
    _turn: "count[int]" = field(default_factory=count)

    def host(self, name: str, kind: str, kept: bool = False, **more: str) -> Process:
        """Start the Procfile's process of this kind on its own "machine"; with `kept`, restart it as systemd and
        compose do.
        """
        home = self.folder / name
        (home / "var").mkdir(parents=True, exist_ok=True)
        output = (home / "output.log").open("ab")
        command = ["sh", "-c", f"exec {PROCFILE[kind]}"]
        if kept:
            command = [sys.executable, "-m", "bot.dev_server.supervisor", "--", *command]
        environment = self.environment(home) | more
        started = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=output, process_group=0)
        output.close()
        self.processes[name] = started
        return started

    def web(self, name: str, port: int = 0) -> Process:
        """Start a web host; families' messages go to it from now on."""
        port = port or free_port()
        started = self.host(name, "web", PORT=str(port), BIND_ADDRESS="127.0.0.1")
        until(lambda: self.lives(port))
        if port not in self.ports:
            self.ports.append(port)
        return started

    def environment(self, home: Path) -> dict[str, str]:
        """Return the settings of each machine."""
        kept = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "LC_ALL", "TMPDIR")}
        return {
            **kept,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{kept.get('PATH', os.defpath)}",
            "HOME": str(home),
            "PYTHONPATH": str(ROOT),
            "VAR_DIR": str(home / "var"),
            "DISTRICT_FILE": str(self._district()),
            "SECRET_KEY": "s" * 32,
            "DATA_KEY": "d" * 32,
            "TRANSLATOR": "off",
            "REDIS_URL": self.redis_url,
            "DATABASE_URL": self.database_url,
            "PUBLIC_URL": PUBLIC,
            "TWILIO_API_BASE": self.twilio.url,
            "TWILIO_ACCOUNT_SID": self.twilio.account_sid,
            "TWILIO_AUTH_TOKEN": self.twilio.auth_token,
            "TWILIO_SMS_FROM": "+12175550100",
            "TWILIO_WHATSAPP_FROM": "+12175550100",
        }

    def _district(self) -> Path:
        """The example district, with emergency alerts repeated only after an hour, so that a test can count
        duplicates.
        """
        path = self.folder / "district.yaml"
        if not path.exists():
            told = (ROOT / "district.yaml").read_text()
            assert "every_minutes: 5" in told
            path.write_text(told.replace("every_minutes: 5", "every_minutes: 60"))
        return path

    def lives(self, port: int) -> bool:
        """Return whether the web process there answers."""
        with suppress(requests.RequestException):
            return requests.get(f"http://127.0.0.1:{port}/healthz", timeout=2).status_code == 200
        return False

    def ready(self) -> bool:
        """Return whether a web host reports that everything a message needs is available."""
        with suppress(requests.RequestException):
            return requests.get(f"http://127.0.0.1:{self.ports[0]}/readyz", timeout=5).status_code == 200
        return False

    def tell(self, address: str, text: str, tries: int = 3, sid: str = "") -> str:
        """Post a signed message to the hosts in turn, as Twilio does through a load balancer.

        Repeat it twice after a 5xx or a broken connection (`#rc=2&rp=5xx,ct,rt`).
        """
        form = {"MessageSid": sid or f"SM{uuid4().hex}", "From": address, "Body": text}
        form["AccountSid"] = self.twilio.account_sid
        signature = sign(self.twilio.auth_token, f"{PUBLIC}/webhooks/twilio/messages", form)
        turn = next(self._turn)
        for attempt in range(tries):
            port = self.ports[(turn + attempt) % len(self.ports)]  # a second try goes to another host
            try:
                url = f"http://127.0.0.1:{port}/webhooks/twilio/messages"
                answer = requests.post(url, form, headers={"X-Twilio-Signature": signature}, timeout=15)
            except requests.RequestException as error:
                self.answers[type(error).__name__] += 1
                time.sleep(0.1)
                continue
            self.answers[str(answer.status_code)] += 1
            if answer.status_code < 500:
                assert answer.status_code == 200, answer.text
                return answer.text
            time.sleep(0.5)
        raise AssertionError(f"{text!r} was lost: {dict(self.answers)}")

    def alerts(self, phone: str) -> Counter[int]:
        """Return how often this phone was alerted of each case."""
        return Counter(int(found[1]) for one in self.twilio.sent_to(phone) if (found := CASE.search(one.body)))

    def all_told(self, cases: int, seconds: float = 180) -> None:
        """Wait until both on-call phones were alerted of this many cases, and check that there are no duplicates."""
        until_told = time.monotonic() + seconds
        while min(len(self.alerts(phone)) for phone in (DANA, SAM)) < cases:
            told = [len(self.alerts(phone)) for phone in (DANA, SAM)]
            assert time.monotonic() < until_told, f"told of {told} cases of {cases}; {self.said()[-3000:]}"
            time.sleep(0.5)
        for phone in (DANA, SAM):
            assert set(self.alerts(phone).values()) == {1}, self.alerts(phone).most_common(3)

    def said(self) -> str:
        """Return the output of all processes."""
        return "\n".join(f"== {path.parent.name}\n{path.read_text()}" for path in self.folder.glob("*/output.log"))

    def term(self, name: str, seconds: float = 40) -> int:
        """Stop one gracefully, as systemd and compose do; return its exit code. Fail if it doesn't stop in time."""
        process = self.processes.pop(name)
        process.terminate()
        return process.wait(timeout=seconds)

    def close(self) -> None:
        """Stop everything that is left, by id, with its children."""
        for process in self.processes.values():
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@contextmanager
def deployed(folder: Path, redis_url: str, database_url: str, through: str = "") -> Iterator[Deployment]:
    """Yield a deployment with one web host on a migrated database; `through` is the pooler's URL.

    Twilio's callbacks go to that first host.
    """
    migrate(database_url)
    port = free_port()
    with TwilioProcess(reach={PUBLIC: f"http://127.0.0.1:{port}"}) as twilio:
        made = Deployment(folder, redis_url, through or database_url, twilio)
        try:
            made.web("web1", port)
            yield made
        finally:
            made.close()


@contextmanager
def redis_server(folder: Path, *options: str) -> Iterator[tuple[int, Process]]:
    """Start a server of the kind that `make run` embeds, on a port; `options` are command-line options."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    words = ["--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", "", "--appendonly", "yes"]
    process = subprocess.Popen([find_server_binary(), *options, *words], stdout=(folder / "log").open("wb"))
    try:
        wait_for_port(port)
        yield port, process
    finally:
        process.kill()
        process.wait()

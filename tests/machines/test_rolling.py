"""A new release, host after host, while families write: every message is answered, every emergency alerts once."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest

from tests.machines.parts import EMERGENCY, Deployment, deployed, until

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]
WRITERS = 6


@pytest.fixture
def hosts(tmp_path: Path, shared_redis: str, database: str) -> Iterator[Deployment]:
    with deployed(tmp_path, shared_redis, database) as made:
        made.web("web2")
        for name in ("worker1", "worker2"):
            made.host(name, "worker")
        made.host("scheduler", "scheduler")
        until(made.ready)
        yield made


class Families:
    """Families that write one after another, every third an emergency, until they are stopped."""

    def __init__(self, hosts: Deployment) -> None:
        self.hosts, self.written, self.emergencies = hosts, 0, 0
        self.lost: list[BaseException] = []
        self._number, self._stopped, self._lock = count(), threading.Event(), threading.Lock()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Write during this context; fail if a message is lost."""
        writers = [threading.Thread(target=self._write) for _ in range(WRITERS)]
        for writer in writers:
            writer.start()
        try:
            yield
        finally:
            self._stopped.set()
            for writer in writers:
                writer.join()
        assert not self.lost, self.lost[0]

    def _write(self) -> None:
        while not self._stopped.is_set():
            with self._lock:
                number = next(self._number)
                self.written += 1
                self.emergencies += number % 3 == 0
            try:
                self.hosts.tell(f"+121755{number:05d}", "hello, good morning" if number % 3 else EMERGENCY)
            except Exception as error:
                self.lost.append(error)
            time.sleep(0.4)


def test_a_rolling_restart_loses_nothing(hosts: Deployment) -> None:
    families, ended = Families(hosts), {}
    with families.writing():
        time.sleep(2)
        hosts.processes["web1"].send_signal(signal.SIGHUP)  # new code in new workers, while the port stays open
        time.sleep(8)
        for name, kind in (("web2", "web"), ("worker1", "worker"), ("worker2", "worker"), ("scheduler", "scheduler")):
            if kind == "web":
                port = hosts.ports.pop()  # the load balancer sends it nothing more …
                time.sleep(0.5)
                ended[name] = hosts.term(name)  # … and it finishes what it has begun
                hosts.web(name, port)
            else:
                ended[name] = hosts.term(name, 90)
                hosts.host(f"{name}b", kind)
            time.sleep(2)
    with_load_balancer = dict(hosts.answers)
    hosts.all_told(families.emergencies)
    print(f"\n{families.written} messages, {families.emergencies} emergencies: {with_load_balancer}, exits {ended}")
    assert set(ended.values()) == {0}
    assert set(hosts.answers) == {"200"}, "not even a second try was needed"


def test_stopped_web_host_behind_unaware_load_balancer_loses_nothing(hosts: Deployment) -> None:
    """The balancer keeps sending to a stopping host. Another host answers Twilio's second try."""
    families = Families(hosts)
    with families.writing():
        time.sleep(2)
        port = hosts.ports[1]
        assert hosts.term("web2") == 0
        time.sleep(3)
        hosts.web("web2", port)
        time.sleep(2)
    hosts.all_told(families.emergencies)
    print(f"\n{families.written} messages: {dict(hosts.answers)}")
    assert set(hosts.answers) <= {"200", "ConnectionError"}

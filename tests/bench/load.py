"""A load of signed webhooks, prepared in advance and sent over kept-alive connections, as Twilio's proxies do."""

import socket
import threading
import time
from collections.abc import Sequence
from urllib.parse import urlencode
from uuid import uuid4

from tests.stand_in import sign

TEXTS = ("menu", "2", "is it safe at school?", "4", "menu", "may my child come without papers", "3", "thank you")


def requests(public: str, token: str, account: str, families: int, run: str) -> list[list[bytes]]:
    """Build each family's messages in order, as the bytes of whole HTTP requests."""
    path = "/webhooks/twilio/messages"
    requests_by_family = []
    for number in range(families):
        address = f"whatsapp:+1217{hash((run, number)) % 10**7:07d}"
        forms = [
            {"MessageSid": f"SM{uuid4().hex}", "AccountSid": account, "From": address, "Body": text, "NumMedia": "0"}
            for text in TEXTS
        ]
        requests_by_family.append([_request(path, form, sign(token, public + path, form)) for form in forms])
    return requests_by_family


def _request(path: str, form: dict[str, str], signature: str) -> bytes:
    body = urlencode(form).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: puente.test\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        f"X-Twilio-Signature: {signature}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def send_all(port: int, families: Sequence[Sequence[bytes]], connections: int) -> tuple[float, list[float]]:
    """Return messages a second and each time in seconds. Each family's messages go one after another."""
    times: list[float] = []
    shares = [families[number::connections] for number in range(connections)]
    threads = [threading.Thread(target=_send_share, args=(port, share, times)) for share in shares]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(times) / (time.perf_counter() - started), times


def send_paced(port: int, families: Sequence[Sequence[bytes]], per_second: float) -> list[float]:
    """Return the time of each message in seconds when they arrive at this rate on four connections."""
    times: list[float] = []
    pause = 4 / per_second
    threads = [
        threading.Thread(target=_send_share, args=(port, families[offset::4], times, pause)) for offset in range(4)
    ]
    for number, thread in enumerate(threads):
        threading.Timer(number * pause / 4, thread.start).start()
    time.sleep(pause)
    for thread in threads:
        thread.join()
    return times


def _send_share(port: int, share: Sequence[Sequence[bytes]], times: list[float], pause: float = 0.0) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        answers = connection.makefile("rb")
        for family in share:
            for request in family:
                started = time.perf_counter()
                connection.sendall(request)
                _read(answers)
                times.append(time.perf_counter() - started)
                time.sleep(max(0.0, pause - times[-1]))


def _read(answers) -> None:  # type: ignore[no-untyped-def]
    line = answers.readline()
    assert b" 200 " in line, line
    length = 0
    while (header := answers.readline()) != b"\r\n":
        if header.lower().startswith(b"content-length:"):
            length = int(header.split(b":")[1])
    answers.read(length)

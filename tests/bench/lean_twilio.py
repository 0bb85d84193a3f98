"""`python -m tests.bench.lean_twilio PORT MILLISECONDS [TOKEN]`: a cheap stand-in for Twilio's Messages API.

The full stand-in checks what it gets and would itself be measured. This one waits, answers, and counts how often each
number got a message. With the account token, it posts two signed reports on each message, as Twilio does. `GET /_count`
returns the counts.
"""

import asyncio
import json
import secrets
import sys
import time
from collections import Counter
from urllib.parse import parse_qs, urlencode, urlsplit

from tests.stand_in import sign

ACCOUNT = "AC" + "1" * 32
RECEIVED: Counter[str] = Counter()
TIMES: list[float] = []
"""The times of the first and the last request."""


REPORTS: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
"""(callback address, SID) of messages that still need a report."""
CARRIERS = 4


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float) -> None:
    """Serve one connection until the other side closes it."""
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            body = await reader.readexactly(_length(head))
            if head.startswith(b"GET /_count"):
                document = {
                    "numbers": len(RECEIVED),
                    "messages": RECEIVED.total(),
                    "seconds": TIMES[-1] - TIMES[0] if TIMES else 0,
                }
                await _answer(writer, b"200 OK", document)
                continue
            await asyncio.sleep(seconds)
            form = parse_qs(body.decode())
            to = form["To"][0]
            RECEIVED[to] += 1
            TIMES[1:] = [time.monotonic()] if TIMES else []
            TIMES[:1] = TIMES[:1] or [time.monotonic()]
            sid = f"SM{secrets.token_hex(16)}"
            document = {"sid": sid, "status": "queued", "to": to, "body": ""}
            await _answer(writer, b"201 Created", document)
            REPORTS.put_nowait((form.get("StatusCallback", [""])[0], sid))
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            return int(line.split(b":")[1])
    return 0


async def _answer(writer: asyncio.StreamWriter, status: bytes, document: dict[str, object]) -> None:
    data = json.dumps(document).encode()
    head = b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    writer.write(head % (status, len(data)) + data)
    await writer.drain()


async def carry(token: str) -> None:
    """Post "sent" and "delivered" for each message, over one connection."""
    streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
    while True:
        address, sid = await REPORTS.get()
        parts = urlsplit(address)
        for status in ("sent", "delivered"):
            form = {"MessageSid": sid, "MessageStatus": status, "AccountSid": ACCOUNT}
            body = urlencode(form).encode()
            head = (
                f"POST {parts.path}?{parts.query} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
                f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n"
                f"X-Twilio-Signature: {sign(token, address, form)}\r\n\r\n"
            )
            try:
                streams = streams or await asyncio.open_connection(parts.hostname, parts.port)
                streams[1].write(head.encode() + body)
                answer = await streams[0].readuntil(b"\r\n\r\n")
                await streams[0].readexactly(_length(answer))
            except (OSError, asyncio.IncompleteReadError):
                streams = None


async def main(port: int, milliseconds: float, token: str) -> None:
    """Serve until killed."""
    carriers = [asyncio.create_task(carry(token)) for _ in range(CARRIERS if token else 0)]
    server = await asyncio.start_server(
        lambda reader, writer: serve(reader, writer, milliseconds / 1000), "127.0.0.1", port, backlog=512
    )
    async with server:
        await asyncio.gather(server.serve_forever(), *carriers)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else ""))

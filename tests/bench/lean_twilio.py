"""`python -m tests.bench.lean_twilio PORT MILLISECONDS`: a stand-in of Twilio's Messages API that costs little.

The full stand-in checks what it gets and would itself be what is measured; this one waits, answers and counts how
often each number got something.  `GET /_count` tells.
"""

import asyncio
import json
import secrets
import sys
import time
from collections import Counter
from urllib.parse import parse_qs

GOT: Counter[str] = Counter()
TIMES: list[float] = []
"""When the first and the last came."""


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float) -> None:
    """One connection, until the other side closes it."""
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            body = await reader.readexactly(_length(head))
            if head.startswith(b"GET /_count"):
                found = {"numbers": len(GOT), "messages": GOT.total(), "seconds": TIMES[-1] - TIMES[0] if TIMES else 0}
                await _answer(writer, b"200 OK", found)
                continue
            await asyncio.sleep(seconds)
            to = parse_qs(body.decode())["To"][0]
            GOT[to] += 1
            TIMES[1:] = [time.monotonic()] if TIMES else []
            TIMES[:1] = TIMES[:1] or [time.monotonic()]
            found = {"sid": f"SM{secrets.token_hex(16)}", "status": "queued", "to": to, "body": ""}
            await _answer(writer, b"201 Created", found)
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            return int(line.split(b":")[1])
    return 0


async def _answer(writer: asyncio.StreamWriter, status: bytes, found: dict[str, object]) -> None:
    data = json.dumps(found).encode()
    head = b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    writer.write(head % (status, len(data)) + data)
    await writer.drain()


async def main(port: int, milliseconds: float) -> None:
    """Serve until killed."""
    server = await asyncio.start_server(
        lambda reader, writer: serve(reader, writer, milliseconds / 1000), "127.0.0.1", port, backlog=512
    )
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), float(sys.argv[2])))

"""Find planted words in everything that a program leaves behind, in every usual encoding."""

import base64
import json
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote, quote_plus

from redis import Redis


def list_encodings(word: str) -> dict[str, bytes]:
    """Return the encodings that a word may have in a file, by name."""
    ways = {
        "utf-8": word.encode(),
        "utf-16-le": word.encode("utf-16-le"),
        "utf-16-be": word.encode("utf-16-be"),
        "url": quote(word, safe="").encode(),
        "url+": quote_plus(word).encode(),
        "json": json.dumps(word)[1:-1].encode(),
        "python": word.encode("unicode_escape"),
        "hex": word.encode().hex().encode(),
        "HEX": word.encode().hex().upper().encode(),
    }
    for offset in range(3):  # base64 of a longer text: by the word's position in a group of three bytes
        padded = base64.b64encode(b"\0" * offset + word.encode())
        whole = (len(word.encode()) + offset) // 3 * 4
        start = (0, 2, 3)[offset] if offset else 0
        ways[f"base64+{offset}"] = padded[start:whole] if offset == 0 else padded[4:whole]
    return {name: value for name, value in ways.items() if len(value) >= 6}


def list_number_formats(phone: str) -> list[str]:
    """Return a number as people and programs write it: +1 217 555 0177."""
    digits = phone.lstrip("+")
    area, middle, last = digits[1:4], digits[4:7], digits[7:]
    return [
        phone,
        digits,
        digits[1:],
        f"{area}-{middle}-{last}",
        f"({area}) {middle}-{last}",
        f"{area}.{middle}.{last}",
        f"{middle}-{last}",
    ]


def find_words(data: bytes, words: Iterable[str]) -> list[tuple[str, str]]:
    """Return (word, encoding) of each match in this data, also in zlib-compressed parts (RQ compresses its jobs)."""
    lower = {word: {word, word.lower(), word.upper()} for word in words}
    hits = []
    for piece in (data, *_unpacked(data)):
        for word, cases in lower.items():
            for one in cases:
                hits += [(word, name) for name, way in list_encodings(one).items() if way in piece]
    return hits


def _unpacked(data: bytes) -> Iterator[bytes]:
    for magic in (b"\x78\x9c", b"\x78\x01", b"\x78\xda"):
        at = data.find(magic)
        while at != -1:
            with suppress(zlib.error):
                yield zlib.decompressobj().decompress(data[at : at + 1_000_000])
            at = data.find(magic, at + 1)


def files(folder: Path) -> Iterator[tuple[Path, bytes]]:
    """Yield every file below."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path, path.read_bytes()


def values(redis: Redis) -> Iterator[tuple[str, bytes]]:
    """Yield every Redis key with its value."""
    for key in redis.scan_iter(count=1000):
        kind = redis.type(key).decode()
        read = {"string": redis.get, "hash": redis.hgetall, "set": redis.smembers}.get(kind)
        if kind == "list":
            held: object = redis.lrange(key, 0, -1)
        elif kind == "zset":
            held = redis.zrange(key, 0, -1)
        elif kind == "stream":
            held = redis.xrange(key)
        else:
            held = read(key) if read else b""
        yield key.decode(errors="replace"), key + b"\0" + b"\0".join(_flat(held))


def _flat(held: object) -> Iterator[bytes]:
    if isinstance(held, bytes):
        yield held
    elif isinstance(held, dict):
        for name, value in held.items():
            yield from (*_flat(name), *_flat(value))
    elif isinstance(held, list | tuple | set):
        for one in held:
            yield from _flat(one)

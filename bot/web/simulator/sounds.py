"""Sounds that the simulator's phones send: kept in Redis for a day, where Twilio would keep them for its account."""

import re
import secrets

from redis import Redis

from bot.voice.converting import convert

KEPT_SECONDS = 24 * 3600
NAME = re.compile(r"[0-9a-f]{32}")


class NotOurs(Exception):
    """The program's answer is nothing that this phone can follow; the text says what."""


def keep(redis: Redis, given: bytes) -> str:
    """Keep what was recorded, as WhatsApp sends it (Opus in OGG); its name.  Raises `converting.CannotUse`."""
    name = secrets.token_hex(16)
    redis.set(f"puente:simulator:sound:{name}", convert(given).ogg, ex=KEPT_SECONDS)
    return name


def find(redis: Redis, name: str) -> bytes | None:
    """The sound of this name, if it is still there."""
    found = redis.get(f"puente:simulator:sound:{name}") if NAME.fullmatch(name) else None
    return found if isinstance(found, bytes) else None


def drop(redis: Redis, name: str) -> None:
    """Take it away, as Twilio does when it is told to."""
    redis.delete(f"puente:simulator:sound:{name}")

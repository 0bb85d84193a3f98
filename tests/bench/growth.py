"""Does a message take longer with more known families or more open conversations? Alternates small and large."""

import os
import secrets
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from uuid import uuid4

from sqlalchemy import insert

from bot.base import settings
from bot.base.database import now
from bot.dev_server.launch import migrate_database
from bot.dev_server.redis_server import run_embedded_server
from bot.message_router import answer_message
from bot.messaging.inbound_message import InboundMessage
from bot.runtime import Runtime, open_runtime
from bot.store.families.contacts import contacts
from bot.store.families.families import families

CONTACTS, CONVERSATIONS = (1_000, 1_000_000), (100, 100_000)
ROUNDS, MESSAGES, BATCH = 9, 60, 20_000


def growth() -> dict[str, float]:
    """Ratios of the medians, large over small; wanted within 1.1."""
    with _stage() as few, _stage(CONTACTS[1]) as many:
        with few.runtime.database.write() as db:
            _add(db, CONTACTS[0], 0)
        contacts_ratio = _compared(few, many, _first_of_the_day)
    with _stage() as few, _stage() as many:
        for stage, number in zip((few, many), CONVERSATIONS, strict=True):
            _open(stage, number)
        conversations_ratio = _compared(few, many, _next_of_a_talk)
    return {
        f"first_message_with_{CONTACTS[1]}_contacts_over_{CONTACTS[0]}": contacts_ratio,
        f"next_message_with_{CONVERSATIONS[1]}_conversations_over_{CONVERSATIONS[0]}": conversations_ratio,
    }


@dataclass(frozen=True)
class Stage:
    """A deployment with its own database and Redis, and families that wrote before."""

    runtime: Runtime
    addresses: list[str]

    def say(self, address: str, text: str) -> None:
        """Send one message and check that it is answered."""
        answer_message(self.runtime, InboundMessage(f"SM{uuid4().hex}", address, text))


@contextmanager
def _stage(strangers: int = 0) -> Iterator[Stage]:
    with tempfile.TemporaryDirectory() as name, run_embedded_server(Path(name) / "redis") as redis_url:
        url = f"sqlite:///{name}/growth.db"
        migrate_database(url)
        app_settings = settings.load_settings(
            redis_url=redis_url, database_url=url, var_dir=Path(name), data_key=secrets.token_hex(32), translator="off"
        )
        runtime = open_runtime(app_settings)
        stage = Stage(runtime, [f"+1217556{number:04d}" for number in range(MESSAGES)])
        for number in range(0, strangers, BATCH):
            with runtime.database.write() as db:
                _add(db, BATCH, number)
        for address in stage.addresses:
            stage.say(address, "menu")
        yield stage
        runtime.database.engine.dispose()


def _add(db, number: int, begin: int) -> None:  # type: ignore[no-untyped-def]
    """Add rows of families that never write. Only their number matters, so their encrypted values are noise."""
    created_at, ids = now(), range(begin + 1_000_000, begin + 1_000_000 + number)
    db.execute(
        insert(families),
        [{"id": index, "person_index": secrets.token_hex(32), "created_at": created_at} for index in ids],
    )
    rows = [
        {"address_index": secrets.token_hex(32), "sealed_address": os.urandom(40).hex(), "channel": "sms",
         "created_at": created_at, "family_id": index}
        for index in ids
    ]  # fmt: skip
    db.execute(insert(contacts), rows)


def _open(stage: Stage, number: int) -> None:
    """Open this many conversations of other families, of the usual length."""
    pipe = stage.runtime.redis.pipeline(transaction=False)
    for count in range(number):
        pipe.set(f"puente:talk:{secrets.token_hex(32)}", os.urandom(700), ex=86_400)
        if count % BATCH == 0:
            pipe.execute()
    pipe.execute()


def _first_of_the_day(stage: Stage, address: str) -> float:
    """Clear the conversation of the day: the family is looked up in the database."""
    stage.runtime.conversations.discard(stage.runtime.compute_lookup_hash(address))
    return _next_of_a_talk(stage, address)


def _next_of_a_talk(stage: Stage, address: str) -> float:
    began = time.perf_counter()
    stage.say(address, "menu")
    return time.perf_counter() - began


def _compared(small: Stage, large: Stage, message) -> float:  # type: ignore[no-untyped-def]
    """Return the median of the rounds' ratios. Both stages send in turns, in alternating order."""
    ratios = []
    for _ in range(ROUNDS):
        taken: dict[int, list[float]] = {0: [], 1: []}
        for number, address in enumerate(small.addresses):
            for index in (0, 1) if number % 2 else (1, 0):
                taken[index].append(message((small, large)[index], address))
        ratios.append(median(taken[1]) / median(taken[0]))
    return round(median(ratios), 3)

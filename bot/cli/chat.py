"""`python -m bot chat`: the whole line in one terminal, on an embedded server and a database that end with it."""

import logging
import os
import secrets
import sys
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import click
from rq import Queue, SimpleWorker
from rq.serializers import JSONSerializer

from bot import jobs
from bot.base.database import now
from bot.base.queues import NAMES
from bot.dev_server.launch import migrate
from bot.dev_server.redis_server import embedded_server
from bot.messaging.inbound_handler import receive
from bot.messaging.inbound_message import parse
from bot.runtime import Services

LIVE = ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "DATA_KEY", "SECRET_KEY", "ENVIRONMENT")
"""Settings that a rehearsal must not use: it sends nothing and keeps nothing."""


def run_chat(address: str) -> None:
    """Talk as `address` until the end of the input; what staff would get is shown as it would arrive."""
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory(prefix="puente-chat-") as name, embedded_server(Path(name)) as redis_url:
        os.environ.update(dict.fromkeys(LIVE, ""))
        os.environ.update(REDIS_URL=redis_url, VAR_DIR=name, DATABASE_URL=f"sqlite:///{name}/chat.db")
        services = jobs.get_runtime()
        migrate(services.settings.database_url)
        click.echo("Write as a family would; Ctrl-D ends. What staff get is shown with ►.", err=True)
        _talk(services, address)


def _talk(services: Services, address: str) -> None:
    shown: set[str] = set()
    since = now()
    stream = sys.stdin
    while True:
        click.echo("> ", nl=False, err=True)
        line = stream.readline()
        if not line:
            return
        form = {"MessageSid": f"SM{secrets.token_hex(16)}", "From": address, "Body": line}
        click.echo(receive(services, parse(form)) + "\n")
        _work(services)
        for name, body in _arrived(services, address, since, shown):
            click.echo(f"► {name}: {body}\n")


def _work(services: Services) -> None:
    """Do what a worker would: all queued jobs, in this process."""
    queues = [Queue(name, connection=services.redis, serializer=JSONSerializer) for name in NAMES]
    SimpleWorker(queues, connection=services.redis, serializer=JSONSerializer).work(burst=True)


def _arrived(services: Services, address: str, since: datetime, shown: set[str]) -> Iterator[tuple[str, str]]:
    phones = {member.phone: member.name for member in services.library.district.staff.values()}
    for phone, name in {**phones, address: "you"}.items():
        for message in services.channel.list_messages(phone, since):
            if message.sid not in shown:
                shown.add(message.sid)
                yield name, message.body

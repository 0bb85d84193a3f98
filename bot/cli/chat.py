"""Run `python -m bot chat`: all of Puente in one terminal, with a temporary Redis server and database."""

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
from bot.base.queues import QUEUE_NAMES
from bot.dev_server.launch import migrate_database
from bot.dev_server.redis_server import run_embedded_server
from bot.message_router import answer_message
from bot.messaging.inbound_message import parse_message
from bot.runtime import Runtime

LIVE_SETTING_NAMES = ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "DATA_KEY", "SECRET_KEY", "ENVIRONMENT")
"""Settings that the chat must not use, because it sends and stores nothing."""


def run_chat(address: str) -> None:
    """Send the input as messages from `address` until it ends. Show what staff would get."""
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory(prefix="puente-chat-") as name, run_embedded_server(Path(name)) as redis_url:
        os.environ.update(dict.fromkeys(LIVE_SETTING_NAMES, ""))
        os.environ.update(REDIS_URL=redis_url, VAR_DIR=name, DATABASE_URL=f"sqlite:///{name}/chat.db")
        runtime = jobs.get_runtime()
        migrate_database(runtime.settings.database_url)
        click.echo("Write as a family would. Press Ctrl-D to end. Messages to staff are marked with ►.", err=True)
        _run_conversation(runtime, address)


def _run_conversation(runtime: Runtime, address: str) -> None:
    shown_sids: set[str] = set()
    since = now()
    stream = sys.stdin
    while True:
        click.echo("> ", nl=False, err=True)
        line = stream.readline()
        if not line:
            return
        form = {"MessageSid": f"SM{secrets.token_hex(16)}", "From": address, "Body": line}
        click.echo(answer_message(runtime, parse_message(form)) + "\n")
        _run_queued_jobs(runtime)
        for name, body in _list_new_messages(runtime, address, since, shown_sids):
            click.echo(f"► {name}: {body}\n")


def _run_queued_jobs(runtime: Runtime) -> None:
    """Run all queued jobs in this process, as a worker would."""
    queues = [Queue(name, connection=runtime.redis, serializer=JSONSerializer) for name in QUEUE_NAMES]
    SimpleWorker(queues, connection=runtime.redis, serializer=JSONSerializer).work(burst=True)


def _list_new_messages(
    runtime: Runtime, address: str, since: datetime, shown_sids: set[str]
) -> Iterator[tuple[str, str]]:
    phones = {member.phone: member.name for member in runtime.library.district.staff.values()}
    for phone, name in {**phones, address: "you"}.items():
        for message in runtime.channel.list_messages(phone, since):
            if message.sid not in shown_sids:
                shown_sids.add(message.sid)
                yield name, message.body

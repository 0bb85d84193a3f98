"""`python -m bot keys`: under which keys records lie, and moving them to a new one (docs/privacy.md)."""

from collections import Counter
from datetime import UTC, datetime

import click
from redis import RedisError
from rq import Worker

from bot.base import settings
from bot.base.database import now
from bot.base.encryption import Vault
from bot.monitoring.snapshot import WEB_LAST_SEEN_KEY
from bot.runtime import Runtime, open_runtime
from bot.store import audit_log
from bot.store.lifecycle import erasure_log, reencrypt
from bot.store.lifecycle import reindex as lifecycle_reindex
from bot.store.lifecycle.reencrypt import EncryptedValueCounts

ROTATE_ADVICE = (
    "To take a new key: put it in front, DATA_KEY=new,old, start every process again, then `python -m bot keys rotate`."
)

REINDEX_AUDIT_ACTION = "hashed addresses under the newest key"
WEB_SEEN_TIMEOUT_SECONDS = 70
"""A web process says each minute that it lives."""
EARLIEST_AUDIT_TIME = datetime(2000, 1, 1, tzinfo=UTC)


@click.group()
def keys() -> None:
    """The keys of what is stored: which lie where (status), and a new DATA_KEY for all of it (rotate, reindex)."""


@keys.command()
def status() -> None:
    """How much lies under families' own keys, the newest DATA_KEY, older and unknown ones."""
    runtime = _open_runtime()
    with runtime.database.read() as db:
        counts = reencrypt.count_by_key(db)
        is_reindex_needed = lifecycle_reindex.is_needed(db)
        erased_count = erasure_log.count_since(
            db, audit_log.find_last_time(db, REINDEX_AUDIT_ACTION) or EARLIEST_AUDIT_TIME
        )
    _print_counts(counts)
    click.echo(f"families erased since DATA_KEY was changed, whom older backups still hold: {erased_count}")
    click.echo(_build_advice(counts, is_reindex_needed, len(runtime.settings.data_keys)))


@keys.command()
@click.option("--by", default="command line", help="Who does it: an id under 'staff' in the district file.")
def rotate(by: str) -> None:
    """Wrap every family's key anew, and seal the rest, under the newest DATA_KEY.

    While the program runs, in small steps; broken off, it goes on where it stood when it is run again.
    """
    runtime, progress = _open_runtime(), Counter[str]()
    for step in reencrypt.reencrypt_all(runtime.database):
        progress += step
    current_time = now()
    with runtime.database.write() as db:
        audit_log.record(db, by, "moved records to the newest key", "keys", current_time, str(progress["sealed"]))
        counts = reencrypt.count_by_key(db)
        is_reindex_needed = lifecycle_reindex.is_needed(db)
    click.echo(f"sealed anew: {progress['sealed']}")
    _print_counts(counts)
    click.echo(_build_advice(counts, is_reindex_needed, len(runtime.settings.data_keys)))
    if progress["unreadable"]:
        raise click.ClickException(
            f"{progress['unreadable']} values open with none of these keys; they were left alone."
        )


@keys.command()
@click.option("--by", default="command line", help="Who does it: an id under 'staff' in the district file.")
def reindex(by: str) -> None:
    """Hash addresses anew under the newest DATA_KEY alone, so that the older ones can be destroyed.

    The program must stand still: a process with the old keys would take families for strangers.
    """
    runtime = _open_runtime()
    _require_stopped_processes(runtime)
    new_vault = Vault(runtime.settings.data_keys[:1])
    with runtime.database.write() as db:
        counts = reencrypt.count_by_key(db)
        if counts.older:
            raise click.ClickException(f"{counts.older} values still lie under an older key: `bot keys rotate` first.")
        rehashed = lifecycle_reindex.rehash_all(db, new_vault)
        audit_log.record(db, by, REINDEX_AUDIT_ACTION, "keys", now(), str(rehashed.contacts))
    click.echo(f"hashed anew: {rehashed.contacts} addresses, {rehashed.leaders} leaders")
    click.echo("Now leave only the new key in DATA_KEY, destroy the old ones, and start the program.")


def _open_runtime() -> Runtime:
    try:
        return open_runtime(settings.load_settings())
    except settings.SettingsError as error:
        raise click.ClickException(str(error)) from None


def _require_stopped_processes(runtime: Runtime) -> None:
    try:
        workers, last_seen = Worker.all(connection=runtime.redis), runtime.redis.get(WEB_LAST_SEEN_KEY)
    except RedisError:
        return  # nothing works without Redis but answers to emergencies; the web process is for the operator to stop
    if workers:
        raise click.ClickException("Workers are running: stop web, workers and scheduler first, for two minutes.")
    if isinstance(last_seen, bytes) and now().timestamp() - float(last_seen) < WEB_SEEN_TIMEOUT_SECONDS:
        raise click.ClickException(
            "A web process was seen a moment ago: if all are stopped, try again when a minute is over."
        )


def _print_counts(counts: EncryptedValueCounts) -> None:
    click.echo(f"under families' own keys: {counts.own}")
    click.echo(f"under the newest DATA_KEY: {counts.newest}")
    click.echo(f"under older ones: {counts.older}")
    click.echo(f"under unknown ones: {counts.unknown}")


def _build_advice(counts: EncryptedValueCounts, is_reindex_needed: bool, key_count: int) -> str:
    if is_reindex_needed:
        return "Addresses are hashed with a key that is not among these: put it back at the end of DATA_KEY."
    if counts.to_reencrypt:
        return f"{counts.to_reencrypt} values are to be moved: `python -m bot keys rotate`."
    if key_count > 1:
        return (
            "Nothing lies under an older key. Stop the program, `python -m bot keys reindex`, then drop the old keys."
        )
    return ROTATE_ADVICE

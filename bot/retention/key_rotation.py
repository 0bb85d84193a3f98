"""`python -m bot keys`: show which keys encrypt the records, and move records to a new key (docs/privacy.md)."""

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
    "To use a new key, put it first (DATA_KEY=new,old), restart every process, then run `python -m bot keys rotate`."
)

REINDEX_AUDIT_ACTION = "hashed addresses under the newest key"
WEB_SEEN_TIMEOUT_SECONDS = 70
"""Each web process reports every minute that it runs."""
EARLIEST_AUDIT_TIME = datetime(2000, 1, 1, tzinfo=UTC)


@click.group()
def keys() -> None:
    """Manage the keys of stored data: show their use (status), or move to a new DATA_KEY (rotate, reindex)."""


@keys.command()
def status() -> None:
    """Show how many values are encrypted with family keys, the newest DATA_KEY, older keys, and unknown keys."""
    runtime = _open_runtime()
    with runtime.database.read() as db:
        counts = reencrypt.count_by_key(db)
        is_reindex_needed = lifecycle_reindex.is_needed(db)
        last_reindex_at = audit_log.find_last_time(db, REINDEX_AUDIT_ACTION) or EARLIEST_AUDIT_TIME
        erased_count = erasure_log.count_since(db, last_reindex_at)
    _print_counts(counts)
    click.echo(f"families erased since the last change of DATA_KEY that older backups still contain: {erased_count}")
    click.echo(_build_advice(counts, is_reindex_needed, len(runtime.settings.data_keys)))


@keys.command()
@click.option("--by", default="command line", help="Your staff ID in the district file, for the audit log.")
def rotate(by: str) -> None:
    """Encrypt every family's key, and all other values, with the newest DATA_KEY.

    Works in small steps while Puente runs. After an interruption, run it again to continue.
    """
    runtime, progress = _open_runtime(), Counter[str]()
    for step in reencrypt.reencrypt_all(runtime.database):
        progress += step
    current_time = now()
    with runtime.database.write() as db:
        audit_log.record(db, by, "moved records to the newest key", "keys", current_time, str(progress["sealed"]))
        counts = reencrypt.count_by_key(db)
        is_reindex_needed = lifecycle_reindex.is_needed(db)
    click.echo(f"encrypted again: {progress['sealed']}")
    _print_counts(counts)
    click.echo(_build_advice(counts, is_reindex_needed, len(runtime.settings.data_keys)))
    if progress["unreadable"]:
        raise click.ClickException(f"None of these keys decrypts {progress['unreadable']} values. They are unchanged.")


@keys.command()
@click.option("--by", default="command line", help="Your staff ID in the district file, for the audit log.")
def reindex(by: str) -> None:
    """Hash all addresses with only the newest DATA_KEY, so that you can destroy the older keys.

    Stop Puente first. A process with the old keys would not recognize families.
    """
    runtime = _open_runtime()
    _require_stopped_processes(runtime)
    new_vault = Vault(runtime.settings.data_keys[:1])
    with runtime.database.write() as db:
        counts = reencrypt.count_by_key(db)
        if counts.older:
            raise click.ClickException(
                f"{counts.older} values are still encrypted with an older key. Run `python -m bot keys rotate` first."
            )
        rehashed = lifecycle_reindex.rehash_all(db, new_vault)
        audit_log.record(db, by, REINDEX_AUDIT_ACTION, "keys", now(), str(rehashed.contacts))
    click.echo(f"hashed again: {rehashed.contacts} addresses, {rehashed.leaders} leaders")
    click.echo("Now keep only the new key in DATA_KEY, destroy the old keys, and start Puente.")


def _open_runtime() -> Runtime:
    try:
        return open_runtime(settings.load_settings())
    except settings.SettingsError as error:
        raise click.ClickException(str(error)) from None


def _require_stopped_processes(runtime: Runtime) -> None:
    try:
        workers, last_seen = Worker.all(connection=runtime.redis), runtime.redis.get(WEB_LAST_SEEN_KEY)
    except RedisError:
        return  # without Redis, no worker can be found, and the operator must stop the web process
    if workers:
        raise click.ClickException("Workers are running. Stop web, workers, and scheduler, then wait two minutes.")
    if isinstance(last_seen, bytes) and now().timestamp() - float(last_seen) < WEB_SEEN_TIMEOUT_SECONDS:
        raise click.ClickException(
            "A web process was active a moment ago. If all processes are stopped, try again in a minute."
        )


def _print_counts(counts: EncryptedValueCounts) -> None:
    click.echo(f"encrypted with family keys: {counts.own}")
    click.echo(f"encrypted with the newest DATA_KEY: {counts.newest}")
    click.echo(f"encrypted with older keys: {counts.older}")
    click.echo(f"encrypted with unknown keys: {counts.unknown}")


def _build_advice(counts: EncryptedValueCounts, is_reindex_needed: bool, key_count: int) -> str:
    if is_reindex_needed:
        return "Addresses are hashed with a key that is not in DATA_KEY. Add that key at the end of DATA_KEY."
    if counts.to_reencrypt:
        return f"{counts.to_reencrypt} values must be encrypted again. Run `python -m bot keys rotate`."
    if key_count > 1:
        return "No value uses an older key. Stop Puente, run `python -m bot keys reindex`, then remove the old keys."
    return ROTATE_ADVICE

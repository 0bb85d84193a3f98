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
from bot.runtime import Services, open_services
from bot.store import audit_log
from bot.store.lifecycle import erasure_log, reencrypt
from bot.store.lifecycle import reindex as lifecycle_reindex
from bot.store.lifecycle.reencrypt import EncryptedValueCounts

ROTATE = (
    "To take a new key: put it in front, DATA_KEY=new,old, start every process again, then `python -m bot keys rotate`."
)

REINDEXED = "hashed addresses under the newest key"
WEB_SECONDS = 70
"""A web process says each minute that it lives."""
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


@click.group()
def keys() -> None:
    """The keys of what is stored: which lie where (status), and a new DATA_KEY for all of it (rotate, reindex)."""


@keys.command()
def status() -> None:
    """How much lies under families' own keys, the newest DATA_KEY, older and unknown ones."""
    here = _services()
    with here.database.read() as db:
        found = reencrypt.count_by_key(db, here.database.vault)
        wrong = lifecycle_reindex.is_needed(db, here.database.vault)
        erased = erasure_log.count_since(db, audit_log.find_last_time(db, REINDEXED) or LONG_AGO)
    _show(found)
    click.echo(f"families erased since DATA_KEY was changed, whom older backups still hold: {erased}")
    click.echo(_advice(found, wrong, len(here.settings.data_keys)))


@keys.command()
@click.option("--by", default="command line", help="Who does it: an id under 'staff' in the district file.")
def rotate(by: str) -> None:
    """Wrap every family's key anew, and seal the rest, under the newest DATA_KEY.

    While the program runs, in small steps; broken off, it goes on where it stood when it is run again.
    """
    here, done = _services(), Counter[str]()
    for step in reencrypt.reencrypt_all(here.database):
        done += step
    at = now()
    with here.database.write() as db:
        audit_log.record(db, by, "moved records to the newest key", "keys", at, str(done["sealed"]))
        found = reencrypt.count_by_key(db, here.database.vault)
        wrong = lifecycle_reindex.is_needed(db, here.database.vault)
    click.echo(f"sealed anew: {done['sealed']}")
    _show(found)
    click.echo(_advice(found, wrong, len(here.settings.data_keys)))
    if done["unreadable"]:
        raise click.ClickException(f"{done['unreadable']} values open with none of these keys; they were left alone.")


@keys.command()
@click.option("--by", default="command line", help="Who does it: an id under 'staff' in the district file.")
def reindex(by: str) -> None:
    """Hash addresses anew under the newest DATA_KEY alone, so that the older ones can be destroyed.

    The program must stand still: a process with the old keys would take families for strangers.
    """
    here = _services()
    _stands_still(here)
    vault, after = here.database.vault, Vault(here.settings.data_keys[:1])
    with here.database.write() as db:
        left = reencrypt.count_by_key(db, vault)
        if left.older:
            raise click.ClickException(f"{left.older} values still lie under an older key: `bot keys rotate` first.")
        done = lifecycle_reindex.rehash_all(db, vault, after)
        audit_log.record(db, by, REINDEXED, "keys", now(), str(done.contacts))
    click.echo(f"hashed anew: {done.contacts} addresses, {done.leaders} leaders")
    click.echo("Now leave only the new key in DATA_KEY, destroy the old ones, and start the program.")


def _services() -> Services:
    try:
        return open_services(settings.load())
    except settings.SettingsError as error:
        raise click.ClickException(str(error)) from None


def _stands_still(here: Services) -> None:
    try:
        working, seen = Worker.all(connection=here.redis), here.redis.get(WEB_LAST_SEEN_KEY)
    except RedisError:
        return  # nothing works without Redis but answers to emergencies; the web process is for the operator to stop
    if working:
        raise click.ClickException("Workers are running: stop web, workers and scheduler first, for two minutes.")
    if isinstance(seen, bytes) and now().timestamp() - float(seen) < WEB_SECONDS:
        raise click.ClickException(
            "A web process was seen a moment ago: if all are stopped, try again when a minute is over."
        )


def _show(found: EncryptedValueCounts) -> None:
    click.echo(f"under families' own keys: {found.own}")
    click.echo(f"under the newest DATA_KEY: {found.newest}")
    click.echo(f"under older ones: {found.older}")
    click.echo(f"under unknown ones: {found.unknown}")


def _advice(found: EncryptedValueCounts, wrong: bool, many: int) -> str:
    if wrong:
        return "Addresses are hashed with a key that is not among these: put it back at the end of DATA_KEY."
    if found.to_reencrypt:
        return f"{found.to_reencrypt} values are to be moved: `python -m bot keys rotate`."
    if many > 1:
        return (
            "Nothing lies under an older key. Stop the program, `python -m bot keys reindex`, then drop the old keys."
        )
    return ROTATE

"""`python -m bot voices`, and what `python -m bot check` says about voices: both do without a database too."""

from pathlib import Path

import click
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from bot.base import settings
from bot.base.database import Database, now
from bot.base.encryption import Vault
from bot.base.settings import Settings
from bot.base.yaml_source import BadSource
from bot.content.library import load_library
from bot.store.announcements import recordings
from bot.voice.coverage import Recorded, coverage, table


@click.command()
def voices() -> None:
    """What callers hear in each language, and from whom: a table in Markdown, for docs."""
    try:
        given = settings.load()
        library = load_library(settings.ROOT, given.district_file)
    except (settings.SettingsError, BadSource) as error:
        raise click.ClickException(str(error)) from None
    recorded, at = recorded_in(given), now()
    click.echo(table(coverage(library, language, at, recorded) for language in library.district.languages))


def recorded_in(given: Settings) -> Recorded | None:
    """Looks recordings up in the database of these settings; None if it is away, or older than recordings are."""
    if not _may_be_there(given.database_url):
        return None
    try:
        database = Database(given.database_url, Vault(given.data_keys))
        with database.read() as db:
            recordings.list_languages(db)
    except SQLAlchemyError:
        return None
    return lambda language, keys: _usable(database, language, keys)


def _may_be_there(url: str) -> bool:
    """Not a SQLite file that opening would only make."""
    file = make_url(url).database if url.startswith("sqlite") else None
    return bool(url) and (file is None or Path(file).is_file())


def _usable(database: Database, language: str, keys: frozenset[str]) -> set[str]:
    with database.read() as db:
        return recordings.find_usable_keys(db, language, keys)

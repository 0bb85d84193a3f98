"""Define `python -m bot voices`, and the lookup of recordings for `bot check`. Both also work without a database."""

from pathlib import Path

import click
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from bot.base import settings
from bot.base.database import Database, now
from bot.base.encryption import Vault
from bot.base.settings import Settings
from bot.base.yaml_source import SourceError
from bot.content.library import load_library
from bot.store.announcements import recordings
from bot.voice.coverage import RecordedKeyLookup, measure_coverage, render_table


@click.command()
def voices() -> None:
    """Print what callers hear in each language and from which voice, as a Markdown table for the docs."""
    try:
        app_settings = settings.load_settings()
        library = load_library(settings.ROOT, app_settings.district_file)
    except (settings.SettingsError, SourceError) as error:
        raise click.ClickException(str(error)) from None
    find_recorded_keys, current_time = build_recorded_key_lookup(app_settings), now()
    languages = library.district.languages
    coverages = [measure_coverage(library, language, current_time, find_recorded_keys) for language in languages]
    click.echo(render_table(coverages))


def build_recorded_key_lookup(app_settings: Settings) -> RecordedKeyLookup | None:
    """Return a lookup of recordings in the database of these settings.

    Return None if the database isn't available or is older than the recordings table.
    """
    if not _can_exist(app_settings.database_url):
        return None
    try:
        database = Database(app_settings.database_url, Vault(app_settings.data_keys))
        with database.read() as db:
            recordings.list_languages(db)
    except SQLAlchemyError:
        return None
    return lambda language, keys: _find_usable_keys(database, language, keys)


def _can_exist(url: str) -> bool:
    """Return whether the database can exist.

    For SQLite, its file must exist, because a connection would create the file.
    """
    database_path = make_url(url).database if url.startswith("sqlite") else None
    return bool(url) and (database_path is None or Path(database_path).is_file())


def _find_usable_keys(database: Database, language: str, keys: frozenset[str]) -> set[str]:
    with database.read() as db:
        return recordings.find_usable_keys(db, language, keys)

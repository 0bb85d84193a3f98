"""`python -m bot voices`, and what `python -m bot check` says about voices: both do without a database too."""

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
    """What callers hear in each language, and from whom: a table in Markdown, for docs."""
    try:
        app_settings = settings.load_settings()
        library = load_library(settings.ROOT, app_settings.district_file)
    except (settings.SettingsError, SourceError) as error:
        raise click.ClickException(str(error)) from None
    find_recorded_keys, current_time = build_recorded_key_lookup(app_settings), now()
    click.echo(
        render_table(
            measure_coverage(library, language, current_time, find_recorded_keys)
            for language in library.district.languages
        )
    )


def build_recorded_key_lookup(app_settings: Settings) -> RecordedKeyLookup | None:
    """Looks recordings up in the database of these settings; None if it is away, or older than recordings are."""
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
    """Not a SQLite file that opening would only make."""
    database_path = make_url(url).database if url.startswith("sqlite") else None
    return bool(url) and (database_path is None or Path(database_path).is_file())


def _find_usable_keys(database: Database, language: str, keys: frozenset[str]) -> set[str]:
    with database.read() as db:
        return recordings.find_usable_keys(db, language, keys)

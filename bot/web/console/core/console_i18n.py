"""Translation of the console's texts. The code contains the English texts, and `words/<lang>.po` the translations."""

from datetime import date, datetime
from functools import cache
from pathlib import Path

from babel import Locale
from babel.dates import format_skeleton, format_time
from flask import Flask, has_request_context, request
from flask_login import current_user

from bot.base.database import now
from bot.content import dates
from bot.content.catalog import Catalogs, load_catalogs
from bot.web.core.current_runtime import get_runtime

ENGLISH = "en"
CATALOG_DIR = Path(__file__).parents[1] / "words"
"""`make messages` updates the catalogs in `words/`, and `bot check` lists their missing texts."""


def _(text: str, /, **values: object) -> str:
    """Translate `text` into the page's language, and fill in its `{placeholders}`. Missing texts stay in English."""
    translated = _load_console_catalogs().translate(page_language(), text)
    return translated.format(**values) if values else translated


def N_(text: str) -> str:
    """Mark the text of a constant for the catalogs. Call `_` where you show it."""
    return text


def page_language() -> str:
    """Return the language that the user chose. Before the login, return the best match for the browser's languages."""
    if not has_request_context():
        return ENGLISH
    if not current_user.is_authenticated:
        return request.accept_languages.best_match(_list_languages(), ENGLISH)
    if current_user.language in _list_languages():
        return str(current_user.language)
    return ENGLISH


def page_is_draft() -> bool:
    """Whether the catalog of the page's language contains texts that no person has reviewed."""
    return any(text.is_draft for text in _load_console_catalogs().texts.get(page_language(), {}).values())


def moment(timestamp: datetime) -> str:
    """Format a timestamp in the district's time zone and the page's language."""
    return dates.format_moment(get_runtime().library.district.to_local_time(timestamp), page_language())


def format_short_moment(timestamp: datetime) -> str:
    """Format the local time of a timestamp, preceded by the date if it isn't today."""
    to_local_time = get_runtime().library.district.to_local_time
    local_time, language = to_local_time(timestamp), page_language()
    time_text = format_time(local_time, "short", locale=language)
    if local_time.date() == to_local_time(now()).date():
        return time_text
    return f"{format_skeleton('MMMd', local_time, locale=language)}, {time_text}"


def day(value: date) -> str:
    """Format a date with its weekday, in the page's language."""
    return dates.format_day(value, page_language())


def full_day(value: date) -> str:
    """Format a date with its year, in the page's language."""
    return dates.format_full_date(value, page_language())


def language_name(code: str) -> str:
    """Return the name of a language in the page's language."""
    return Locale.parse(page_language()).languages.get(code.replace("-", "_")) or code


def register_translations(app: Flask) -> None:
    """Make `_` and the formatting functions available in templates. Raises `SourceError` for an unreadable catalog."""
    _load_console_catalogs()
    functions = (page_language, page_is_draft, moment, day, full_day, language_name)
    app.jinja_env.globals.update({"_": _, **{function.__name__: function for function in functions}})


@cache
def _load_console_catalogs() -> Catalogs:
    return load_catalogs({path.stem: path.read_bytes() for path in CATALOG_DIR.glob("*.po")})


def _list_languages() -> tuple[str, ...]:
    return ENGLISH, *sorted(_load_console_catalogs().texts)

"""The words of the console, in the language of who reads them: English in the code, the others in `words/<lang>.po`."""

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
"""`words/`: `make messages` brings its catalogs up to date, `bot check` says what they lack."""


def _(text: str, /, **values: object) -> str:
    """`text` in the page's language, with its `{placeholders}` filled in; English where a catalog lacks it."""
    words = _load_console_catalogs().translate(page_language(), text)
    return words.format(**values) if values else words


def N_(text: str) -> str:
    """Marks a text of a constant for the catalogs; `_` is called where it is shown."""
    return text


def page_language() -> str:
    """The language that somebody chose for the pages; before the login, what their browser asks for."""
    if not has_request_context():
        return ENGLISH
    if current_user.is_authenticated:
        return str(current_user.language) if current_user.language in _list_languages() else ENGLISH
    return request.accept_languages.best_match(_list_languages(), ENGLISH)


def page_is_draft() -> bool:
    """Whether no person has reviewed the words of this page."""
    return any(words.is_draft for words in _load_console_catalogs().texts.get(page_language(), {}).values())


def moment(at: datetime) -> str:
    """A moment on the district's clocks, in the page's language."""
    return dates.format_moment(get_runtime().library.district.to_local_time(at), page_language())


def format_short_moment(at: datetime) -> str:
    """The hour of a moment of today, the day with it for an older one."""
    here = get_runtime().library.district.to_local_time
    local, language = here(at), page_language()
    hour = format_time(local, "short", locale=language)
    return hour if local.date() == here(now()).date() else f"{format_skeleton('MMMd', local, locale=language)}, {hour}"


def day(on: date) -> str:
    """A day with its weekday, in the page's language."""
    return dates.format_day(on, page_language())


def full_day(on: date) -> str:
    """A day with its year, in the page's language."""
    return dates.format_full_date(on, page_language())


def language_name(code: str) -> str:
    """What a family's language is called in the page's language."""
    return Locale.parse(page_language()).languages.get(code.replace("-", "_")) or code


def register_translations(app: Flask) -> None:
    """Templates write `_("...")` as Python does.  Raises `BadSource` for a catalog that cannot be read."""
    _load_console_catalogs()
    given = (page_language, page_is_draft, moment, day, full_day, language_name)
    app.jinja_env.globals.update({"_": _, **{one.__name__: one for one in given}})


@cache
def _load_console_catalogs() -> Catalogs:
    return load_catalogs({path.stem: path.read_bytes() for path in CATALOG_DIR.glob("*.po")})


def _list_languages() -> tuple[str, ...]:
    return ENGLISH, *sorted(_load_console_catalogs().texts)

"""Logs of ids: a line says what happened to which row, never a number, a name or a text.

In production a line is a JSON object, in development a line to read.  Three things keep what is personal out, whoever
wrote the line:

- of our own lines (`log.info("sent: delivery=%s kind=%s", …)`) only fields in `FIELDS` show their value;
- of a library's lines only the words that stand in its code, and arguments that look like an id;
- of an exception its kinds, its codes and the lines of code that it went through, never what it says: SQLAlchemy's
  repeats parameters, Twilio's and requests' repeat numbers and addresses.

`trace` follows one family's message: a keyed hash of its SID, born at the webhook, carried in RQ jobs (`meta`) and in
the rows of deliveries up to the last status callback.  It leads to nobody without DATA_KEY.  An announcement has one of
its own (`a7`), which its jobs begin.
"""

import json
import logging
import os
import re
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any

Fields = dict[str, Any]

ALLOWED_FIELDS = frozenset(
    [
        "addresses",
        "after",
        "announcement",
        "attempt",
        "bytes",
        "call",
        "case",
        "cases",
        "code",
        "contacts",
        "count",
        "delivery",
        "deliveries",
        "drill",
        "failed",
        "families",
        "follow_up",
        "follow_ups",
        "gathering",
        "how",
        "id",
        "ids",
        "incident",
        "joined",
        "job",
        "kind",
        "language",
        "left_in_english",
        "live",
        "message",
        "needs",
        "note",
        "outcome",
        "owners",
        "pace",
        "parts",
        "queue",
        "ready",
        "reason",
        "recipient",
        "round",
        "school",
        "seconds",
        "severity",
        "sid",
        "state",
        "status",
        "step",
        "tasks",
        "text",
        "texts",
        "voice_notes",
        "webhook",
        "alarm",
        "sweeps",
    ]
)
"""What a field of our own lines may be called.  `text` is a text's hash; another name shows "(hidden)"."""
PHONE_NUMBER_PATTERN = re.compile(r"(?<![A-Za-z0-9])\+?\d[\d\s().-]{5,18}\d(?![A-Za-z0-9])")
"""What might be dialled; the digits within an id in letters are not."""
SAFE_VALUE_PATTERN = re.compile(r"(?:[\w.:/'()\[\]{}+=-]|,\s?){0,160}|\w+=\d+(?: \w+=\d+)*", re.ASCII)
"""What an id, a code, a kind, a tuple of these or a list of counts is made of: nothing with words in a row."""
SAFE_UNNAMED_VALUE_PATTERN = re.compile(
    r"\w*(?:Error|Exception|Timeout|Expired|Refused)|\w+=\d+(?: \w+=\d+)*", re.ASCII
)
"""What may stand in our own line without being a field: the kind of an exception, or counts."""
LISTEN_ADDRESS_PATTERN = re.compile(r"(?:https?://[\d.:\[\]]{3,60}|unix:/[\w./-]{1,100})")
"""Where gunicorn listens."""
TRUSTED_LOGGERS = ("rq", "gunicorn", "alembic")
"""Libraries whose words are their own; of any other library only its name and the level are written."""
ROOT = Path(__file__).resolve().parents[2]
TRACE_LENGTH = 12
"""So much of a keyed hash tells one message from all others of a year."""
MAX_TRACEBACK_DEPTH = 12
"""So many places of a traceback: its end says where it broke."""

_CURRENT_TRACE: ContextVar[str | None] = ContextVar("trace", default=None)
_FIELD_PATTERN = re.compile(r"(?:(\w+)=)?%[sd]")


def configure(level: int = logging.INFO) -> None:
    """Send this process's log lines to standard error: JSON in production, else to be read by a person."""
    is_production = os.environ.get("ENVIRONMENT") == "production"
    # What no line of ours tells is not looked up for each (the documented way to spare it).
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LogFormatter(is_production))
    if is_production:
        sys.excepthook = _log_uncaught_exception
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in ("gunicorn.error", "gunicorn.access"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    # These libraries write addresses, bodies or statements into their info and debug lines.
    for name in ("twilio", "urllib3", "sqlalchemy", "httpx", "werkzeug", "weasyprint", "fontTools"):
        logging.getLogger(name).setLevel(logging.WARNING)


def _log_uncaught_exception(
    error_type: type[BaseException], error: BaseException, error_traceback: TracebackType | None
) -> None:
    """What ends a process is told like every other error; Python itself would repeat its words."""
    if issubclass(error_type, KeyboardInterrupt):
        return
    logging.getLogger("bot").critical("ended by an error", exc_info=(error_type, error, error_traceback))


class LogFormatter(logging.Formatter):
    """How a record becomes a line: for a machine (JSON), or for a person."""

    def __init__(self, is_json: bool) -> None:
        super().__init__()
        self._render = _render_json if is_json else _render_text

    def format(self, record: logging.LogRecord) -> str:
        """Only what may be told (see above)."""
        timestamp = (
            datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        )
        fields: Fields = {"at": timestamp, "level": record.levelname.lower(), "logger": record.name}
        if current_trace := _CURRENT_TRACE.get():
            fields["trace"] = current_trace
        fields |= _redact_record(record)
        return self._render(fields)


@contextmanager
def trace_context(trace: str | None) -> Iterator[None]:
    """Within this block every line carries this trace, and so do the jobs and deliveries that are made; None changes
    nothing."""
    if not trace:
        yield
        return
    token = _CURRENT_TRACE.set(trace)
    try:
        yield
    finally:
        _CURRENT_TRACE.reset(token)


def bind_trace(trace: str) -> None:
    """From here on, in this thread, lines carry this trace; for a request, which ends in another function."""
    _CURRENT_TRACE.set(trace)


def clear_trace() -> None:
    """The request is over."""
    _CURRENT_TRACE.set(None)


def get_trace() -> str | None:
    """The trace of what is being done, if it has one."""
    return _CURRENT_TRACE.get()


def describe_exception_chain(error: BaseException | None) -> list[dict[str, object]]:
    """An exception and what caused it, the outermost first: kind, code, and where in the code; never its words."""
    errors: list[dict[str, object]] = []
    while error is not None and len(errors) < MAX_TRACEBACK_DEPTH:
        errors.append(_describe_exception(error))
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return errors


def format_exception_line(error: BaseException) -> str:
    """The same as one line, for where only a text is kept (RQ's failed jobs)."""
    entries = describe_exception_chain(error)
    return " < ".join(f"{entry['type']} at {_join_places(entry['where'])}" for entry in entries)


def _join_places(places: object) -> str:
    return ", ".join(map(str, places)) if isinstance(places, list) and places else "?"


def _describe_exception(error: BaseException) -> dict[str, object]:
    description: dict[str, object] = {
        "type": f"{type(error).__module__}.{type(error).__name__}".removeprefix("builtins.")
    }
    for name in ("errno", "status", "code", "sqlstate"):
        value = getattr(error, name, None)
        if isinstance(value, int | str) and re.fullmatch(r"\w{1,8}", str(value)):
            description[name] = value
    return description | {"where": _list_frames(error.__traceback__)}


def _list_frames(error_traceback: TracebackType | None) -> list[str]:
    """File, line and function of the last frames, without the values in them."""
    frames = traceback.extract_tb(error_traceback)[-MAX_TRACEBACK_DEPTH:]
    return [f"{_shorten_path(frame.filename)}:{frame.lineno} {frame.name}" for frame in frames]


def _shorten_path(path: str) -> str:
    relative_path = path.rpartition("/site-packages/")[2]
    return relative_path.removeprefix(f"{ROOT}/")


def _redact_record(record: logging.LogRecord) -> Fields:
    raw_args: Any = record.args or ()
    args = tuple(raw_args.values()) if isinstance(raw_args, Mapping) else tuple(raw_args)
    is_own_logger = record.name.split(".")[0] in ("bot", "__main__", "worker", "tests")
    fields = _redact_own_record(str(record.msg), args) if is_own_logger else _redact_library_record(record, args)
    if record.exc_info and record.exc_info[1]:
        fields["exception"] = describe_exception_chain(record.exc_info[1])
    return fields


def _redact_own_record(template: str, args: tuple[Any, ...]) -> Fields:
    """Our line: what happened stands before the colon, then fields; what is no field is the kind of an error."""
    event, names = _parse_template(template) if args else (template, ())
    fields: Fields = {"event": event}
    for name, value in zip(names, args, strict=False):
        is_safe = name in ALLOWED_FIELDS if name else SAFE_UNNAMED_VALUE_PATTERN.fullmatch(str(value))
        fields[name or ("counts" if "=" in str(value) else "error")] = _redact_value(value) if is_safe else "(hidden)"
    return fields


@lru_cache(256)
def _parse_template(template: str) -> tuple[str, tuple[str, ...]]:
    """What happened, and the names of the fields ("" for one without)."""
    return template.partition(": ")[0].replace("%s", "…").replace("%d", "…"), tuple(_FIELD_PATTERN.findall(template))


def _redact_library_record(record: logging.LogRecord, args: tuple[Any, ...]) -> Fields:
    """A library's line: of a trusted one the first line of its words, with those arguments that look like ids."""
    if record.name.split(".")[0] not in TRUSTED_LOGGERS:
        return {"event": "a library's words are not repeated", "file": f"{record.module}:{record.lineno}"}
    template = str(record.msg).split("\n")[0] if args else PHONE_NUMBER_PATTERN.sub("…", str(record.msg).split("\n")[0])
    safe_args = tuple(arg if LISTEN_ADDRESS_PATTERN.fullmatch(str(arg)) else _redact_value(arg) for arg in args)[
        : template.count("%s") + template.count("%d")
    ]
    try:
        return {"event": template.replace("%d", "%s").replace("%r", "%s") % safe_args}
    except (TypeError, ValueError):
        return {"event": template}


def _redact_value(value: object) -> object:
    """A value that looks like an id, a code or a count; "(hidden)" for what might be a number or a text."""
    if value is None or isinstance(value, bool | int | float):
        return value if not isinstance(value, int) or abs(value) < 10_000_000 else "(hidden)"
    text = str(value)
    return text if SAFE_VALUE_PATTERN.fullmatch(text) and not PHONE_NUMBER_PATTERN.search(text) else "(hidden)"


def _render_json(fields: Fields) -> str:
    return json.dumps(fields, ensure_ascii=False, default=str)


def _render_text(record_fields: Fields) -> str:
    """A line for a person: when, how grave, where, what, and the fields."""
    timestamp, level, name, event = (record_fields.pop(key) for key in ("at", "level", "logger", "event"))
    errors = record_fields.pop("exception", [])
    fields = " ".join(f"{key}={value}" for key, value in record_fields.items())
    lines = [f"{timestamp[:19]} {level} {name} {event}{': ' if fields else ''}{fields}"]
    for error in errors:
        lines += [f"  {error['type']}", *(f"    {place}" for place in error["where"])]
    return "\n".join(lines)

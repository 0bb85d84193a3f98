"""Write logs that contain IDs: what happened to which row, never a number, a name, or a text.

Write lines with `logging`. structlog renders them as JSON objects in production and as plain lines in development.
`redact_event` keeps personal data out by three rules:

- In our own lines (`log.info("sent: delivery=%s kind=%s", …)`), only fields in `ALLOWED_FIELDS` show their value.
- In a library's lines, only the text in its code and arguments that look like an ID are shown.
- Of an exception, only types, codes, and code locations are shown, never its message. SQLAlchemy's messages repeat
  parameters; those of Twilio and requests repeat phone numbers and addresses.

`trace` follows one family's message. It is a keyed hash of the message's SID, computed at the webhook. RQ jobs (`meta`)
and deliveries carry it up to the last status callback. Without DATA_KEY, it identifies no one. An announcement has its
own trace (`a7`), which starts with its jobs.
"""

import logging
import os
import re
import sys
import traceback
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from structlog.contextvars import bound_contextvars, get_contextvars
from structlog.dev import ConsoleRenderer, plain_traceback
from structlog.processors import JSONRenderer
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict

Fields = dict[str, Any]

ALLOWED_FIELDS = frozenset([
    "addresses", "after", "announcement", "attempt", "bytes", "call", "case", "cases", "code", "contacts", "count",
    "delivery", "deliveries", "drill", "failed", "families", "follow_up", "follow_ups", "gathering", "how", "id",
    "ids", "incident", "joined", "job", "kind", "language", "left_in_english", "live", "message", "needs", "note",
    "outcome", "owners", "pace", "parts", "queue", "ready", "reason", "recipient", "round", "school", "seconds",
    "severity", "sid", "state", "status", "step", "tasks", "text", "texts", "voice_notes", "webhook", "alarm",
    "sweeps",
])  # fmt: skip
"""The fields of our own lines that show a value. Any other field shows "(hidden)". `text` is the hash of a text."""
PHONE_NUMBER_PATTERN = re.compile(r"(?<![A-Za-z0-9])\+?\d[\d\s().-]{5,18}\d(?![A-Za-z0-9])")
"""Digits that could be dialed. Digits inside an ID with letters do not match."""
SAFE_VALUE_PATTERN = re.compile(r"(?:[\w.:/'()\[\]{}+=-]|,\s?){0,160}|\w+=\d+(?: \w+=\d+)*", re.ASCII)
"""An ID, a code, a kind, a tuple of these, or a list of counts, but not several words in a row."""
SAFE_UNNAMED_VALUE_PATTERN = re.compile(
    r"\w*(?:Error|Exception|Timeout|Expired|Refused)|\w+=\d+(?: \w+=\d+)*", re.ASCII
)
"""What our own lines may show outside a field: the type of an exception, or counts."""
LISTEN_ADDRESS_PATTERN = re.compile(r"(?:https?://[\d.:\[\]]{3,60}|unix:/[\w./-]{1,100})")
"""The address on which gunicorn listens."""
TRUSTED_LOGGERS = ("rq", "gunicorn", "alembic")
"""Libraries whose messages contain no data of ours. Other libraries show only their name and level."""
OWN_LOGGERS = ("bot", "__main__", "worker", "tests")
ROOT = Path(__file__).resolve().parents[2]
TRACE_LENGTH = 12
"""Digits of a keyed hash that distinguish all messages of a year."""
MAX_TRACEBACK_DEPTH = 12
"""How many frames of a traceback are logged. The last ones show where it failed."""

_FIELD_PATTERN = re.compile(r"(?:(\w+)=)?%[sd]")


def configure(level: int = logging.INFO) -> None:
    """Send this process's log lines to standard error: as JSON in production, otherwise as plain lines."""
    is_production = os.environ.get("ENVIRONMENT") == "production"
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
    """Log the error that ends a process like any other error. Python would print its message."""
    if not issubclass(error_type, KeyboardInterrupt):
        logging.getLogger("bot").critical("ended by an error", exc_info=(error_type, error, error_traceback))


class LogFormatter(ProcessorFormatter):
    """Redacts each record, of our code or a library, and writes it as JSON or as a plain line."""

    def __init__(self, is_json: bool) -> None:
        console = ConsoleRenderer(
            colors=False, timestamp_key="at", pad_event_to=0, pad_level=False, exception_formatter=plain_traceback
        )
        renderers = (JSONRenderer(ensure_ascii=False, default=str),) if is_json else (_render_exception, console)
        super().__init__(processors=(redact_event, *renderers), pass_foreign_args=True, use_get_message=False)


def trace_context(trace: str | None) -> AbstractContextManager[None]:
    """Set the trace of every log line, job, and delivery in this block. None changes nothing."""
    if not trace:
        return nullcontext()
    return bound_contextvars(trace=trace)


def get_trace() -> str | None:
    """Return the trace of the current work, if it has one."""
    return get_contextvars().get("trace")


def describe_exception_chain(error: BaseException | None) -> list[Fields]:
    """List an exception and its causes, the outermost first: type, code, and code location, never the message."""
    errors: list[Fields] = []
    while error is not None and len(errors) < MAX_TRACEBACK_DEPTH:
        errors.append(_describe_exception(error))
        cause = error.__cause__
        if cause is None and not error.__suppress_context__:
            cause = error.__context__
        error = cause
    return errors


def format_exception_line(error: BaseException) -> str:
    """Write `describe_exception_chain` as one line, for RQ's failed jobs, which store a text."""
    entries = describe_exception_chain(error)
    return " < ".join(f"{entry['type']} at {', '.join(entry['where']) or '?'}" for entry in entries)


def _describe_exception(error: BaseException) -> Fields:
    description: Fields = {"type": f"{type(error).__module__}.{type(error).__name__}".removeprefix("builtins.")}
    for name in ("errno", "status", "code", "sqlstate"):
        value = getattr(error, name, None)
        if isinstance(value, int | str) and re.fullmatch(r"\w{1,8}", str(value)):
            description[name] = value
    return description | {"where": _list_frames(error.__traceback__)}


def _list_frames(error_traceback: TracebackType | None) -> list[str]:
    """List file, line, and function of the last frames, without values."""
    frames = traceback.extract_tb(error_traceback)[-MAX_TRACEBACK_DEPTH:]
    paths = (frame.filename.rpartition("/site-packages/")[2].removeprefix(f"{ROOT}/") for frame in frames)
    return [f"{path}:{frame.lineno} {frame.name}" for path, frame in zip(paths, frames, strict=True)]


def redact_event(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Build an event from the parts of a record that may be shown. The module docstring has the rules."""
    record, raw_args = event["_record"], event.get("positional_args") or ()
    if isinstance(raw_args, Mapping):
        raw_args = raw_args.values()
    timestamp = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
    safe_event: Fields = {"at": timestamp.replace("+00:00", "Z")}
    safe_event |= {"level": record.levelname.lower(), "logger": record.name}
    if trace := get_trace():
        safe_event["trace"] = trace
    safe_event |= _redact_record(record, tuple(raw_args))
    exc_info = event.get("exc_info")
    if exc_info and exc_info[1]:
        safe_event["exception"] = describe_exception_chain(exc_info[1])
    return safe_event


def _redact_record(record: logging.LogRecord, args: tuple[Any, ...]) -> Fields:
    if record.name.split(".")[0] in OWN_LOGGERS:
        return _redact_own_record(record.msg, args)
    return _redact_library_record(record, args)


def _redact_own_record(message: object, args: tuple[Any, ...]) -> Fields:
    """Redact our own line: an event, a colon, and fields. An argument outside a field is an error type or counts."""
    template = str(message)
    if not args:
        return {"event": template}
    fields: Fields = {"event": re.sub("%[sd]", "…", template.partition(": ")[0])}
    for name, value in zip(_FIELD_PATTERN.findall(template), args, strict=False):
        is_safe = name in ALLOWED_FIELDS
        if not name:
            is_safe = bool(SAFE_UNNAMED_VALUE_PATTERN.fullmatch(str(value)))
        field_name = name or ("counts" if "=" in str(value) else "error")
        fields[field_name] = _redact_value(value) if is_safe else "(hidden)"
    return fields


def _redact_library_record(record: logging.LogRecord, args: tuple[Any, ...]) -> Fields:
    """Redact a library's line. A trusted library's first line is shown, with the arguments that look like IDs."""
    if record.name.split(".")[0] not in TRUSTED_LOGGERS:
        return {"event": "message of a library hidden", "file": f"{record.module}:{record.lineno}"}
    template = str(record.msg).split("\n")[0]
    if not args:
        template = PHONE_NUMBER_PATTERN.sub("…", template)
    safe_args = tuple(map(_redact_library_argument, args))
    try:
        return {"event": re.sub("%[dr]", "%s", template) % safe_args[: len(re.findall("%[sd]", template))]}
    except (TypeError, ValueError):
        return {"event": template}


def _redact_library_argument(argument: object) -> object:
    if LISTEN_ADDRESS_PATTERN.fullmatch(str(argument)):
        return argument
    return _redact_value(argument)


def _redact_value(value: object) -> object:
    """Return a value that looks like an ID, a code, or a count; "(hidden)" for a possible phone number or text."""
    if isinstance(value, int) and abs(value) >= 10_000_000:
        return "(hidden)"
    if value is None or isinstance(value, bool | int | float):
        return value
    text = str(value)
    if not SAFE_VALUE_PATTERN.fullmatch(text) or PHONE_NUMBER_PATTERN.search(text):
        return "(hidden)"
    return text


def _render_exception(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Render exceptions as plain lines: each error, then its code locations."""
    errors = event.pop("exception", ())
    if not errors:
        return event
    lines: list[str] = []
    for error in errors:
        lines += [f"  {error['type']}", *(f"    {location}" for location in error["where"])]
    return {**event, "exception": "\n".join(lines)}

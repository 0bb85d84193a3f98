"""Logs of ids: a line says what happened to which row, never a number, a name or a text.

Write lines with `logging`.  structlog renders them: in production as JSON objects, in development for a person.  Three
rules of `redact_event` keep out what is personal:

- of our own lines (`log.info("sent: delivery=%s kind=%s", …)`) only fields in `FIELDS` show their value;
- of a library's lines only the words that stand in its code, and arguments that look like an id;
- of an exception its kinds, its codes and the lines of code that it went through, never what it says: SQLAlchemy's
  repeats parameters, Twilio's and requests' repeat numbers and addresses.

`trace` follows one family's message: a keyed hash of its SID, born at the webhook, carried in RQ jobs (`meta`) and in
the rows of deliveries up to the last status callback.  It leads to nobody without DATA_KEY.  An announcement has one of
its own (`a7`), which its jobs begin.
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
OWN_LOGGERS = ("bot", "__main__", "worker", "tests")
ROOT = Path(__file__).resolve().parents[2]
TRACE_LENGTH = 12
"""So much of a keyed hash tells one message from all others of a year."""
MAX_TRACEBACK_DEPTH = 12
"""So many places of a traceback: its end says where it broke."""

_FIELD_PATTERN = re.compile(r"(?:(\w+)=)?%[sd]")


def configure(level: int = logging.INFO) -> None:
    """Send this process's log lines to standard error: JSON in production, else to be read by a person."""
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
    """What ends a process is told like every other error; Python itself would repeat its words."""
    if not issubclass(error_type, KeyboardInterrupt):
        logging.getLogger("bot").critical("ended by an error", exc_info=(error_type, error, error_traceback))


class LogFormatter(ProcessorFormatter):
    """Redacts each record, whoever made it, and writes it as JSON or for a person."""

    def __init__(self, is_json: bool) -> None:
        console = ConsoleRenderer(
            colors=False, timestamp_key="at", pad_event_to=0, pad_level=False, exception_formatter=plain_traceback
        )
        renderers = (JSONRenderer(ensure_ascii=False, default=str),) if is_json else (_render_exception, console)
        super().__init__(processors=(redact_event, *renderers), pass_foreign_args=True, use_get_message=False)


def trace_context(trace: str | None) -> AbstractContextManager[None]:
    """Give every line, job, and delivery of this block this trace; None changes nothing."""
    return bound_contextvars(trace=trace) if trace else nullcontext()


def get_trace() -> str | None:
    """Return the trace of what is being done, if it has one."""
    return get_contextvars().get("trace")


def describe_exception_chain(error: BaseException | None) -> list[Fields]:
    """List an exception and what caused it, the outermost first: kind, code, and where in the code; never its words."""
    errors: list[Fields] = []
    while error is not None and len(errors) < MAX_TRACEBACK_DEPTH:
        errors.append(_describe_exception(error))
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return errors


def format_exception_line(error: BaseException) -> str:
    """Write the same as one line, for where only a text is kept (RQ's failed jobs)."""
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
    """File, line and function of the last frames, without the values in them."""
    frames = traceback.extract_tb(error_traceback)[-MAX_TRACEBACK_DEPTH:]
    paths = (frame.filename.rpartition("/site-packages/")[2].removeprefix(f"{ROOT}/") for frame in frames)
    return [f"{path}:{frame.lineno} {frame.name}" for path, frame in zip(paths, frames, strict=True)]


def redact_event(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Make an event of what may be told of a record, and of nothing else of it (see above)."""
    record, raw_args = event["_record"], event.get("positional_args") or ()
    args = tuple(raw_args.values() if isinstance(raw_args, Mapping) else raw_args)
    timestamp = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
    safe_event: Fields = {"at": timestamp.replace("+00:00", "Z")}
    safe_event |= {"level": record.levelname.lower(), "logger": record.name}
    if trace := get_trace():
        safe_event["trace"] = trace
    is_own = record.name.split(".")[0] in OWN_LOGGERS
    safe_event |= _redact_own_record(record.msg, args) if is_own else _redact_library_record(record, args)
    error = event["exc_info"][1] if event.get("exc_info") else None
    return safe_event | ({"exception": describe_exception_chain(error)} if error else {})


def _redact_own_record(message: object, args: tuple[Any, ...]) -> Fields:
    """Our line: what happened stands before the colon, then fields; what is no field is the kind of an error."""
    template = str(message)
    if not args:
        return {"event": template}
    fields: Fields = {"event": re.sub("%[sd]", "…", template.partition(": ")[0])}
    for name, value in zip(_FIELD_PATTERN.findall(template), args, strict=False):
        is_safe = name in ALLOWED_FIELDS if name else SAFE_UNNAMED_VALUE_PATTERN.fullmatch(str(value))
        fields[name or ("counts" if "=" in str(value) else "error")] = _redact_value(value) if is_safe else "(hidden)"
    return fields


def _redact_library_record(record: logging.LogRecord, args: tuple[Any, ...]) -> Fields:
    """A library's line: of a trusted one the first line of its words, with those arguments that look like ids."""
    if record.name.split(".")[0] not in TRUSTED_LOGGERS:
        return {"event": "a library's words are not repeated", "file": f"{record.module}:{record.lineno}"}
    template = str(record.msg).split("\n")[0]
    template = template if args else PHONE_NUMBER_PATTERN.sub("…", template)
    safe_args = tuple(arg if LISTEN_ADDRESS_PATTERN.fullmatch(str(arg)) else _redact_value(arg) for arg in args)
    try:
        return {"event": re.sub("%[dr]", "%s", template) % safe_args[: len(re.findall("%[sd]", template))]}
    except (TypeError, ValueError):
        return {"event": template}


def _redact_value(value: object) -> object:
    """A value that looks like an id, a code or a count; "(hidden)" for what might be a number or a text."""
    if value is None or isinstance(value, bool | int | float):
        return value if not isinstance(value, int) or abs(value) < 10_000_000 else "(hidden)"
    text = str(value)
    return text if SAFE_VALUE_PATTERN.fullmatch(text) and not PHONE_NUMBER_PATTERN.search(text) else "(hidden)"


def _render_exception(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """For a person: each error on a line, then its places."""
    errors = event.pop("exception", ())
    lines = (line for error in errors for line in (f"  {error['type']}", *(f"    {one}" for one in error["where"])))
    return {**event, "exception": "\n".join(lines)} if errors else event

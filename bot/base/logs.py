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

FIELDS = frozenset(
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
NUMBER = re.compile(r"(?<![A-Za-z0-9])\+?\d[\d\s().-]{5,18}\d(?![A-Za-z0-9])")
"""What might be dialled; the digits within an id in letters are not."""
PLAIN = re.compile(r"(?:[\w.:/'()\[\]{}+=-]|,\s?){0,160}|\w+=\d+(?: \w+=\d+)*", re.ASCII)
"""What an id, a code, a kind, a tuple of these or a list of counts is made of: nothing with words in a row."""
LOOSE = re.compile(r"\w*(?:Error|Exception|Timeout|Expired|Refused)|\w+=\d+(?: \w+=\d+)*", re.ASCII)
"""What may stand in our own line without being a field: the kind of an exception, or counts."""
OWN_ADDRESS = re.compile(r"(?:https?://[\d.:\[\]]{3,60}|unix:/[\w./-]{1,100})")
"""Where gunicorn listens."""
TRUSTED = ("rq", "gunicorn", "alembic")
"""Libraries whose words are their own; of any other library only its name and the level are written."""
ROOT = Path(__file__).resolve().parents[2]
TRACE_LETTERS = 12
"""So much of a keyed hash tells one message from all others of a year."""
DEEPEST = 12
"""So many places of a traceback: its end says where it broke."""

_TRACE: ContextVar[str | None] = ContextVar("trace", default=None)
_FIELD = re.compile(r"(?:(\w+)=)?%[sd]")


def configure(level: int = logging.INFO) -> None:
    """Send this process's log lines to standard error: JSON in production, else to be read by a person."""
    machine = os.environ.get("ENVIRONMENT") == "production"
    # What no line of ours tells is not looked up for each (the documented way to spare it).
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Line(machine))
    if machine:
        sys.excepthook = _ended
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in ("gunicorn.error", "gunicorn.access"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    # These libraries write addresses, bodies or statements into their info and debug lines.
    for name in ("twilio", "urllib3", "sqlalchemy", "httpx", "werkzeug", "weasyprint", "fontTools"):
        logging.getLogger(name).setLevel(logging.WARNING)


def _ended(kind: type[BaseException], error: BaseException, where: TracebackType | None) -> None:
    """What ends a process is told like every other error; Python itself would repeat its words."""
    if issubclass(kind, KeyboardInterrupt):
        return
    logging.getLogger("bot").critical("ended by an error", exc_info=(kind, error, where))


class Line(logging.Formatter):
    """How a record becomes a line: for a machine (JSON), or for a person."""

    def __init__(self, machine: bool) -> None:
        super().__init__()
        self._written = _for_machines if machine else _to_read

    def format(self, record: logging.LogRecord) -> str:
        """Only what may be told (see above)."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        told: Fields = {"at": at, "level": record.levelname.lower(), "logger": record.name}
        if found := _TRACE.get():
            told["trace"] = found
        told |= _what_may_be_told(record)
        return self._written(told)


@contextmanager
def traced(trace: str | None) -> Iterator[None]:
    """Within this block every line carries this trace, and so do the jobs and deliveries that are made; None changes
    nothing."""
    if not trace:
        yield
        return
    before = _TRACE.set(trace)
    try:
        yield
    finally:
        _TRACE.reset(before)


def begin(trace: str) -> None:
    """From here on, in this thread, lines carry this trace; for a request, which ends in another function."""
    _TRACE.set(trace)


def end() -> None:
    """The request is over."""
    _TRACE.set(None)


def trace() -> str | None:
    """The trace of what is being done, if it has one."""
    return _TRACE.get()


def places(error: BaseException | None) -> list[dict[str, object]]:
    """An exception and what caused it, the outermost first: kind, code, and where in the code; never its words."""
    told: list[dict[str, object]] = []
    while error is not None and len(told) < DEEPEST:
        told.append(_told(error))
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return told


def in_a_line(error: BaseException) -> str:
    """The same as one line, for where only a text is kept (RQ's failed jobs)."""
    return " < ".join(f"{one['type']} at {', '.join(map(str, one['where'] or ['?']))}" for one in places(error))  # type: ignore[call-overload]


def _told(error: BaseException) -> dict[str, object]:
    told: dict[str, object] = {"type": f"{type(error).__module__}.{type(error).__name__}".removeprefix("builtins.")}
    for name in ("errno", "status", "code", "sqlstate"):
        found = getattr(error, name, None)
        if isinstance(found, int | str) and re.fullmatch(r"\w{1,8}", str(found)):
            told[name] = found
    return told | {"where": _where(error.__traceback__)}


def _where(found: TracebackType | None) -> list[str]:
    """File, line and function of the last frames, without the values in them."""
    frames = traceback.extract_tb(found)[-DEEPEST:]
    return [f"{_short(frame.filename)}:{frame.lineno} {frame.name}" for frame in frames]


def _short(path: str) -> str:
    inside = path.rpartition("/site-packages/")[2]
    return inside.removeprefix(f"{ROOT}/")


def _what_may_be_told(record: logging.LogRecord) -> Fields:
    given: Any = record.args or ()
    args = tuple(given.values()) if isinstance(given, Mapping) else tuple(given)
    ours = record.name.split(".")[0] in ("bot", "__main__", "worker", "tests")
    told = _own(str(record.msg), args) if ours else _foreign(record, args)
    if record.exc_info and record.exc_info[1]:
        told["exception"] = places(record.exc_info[1])
    return told


def _own(template: str, args: tuple[Any, ...]) -> Fields:
    """Our line: what happened stands before the colon, then fields; what is no field is the kind of an error."""
    said, names = _read(template) if args else (template, ())
    told: Fields = {"event": said}
    for name, one in zip(names, args, strict=False):
        fits = name in FIELDS if name else LOOSE.fullmatch(str(one))
        told[name or ("counts" if "=" in str(one) else "error")] = _shown(one) if fits else "(hidden)"
    return told


@lru_cache(256)
def _read(template: str) -> tuple[str, tuple[str, ...]]:
    """What happened, and the names of the fields ("" for one without)."""
    return template.partition(": ")[0].replace("%s", "…").replace("%d", "…"), tuple(_FIELD.findall(template))


def _foreign(record: logging.LogRecord, args: tuple[Any, ...]) -> Fields:
    """A library's line: of a trusted one the first line of its words, with those arguments that look like ids."""
    if record.name.split(".")[0] not in TRUSTED:
        return {"event": "a library's words are not repeated", "file": f"{record.module}:{record.lineno}"}
    words = str(record.msg).split("\n")[0] if args else NUMBER.sub("…", str(record.msg).split("\n")[0])
    shown = tuple(one if OWN_ADDRESS.fullmatch(str(one)) else _shown(one) for one in args)[
        : words.count("%s") + words.count("%d")
    ]
    try:
        return {"event": words.replace("%d", "%s").replace("%r", "%s") % shown}
    except (TypeError, ValueError):
        return {"event": words}


def _shown(value: object) -> object:
    """A value that looks like an id, a code or a count; "(hidden)" for what might be a number or a text."""
    if value is None or isinstance(value, bool | int | float):
        return value if not isinstance(value, int) or abs(value) < 10_000_000 else "(hidden)"
    text = str(value)
    return text if PLAIN.fullmatch(text) and not NUMBER.search(text) else "(hidden)"


def _for_machines(told: Fields) -> str:
    return json.dumps(told, ensure_ascii=False, default=str)


def _to_read(told: Fields) -> str:
    """A line for a person: when, how grave, where, what, and the fields."""
    at, level, name, what = (told.pop(key) for key in ("at", "level", "logger", "event"))
    found = told.pop("exception", [])
    fields = " ".join(f"{key}={value}" for key, value in told.items())
    lines = [f"{at[:19]} {level} {name} {what}{': ' if fields else ''}{fields}"]
    for one in found:
        lines += [f"  {one['type']}", *(f"    {place}" for place in one["where"])]
    return "\n".join(lines)

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

import logging
import os
import re
import sys
import traceback
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import structlog

Event = MutableMapping[str, Any]

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
ROOT = Path(__file__).resolve().parent.parent
DEEPEST = 12
"""So many places of a traceback: its end says where it broke."""

_FIELD = re.compile(r"(?:(\w+)=)?%[sd]")


def configure(level: int = logging.INFO) -> None:
    """Send this process's log lines to standard error: JSON in production, else to be read by a person."""
    machine = os.environ.get("ENVIRONMENT") == "production"
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter(machine))
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


def formatter(machine: bool) -> logging.Formatter:
    """How a record becomes a line: for a machine (JSON) or for a person."""
    last: Any = structlog.processors.JSONRenderer(ensure_ascii=False) if machine else _to_read
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        ],
        processors=[_only_what_may_be_told, structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
        use_get_message=False,
        pass_foreign_args=True,
    )


@contextmanager
def traced(trace: str | None) -> Iterator[None]:
    """Within this block every line carries this trace, and so do the jobs and deliveries that are made; None changes
    nothing."""
    if not trace:
        yield
        return
    with structlog.contextvars.bound_contextvars(trace=trace):
        yield


def begin(trace: str) -> None:
    """From here on, in this thread, lines carry this trace; for a request, which ends in another function."""
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(trace=trace)


def end() -> None:
    """The request is over."""
    structlog.contextvars.clear_contextvars()


def trace() -> str | None:
    """The trace of what is being done, if it has one."""
    found: str | None = structlog.contextvars.get_contextvars().get("trace")
    return found


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


def _only_what_may_be_told(logger: Any, method: str, event: Event) -> Event:
    record: logging.LogRecord = event["_record"]
    given: Any = event.pop("positional_args", ()) or record.args or ()
    args = tuple(given.values()) if isinstance(given, Mapping) else tuple(given)
    error = event.pop("exc_info", None) or record.exc_info
    ours = record.name.split(".")[0] in ("bot", "__main__", "worker", "tests")
    told = _own(str(record.msg), args) if ours else _foreign(record, args)
    event.update(told)
    if error and error[1]:
        event["exception"] = places(error[1])
    event.pop("stack_info", None)
    return event


def _own(template: str, args: tuple[Any, ...]) -> Event:
    """Our line: what happened stands before the colon, then fields; what is no field is the kind of an error."""
    said = template.partition(": ")[0] if args else template
    told: Event = {"event": said.replace("%s", "…").replace("%d", "…")}
    for name, one in zip(_FIELD.findall(template), args, strict=False):
        fits = name in FIELDS if name else LOOSE.fullmatch(str(one))
        told[name or ("counts" if "=" in str(one) else "error")] = _shown(one) if fits else "(hidden)"
    return told


def _foreign(record: logging.LogRecord, args: tuple[Any, ...]) -> Event:
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


def _to_read(logger: Any, method: str, event: Event) -> str:
    """A line for a person: when, how grave, where, what, and the fields."""
    at, level, name, what = (event.pop(key, "") for key in ("at", "level", "logger", "event"))
    found = event.pop("exception", [])
    fields = " ".join(f"{key}={value}" for key, value in event.items())
    lines = [f"{str(at)[:19]} {level} {name} {what}{': ' if fields else ''}{fields}"]
    for one in found:
        lines += [f"  {one['type']}", *(f"    {place}" for place in one["where"])]
    return "\n".join(lines)

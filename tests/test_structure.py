"""The shape of the program: who imports whom, that every name a queue holds exists, that pages say who may see them."""

import ast
import importlib
import re
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from bot import queues, settings

BOT = settings.ROOT / "bot"
PURE = {"conversation", "understanding"}
BELOW = {
    "conversation": {"understanding"},
    "understanding": set(),
    "content": {"conversation", "understanding"},
    "store": {"log"},
    "channels": {"settings"},
    "translation": {"metering"},
    "alarms": {"messaging", "channels", "content", "store", "queues", "services", "metering"},
    "transcription": set(),
    "voice_notes": {
        "messaging",
        "conversation",
        "understanding",
        "transcription",
        "channels",
        "store",
        "queues",
        "services",
    },
    "messaging": {  # `voice`: its pure part cuts a reply into what was recorded
        "log",
        "metering",
        "conversation",
        "understanding",
        "content",
        "channels",
        "store",
        "queues",
        "services",
        "translation",
        "voice",
    },
    "cases": {
        "messaging",
        "translation",
        "conversation",
        "understanding",
        "content",
        "channels",
        "store",
        "queues",
        "services",
    },
    "sharing": {"content"},
    "voice": {"conversation", "content", "messaging", "sharing", "store", "settings"},
    "announcements": {  # `voice`: what is written is cut into the pieces that a call reads out
        "voice",
        "messaging",
        "translation",
        "conversation",
        "understanding",
        "content",
        "channels",
        "sharing",
        "store",
        "queues",
        "services",
    },
    "incidents": {  # `cases`: the chain is paged by a case, and its TAKE, notices and talk are those of every emergency;
        # `statuses`: agents at the desk and "there were no agents" must not stand beside each other
        "cases",
        "statuses",
        "messaging",
        "conversation",
        "understanding",
        "content",
        "store",
        "queues",
        "services",
    },
    "leaders": {"content", "store", "queues", "services"},
    "retention": {"incidents", "content", "store", "services"},
    "gatherings": {
        "announcements",  # the invitation is an announcement: translated, approved and sent like any other
        "messaging",
        "conversation",
        "understanding",
        "translation",
        "content",
        "store",
        "queues",
        "services",
    },
    "roster": {"content", "conversation", "understanding", "store", "services", "settings"},
    "statuses": {"messaging", "understanding", "conversation", "content", "store", "queues", "services"},
    "informed": {"messaging", "understanding", "content", "store", "queues", "services"},
    "attendance": {"messaging", "understanding", "content", "store", "queues", "services"},
}
"""What each room may import of the program; `docs/architecture.md` has the picture."""
OUTSIDE = {"sqlalchemy", "redis", "rq", "flask", "twilio", "requests", "time", "os", "random", "logging"}
WITHOUT_LOGIN = {
    "/console/login",
    "/console/static/<path:filename>",
    "/healthz",
    "/readyz",
    "/metrics",
    "/media/<file>",
    "/recordings/<key>.mp3",
    "/recordings/<key>.ogg",
    "/m/<code>",
    "/m/<code>/kit",
    "/m/<code>/kit/<language>.mp3",
    "/m/<code>/kit/<language>.png",
    "/g/<code>",
    "/g/<code>.ics",
}


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            found |= set(names) if node.module == "bot" else {node.module}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found


@pytest.mark.parametrize("room", sorted(BELOW))
def test_who_may_import_whom(room: str) -> None:
    for path in (BOT / room).rglob("*.py"):
        used = {name.split(".")[1] for name in imports(path) if name.startswith("bot.")}
        assert used - {room} <= BELOW[room], path


@pytest.mark.parametrize("room", sorted(PURE))
def test_the_pure_rooms_touch_nothing_outside(room: str) -> None:
    for path in (BOT / room).rglob("*.py"):
        assert not {name.split(".")[0] for name in imports(path)} & OUTSIDE, path


def test_nobody_imports_web_or_jobs_but_the_entries() -> None:
    for path in BOT.rglob("*.py"):
        if path.parent.name in {"web", "jobs", "console", "simulator", "run"} or path.name in {"cli.py", "chat.py"}:
            continue
        assert not {name for name in imports(path) if name.startswith(("bot.web", "bot.jobs"))}, path


@pytest.mark.parametrize(
    "name",
    [
        queues.ALERT_CASE,
        queues.DELIVER,
        queues.FOLLOW_UP,
        queues.DRAFT,
        queues.SWEEP,
        queues.TRANSLATE,
        queues.TALK_LOST,
        queues.TRANSLATE_ANNOUNCEMENT,
        queues.TRANSLATE_SHEET,
        queues.START_ANNOUNCEMENT,
        queues.BROADCAST,
        queues.MAKE_KIT,
        queues.VOICE_NOTE,
    ],
)
def test_every_job_that_is_queued_exists(name: str) -> None:
    module, function = name.rsplit(".", 1)
    assert callable(getattr(importlib.import_module(module), function))


def test_every_console_page_wants_a_login_and_every_webhook_a_signature(client: FlaskClient) -> None:
    for rule in client.application.url_map.iter_rules():
        path = re.sub(r"<int:\w+>", "1", rule.rule)
        if rule.rule in WITHOUT_LOGIN or rule.rule.startswith(("/simulator", "/static", "/2010-04-01")):
            continue
        method = "post" if "POST" in (rule.methods or set()) else "get"
        answer = getattr(client, method)(path)
        refused = answer.status_code in (400, 401, 403) or "/login" in answer.headers.get("Location", "")
        assert refused, (rule.rule, answer.status_code)


def test_headers(client: FlaskClient) -> None:
    answer = client.get("/console/login")
    assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"

"""The shape of the program: its imports, the names in its queues, and the permissions of its pages."""

import ast
import importlib
import re
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from bot.base import queues, settings

BOT = settings.ROOT / "bot"
PURE = ("flows", "nlu", "pii")
OUTSIDE = {"sqlalchemy", "redis", "rq", "flask", "twilio", "requests", "time", "os", "random", "logging"}
LAYERS: tuple[tuple[str, ...], ...] = (
    ("base",),
    ("channels", "documents", "pii", "store", "transcription"),
    ("store.families", "store.staff", "translation", "nlu"),
    ("store.cases", "flows", "store.community", "encoders"),
    ("store.announcements", "store.schools", "content"),
    ("store.meetings", "store.operations", "speech", "nlu_training"),
    ("encoder_training",),
    ("store.lifecycle",),
    ("runtime",),
    ("messaging",),
    ("attendance", "cases", "content_review", "monitoring", "roster", "school_status", "voice", "voice_notes"),
    ("monitoring.doctor", "flow_tests", "announcements", "incidents"),
    ("incidents.samples", "meetings", "community"),
    ("message_router", "retention"),
    ("jobs", "web.core", "web.server"),
    ("web.console.core", "web.operations", "web.public", "web.simulator", "web.webhooks"),
    ("web.console.auth", "web.console.schools", "web.console.meetings", "web.console.announcements"),
    ("web.console.cases", "web.console.community", "web.console.content", "web.console.incidents"),
    ("web.console.oversight",),
    ("web.console",),
    ("web",),
    ("dev_server",),
    ("cli",),
    ("__main__",),
)
"""Packages from the bottom up: one imports only from layers below its own (`docs/architecture.md`)."""
LAYER_OF = {name: number for number, layer in enumerate(LAYERS) for name in layer}
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


def module_name(path: Path) -> str:
    """Return the dotted name of a file below `bot`: `store.cases.cases`, `web.app`; a package by its own name."""
    return ".".join(path.relative_to(BOT).with_suffix("").parts).removesuffix(".__init__").removesuffix("__init__")


MODULES = {module_name(path): path for path in BOT.rglob("*.py")}


def package_of(module: str) -> str:
    """Return the package of a module; a loose file of `bot` counts as its own package."""
    is_package = MODULES[module].name == "__init__.py"
    return module if is_package else module.rpartition(".")[0] or module


@cache
def imports(path: Path) -> set[str]:
    """Return what a file imports: modules of `bot` by their dotted names, and top-level names of other packages."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {resolve(node.module, alias.name) for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found


def resolve(module: str, name: str) -> str:
    """Resolve `from bot.x import y`: the module `bot.x.y` if it exists, else `bot.x`."""
    inside = f"{module}.{name}".removeprefix("bot.")
    return f"bot.{inside}" if inside in MODULES and module.startswith("bot") else module


def graph() -> dict[str, set[str]]:
    """Return, for each module of `bot`, the modules of `bot` that it imports."""
    return {
        module: {name.removeprefix("bot.") for name in imports(path) if name.startswith("bot.")} & set(MODULES)
        for module, path in MODULES.items()
    }


def package_graph() -> dict[str, set[str]]:
    """Return the same graph between packages."""
    packages: dict[str, set[str]] = {}
    for module, targets in graph().items():
        own = packages.setdefault(package_of(module), set())
        own |= {package_of(target) for target in targets} - {package_of(module)}
    return packages


def find_cycle(edges: dict[str, set[str]]) -> tuple[str, ...]:
    """Return one cycle of a graph, or an empty tuple."""
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as error:
        return tuple(error.args[1])
    return ()


def test_each_package_imports_only_lower_layers() -> None:
    for package, targets in package_graph().items():
        for target in targets:
            assert not package or LAYER_OF[target] < LAYER_OF[package], f"{package} imports {target}"


def test_files_have_no_import_cycle() -> None:
    assert find_cycle(graph()) == ()


def test_packages_have_no_import_cycle() -> None:
    assert find_cycle(package_graph()) == ()


@pytest.mark.parametrize("package", PURE)
def test_pure_packages_import_nothing_with_side_effects(package: str) -> None:
    for path in (BOT / package).rglob("*.py"):
        assert not {name.split(".")[0] for name in imports(path)} & OUTSIDE, path


@pytest.mark.parametrize(
    "name",
    [
        queues.ALERT_CASE_JOB,
        queues.DELIVER_MESSAGE_JOB,
        queues.START_FOLLOW_UP_JOB,
        queues.DRAFT_LANGUAGE_JOB,
        queues.RUN_SWEEP_JOB,
        queues.TRANSLATE_MESSAGE_JOB,
        queues.HANDLE_UNDELIVERED_MESSAGE_JOB,
        queues.TRANSLATE_ANNOUNCEMENT_JOB,
        queues.TRANSLATE_ANSWER_SHEET_JOB,
        queues.START_ANNOUNCEMENT_JOB,
        queues.SEND_ANNOUNCEMENT_JOB,
        queues.MAKE_SHARE_KIT_JOB,
        queues.PROCESS_VOICE_NOTE_JOB,
    ],
)
def test_every_queued_job_exists(name: str) -> None:
    module, function = name.rsplit(".", 1)
    assert callable(getattr(importlib.import_module(module), function))


def test_console_pages_require_login_and_webhooks_a_signature(client: FlaskClient) -> None:
    for rule in client.application.url_map.iter_rules():
        path = re.sub(r"<int:\w+>", "1", rule.rule)
        if rule.rule in WITHOUT_LOGIN or rule.rule.startswith(("/simulator", "/static", "/2010-04-01")):
            continue
        method = "post" if "POST" in (rule.methods or set()) else "get"
        answer = getattr(client, method)(path)
        refused = answer.status_code in (400, 401, 403) or "/login" in answer.headers.get("Location", "")
        assert refused, (rule.rule, answer.status_code)


def test_security_headers_are_set(client: FlaskClient) -> None:
    answer = client.get("/console/login")
    assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"

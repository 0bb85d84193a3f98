"""Secrets: compared in constant time, never a command-line argument, never in a log or in an error's text."""

import ast
import logging
import re
from collections.abc import Iterator

import click
import pytest
from flask.testing import FlaskClient

from bot.base.settings import ROOT, Settings
from bot.cli import main
from bot.runtime import Runtime
from bot.web.console.registration import issue_password
from tests.conftest import Family
from tests.web.console.test_console import log_in
from tests.web.console.test_login import cheap_passwords

__all__ = ["cheap_passwords"]  # this fixture also applies here
SECRET = re.compile(r"token|secret|signature|password|api_key", re.IGNORECASE)
FIELDS = re.compile(r"secret|token|data_key|redis_url|database_url")


def comparisons() -> Iterator[tuple[str, str]]:
    for path in (ROOT / "bot").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Compare) and any(isinstance(one, ast.Eq | ast.NotEq) for one in node.ops):
                yield path.name, ast.unparse(node)


NO_SECRETS = {
    "encryption.py: _compute_key_id(secret) == FAMILY_KEY_MARKER",
    "permanent_hashes.py: permanent_secrets.c.name == LOOKUP_SECRET_NAME",
    "account.py: new_password != request.form.get('again', '')",
}
"""Comparisons without a stored secret: a marker at start-up, the name of a row, and two fields of one form."""


@pytest.mark.long
def test_secrets_are_compared_in_constant_time() -> None:
    """`==` stops at the first letter that differs, and its time reveals where.

    Hashes of secrets may be looked up (store/cases/one_time_links.py), and other values may be compared.
    """
    found = {f"{name}: {text}" for name, text in comparisons() if SECRET.search(text)}
    assert {one for one in found if "_hash_secret(" not in one} == NO_SECRETS


def commands(command: click.Command) -> Iterator[click.Parameter]:
    yield from command.params
    for one in getattr(command, "commands", {}).values():
        yield from commands(one)


def test_no_command_takes_a_secret_as_argument() -> None:
    """Every user of the machine can read the arguments of every process (`ps`)."""
    names = [str(one.name) for one in commands(main.main)]
    assert len(names) > 20 and [one for one in names if SECRET.search(one)] == []
    procfile = (ROOT / "Procfile").read_text()
    assert not re.search(r"\$\{?(SECRET_KEY|DATA_KEY|TWILIO_AUTH_TOKEN|REDIS_URL|DATABASE_URL)", procfile)


def test_settings_show_no_secret() -> None:
    """An error report that contains the settings contains no key."""
    fields = [name for name in Settings.model_fields if FIELDS.search(name)]
    assert len(fields) >= 7 and [name for name in fields if Settings.model_fields[name].repr] == []


def test_logs_contain_no_secret(
    runtime: Runtime, client: FlaskClient, family: Family, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    password = issue_password(runtime, "ana")
    log_in(client, "ana", "a wrong password of mine")
    assert log_in(client, "ana", password) == 302
    family.text("I want to talk to a person about Guadalupe")
    settings, said = runtime.settings, caplog.text
    for secret in (password, "wrong password", settings.secret_key, settings.data_key, settings.twilio_auth_token):
        assert secret not in said
    mine = [one.getMessage() for one in caplog.records if one.name.startswith("bot.")]
    assert not [one for one in mine if "Guadalupe" in one or "5550177" in one]

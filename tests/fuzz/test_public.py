"""The public pages, with schemathesis: it also sends what the description forbids, and other methods."""

from pathlib import Path
from typing import Any

import pytest
import schemathesis
import yaml
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from sqlalchemy import select

from bot.runtime import Runtime
from bot.store.announcements import announcements
from bot.store.meetings import meetings
from bot.web import rate_limits
from tests.announcements.conftest import District
from tests.fuzz.anything import share
from tests.web.console.conftest import announced, busy, district, gathered
from tests.web.console.test_login import cheap_passwords

__all__ = ["announced", "busy", "cheap_passwords", "district", "gathered"]  # these fixtures also apply here
pytestmark = [pytest.mark.long, pytest.mark.timeout(7200)]

DESCRIPTION = (Path(__file__).parent / "public.yaml").read_text()


@pytest.fixture
def described(
    runtime: Runtime, client: FlaskClient, announced: District, gathered: None, monkeypatch: pytest.MonkeyPatch
) -> Any:
    """Return the description with the codes of an existing announcement and meeting."""
    with runtime.database.read() as db:
        code = db.execute(select(announcements.announcements.c.code)).scalars().first()
        meeting = db.execute(select(meetings.meetings.c.code)).scalars().first()
    raw = yaml.safe_load(DESCRIPTION.replace("GENUINE", str(code)).replace("MEETING", str(meeting)))
    # Otherwise the rate limit blocks every request after the sixtieth in a minute.
    monkeypatch.setattr(rate_limits._RequestCounter, "is_within_limits", lambda *_: True)
    found = schemathesis.openapi.from_dict(raw)
    found.app = client.application
    return found


def test_any_public_request_is_answered(described: Any) -> None:
    """Uses the strategies that schemathesis builds: its pytest plugin breaks with pytest 9.1."""
    operations = [found.ok() for found in described.get_all_operations()]

    @share(0.08)
    @given(st.one_of([one.as_strategy(generation_mode=mode) for one in operations for mode in GenerationMode]))
    def one(case: schemathesis.Case) -> None:
        answer = case.call()
        case.validate_response(answer, checks=[not_a_server_error])
        assert answer.headers["x-content-type-options"] == ["nosniff"], "the headers stand on what is refused, too"

    one()

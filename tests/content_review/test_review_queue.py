"""Expired facts are not sent, and their owners are reminded, with a shifted clock."""

from datetime import date, timedelta

import pytest
import time_machine
from flask.testing import FlaskClient

from bot.base import settings
from bot.content.library import Library
from bot.content.lint import find_content_problems
from bot.content.review_queue import list_tasks
from bot.runtime import Runtime
from bot.web.console.registration import issue_password
from tests.conftest import NOW, Family
from tests.web.console.test_console import log_in


def test_short_lived_fact_expires_after_two_weeks_with_a_reminder(library: Library) -> None:
    checked = library.facts["home_entry"].reviewed_on
    soon = {task.subject: task for task in list_tasks(library, checked + timedelta(days=2))}
    assert soon["fact home_entry"].owner == "legal partner"
    assert not soon["fact home_entry"].is_overdue(checked + timedelta(days=14))
    assert soon["fact home_entry"].is_overdue(checked + timedelta(days=15))


@pytest.mark.long
def test_page_and_check_list_expired_content(runtime: Runtime, client: FlaskClient, family: Family) -> None:
    with time_machine.travel(NOW + timedelta(days=20)):
        reply = family.text("what are my rights if ICE comes to my house one day")
        assert "stay silent" in reply and "permission or a paper" not in reply and "reply 0" in reply
        log_in(client, "ana", issue_password(runtime, "ana"))
        page = client.get("/console/content").text
        assert "fact home_entry" in page and "legal partner" in page and "not shown to families now" in page
    errors, warnings = find_content_problems(settings.ROOT, runtime.library, date(2026, 12, 14))
    assert not errors and any("fact home_entry is not shown to families now" in line for line in warnings)
    _, today = find_content_problems(settings.ROOT, runtime.library, date(2026, 11, 24))
    assert not any("not shown to families now" in line for line in today)


def test_partners_not_checked_recently_are_not_named(family: Family, library: Library) -> None:
    with time_machine.travel(NOW):
        assert "Prairie Legal Aid, 217-555-0160 (free; English" in family.text(
            "we need a lawyer, who can help us cheap"
        )
    with time_machine.travel(NOW + timedelta(days=130)):
        assert "Prairie" not in family.text("we need a lawyer, who can help us cheap")

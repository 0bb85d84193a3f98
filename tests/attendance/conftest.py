"""A console in which somebody of the attendance office, a family liaison or the safety lead is logged in."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from bot.runtime import Runtime
from tests.web.console.conftest import member
from tests.web.console.test_login import cheap_passwords

__all__ = ["cheap_passwords"]  # this fixture holds here too

As = Callable[..., FlaskClient]


@pytest.fixture
def logged_in(services: Runtime, client: FlaskClient) -> As:
    """`logged_in("pat_moore")`: a browser of this member of staff."""
    return lambda staff, role="staff": member(services, client.application, role, staff)

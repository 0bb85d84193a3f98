"""A console with a logged-in member of the attendance office, a family liaison, or the safety lead."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from bot.runtime import Runtime
from tests.web.console.conftest import member
from tests.web.console.test_login import cheap_passwords

__all__ = ["cheap_passwords"]  # this fixture also applies here

As = Callable[..., FlaskClient]


@pytest.fixture
def logged_in(runtime: Runtime, client: FlaskClient) -> As:
    """Return a function: `logged_in("pat_moore")` is a browser of this member of staff."""
    return lambda staff, role="staff": member(runtime, client.application, role, staff)

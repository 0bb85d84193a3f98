"""The services of the app that handles this request."""

from typing import cast

from flask import current_app

from bot.runtime import Services


def services() -> Services:
    """What `create_app` was given."""
    return cast(Services, current_app.extensions["puente"])

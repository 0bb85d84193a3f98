"""The services of the app that handles this request."""

from typing import cast

from flask import current_app

from bot.runtime import Runtime


def get_runtime() -> Runtime:
    """What `create_app` was given."""
    return cast(Runtime, current_app.extensions["puente"])

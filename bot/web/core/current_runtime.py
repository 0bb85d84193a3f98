"""The runtime of the app that handles the current request."""

from typing import cast

from flask import current_app

from bot.runtime import Runtime


def get_runtime() -> Runtime:
    """Return the runtime of the current app."""
    return cast(Runtime, current_app.extensions["puente"])

"""Write gunicorn's log entries in Puente's format (`logger_class` in gunicorn.conf.py)."""

from typing import Any

from gunicorn.glogging import Logger as GunicornLogger  # type: ignore[import-untyped]

from bot.base import logs


class Logger(GunicornLogger):
    """gunicorn's logger with Puente's handler. It has no access log, because browsers' URLs can hold personal data."""

    def setup(self, cfg: Any) -> None:
        """Set up gunicorn's logger, then replace its handlers with Puente's."""
        super().setup(cfg)
        logs.configure()

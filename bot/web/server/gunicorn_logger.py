"""gunicorn's log lines in our format (`logger_class` in gunicorn.conf.py)."""

from typing import Any

from gunicorn.glogging import Logger as Gunicorns  # type: ignore[import-untyped]

from bot.base import logs


class Logger(Gunicorns):
    """gunicorn's logger with our handler; it writes no line for each request (Twilio's carry nothing, browsers' do)."""

    def setup(self, cfg: Any) -> None:
        """As gunicorn's, then ours instead."""
        super().setup(cfg)
        logs.configure()

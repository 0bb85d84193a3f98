"""gunicorn's own lines (`--logger-class bot.gunicorn_log.Logger`), from the first one on as all others are."""

from typing import Any

from gunicorn.glogging import Logger as Gunicorns  # type: ignore[import-untyped]

from bot import log


class Logger(Gunicorns):
    """gunicorn's logger with our handler; it writes no line for each request (Twilio's carry nothing, browsers' do)."""

    def setup(self, cfg: Any) -> None:
        """As gunicorn's, then ours instead."""
        super().setup(cfg)
        log.configure()

"""Logs of ids: a line says what happened to which row, never a number, a name or a text."""

import logging
import sys


def configure(level: int = logging.INFO) -> None:
    """Send this process's log lines to standard error, one line each."""
    logging.basicConfig(
        stream=sys.stderr,
        level=level,
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
        force=True,
    )
    # These libraries write addresses, bodies or statements into their info and debug lines.
    for name in ("twilio", "urllib3", "sqlalchemy", "httpx", "werkzeug", "weasyprint", "fontTools"):
        logging.getLogger(name).setLevel(logging.WARNING)

"""The web process: `gunicorn app:app`."""

import sys

from bot import log, settings
from bot.conversation.source import BadSource
from bot.web import create_app

log.configure()
try:
    app = create_app()
except (settings.SettingsError, BadSource) as error:
    sys.exit(f"Puente cannot start:\n{error}")

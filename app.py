"""The web process: `gunicorn app:app`."""

import sys

from bot import log, settings
from bot.conversation.source import BadSource
from bot.web import check_keys, create_app

log.configure()
try:
    app = create_app()
    check_keys(app)
except (settings.SettingsError, BadSource) as error:
    sys.exit(f"Puente cannot start:\n{error}")

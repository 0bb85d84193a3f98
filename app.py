"""Create the WSGI application: `gunicorn app:app`. gunicorn.conf.py has the threads and checks of a web process."""

import sys

from bot.base import logs
from bot.base.settings import SettingsError
from bot.base.yaml_source import SourceError
from bot.web.app import create_app

logs.configure()  # without it, logs under a server other than gunicorn would not be redacted
try:
    app = create_app()
except (SettingsError, SourceError) as error:
    sys.exit(f"Puente cannot start:\n{error}")

"""The WSGI application: `gunicorn app:app`.  Threads and checks of a web process are in gunicorn.conf.py."""

import sys

from bot.base import logs
from bot.base.settings import SettingsError
from bot.base.yaml_source import SourceError
from bot.web.app import create_app

logs.configure()  # under a server other than gunicorn, lines would otherwise show what they must hide
try:
    app = create_app()
except (SettingsError, SourceError) as error:
    sys.exit(f"Puente cannot start:\n{error}")

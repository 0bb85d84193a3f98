"""The web process: `gunicorn app:app`."""

import os
import sys
from pathlib import Path

from bot import log, metrics_folder

metrics_folder.together(Path(os.environ.get("VAR_DIR") or Path(__file__).resolve().parent / "var"))

from bot import settings  # noqa: E402  # what counts must find the folder above
from bot.conversation.source import BadSource  # noqa: E402
from bot.web import create_app  # noqa: E402

log.configure()
try:
    app = create_app()
except (settings.SettingsError, BadSource) as error:
    sys.exit(f"Puente cannot start:\n{error}")

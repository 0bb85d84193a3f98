"""The web process: `gunicorn app:app`."""

import gc
import os
import sys
import threading
from pathlib import Path

from bot.base import logs, metrics_dir

metrics_dir.prepare_metrics_dir(Path(os.environ.get("VAR_DIR") or Path(__file__).resolve().parent / "var"))

from bot.base import settings  # noqa: E402  # what counts must find the folder above
from bot.base.yaml_source import SourceError  # noqa: E402
from bot.monitoring import notifier  # noqa: E402
from bot.runtime import Runtime  # noqa: E402
from bot.web.app import check_keys, create_app  # noqa: E402

logs.configure()
try:
    app = create_app()
    check_keys(app)
    runtime: Runtime = app.extensions["puente"]
    threading.Thread(target=notifier.check_forever, args=(runtime,), daemon=True, name="watch").start()
    gc.collect()
    gc.freeze()  # flows, weights and catalogs are many objects: a look through them for rubbish holds up every answer
except (settings.SettingsError, SourceError) as error:
    sys.exit(f"Puente cannot start:\n{error}")

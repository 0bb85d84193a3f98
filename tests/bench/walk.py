"""Print the files that one inbound message enters, from the webhook to the reply.

python -m tests.bench.walk prints the number of files of both walks. python -m tests.bench.walk --files also lists the
files in the order in which each message enters them.
"""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from uuid import uuid4

from flask import Flask

from bot.base import settings
from bot.content.library import load_library
from bot.dev_server.launch import migrate_database
from bot.dev_server.redis_server import run_embedded_server
from bot.runtime import Runtime, open_runtime
from bot.web.app import create_app
from tests.stand_in import TwilioStandIn, sign

PUBLIC_URL = "https://puente.test"
WALKS = {
    "question": "¿Es seguro llevar a mi hijo a la escuela mañana?",
    "emergency": "La migra está en mi casa ahora mismo",
}
"""The messages of review code.md, section 1.3: an everyday question and an emergency, in Spanish."""
PACKAGE_DIR = str(settings.ROOT / "bot") + "/"
COMPREHENSIONS = frozenset({"<module>", "<genexpr>", "<listcomp>", "<dictcomp>", "<setcomp>", "<lambda>"})


def walk() -> dict[str, list[str]]:
    """Return the files that each message enters, by walk, in order of entry."""
    with (
        tempfile.TemporaryDirectory() as folder,
        TwilioStandIn() as twilio,
        run_embedded_server(Path(folder)) as redis_url,
        _open(folder, redis_url, twilio) as runtime,
    ):
        app = create_app(runtime=runtime)
        _send(app, twilio, "+12175550199", "hola")  # loads what the first message of a process loads
        walks = {}
        for number, (name, text) in enumerate(WALKS.items()):
            address = f"whatsapp:+1217555017{number}"
            _send(app, twilio, address, "hola")  # most messages come from a family that wrote before
            walks[name] = _trace(app, twilio, address, text)
        return walks


@contextmanager
def _open(folder: str, redis_url: str, twilio: TwilioStandIn) -> Iterator[Runtime]:
    database_url = f"sqlite:///{folder}/walk.db"
    migrate_database(database_url)
    app_settings = settings.load_settings(
        var_dir=Path(folder),
        redis_url=redis_url,
        database_url=database_url,
        public_url=PUBLIC_URL,
        twilio_account_sid=twilio.account_sid,
        twilio_auth_token=twilio.auth_token,
        twilio_sms_from="+12175550100",
        twilio_api_base=twilio.url,
        translator="off",
    )
    runtime = open_runtime(app_settings, load_library(settings.ROOT, settings.ROOT / "district.yaml"))
    yield runtime
    runtime.database.engine.dispose()


def _send(app: Flask, twilio: TwilioStandIn, address: str, text: str) -> None:
    form = {"MessageSid": f"SM{uuid4().hex}", "From": address, "Body": text, "AccountSid": twilio.account_sid}
    url = f"{PUBLIC_URL}/webhooks/twilio/messages"
    headers = {"X-Twilio-Signature": sign(twilio.auth_token, url, form)}
    response = app.test_client().post("/webhooks/twilio/messages", data=form, headers=headers, base_url=PUBLIC_URL)
    assert response.status_code == 200, response.status


def _trace(app: Flask, twilio: TwilioStandIn, address: str, text: str) -> list[str]:
    files: dict[str, None] = {}

    def enter(frame: FrameType, event: str, _argument: object) -> None:
        path = frame.f_code.co_filename
        if event == "call" and path.startswith(PACKAGE_DIR) and frame.f_code.co_name not in COMPREHENSIONS:
            files.setdefault(path.removeprefix(PACKAGE_DIR))

    sys.setprofile(enter)
    try:
        _send(app, twilio, address, text)
    finally:
        sys.setprofile(None)
    return list(files)


def main() -> None:
    """Print the number of files of each walk."""
    for name, files in walk().items():
        print(f"{name}: {len(files)} files")
        if "--files" in sys.argv:
            print("".join(f"  {file}\n" for file in files))


if __name__ == "__main__":
    main()

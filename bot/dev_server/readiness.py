"""Wait until the web process answers, then print the URLs: `python -m bot.dev_server.readiness`."""

import os
import time
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from bot.base import settings
from bot.base.settings import Settings

PAUSE_SECONDS = 0.3
BANNER_TEMPLATE = "\n  {}\n"


def main() -> None:
    """Print the URLs and, the first time, a login. Print nothing if the run stops before the web process answers."""
    process_settings = settings.load_settings()
    base, parent = f"http://127.0.0.1:{process_settings.port}", os.getppid()
    while not _is_answering(f"{base}/healthz"):
        time.sleep(PAUSE_SECONDS)
        if os.getppid() != parent:
            return
    lines = ["Puente is running."]
    if process_settings.is_simulator_enabled:
        lines.append(f"Phone simulator:  {base}/simulator")
    lines.append(f"Staff console:    {base}/console/")
    if login := _create_first_login(process_settings):
        lines.append(f"First login:      {login[0]}, password {login[1]} (shown only once)")
    lines.append("Press Ctrl-C to stop everything.")
    print(BANNER_TEMPLATE.format("\n  ".join(lines)), flush=True)


def _is_answering(url: str) -> bool:
    try:
        with build_opener(ProxyHandler({})).open(url, timeout=2) as response:
            return bool(response.status == 200)
    except (URLError, OSError):
        return False


def _create_first_login(process_settings: Settings) -> tuple[str, str] | None:
    from bot.runtime import open_runtime
    from bot.web.console.registration import create_first_account

    return create_first_account(open_runtime(process_settings))


if __name__ == "__main__":
    main()

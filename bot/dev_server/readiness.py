"""`python -m bot.dev_server.readiness`: waits until the web process answers, then says where everything is."""

import os
import time
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from bot.base import settings
from bot.base.settings import Settings

PAUSE_SECONDS = 0.3
BOX = "\n  {}\n"


def main() -> None:
    """Tell the addresses and, the first time, a login; silent if the run stops before the web process answers."""
    here = settings.load()
    base, parent = f"http://127.0.0.1:{here.port}", os.getppid()
    while not _answers(f"{base}/healthz"):
        time.sleep(PAUSE_SECONDS)
        if os.getppid() != parent:
            return
    lines = ["Puente is running."]
    if here.simulator_on:
        lines.append(f"Phone simulator:  {base}/simulator")
    lines.append(f"Staff console:    {base}/console/")
    if login := _first_login(here):
        lines.append(f"First login:      {login[0]}, password {login[1]} (told this once)")
    lines.append("Ctrl-C stops everything.")
    print(BOX.format("\n  ".join(lines)), flush=True)


def _answers(url: str) -> bool:
    try:
        with build_opener(ProxyHandler({})).open(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


def _first_login(here: Settings) -> tuple[str, str] | None:
    from bot.runtime import open_services
    from bot.web.console.registration import create_first_account

    return create_first_account(open_services(here))


if __name__ == "__main__":
    main()

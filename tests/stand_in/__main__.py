"""Run the stand-in in its own process: `python -m tests.stand_in --port 8089 --account-sid AC… --auth-token …`.

When it serves, it prints its URL on one line. It stops on SIGTERM or SIGINT.
"""

import argparse
import signal
import threading

from .payloads import ACCOUNT
from .twilio import TwilioStandIn


def main() -> None:
    """Serve until a signal stops the process."""
    parser = argparse.ArgumentParser(prog="python -m tests.stand_in", description="A stand-in of Twilio's Messages API")
    parser.add_argument("--port", type=int, default=8089, help="0 for any free port")
    parser.add_argument("--account-sid", default=ACCOUNT)
    parser.add_argument("--auth-token", required=True)
    parser.add_argument(
        "--reach",
        action="append",
        default=[],
        metavar="PUBLIC=LOCAL",
        help="the local URL of a public base URL (repeatable)",
    )
    args = parser.parse_args()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    reach = dict(pair.split("=", 1) for pair in args.reach)
    with TwilioStandIn(port=args.port, account_sid=args.account_sid, auth_token=args.auth_token, reach=reach) as twilio:
        print(twilio.url, flush=True)
        stop.wait()


if __name__ == "__main__":
    main()

"""Run `make run` (`python -m bot.dev_server`)."""

import signal
import sys

if __name__ == "__main__":
    # Until honcho takes over, Ctrl-C ends this process without a traceback, even during an import.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

    from bot.dev_server.launch import main

    sys.exit(main())

"""`python -m bot.dev_server` is `make run`."""

import signal
import sys

if __name__ == "__main__":
    # Until honcho takes over, Ctrl-C ends this process without a word, also in the middle of an import.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

    from bot.dev_server.launch import main

    sys.exit(main())

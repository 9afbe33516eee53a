"""What asks a server or a worker to end in order."""

from __future__ import annotations

import signal


def signals() -> tuple[int, ...]:
    """Give the signals that ask for it: the terminal's end too, unless that is to be outlasted (``nohup``)."""
    asked = [signal.SIGINT, signal.SIGTERM]
    hung_up = getattr(signal, "SIGHUP", None)
    if hung_up is not None and signal.getsignal(hung_up) is not signal.SIG_IGN:
        asked.append(hung_up)
    return tuple(asked)

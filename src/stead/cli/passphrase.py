"""Asks for passphrases, on the terminal and nowhere else."""

from __future__ import annotations

import sys


def ask(prompt: str) -> str | None:
    """Ask for a passphrase without showing it; None where there is no terminal, or no answer.

    The terminal itself is asked, so that a redirected input is left alone.
    """
    import getpass

    if not _has_terminal():
        return None
    try:
        return getpass.getpass(prompt)
    except EOFError:
        return None


def _has_terminal() -> bool:
    if sys.platform == "win32":
        return sys.stdin.isatty()
    try:
        with open("/dev/tty", "rb"):
            return True
    except OSError:
        return False

"""Asks for passphrases, on the terminal and nowhere else."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stead.config.secrets.keys import Ask


def terminal_ask() -> Ask | None:
    """Give what asks for a passphrase without showing it; None where there is no terminal.

    The terminal itself is asked, so that a redirected input is left alone.
    """
    if not sys.stderr.isatty() or not _has_terminal():
        return None

    def ask(prompt: str) -> str | None:
        import getpass

        try:
            return getpass.getpass(prompt)
        except EOFError:
            return None

    return ask


def _has_terminal() -> bool:
    if sys.platform == "win32":
        return sys.stdin.isatty()
    try:
        with open("/dev/tty", "rb"):
            return True
    except OSError:
        return False

"""How a part of this folder says that a secret could not be had."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.values.frozen import dataclass

if TYPE_CHECKING:
    from stead.values.secret import SecretReference

LARGEST = 16 * 2**20
"""Bytes of an encrypted file, or of what a command prints, that are still read."""


class UnopenedError(Exception):
    """A secret could not be had. Never leaves this folder, and never holds a value."""

    def __init__(self, reason: str, *, remedy: str = "", tried: tuple[str, ...] = ()) -> None:
        self.reason = reason
        self.remedy = remedy
        self.tried = tried
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class Failure:
    """One reference that gave no value: why, which keys were tried, what to do."""

    reference: SecretReference
    reason: str
    tried: tuple[str, ...] = ()
    remedy: str = ""


def read_file(path: str) -> bytes:
    """Read an encrypted file or a key. Raises UnopenedError."""
    import os
    import stat

    try:
        found = os.stat(path)
        if not stat.S_ISREG(found.st_mode):
            raise UnopenedError(f"{path} is not a file")
        if found.st_size > LARGEST:
            raise UnopenedError(f"{path} is larger than {LARGEST // 2**20} MiB")
        with open(path, "rb") as file:
            return file.read(LARGEST)
    except FileNotFoundError:
        reason, remedy = f"there is no file {path}", "correct its name, or get or make the file"
    except OSError as exc:
        reason, remedy = f"{path} cannot be read: {exc.strerror}", "look at its permissions"
    raise UnopenedError(reason, remedy=remedy)


def less_last_line_end(text: str) -> str:
    """Take one line end away from the end of a text."""
    return text.removesuffix("\n").removesuffix("\r") if text.endswith("\n") else text

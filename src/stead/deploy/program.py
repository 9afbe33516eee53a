"""The program that runs on machines: its text, and the name it has there."""

from __future__ import annotations

import functools
import os

from stead.values.sha import sha256

PIECES = (
    "common",
    "claim",
    "facts",
    "receive",
    "services",
    "supervise",
    "switch",
    "command",
    "main",
)


@functools.cache
def text() -> bytes:
    """Give the whole program: the pieces of ``host/``, one after the other."""
    folder = os.path.join(os.path.dirname(__file__), "host")
    found = []
    for piece in PIECES:
        with open(os.path.join(folder, f"{piece}.sh"), "rb") as file:
            found.append(file.read())
    return b"\n".join(found)


@functools.cache
def name() -> str:
    """Name it by its content: programs of several versions lie side by side on a machine."""
    return sha256(text()).hexdigest()[:20]

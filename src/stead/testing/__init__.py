"""Channels and servers made on the spot, for tests.

Needs ``stead[testing]``.
"""

from __future__ import annotations

from stead.testing.channel import Entry, Package, index_channel, make_channel, text
from stead.testing.python import cpython, from_index, installed
from stead.testing.server import Served, serve

__all__ = [
    "Entry",
    "Package",
    "Served",
    "cpython",
    "from_index",
    "index_channel",
    "installed",
    "make_channel",
    "serve",
    "text",
]

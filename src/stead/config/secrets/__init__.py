"""Secrets: references → values, for the moment in which a process starts.

Nothing here writes a value anywhere. Errors name references, files and keys,
never what was found.
"""

from __future__ import annotations

from stead.config.secrets.failure import Failure
from stead.config.secrets.keys import Identities
from stead.config.secrets.resolve import attempt, failed, resolve

__all__ = ["Failure", "Identities", "attempt", "failed", "resolve"]

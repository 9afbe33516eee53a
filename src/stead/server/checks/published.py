"""A directory of this machine that is kept current has what the database says."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stead.server.checks.values import Finding
from stead.server.directories import BusyError, kept

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stead.server.checks.values import Checked


def check(checked: Checked) -> Iterator[Finding]:
    """Look at the directory, and bring it up to date. Where a worker keeps it, that one does so."""
    if not checked.publish or not os.path.isdir(checked.publish):
        return
    try:
        with kept(
            checked.publish, checked.database, checked.blobs, context=checked.context
        ) as directories:
            for one in directories.settle():
                yield Finding("directories", one.subject, one.told, repaired=not one.failed)
    except BusyError:
        return

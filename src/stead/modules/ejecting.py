"""Forgetting where modules came from."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from stead.modules import record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stead.values.context import Context


def eject(directories: Sequence[str], context: Context, reason: str) -> None:
    """Remove the records of the modules in these directories, all or none.

    Only files that a record consists of are removed. Raises StoreError.
    """
    from stead.pipeline.writing import layout_of
    from stead.store.edits import edit_files

    edits: dict[str, tuple[bytes | None, bytes | None]] = {}
    for directory in directories:
        for path in record.own_files(directory):
            with open(path, "rb") as file:
                edits[path] = (file.read(), None)
    edit_files(layout_of(context), edits, reason, note=context.progress.note)
    for directory in directories:
        top = os.path.join(directory, record.DIRECTORY)
        for one in (os.path.join(top, "base"), top):
            with contextlib.suppress(OSError):  # somebody keeps something of their own there
                os.rmdir(one)

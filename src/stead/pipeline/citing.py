"""Errors of an edit that was not made: what they cite must be what stands in the files."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING

from stead.values.errors import SteadError
from stead.values.origin import Origin

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

COMMAND = "asked for on the command line"


@contextlib.contextmanager
def citing_the_command(
    texts: Mapping[str, str], held: Mapping[str, bytes | None]
) -> Iterator[None]:
    """Make an error name lines as they stand on disk.

    ``texts`` are files as they would be after the edit, ``held`` as they are. A
    line that only the edit would have written was asked for by the command.
    """
    try:
        yield
    except SteadError as exc:
        lines = {
            f: _former_lines((held.get(f) or b"").decode("utf-8", "replace"), t)
            for f, t in texts.items()
        }

        def place(file: str, line: int) -> Origin | str:
            former = lines[file].get(line, line)
            return Origin(file, former) if former else COMMAND

        def told(text: str) -> str:
            for file in lines:
                text = re.sub(
                    rf"(?<![\w/]){re.escape(file)}:(\d+)(?!\d)",
                    lambda found, file=file: str(place(file, int(found[1]))),  # type: ignore[misc]
                    text,
                )
            return text

        if isinstance(exc.where, Origin) and exc.where.file in lines and exc.where.line:
            exc.where = place(exc.where.file, exc.where.line)
        elif isinstance(exc.where, str):
            exc.where = told(exc.where)
        exc.message = told(exc.message)
        exc.details = tuple(map(told, exc.details))
        raise


def _former_lines(before: str, after: str) -> dict[int, int]:
    """Give for each line after an edit the line that it was; 0 for a new one."""
    from difflib import SequenceMatcher

    old, new = before.splitlines(), after.splitlines()
    former = dict.fromkeys(range(1, len(new) + 1), 0)
    for block in SequenceMatcher(None, old, new, autojunk=False).get_matching_blocks():
        for offset in range(block.size):
            former[block.b + offset + 1] = block.a + offset + 1
    return former

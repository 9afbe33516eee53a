"""Stead's own edits of a place's files, with all that must change together with them."""

from __future__ import annotations

from stead.store.journal import replace_together
from stead.store.trust import carried_over

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from stead.store.layout import Layout
    from stead.store.locking import Note


_TRIES = 5


def edit_files(
    layout: Layout,
    edits: Mapping[str, tuple[bytes | None, bytes | None]],
    reason: str,
    *,
    beside: Mapping[str, bytes] | None = None,
    modes: Mapping[str, int] | None = None,
    chmod: Mapping[str, int] | None = None,
    note: Note = lambda _: None,
) -> None:
    """Change files, the trust in them, and what is noted ``beside``, all or nothing.

    ``edits`` maps absolute paths to the content as the caller read it and as it
    shall be, None for no file; ``modes`` are those of files that are new, ``chmod`` of those
    that are there. Raises StoreError, also where a file holds something else by now; then
    nothing has changed.
    """
    contents: dict[str, bytes | None] = {**carried_over(layout.home, edits), **(beside or {})}
    contents |= {path: after for path, (_, after) in edits.items()}
    expect = {path: before for path, (before, _) in edits.items()}
    replace_together(layout, contents, reason, expect=expect, modes=modes, chmod=chmod, note=note)

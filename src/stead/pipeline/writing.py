"""Writing a place's files: all together, one at a time, or staged for a transaction."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

from stead.store.edits import edit_files
from stead.store.journal import recover
from stead.store.layout import Layout
from stead.store.locking import exclusive
from stead.values.digest import short_key
from stead.values.frozen import replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from stead.pipeline.request import Request
    from stead.pipeline.transaction import Staging
    from stead.values.context import Context

_held: set[tuple[int, str]] = set()
"""Lock files that a thread of this process has for itself: thread, path."""


@contextlib.contextmanager
def alone(path: str, name: str, context: Context) -> Iterator[None]:
    """Have a lock file for oneself; within it, the same thread may ask again."""
    key = (threading.get_ident(), path)
    if key in _held:
        yield
        return
    guard = Layout(context.home).locks / f"lock-{short_key(path)}"
    with exclusive(guard, note=context.progress.note, description=f"locking {name}"):
        _held.add(key)
        try:
            yield
        finally:
            _held.discard(key)


def write_files(
    files: Mapping[str, bytes | None],
    layout: Layout,
    reason: str,
    *,
    expect: Mapping[str, bytes | None] | None = None,
    noting: Callable[[], Mapping[str, bytes]] = dict,
    modes: Mapping[str, int] | None = None,
    staging: Staging | None = None,
) -> tuple[str, ...]:
    """Replace files that must change together (None: remove), and name those that did change.

    ``expect`` is what a caller has read of them; what ``noting`` gives is written with them.
    ``modes`` are those of files that are new. With ``staging``, that takes them instead.
    """
    held = {path: content_of(path, staging) for path in files}
    changed = {path: content for path, content in files.items() if held[path] != content}
    if changed:
        held |= expect or {}
        edits = {path: (held[path], content) for path, content in changed.items()}
        if staging is not None:
            staging.stage(changed, {path: held[path] for path in changed})
        else:
            edit_files(layout, edits, reason, beside=noting(), modes=modes)
    return tuple(changed)


def layout_of(context: Context) -> Layout:
    return Layout(context.home)


def mend(context: Context) -> list[str]:
    """Finish or take back what an interrupted command left."""
    from stead.store.private_files import remove_leftovers

    remove_leftovers(context.home, context.environ)
    return recover(Layout(context.home))


def renewed(request: Request) -> Request:
    """Give a request with what is staged by now: whoever was waited for may have staged more."""
    if request.staging is None:
        return request
    return replace(request, overlay=request.staging.overlay())


def held_by(request: Request, path: str) -> bytes | None:
    """Give what a file held when its text was read for a request."""
    if request.staging is not None and path in request.overlay:
        text = request.overlay[path]
        return None if text is None else text.encode()
    return content_of(path, request.staging)


def content_of(path: str, staging: Staging | None = None) -> bytes | None:
    """Give a file's content, None where there is none; what is staged comes first."""
    if staging is not None:
        return staging.content(path)
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return None

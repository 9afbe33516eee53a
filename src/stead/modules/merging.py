"""What becomes of a file of a module when upstream's version of the module is another.

upstream   user      result
changed    same      replaced
same       changed   kept
both changed         merged; a conflict where they overlap
any        deleted   stays deleted
deleted    same      kept and told; removed if asked for
deleted    changed   kept, with a warning
both added           a conflict, unless they are the same
"""

from __future__ import annotations

from stead.formats.merging_text import alike, line_end, with_ends
from stead.values.frozen import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    Action = Literal[
        "same",  # nobody changed it
        "replaced",
        "added",
        "kept",
        "merged",
        "conflict",
        "deleted",  # by the user; it stays so
        "dropped",  # by upstream; it stays here
        "removed",  # dropped by upstream, and removed as was asked for
        "own",  # dropped by upstream and changed by the user, whose own it is now
    ]


@dataclass(frozen=True, slots=True)
class Side:
    """A file as one side has it."""

    content: bytes
    executable: bool | None = False
    """None where the system does not say."""
    plain: bool = True
    """False for a link or a directory, or what is reached through one: never written to."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a file.

    ``write`` is what it shall hold, None where it is left alone. ``beside`` is upstream's
    version, to be put beside it; ``markers`` the length of the conflict markers in ``write``.
    """

    path: str
    action: Action
    write: Side | None = None
    remove: bool = False
    beside: Side | None = None
    markers: int = 0
    note: str = ""


def decide(
    path: str,
    base: Side | None,
    mine: Side | None,
    upstream: Side | None,
    *,
    names: tuple[str, str] = ("yours", "upstream"),
    prune: bool = False,
    lost: bool = False,
) -> Decision:
    """Decide on one file, by what was written (``base``), what is there, and what upstream has.

    None for no such file. ``names`` stand behind conflict markers. ``prune`` removes what
    upstream dropped and the user did not change. With ``lost``, it was written once, and nobody
    knows any more what it held.
    """
    if mine is None:
        if base is not None or lost:
            return Decision(path, "deleted")
        return Decision(path, "added", upstream)
    if upstream is None:
        if base is None or not _untouched(base, mine):
            return Decision(path, "own", note="upstream dropped it; your changes stay")
        if prune:
            return Decision(path, "removed", remove=True)
        return Decision(path, "dropped", note="upstream dropped it; --prune removes it")
    if base is None:
        if mine.plain and alike(mine.content, upstream.content):
            return Decision(path, "same")
        why = "what it held when it was written is not known" if lost else "both added it"
        return Decision(path, "conflict", beside=upstream, note=why)
    if not mine.plain:
        if base == upstream:
            return Decision(path, "kept")
        return Decision(path, "conflict", beside=upstream, note="it is no plain file here")
    return changed(path, base, mine, upstream, names)


def changed(path: str, base: Side, mine: Side, upstream: Side, names: tuple[str, str]) -> Decision:
    """Decide on a file that all three have, whatever its name was. The arguments are as for :func:`decide`."""
    executable = mine.executable if mine.executable != base.executable else upstream.executable
    if mine.executable is None:
        executable = None
    markers = 0
    if upstream.content == base.content:
        content = mine.content
    elif mine.content == base.content:
        content = upstream.content
    elif alike(mine.content, upstream.content):
        content = mine.content
    elif alike(mine.content, base.content):
        content = _in_the_style_of(mine.content, base.content, upstream.content)
    else:
        from stead.formats.merging import merge

        done = merge(path, base.content, mine.content, upstream.content, names=names)
        if done is None:
            return Decision(path, "conflict", beside=upstream, note="both changed it")
        content, markers = done.content, done.markers
    result = Side(content, executable)
    write = None if result == mine else result
    if markers:
        return Decision(path, "conflict", write, markers=markers, note="both changed it")
    if write is None:
        return Decision(path, "same" if _untouched(base, mine) else "kept")
    return Decision(path, "replaced" if _untouched(base, mine) else "merged", write)


def _untouched(base: Side, mine: Side) -> bool:
    modes = mine.executable is None or mine.executable == base.executable
    return mine.plain and modes and alike(base.content, mine.content)


def _in_the_style_of(mine: bytes, base: bytes, upstream: bytes) -> bytes:
    """Give upstream's text with the line ends that tools gave to mine."""
    end = line_end(mine)
    if not end or line_end(upstream) != line_end(base):
        return upstream
    return with_ends(upstream, end)

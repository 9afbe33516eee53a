"""Merging three versions of a text file, with its line ends and its last line as they are.

What both sides changed stands in the result twice, between the usual markers.
"""

from __future__ import annotations

from stead.formats.merging_lines import Conflict, pieces
from stead.values.frozen import dataclass

_USUAL = 7
"""The length of conflict markers, unless a line of the text looks like one."""


@dataclass(frozen=True, slots=True)
class Merged:
    """A merged text. ``markers`` is their length where something is in conflict, else 0."""

    content: bytes
    markers: int = 0


def is_text(content: bytes) -> bool:
    """Say whether lines mean something in a file."""
    return b"\0" not in content


def line_end(content: bytes) -> bytes | None:
    """Give what ends the lines of a text: LF or CRLF; empty without lines, None for both."""
    both = content.count(b"\n")
    if not both:
        return b""
    windows = content.count(b"\r\n")
    return b"\n" if not windows else b"\r\n" if windows == both else None


def with_ends(content: bytes, end: bytes) -> bytes:
    """Give a text with other line ends."""
    plain = content.replace(b"\r\n", b"\n")
    return plain if end != b"\r\n" else plain.replace(b"\n", b"\r\n")


def alike(one: bytes, other: bytes) -> bool:
    """Say whether two files are the same but for all their line ends, which tools change."""
    if one == other:
        return True
    if not (is_text(one) and is_text(other)):
        return False
    if line_end(one) is None or line_end(other) is None:
        return False
    return with_ends(one, b"\n") == with_ends(other, b"\n")


def end_of(base: bytes, mine: bytes, theirs: bytes) -> bytes | None:
    """Give the line end that a merged text has; None where the three cannot be compared so."""
    ends = [line_end(content) for content in (base, mine, theirs)]
    if None in ends:
        return None
    was, own, then = ends
    return (own if own and own != was else then or own or was) or b"\n"


def merge(
    base: bytes, mine: bytes, theirs: bytes, *, names: tuple[str, str] = ("mine", "theirs")
) -> Merged:
    """Bring what ``theirs`` changed in ``base`` into ``mine``. All must be text.

    ``names`` stand behind the markers. Line ends that one side changed throughout do not
    make each line a change.
    """
    end = end_of(base, mine, theirs)
    if end is not None:
        base, mine, theirs = (with_ends(content, b"\n") for content in (base, mine, theirs))
    given = [content.decode("utf-8", "surrogateescape") for content in (base, mine, theirs)]
    was, own, then = (not text or text.endswith("\n") for text in given)
    closed = own if own != was else then
    break_ = "\r\n" if end is None and mine.count(b"\r\n") * 2 > mine.count(b"\n") else "\n"
    lines = [_lines(text, break_) for text in given]
    found = pieces(*lines)
    size = _size(given) if any(isinstance(piece, Conflict) for piece in found) else 0
    written: list[str] = []
    for piece in found:
        if isinstance(piece, Conflict):
            written += [f"{'<' * size} {names[0]}{break_}", *piece.mine]
            written += [f"{'=' * size}{break_}", *piece.theirs]
            written.append(f"{'>' * size} {names[1]}{break_}")
        else:
            written += piece
    text = "".join(written)
    if not closed and not (found and isinstance(found[-1], Conflict)):
        text = text.removesuffix(break_)
    content = text.encode("utf-8", "surrogateescape")
    return Merged(content if end is None else with_ends(content, end), size)


def has_markers(content: bytes, size: int) -> bool:
    """Say whether a text still holds markers of that length, as :func:`merge` writes them."""
    starts = (b"<" * size + b" ", b">" * size + b" ")
    return any(line.startswith(starts) for line in content.split(b"\n"))


def _lines(text: str, break_: str) -> list[str]:
    lines = text.split("\n")
    last = lines.pop()
    return [f"{line}\n" for line in lines] + ([f"{last}{break_}"] if last else [])


def _size(texts: list[str]) -> int:
    """Choose a length of markers that no line of the texts begins with."""
    size = _USUAL
    for text in texts:
        for line in text.split("\n"):
            if line[:_USUAL] in ("<" * _USUAL, "=" * _USUAL, ">" * _USUAL):
                size = max(size, len(line) - len(line.lstrip(line[0])) + 1)
    return size

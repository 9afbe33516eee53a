"""Comments that upstream wrote in a TOML file whose keys were merged.

They come along where the user changed neither the entry nor what is said of it. No value is
touched: who calls looks whether the text still reads as the same data.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from stead.formats.toml_lines import Scan

if TYPE_CHECKING:
    from stead.formats.toml_lines import Path, Statement


class _Said(NamedTuple):
    """What a text says of an entry or table: between the last one and it, and behind it."""

    above: str
    behind: str

    @property
    def comments(self) -> list[str]:
        lines = [line.strip() for line in (*self.above.split("\n"), self.behind)]
        return [line for line in lines if line]


class _Text:
    """Statements of a text, by their paths, with their comments."""

    def __init__(self, text: str) -> None:
        self.text = text
        scan = Scan(text, layout=True)
        self.statements: dict[Path, Statement] = {s.path: s for s in scan.statements}
        self.whole = len(self.statements) == len(scan.statements)
        self._scan = scan
        self._ends = {s.start: previous for previous, s in _with_ends(scan.statements)}

    def value_end(self, statement: Statement) -> int:
        """Give where a statement ends but for spaces and a comment."""
        if not statement.header:
            return self._scan.spans[statement.path][1]
        line = self.text[statement.start : statement.end]
        at = line.rfind("]", 0, line.find("#") if "#" in line else len(line))
        return statement.start + at + 1

    def own(self, path: Path) -> str:
        """Give a statement without what is said of it."""
        statement = self.statements[path]
        return self.text[statement.start : self.value_end(statement)].strip()

    def said(self, path: Path) -> _Said:
        statement = self.statements[path]
        behind = self.text[self.value_end(statement) : statement.end].rstrip("\n")
        return _Said(self.text[self.above(path) : statement.start], behind.rstrip())

    def above(self, path: Path) -> int:
        """Give where the statement before one ends."""
        return self._ends[self.statements[path].start]

    @property
    def end(self) -> int:
        """Where the last statement ends."""
        return max((s.end for s in self.statements.values()), default=0)


def _with_ends(statements: list[Statement]) -> list[tuple[int, Statement]]:
    """Pair each statement with where the one before it ends."""
    ends = [0, *(s.end for s in statements)]
    return list(zip(ends, statements, strict=False))


def with_comments(base: str, mine: str, theirs: str, done: str) -> str:
    """Bring what ``theirs`` says in comments, and ``base`` did not, into ``done``.

    ``done`` is ``mine`` with the keys merged. All have line feeds alone.
    """
    was, own, then, now = _Text(base), _Text(mine), _Text(theirs), _Text(done)
    if not all(one.whole for one in (was, own, then, now)):
        return done
    edits: list[tuple[int, bool, int, str]] = []
    nothing = _Said("", "")
    tails = [_Said(one.text[one.end :], "") for one in (was, own, then, now)]
    if tails[0].comments == tails[1].comments == tails[3].comments != tails[2].comments:
        parting = "\n" if now.end and done[now.end - 1] != "\n" else ""
        edits.append((now.end, True, len(done), parting + tails[2].above))
    for path in then.statements:
        if path not in now.statements:
            continue
        said = then.said(path)
        before = was.said(path) if path in was.statements else nothing
        if path in own.statements:
            mines = own.said(path)
            untouched = path in was.statements and own.own(path) == was.own(path)
        else:
            mines, untouched = nothing, path not in was.statements
        held = now.said(path).comments
        if not untouched or not (before.comments == mines.comments == held != said.comments):
            continue
        statement = now.statements[path]
        edits.append((now.above(path), False, statement.start, said.above))
        end = now.value_end(statement)
        newline = done[statement.end - 1 : statement.end] == "\n"
        edits.append((end, False, statement.end, said.behind + "\n" * newline))
    for start, _, end, text in sorted(edits, reverse=True):  # what ends the file comes last
        done = done[:start] + text + done[end:]
    return done

"""Variables that an environment sets: ``NAME = value; marker`` lines, evaluated when asked for.

Values may refer to each other (``{env:NAME}``), so each is replaced only when it is
read, and kept. A line without a name of its own (``{[base]setenv}``) is replaced
first and then read like lines written in its place; ``file|PATH`` reads a file.
"""

from __future__ import annotations

import os.path

from stead.formats.tox._place import Placed
from stead.formats.tox._substitute import Unfit
from stead.formats.tox._tokens import Expression, has_expression
from stead.values.patterns import regex

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import Protocol

    from stead.formats.tox._substitute import Chain
    from stead.values.origin import Origin
else:
    Protocol = object

_EXPORT = regex(r"^export[ \t]+")


class Replace(Protocol):
    """Replaces what a value holds; ``once`` leaves what comes in its place as it is."""

    def __call__(self, value: str | Expression, chain: Chain, *, once: bool = False) -> str: ...


class Scoped(Protocol):
    """What a value needs to know of its surroundings."""

    root: str

    def read_file(self, path: str) -> str: ...
    def marker_holds(self, marker: str) -> bool: ...


class SetEnv:
    """The variables of one environment. Names that came from a file give way to direct ones."""

    def __init__(
        self, replace: Replace, scoped: Scoped, chain: Chain = (), where: Origin | None = None
    ) -> None:
        self._replace = replace
        self._scoped = scoped
        self._chain = chain
        self._placed = Placed("set_env", where)
        self._values: dict[str, str | Expression] = {}
        self._done: dict[str, str] = {}
        self._written: dict[str, str | Expression] = {}
        self._defaults: dict[str, str] = {}
        self._markers: dict[str, str] = {}
        self._pending: list[str] = []
        self._files: list[tuple[str | Expression, set[str]]] = []
        self._direct: set[str] = set()
        self._fixed: dict[str, Callable[[], str]] = {}
        self._busy = False

    # -- filling

    def add_text(self, text: str, *, replaced: bool = False) -> None:
        """Take lines as an INI file has them; ``replaced`` says that they came out of one."""
        after: set[str] = set()
        for line in text.splitlines():
            if not line.strip():
                continue
            if line.startswith("file|"):
                self._files.append((line[len("file|") :], after := set()))
                continue
            key, equals, rest = line.partition("=")
            if not equals or ("{" in key and (not replaced or has_expression(line))):
                if not has_expression(line):
                    raise Unfit(f'"{line.strip()}" is not of the form NAME = value')
                self._pending.append(line)
                continue
            self._define(key.strip(), *split_marker(rest.strip()), after)

    def add_table(self, items: Iterable[tuple[str, str | Expression, str]]) -> None:
        """Take names, values and markers, as a TOML table has them; ``file`` names a file."""
        after: set[str] = set()
        for key, value, marker in items:
            if key == "file" and not marker:
                self._files.append((value, after := set()))
            else:
                self._define(key, value, marker, after)

    def add(self, other: SetEnv) -> None:
        """Take what another has, over what is here and what files say."""
        for key, value in other._values.items():
            self._values[key] = self._written[key] = value
            self._mark(key, other._markers.get(key, ""))
        for _, after in self._files:
            after.update(other._values)
        self._direct |= other._direct
        self._files += other._files
        self._pending += other._pending

    def add_defaults(self, values: Mapping[str, str]) -> None:
        """Set what holds where no file says otherwise."""
        self._defaults.update(values)

    def fix(self, values: Mapping[str, Callable[[], str]]) -> None:
        """Set what no file can set otherwise."""
        for key, value in values.items():
            self._values.pop(key, None)
            self._markers.pop(key, None)
            self._fixed[key] = value

    def _define(self, key: str, value: str | Expression, marker: str, after: set[str]) -> None:
        self._values[key] = self._written[key] = value
        self._direct.add(key)
        after.add(key)
        self._mark(key, marker)

    def _mark(self, key: str, marker: str) -> None:
        if marker:
            self._scoped.marker_holds(marker)
            self._markers[key] = marker
        else:
            self._markers.pop(key, None)

    # -- asking

    def __iter__(self) -> Iterator[str]:
        self._settle(self._chain)
        for key in dict.fromkeys([*self._done, *self._fixed, *self._defaults, *self._values]):
            marker = self._markers.get(key)
            if marker is None or self._scoped.marker_holds(marker):
                yield key

    def __contains__(self, key: object) -> bool:
        self._settle(self._chain)
        marker = self._markers.get(str(key))
        if marker is not None:
            return self._scoped.marker_holds(marker)
        held: tuple[Mapping[str, object], ...] = (self._done, self._fixed, self._defaults)
        return any(key in one for one in held) or key in self._values

    def get(self, key: str, chain: Chain = ()) -> str:
        """Give a variable's value, replaced."""
        self._settle(self._chain)
        if key in self._done:
            return self._done[key]
        if key in self._fixed:
            self._done[key] = self._fixed[key]()
            return self._done[key]
        if key not in self._values:
            return self._defaults[key]
        mine = f"env:{key}"
        with self._placed:
            here = chain if chain[-1:] == (mine,) else (*chain, mine)
            value = self._replace(self._values[key], here)
        self._done[key] = value
        self._values.pop(key, None)
        return value

    def items(self) -> tuple[tuple[str, str], ...]:
        """Give all variables by name."""
        return tuple((key, self.get(key)) for key in sorted(self))

    def lines(self) -> str:
        """Write the variables as lines that mean the same where they are pasted."""
        self._settle(self._chain)
        made = []
        for key, value in self._written.items():
            text = str(value).replace(";", "\\;")
            marker = self._markers.get(key)
            made.append(f"{key}={text}; {marker}" if marker else f"{key}={text}")
        return "\n".join(made)

    # -- files and pasted lines

    def _settle(self, chain: Chain) -> None:
        if self._busy or not (self._files or self._pending):
            return
        self._busy = True
        found: dict[str, tuple[str | Expression, str]] = {}
        try:
            with self._placed:
                self._read_files(chain)
                for line in self._pending:
                    found.update(self._expanded(line, (), chain))
        finally:
            self._busy = False
        self._pending.clear()
        for key, (value, marker) in found.items():
            if key in self._values or key in self._direct or key in self._fixed:
                continue
            self._done.pop(key, None)
            self._values[key] = self._written[key] = value
            self._mark(key, marker)

    def _read_files(self, chain: Chain) -> None:
        for name, after in self._files:
            path = os.path.join(self._scoped.root, self._replace(name, chain))
            for key, value in _file_lines(self._scoped.read_file(path), path):
                if key not in after and key not in self._fixed:
                    self._values[key] = self._written[key] = value
                    self._done.pop(key, None)
                    self._markers.pop(key, None)
        self._files.clear()

    def _expanded(
        self, line: str, parents: tuple[str, ...], chain: Chain
    ) -> dict[str, tuple[str | Expression, str]]:
        if line in parents:
            raise Unfit(f"lines of set_env refer to each other in a circle: {line.strip()}")
        at = _equals(line)
        if at >= 0:
            key = self._replace(line[:at].strip(), chain).strip()
            if "=" in key or len(key.splitlines()) > 1:
                raise Unfit(f'"{line[:at].strip()}" does not become a name')
            return {key: split_marker(line[at + 1 :].strip())}
        text = self._replace(line, chain, once=True)
        if text == line:
            raise Unfit(f'"{line.strip()}" is not of the form NAME = value')
        block = SetEnv(self._replace, self._scoped, chain)
        block.add_text(text, replaced=True)
        block._read_files(chain)
        found: dict[str, tuple[str | Expression, str]] = {}
        for inner in block._pending:
            found.update(self._expanded(inner, (*parents, line), chain))
        for key, value in block._values.items():
            found[key] = (value, block._markers.get(key, ""))
        return found


def _equals(line: str) -> int:
    """Find the first ``=`` outside braces; -1 where there is none."""
    depth = 0
    for at, char in enumerate(line):
        if char == "{":
            depth += 1
        elif char == "}":
            depth = max(0, depth - 1)
        elif char == "=" and not depth:
            return at
    return -1


def _file_lines(text: str, path: str) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        bare = line.strip()
        if not bare or bare.startswith("#"):
            continue
        key, equals, value = bare.partition("=")
        if not equals:
            raise Unfit(f"line {number} of {path} is not of the form NAME=value")
        yield _EXPORT.sub("", key.strip()), value.strip()


def split_marker(value: str) -> tuple[str, str]:
    r"""Split ``value; marker``. ``\\;`` and a semicolon in balanced quotes belong to the value."""
    for heed_quotes in (True, False):
        quote = ""
        for at, char in enumerate(value):
            before = value[:at]
            if heed_quotes and char in "'\"" and (len(before) - len(before.rstrip("\\"))) % 2 == 0:
                quote = char if not quote else "" if quote == char else quote
            elif char == ";" and not quote and not before.endswith("\\"):
                return before.strip().replace("\\;", ";"), value[at + 1 :].strip()
        if not quote:
            break
    return value.replace("\\;", ";"), ""

"""Sections of an INI text with the line of each entry, as :mod:`configparser` reads them.

That module keeps no positions, which errors and origins need. What it refuses is
refused here too, with the line.
"""

from __future__ import annotations

from stead.values.errors import ManifestError
from stead.values.frozen import dataclass
from stead.values.origin import Origin
from stead.values.patterns import regex

DEFAULT = "DEFAULT"

_HEADER = regex(r"\[(.+)\]")
_OPTION = regex(r"(.*?)\s*[=:]\s*(.*)$")
_COMMENT = regex(r"\s*(?<!\\)#.*")


@dataclass(frozen=True)
class Entry:
    """One value as written, comments between its lines left out; ``lines`` says where each stands."""

    text: str
    lines: tuple[int, ...]

    @property
    def line(self) -> int:
        return self.lines[0]


class Sections:
    """The sections of a file, in order. Keys are in lower case."""

    def __init__(self, file: str, text: str, first_line: int = 1) -> None:
        """Read ``text``; lines are counted from ``first_line``. Raises :class:`ManifestError`."""
        self.file = file
        self.headers: dict[str, int] = {}
        self._entries: dict[str, dict[str, Entry]] = {}
        self._read(text.removeprefix("\ufeff"), first_line)
        self._defaults = self._entries.pop(DEFAULT, {})

    def names(self) -> tuple[str, ...]:
        return tuple(self._entries)

    def __contains__(self, section: str) -> bool:
        return section in self._entries

    def entries(self, section: str) -> dict[str, Entry]:
        """Give what a section holds, with what ``[DEFAULT]`` gives to all; empty if it is not there."""
        own = self._entries.get(section, {})
        return {**self._defaults, **own} if self._defaults else own

    def where(self, section: str, key: str = "") -> Origin:
        entry = self.entries(section).get(key)
        return Origin(self.file, entry.line if entry else self.headers.get(section, 0))

    def _read(self, text: str, first_line: int) -> None:
        section: dict[str, Entry] | None = None
        key, parts, numbers, indent = "", [""], [0], 0

        def close() -> None:
            if section is not None and key:
                joined = "\n".join(parts)
                section[key] = Entry(joined.rstrip(), tuple(numbers))

        for number, line in enumerate(text.split("\n"), first_line):
            value = line.strip()
            if not value:
                if key:
                    parts.append("")
                    numbers.append(number)
                continue
            if value[0] in "#;":
                continue
            depth = len(line) - len(line.lstrip())
            if section is not None and key and depth > indent:
                parts.append(value)
                numbers.append(number)
                continue
            indent = depth
            header = _HEADER.match(value)
            if header:
                close()
                key = ""
                section = self._section(header[1], number)
                continue
            option = _OPTION.match(value)
            if section is None:
                raise self._wrong(number, "an entry stands before the first section")
            close()
            if option is None or not option[1]:
                raise self._wrong(number, f'this is neither "key = value" nor a section: {value}')
            key, parts, numbers = option[1].rstrip().lower(), [option[2].strip()], [number]
            if key in section:
                raise self._wrong(number, f"{key} is given twice in this section")
        close()

    def _section(self, name: str, number: int) -> dict[str, Entry]:
        if name in self._entries and name != DEFAULT:
            raise self._wrong(number, f"section [{name}] is there twice")
        self.headers.setdefault(name, number)
        return self._entries.setdefault(name, {})

    def _wrong(self, number: int, message: str) -> ManifestError:
        return ManifestError(message, where=Origin(self.file, number), remedy="mend this line")


def without_comments(text: str) -> str:
    r"""Take comments out of a value; ``\\#`` stands for the character itself."""
    if "#" not in text and "\r" not in text:
        return text
    kept = [
        _COMMENT.sub("", line).replace("\\#", "#")
        for line in text.split("\n")
        if not line.startswith("#")
    ]
    return "\n".join(kept).replace("\r", "")

"""Which file of a directory configures tests, and reading it."""

from __future__ import annotations

import os.path

from stead.formats.tox._sections import Sections
from stead.values.errors import ManifestError
from stead.values.origin import Origin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from stead.formats.toml_lines import Lines
    from stead.formats.tox._scope import Caller
    from stead.formats.tox.project import ToxProject

NAMES = ("tox.ini", "setup.cfg", "pyproject.toml", "tox.toml")
"""The files that are looked for, the first that speaks of tests counts."""

_LEGACY = "legacy_tox_ini"


def find(directory: str, exists: Callable[[str], bool], load: Callable[[str], str]) -> str:
    """Give the absolute path of the file that configures a directory's tests; empty for none.

    Raises :class:`ManifestError` for a candidate that cannot be read.
    """
    for name in NAMES:
        path = os.path.join(directory, name)
        if exists(path) and _speaks(path, name, load):
            return path
    return ""


def _speaks(path: str, name: str, load: Callable[[str], str]) -> bool:
    if name in {"tox.ini", "tox.toml"}:
        return True
    text = _text(path, load)
    if name == "setup.cfg":
        return "[tox:tox]" in text and "tox:tox" in Sections(path, text)
    if "tox" not in text:
        return False
    from stead.formats.toml_lines import parse

    data, _ = parse(text, path)
    return bool(_tool(data))


def _tool(data: dict[str, Any]) -> dict[str, Any]:
    tool = data.get("tool")
    table = tool.get("tox") if isinstance(tool, dict) else None
    return table if isinstance(table, dict) else {}


def read(file: str, caller: Caller) -> ToxProject:
    """Read a file that configures tests. Raises :class:`ManifestError` with file and line."""
    from stead.formats.tox._ini import IniProject

    text = _text(file, caller.load)
    name = os.path.basename(file)
    if not name.endswith(".toml"):
        core = "tox:tox" if name == "setup.cfg" else "tox"
        return IniProject(file, Sections(file, text), caller, core)
    from stead.formats.toml_lines import parse

    data, lines = parse(text, file)
    if name == "pyproject.toml" and _tool(data).keys() <= {_LEGACY}:
        return IniProject(file, _legacy(file, _tool(data), lines), caller)
    from stead.formats.tox._toml import TomlProject

    return TomlProject(file, data, lines, caller)


def _legacy(file: str, table: dict[str, Any], lines: Lines) -> Sections:
    """Read an INI text that stands in a string of ``pyproject.toml``."""
    text = table.get(_LEGACY, "")
    line = lines.at("tool", "tox", _LEGACY)
    if not isinstance(text, str):
        raise ManifestError(
            f"{_LEGACY} must be a string", where=Origin(file, line), remedy='write """…"""'
        )
    # The text of a multi-line string begins on the line below its quotes.
    return Sections(file, text, line + 1)


def _text(path: str, load: Callable[[str], str]) -> str:
    try:
        return load(path).removeprefix("\ufeff")
    except UnicodeDecodeError as exc:
        line = exc.object[: exc.start].count(b"\n") + 1
        raise ManifestError(
            "this is not UTF-8 text", where=Origin(path, line), remedy="save the file as UTF-8"
        ) from exc

"""The name of a project, read from its files without running any of them."""

from __future__ import annotations

import os
import re

from stead.values.errors import ManifestError
from stead.values.names import normalize_pypi

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    Load = Callable[[str], str]


def exists(load: Load, path: str) -> bool:
    """Say whether something is there: a file that loads, or what only a directory refuses."""
    return text_or_none(load, path) is not None


def text_or_none(load: Load, path: str) -> str | None:
    """Give a file's text, None when nothing is there, and "" when it cannot be read as text."""
    try:
        return load(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ManifestError):
        return ""


def project_name(directory: str, load: Load) -> tuple[str, tuple[str, ...]]:
    """Give the normalised name of the project in a directory, and the files that said so.

    The name is empty where it is computed when the project is built.
    """
    pyproject = os.path.join(directory, "pyproject.toml")
    text = text_or_none(load, pyproject)
    if text:
        import tomllib

        try:
            name = name_in_pyproject(tomllib.loads(text))
        except tomllib.TOMLDecodeError:
            name = ""
        if name:
            return normalize_pypi(name), (pyproject,)
    return setuptools_name(directory, load)


def name_in_pyproject(data: dict[str, Any]) -> str:
    """Give the name in a pyproject table: PEP 621's, Poetry's or flit's; else nothing."""
    tool = data.get("tool")
    tool = tool if isinstance(tool, dict) else {}
    for table, key in (
        (data.get("project"), "name"),
        (tool.get("poetry"), "name"),
        ((tool.get("flit") or {}).get("metadata"), "module"),
    ):
        if isinstance(table, dict) and isinstance(table.get(key), str):
            return str(table[key])
    return ""


def setuptools_name(directory: str, load: Load) -> tuple[str, tuple[str, ...]]:
    """Give the name that ``setup.cfg`` or ``setup.py`` states, and the files that were read."""
    read = []
    name = ""
    cfg = os.path.join(directory, "setup.cfg")
    if text := text_or_none(load, cfg):
        read.append(cfg)
        name = _name_in_setup_cfg(text)
    setup = os.path.join(directory, "setup.py")
    if (text := text_or_none(load, setup)) is not None:
        read.append(setup)
        name = name or _name_in_setup_py(text)
    return normalize_pypi(name), tuple(read)


def _name_in_setup_cfg(text: str) -> str:
    import configparser

    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(text)
    except configparser.Error:
        return ""
    name = parser.get("metadata", "name", fallback="").strip()
    return name if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name) else ""


def _name_in_setup_py(text: str) -> str:
    """Find ``setup(name="…")``; a name may be a constant assigned before."""
    import ast

    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return ""
    constants = {}
    for node in tree.body:
        if (
            isinstance(node, ast.Assign)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        ):
            constants.update(
                {t.id: node.value.value for t in node.targets if isinstance(t, ast.Name)}
            )
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call):
            continue
        called = call.func
        name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
        if name != "setup":
            continue
        for keyword in call.keywords:
            if keyword.arg != "name":
                continue
            if isinstance(keyword.value, ast.Constant) and isinstance(keyword.value.value, str):
                return keyword.value.value
            if isinstance(keyword.value, ast.Name):
                return constants.get(keyword.value.id, "")
    return ""


def unique(values: Iterable[str]) -> tuple[str, ...]:
    """Give each value once, in order."""
    return tuple(dict.fromkeys(values))

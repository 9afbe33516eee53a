"""``Requires-Python`` of a project as its files state it, without running any of them."""

from __future__ import annotations

import os

from stead.formats._static_name import text_or_none
from stead.values.patterns import regex

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_PLAIN = regex(r"""requires-python\s*=\s*(?:"([^"\\]*)"|'([^']*)')\s*(?:#.*)?\Z""")


def stated(directory: str, load: Callable[[str], str]) -> str:
    """Give what ``pyproject.toml`` or ``setup.cfg`` says; empty where it is known only when built.

    A file that cannot be read says nothing here: who builds the project reports it.
    """
    text = text_or_none(load, os.path.join(directory, "pyproject.toml")) or ""
    if "[project]" in text:
        return _in_pyproject(text) if "requires-python" in text else ""
    text = text_or_none(load, os.path.join(directory, "setup.cfg")) or ""
    return _in_setup_cfg(text) if "python_requires" in text else ""


def _in_pyproject(text: str) -> str:
    if plain := _plainly(text):
        return plain
    import tomllib

    try:
        found = tomllib.loads(text)["project"].get("requires-python", "")
    except (tomllib.TOMLDecodeError, KeyError, AttributeError):
        return ""
    return found if isinstance(found, str) else ""


def _plainly(text: str) -> str:
    """Find the value where it stands on a line of its own in ``[project]``; else give nothing.

    To most projects that answers what loading a reader of TOML takes longer for than all
    else that a listing does. Only in a string of several lines could such a line be another.
    """
    if "'''" in text or '"""' in text:
        return ""
    within = False
    for line in text.split("\n"):
        bare = line.strip()
        if bare.startswith("["):
            within = bare == "[project]"
        elif within and (found := _PLAIN.match(bare)):
            return found[1] or found[2] or ""
    return ""


def _in_setup_cfg(text: str) -> str:
    import configparser

    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(text)
    except configparser.Error:
        return ""
    return parser.get("options", "python_requires", fallback="").strip()

"""Which commands change the environment that they run in."""

from __future__ import annotations

import os
import re
import shlex

from stead.values.patterns import regex

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_ALWAYS = frozenset({"pip-sync", "easy_install", "nodeenv", "pipx", "python-build-standalone"})
_SOMETIMES: dict[str, frozenset[str]] = {
    "pip": frozenset({"install", "uninstall"}),
    "uv": frozenset({"sync", "run", "add", "remove"}),
    "poetry": frozenset({"install", "update", "add", "remove", "sync", "run"}),
    "pdm": frozenset({"install", "sync", "update", "add", "remove", "use"}),
    "pipenv": frozenset({"install", "sync", "update", "uninstall"}),
    "flit": frozenset({"install"}),
    "maturin": frozenset({"develop"}),
    "setup.py": frozenset({"install", "develop"}),
    "conda": frozenset({"install", "update", "remove"}),
    "mamba": frozenset({"install", "update", "remove"}),
    "ensurepip": frozenset(),
}
_INTO_PREFIX = ("--sys-prefix", "--python-virtualenv")
_PYTHON = regex(r"(?:python|pypy)[0-9.]*(?:\.exe)?")
_PIP = regex(r"pip[0-9.]*(?:\.exe)?")
_SHELLS = frozenset({"sh", "bash", "dash", "zsh", "env", "time", "nice"})


def writes(arguments: Sequence[str]) -> bool:
    """Say whether a command installs into, or removes from, its environment."""
    if any(word in _INTO_PREFIX for word in arguments):
        return True
    words = list(arguments)
    while words:
        name = os.path.basename(words.pop(0))
        if _PYTHON.fullmatch(name):
            words = _of_python(words)
            continue
        if name in _SHELLS:
            return _in_shell(words)
        if _PIP.fullmatch(name):
            name = "pip"
        if name in _ALWAYS or name == "ensurepip":
            return True
        if name == "uv" and words[:1] == ["pip"]:
            return bool({"install", "uninstall", "sync"}.intersection(words))
        return not _SOMETIMES.get(name, frozenset()).isdisjoint(words[:4])
    return False


def _of_python(words: list[str]) -> list[str]:
    """Give a module or script with its arguments; nothing for other uses of Python."""
    while words and words[0].startswith("-"):
        option = words.pop(0)
        if option in ("-m", "-Im", "-Im", "-sm"):
            return words
        if option.startswith("-c"):
            return []
        if option in ("-W", "-X"):
            del words[:1]
    return words


def _in_shell(words: list[str]) -> bool:
    """Look into what a shell is given; ``env A=1 pip …`` too."""
    for word in words:
        for line in re.split(r"[;&|\n]+|\$\(", word) if " " in word else ():
            try:
                inner = shlex.split(line, comments=True)
            except ValueError:
                inner = line.split()
            if writes(inner):
                return True
    rest = [w for w in words if not w.startswith("-") and "=" not in w]
    return bool(rest) and " " not in rest[0] and writes(words[words.index(rest[0]) :])

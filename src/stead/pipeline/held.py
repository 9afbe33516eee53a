"""Checks that need not be made twice: commands of the build, which does not change.

Which of them held is kept beside the place's records, by digests of what was
asked of which program. What is not there is asked anew.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from stead.store.atomic import write_file
from stead.store.places import environment_directory, make_private
from stead.values.activation import apply
from stead.values.digest import digest, plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from stead.values.activation import Change
    from stead.values.kinds import Check
    from stead.values.platform import Platform

_NAME = "checks.json"


def program_in_build(
    check: Check, build: str, changes: Sequence[Change], platform: Platform
) -> str:
    """Give the absolute path of a command's program, if that is certainly one of the build.

    Empty where the caller's ``PATH`` may lead elsewhere, and where the program is a
    link out of the build.
    """
    import shutil

    if not build or check.kind != "command":
        return ""
    inside = os.path.realpath(build) + os.sep
    name = check.arguments[0]
    if os.path.dirname(name):
        found: str | None = os.path.normpath(os.path.join(check.base or os.sep, name))
    else:
        found = None
        for directory in apply(changes, {}).get("PATH", "").split(platform.path_separator):
            # Another could be there tomorrow.
            if not (os.path.realpath(directory) + os.sep).startswith(inside):
                return ""
            if found := shutil.which(name, path=directory):
                break
    if not found or not os.path.realpath(found).startswith(inside):
        return ""
    return found


def sign(check: Check, program: str) -> str:
    """Give a digest of what is asked of which program."""
    said = {k: v for k, v in plain(check).items() if k not in ("origin", "message", "by")}
    return digest([said, program])[:32]


def held_before(home: Path, place: str, environment: str) -> frozenset[str]:
    """Give the signs of the checks that held."""
    try:
        with open(_file(home, place, environment), encoding="utf-8") as file:
            return frozenset(map(str, json.load(file)))
    except (OSError, ValueError, TypeError):
        return frozenset()


def remember(home: Path, place: str, environment: str, signs: Iterable[str]) -> None:
    """Keep which checks held, in place of what was kept before. Raises StoreError."""
    new = sorted(signs)
    if frozenset(new) == held_before(home, place, environment):
        return
    path = _file(home, place, environment)
    make_private(os.fspath(home), os.path.dirname(path))
    write_file(path, json.dumps(new).encode())


def _file(home: Path, place: str, environment: str) -> str:
    return os.path.join(environment_directory(home, place, environment), _NAME)

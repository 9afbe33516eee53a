"""Packages that are used where they lie: how a node's Python finds their code.

In an environment they are a line in a `.pth` file, or a finder with a table, that names
a directory of the project. On a node the code's directory has another name with each version,
and an environment that named it would be another one each time, to be unpacked anew. So it
names nothing, and processes are given the directories.
"""

from __future__ import annotations

import ast
import glob
import os
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stead.deploy.places import Places

_FINDER = re.compile(r"\bimport (__editable__\w*_finder)\b")


def nowhere(where: Places) -> dict[str, str]:
    """Give, for directories of the project, the name that environments have for them on the node.

    It is the same for every version, and nothing is there.
    """
    found = {}
    for move in where.moves:
        inside = move.there.partition("/trees/")[2].partition("/")[2]
        found[move.here] = f"{where.root}/code/{inside}".rstrip("/")
    return found


def directories(build: str, where: Places) -> tuple[str, ...] | None:
    """Give the directories of the project, here, that a build's Python imports from.

    None where one imports in a way that a list of directories cannot say.
    """
    found: dict[str, None] = {}
    for file in sorted(glob.glob(os.path.join(build, "lib", "python*", "site-packages", "*.pth"))):
        site = os.path.dirname(file)
        for line in _lines(file):
            if line.startswith(("import ", "import\t")):
                finder = _FINDER.search(line)
                named = _mapped(os.path.join(site, f"{finder[1]}.py")) if finder else []
                if named is None:
                    return None
            else:
                named = [os.path.normpath(os.path.join(site, line))]
            found |= dict.fromkeys(p for p in named if where.there(p) != p)
    return tuple(found)


def _lines(file: str) -> list[str]:
    try:
        with open(file, encoding="utf-8", errors="surrogateescape") as opened:
            return [line.strip() for line in opened if line.strip() and not line.startswith("#")]
    except OSError:
        return []


def _mapped(file: str) -> list[str] | None:
    """Give where a finder of setuptools has packages from; None if a directory cannot say that."""
    found = []
    for package, path in _table(file).items():
        if os.path.basename(path) not in (package, f"{package}.py"):
            return None
        found.append(os.path.dirname(path))
    return found


def _table(file: str) -> dict[str, str]:
    try:
        with open(file, encoding="utf-8") as opened:
            body = ast.parse(opened.read()).body
    except (OSError, SyntaxError, ValueError):
        return {}
    for node in body:
        target: Any = getattr(node, "target", None) or (getattr(node, "targets", None) or [None])[0]
        if isinstance(node, ast.Assign | ast.AnnAssign) and getattr(target, "id", "") == "MAPPING":
            try:
                value = ast.literal_eval(node.value) if node.value is not None else {}
            except ValueError:
                return {}
            return value if isinstance(value, dict) else {}
    return {}

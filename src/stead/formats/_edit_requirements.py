"""Requests in ``requirements.txt``: whole logical lines, found by their reader."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from stead.formats import requirements_txt
from stead.formats._edit_toml import pep508
from stead.values.errors import ManifestError
from stead.values.origin import Origin

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stead.values.requirement import Requirement

    Load = Callable[[str], str]

_COMMENT = re.compile(r"\s+#.*$")


def adder(
    file: str, ecosystem: str, wanted: Requirement, value: str | Mapping[str, Any], load: Load
) -> Callable[[str], str]:
    """Give the change that asks for a package."""
    if ecosystem != "pypi":
        raise _not_here(file, ecosystem)

    def change(text: str) -> str:
        new = _line(file, wanted, value)
        found = _found(file, text, wanted.name, load)
        if len(found) > 1:
            raise ManifestError(
                f"{wanted.name} is asked for in several lines",
                where=found[1],
                details=(f"first: {found[0]}",),
                remedy="change the one you mean by hand",
            )
        if not found:
            return text + ("" if not text or text.endswith("\n") else "\n") + new + "\n"
        lines = text.split("\n")
        start, end = _span(lines, found[0].line)
        comment = _COMMENT.search(lines[end - 1])
        lines[start:end] = [new + (comment[0] if comment else "")]
        return "\n".join(lines)

    return change


def remover(file: str, ecosystem: str, name: str, load: Load) -> Callable[[str], str]:
    """Give the change that asks for it no more."""
    if ecosystem != "pypi":
        raise _not_here(file, ecosystem)

    def change(text: str) -> str:
        found = _found(file, text, name, load)
        if not found:
            raise ManifestError(
                f"pypi {name} is not asked for here",
                where=Origin(file),
                remedy=f"`stead why {name}` says who asks for it",
            )
        lines = text.split("\n")
        for origin in reversed(found):
            start, end = _span(lines, origin.line)
            del lines[start:end]
        return "\n".join(lines)

    return change


def _found(file: str, text: str, name: str, load: Load) -> list[Origin]:
    """Give where this very file asks for a package."""
    manifest = requirements_txt.read(file, lambda p: text if p == file else load(p))
    requests = [r for layer in manifest.layers for r in layer.requirements if r.name == name]
    here = sorted({r.origin for r in requests if r.origin.file == file}, key=lambda o: o.line)
    if requests and not here:
        raise ManifestError(
            f"{name} is asked for in a file that this one includes",
            where=requests[0].origin,
            remedy=f"edit {requests[0].origin.file}",
        )
    return here


def _span(lines: list[str], number: int) -> tuple[int, int]:
    """Give the lines that a logical line takes, from its first (counted from 1)."""
    start = end = number - 1
    while end < len(lines) - 1 and lines[end].endswith("\\"):
        end += 1
    return start, end + 1


def _line(file: str, wanted: Requirement, value: str | Mapping[str, Any]) -> str:
    table = {"version": value} if isinstance(value, str) else value
    if table.get("index"):
        raise ManifestError(
            "requirements.txt cannot say which index a package comes from",
            where=Origin(file),
            remedy="make a stead.toml beside it with `stead init`; both are read",
        )
    if table.get("path"):
        path = str(table["path"])
        path = path if path.startswith((".", "/")) else f"./{path}"
        extras = f"[{','.join(table['extras'])}]" if table.get("extras") else ""
        return f"{'-e ' if table.get('editable') else ''}{path}{extras}"
    written = pep508(wanted.name, table)
    assert written is not None
    return written


def _not_here(file: str, ecosystem: str) -> ManifestError:
    return ManifestError(
        f"requirements.txt holds packages of PyPI, not of {ecosystem}",
        where=Origin(file),
        remedy="make a stead.toml beside it with `stead init`; both are read",
    )

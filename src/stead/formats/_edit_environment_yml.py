"""Requests and channels in ``environment.yml``: lines of its lists.

A list written in one line (``dependencies: [a, b]``) is not edited.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from stead.formats import environment_yml
from stead.formats._edit_toml import pep508
from stead.values.errors import ManifestError
from stead.values.origin import Origin

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stead.values.requirement import Requirement

_COMMENT = re.compile(r"\s+#.*$")
_PLAIN = re.compile(r"[A-Za-z0-9./][^#:\[\]{}\"'\n]*")
_ITEM = re.compile(r"(?P<indent>[ ]*)-[ ]+(?P<text>\S.*)$")


def adder(
    file: str, ecosystem: str, wanted: Requirement, value: str | Mapping[str, Any]
) -> Callable[[str], str]:
    """Give the change that asks for a package."""
    if ecosystem not in ("conda", "pypi", "python"):
        raise ManifestError(
            f"environment.yml holds packages of conda and PyPI, not of {ecosystem}",
            where=Origin(file),
            remedy="make a stead.toml beside it with `stead init`; both are read",
        )

    def change(text: str) -> str:
        kind = "pypi" if ecosystem == "pypi" else "conda"
        new = _pip(file, wanted, value) if kind == "pypi" else _conda(wanted, value)
        found = _found(file, text, kind, wanted.name)
        lines = text.split("\n")
        if len(found) > 1:
            raise ManifestError(
                f"{wanted.name} is asked for in several lines",
                where=found[1],
                remedy="change the one you mean by hand",
            )
        if found:
            at = found[0].line - 1
            item = _ITEM.match(lines[at])
            if item is None:
                raise _one_line(file, found[0].line)
            comment = _COMMENT.search(item["text"])
            lines[at] = f"{item['indent']}- {_quoted(new)}{comment[0] if comment else ''}"
            return "\n".join(lines)
        return _insert(file, lines, kind, _quoted(new))

    return change


def remover(file: str, ecosystem: str, name: str) -> Callable[[str], str]:
    """Give the change that asks for it no more."""

    def change(text: str) -> str:
        found = _found(file, text, ecosystem, name)
        if not found:
            raise ManifestError(
                f"{ecosystem} {name} is not asked for here",
                where=Origin(file),
                remedy=f"`stead why {name}` says who asks for it",
            )
        lines = text.split("\n")
        for origin in reversed(found):
            if _ITEM.match(lines[origin.line - 1]) is None:
                raise _one_line(file, origin.line)
            del lines[origin.line - 1]
        return "\n".join(_without_empty_pip(lines) if ecosystem == "pypi" else lines)

    return change


def channel_adder(file: str, channel: str) -> Callable[[str], str]:
    """Give the change that adds a channel behind the others."""

    def change(text: str) -> str:
        lines = text.split("\n")
        items = _items(file, lines, "channels")
        if items is None:
            first = next((i for i, line in enumerate(lines) if line.startswith("dependencies")), 0)
            lines[first:first] = ["channels:", f"  - {_quoted(channel)}"]
        else:
            at, indent = (
                (items[-1][0] + 1, items[-1][1]) if items else (_key(lines, "channels") + 1, 2)
            )
            lines.insert(at, f"{' ' * indent}- {_quoted(channel)}")
        return "\n".join(lines)

    return change


def _insert(file: str, lines: list[str], kind: str, new: str) -> str:
    items = _items(file, lines, "dependencies")
    if items is None:
        while lines and not lines[-1].strip():
            lines.pop()
        lines += ["dependencies:", ""]
        items = []
    indent = items[0][1] if items else 2
    top = [(at, text) for at, deep, text in items if deep == indent]
    pip = next((n for n, (_, text) in enumerate(top) if re.match(r"pip\s*:", text)), None)
    after = _key(lines, "dependencies")
    if kind == "conda":
        plain = [at for n, (at, _) in enumerate(top) if n != pip]
        lines.insert((plain[-1] if plain else after) + 1, f"{' ' * indent}- {new}")
        return "\n".join(lines)
    if pip is None:
        at = items[-1][0] + 1 if items else after + 1
        lines[at:at] = [f"{' ' * indent}- pip:", f"{' ' * (indent + 4)}- {new}"]
        return "\n".join(lines)
    start = top[pip][0]
    end = top[pip + 1][0] if pip + 1 < len(top) else len(lines)
    inside = [(at, deep) for at, deep, _ in items if start < at < end]
    if not inside and not re.match(r".*pip\s*:\s*(#.*)?$", lines[start]):
        raise _one_line(file, start + 1)
    at, deep = (inside[-1][0] + 1, inside[-1][1]) if inside else (start + 1, indent + 4)
    lines.insert(at, f"{' ' * deep}- {new}")
    return "\n".join(lines)


def _without_empty_pip(lines: list[str]) -> list[str]:
    """Take ``- pip:`` out when nothing stands below it any more."""
    for at, line in enumerate(lines):
        if found := re.match(r"([ ]*)-[ ]+pip\s*:\s*(?:#.*)?$", line):
            rest = next(
                (x for x in lines[at + 1 :] if x.strip() and not x.lstrip().startswith("#")), ""
            )
            item = _ITEM.match(rest)
            if item is None or len(item["indent"]) <= len(found[1]):
                return [*lines[:at], *lines[at + 1 :]]
    return lines


def _key(lines: list[str], key: str) -> int:
    return next((i for i, line in enumerate(lines) if re.match(rf"{key}\s*:", line)), -1)


def _items(file: str, lines: list[str], key: str) -> list[tuple[int, int, str]] | None:
    """Give the items below a key: line, indent, text. None when the key is missing."""
    start = _key(lines, key)
    if start < 0:
        return None
    if not re.match(rf"{key}\s*:\s*(#.*)?$", lines[start]):
        raise _one_line(file, start + 1)
    items = []
    for at in range(start + 1, len(lines)):
        line = lines[at]
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        item = _ITEM.match(line)
        if item:
            items.append((at, len(item["indent"]), item["text"]))
        elif not line.startswith(" "):
            break
    return items


def _found(file: str, text: str, ecosystem: str, name: str) -> list[Origin]:
    manifest = environment_yml.read(file, lambda _: text)
    origins = {
        r.origin
        for layer in manifest.layers
        for r in layer.requirements
        if (r.ecosystem, r.name) == (ecosystem, name) and r.origin.file == file
    }
    return sorted(origins, key=lambda o: o.line)


def _conda(wanted: Requirement, value: str | Mapping[str, Any]) -> str:
    spec = str(value if isinstance(value, str) else value.get("version", "*")).strip()
    channel = "" if isinstance(value, str) else str(value.get("channel", ""))
    prefix = f"{channel}::" if channel else ""
    if wanted.ecosystem == "python":
        spec = wanted.spec.removeprefix("==") if "," not in wanted.spec else wanted.spec
    elif " " in wanted.spec:  # with a build, conda takes a bare version for an exact one
        return f"{prefix}{wanted.name} {wanted.spec}"
    if spec in ("", "*"):
        return f"{prefix}{wanted.name}"
    sign = "" if spec[0] in "=<>!~" else "="
    return f"{prefix}{wanted.name}{sign}{spec.removesuffix('.*') if sign else spec}"


def _pip(file: str, wanted: Requirement, value: str | Mapping[str, Any]) -> str:
    table = {"version": value} if isinstance(value, str) else value
    if table.get("path") and not table.get("index"):
        path = str(table["path"])
        path = path if path.startswith((".", "/")) else f"./{path}"
        return f"{'-e ' if table.get('editable') else ''}{path}"
    written = pep508(wanted.name, table)
    if written is None:
        raise ManifestError(
            "environment.yml cannot say which index a package comes from",
            where=Origin(file),
            remedy="make a stead.toml beside it with `stead init`; both are read",
        )
    return written


def _quoted(text: str) -> str:
    if _PLAIN.fullmatch(text):
        return text
    import json

    return json.dumps(text, ensure_ascii=False)


def _one_line(file: str, line: int) -> ManifestError:
    return ManifestError(
        "this list is written in one line; Stead edits lists with one entry per line",
        where=Origin(file, line),
        remedy="write each entry on a line of its own, or make a stead.toml beside it",
    )

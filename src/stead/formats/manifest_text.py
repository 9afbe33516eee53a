"""A manifest's entries as the text of a new ``stead.toml``."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from stead.formats import _toml_text
from stead.values.errors import ManifestError
from stead.values.frozen import replace
from stead.values.requirement import PYTHON

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from stead.values.manifest import Index, Layer, Manifest, Task, Variable
    from stead.values.requirement import Requirement, Source

_MINOR = re.compile(r"==(\d+\.\d+)\.\*")


def write(
    manifest: Manifest,
    directory: str,
    *,
    holds: Callable[[str], bool] = lambda _: True,
    head: str = "",
) -> tuple[str, tuple[str, ...]]:
    """Give the text of a ``stead.toml`` in ``directory`` that asks for the same, and notes.

    ``holds`` says of a PEP 508 marker whether it holds here; it chooses where a table has
    room for one request and the manifest makes several. ``head`` goes into a comment. The
    notes name what could not be said in the file. Raises ManifestError for a request whose
    package has no name.
    """
    writer = _Writer(directory, holds)
    blocks = [f"# {head}\n" if head else ""]
    space = manifest.workspace
    if space and (space.name or space.members or space.platforms):
        entries = {
            "name": space.name,
            "members": list(space.members),
            "platforms": list(space.platforms),
            "exclude-newer": space.exclude_newer,
        }
        blocks.append(_table("workspace", {k: v for k, v in entries.items() if v}))
    for layer in manifest.layers:
        blocks += writer.layer(layer)
    text = "\n".join(b for b in blocks if b)
    return text or "# Nothing is asked for yet.\n", tuple(writer.notes)


class _Writer:
    def __init__(self, directory: str, holds: Callable[[str], bool]) -> None:
        self.directory = directory
        self.holds = holds
        self.notes: list[str] = []

    def layer(self, layer: Layer) -> list[str]:
        prefix = f"layer.{_toml_text.key(layer.name)}." if layer.name else ""
        tables: list[tuple[str, dict[str, Any]]] = []
        python, conda, pypi = self.packages(layer)
        tables += [
            ("packages", python),
            ("packages.conda", conda),
            ("packages.pypi", pypi),
            ("vars", self.variables(layer.variables)),
            ("paths", {p.name: p.path if p.path is not None else False for p in layer.paths}),
            ("tasks", {t.name: self.task(t) for t in layer.tasks}),
        ]
        blocks = [_table(f"{prefix}{name}", entries) for name, entries in tables if entries]
        if layer.name and (layer.inherits or not blocks):
            own = {"inherits": list(layer.inherits)} if layer.inherits else {}
            blocks.insert(0, _table(prefix.rstrip("."), own))
        return blocks

    def packages(self, layer: Layer) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        python: dict[str, Any] = {}
        conda: dict[str, Any] = {}
        pypi: dict[str, Any] = {}
        if layer.channels:
            conda["channels"] = list(
                dict.fromkeys(self.channel(c.name, c.base) for c in layer.channels)
            )
        self.indexes(layer.indexes, pypi)
        asked = [*layer.requirements, *self.constraints(layer)]
        for r in self.joined(asked):
            if r.ecosystem == PYTHON:
                short = _MINOR.fullmatch(r.spec)
                python["python"] = short[1] if short else r.spec or "*"
            elif r.ecosystem == "conda":
                if r.source or "[" in r.spec:
                    self.notes.append(f"left out: {r} (stead.toml has no words for it)")
                    continue
                conda[r.name] = self.conda(r)
            else:
                pypi[r.name] = self.pypi(r)
        for r in layer.removed:
            table = {"conda": conda, "pypi": pypi}.get(r.ecosystem, python)
            table[r.name] = False
        return python, conda, pypi

    def channel(self, name: str, base: str) -> str:
        if "://" in name or not name.startswith((".", "/", "~")):
            return _without_password(name)
        return self.relative(os.path.join(base, os.path.expanduser(name)))

    def constraints(self, layer: Layer) -> list[Requirement]:
        """Keep the constraints on what is asked for; a table has no words for others."""
        names = {(r.ecosystem, r.name) for r in layer.requirements}
        kept = [c for c in layer.constraints if (c.ecosystem, c.name) in names]
        others = [str(c) for c in layer.constraints if c not in kept]
        if others:
            self.notes.append(
                f"left out: {len(others)} constraints on packages that nothing here asks for "
                f"({', '.join(others[:3])}{', …' if others[3:] else ''})"
            )
        return kept

    def joined(self, requirements: Iterable[Requirement]) -> list[Requirement]:
        """Make one request of all those for one package."""
        groups: dict[tuple[str, str], list[Requirement]] = {}
        for r in requirements:
            if not r.name:
                raise ManifestError(
                    f"the package at {r.source} has no name that could be read",
                    where=r.origin,
                    remedy="write NAME @ before its address",
                )
            groups.setdefault((r.ecosystem, r.name), []).append(r)
        return [self.one(group) for group in groups.values()]

    def one(self, group: list[Requirement]) -> Requirement:
        unique = list(dict.fromkeys(group))
        if any(r.hashes and r.source is None for r in unique):
            if not any(n.startswith("hashes") for n in self.notes):
                self.notes.append("hashes are for stead.lock to hold: `stead lock` notes them")
            unique = [replace(r, hashes=()) if r.source is None else r for r in unique]
        if len({r.marker for r in unique}) > 1:
            here = [r for r in unique if not r.marker or self.holds(r.marker)]
            if len(here) != len(unique):
                self.notes.append(
                    f"{unique[0].name} is asked for under several markers; "
                    "kept is what holds on this platform"
                )
            unique = here or unique[:1]
        first, *others = unique
        for other in others:
            specs = [s for s in (first.spec, other.spec) if s and s != "*"]
            first = replace(
                first,
                spec=",".join(dict.fromkeys(specs)),
                extras=tuple(sorted({*first.extras, *other.extras})),
                source=first.source or other.source,
                marker=first.marker if first.marker == other.marker else "",
                index=first.index or other.index,
            )
        return first

    def conda(self, r: Requirement) -> str | dict[str, Any]:
        version, _, build = r.spec.partition(" ")
        if not build and not r.index:
            return version or "*"
        entry = {"version": version if version != "*" else "", "build": build, "channel": r.index}
        return {k: v for k, v in entry.items() if v}

    def pypi(self, r: Requirement) -> str | dict[str, Any]:
        entry: dict[str, Any] = {}
        if r.source:
            entry = self.source(r.source, r.hashes)
        elif r.extras or r.marker or r.index:
            entry = {"version": r.spec or "*"}
        else:
            return r.spec or "*"
        if r.extras:
            entry["extras"] = list(r.extras)
        if r.marker:
            entry["marker"] = r.marker
        if r.index:
            entry["index"] = r.index
        return entry

    def source(self, source: Source, hashes: Sequence[str]) -> dict[str, Any]:
        if source.kind == "path":
            path = os.path.join(source.location, source.subdirectory)
            entry: dict[str, Any] = {"path": self.relative(path)}
            return entry | ({"editable": True} if source.editable else {})
        location = _without_password(source.location)
        if source.kind == "url":
            marks = [h.replace(":", "=", 1) for h in hashes]
            entry = {"url": location + (f"#{'&'.join(marks)}" if marks else "")}
        else:
            entry = {"git": location} | ({"rev": source.revision} if source.revision else {})
        return entry | ({"subdirectory": source.subdirectory} if source.subdirectory else {})

    def indexes(self, indexes: Sequence[Index], pypi: dict[str, Any]) -> None:
        entries = []
        for index in indexes:
            url = index.url
            if "://" not in url:
                url = self.relative(os.path.join(index.base, os.path.expanduser(url)))
            elif (clean := _without_password(url)) != url:
                url = clean
                self.notes.append(
                    f"the index {index.name} wants a password, which stead.toml does not hold: "
                    "keep it in ~/.netrc"
                )
            entry: dict[str, Any] = {"name": index.name, "url": url}
            for key in ("flat", "explicit", "default"):
                if getattr(index, key):
                    entry[key] = True
            entries.append(entry)
        if entries:
            pypi["indexes"] = entries

    def variables(self, variables: Sequence[Variable]) -> dict[str, Any]:
        return {v.name: v.value if v.value is not None else False for v in variables}

    def task(self, task: Task) -> Any:
        table: dict[str, Any] = {
            "run": list(task.command),
            "depends": list(task.depends),
            "inputs": list(task.inputs),
            "outputs": list(task.outputs),
            "cwd": self.relative(task.cwd) if task.cwd and task.cwd != self.directory else "",
            "env": self.variables(task.variables),
            "environment": task.environment,
            "description": task.description,
        }
        kept = {k: v for k, v in table.items() if v}
        return kept["run"] if list(kept) == ["run"] else kept

    def relative(self, path: str) -> str:
        found = os.path.relpath(os.path.normpath(path), self.directory).replace(os.sep, "/")
        return found if found.startswith(".") else f"./{found}"


def _table(name: str, entries: dict[str, Any]) -> str:
    lines = [f"[{name}]"]
    for key, value in entries.items():
        lines.append(f"{_toml_text.key(key)} = {_value(value)}")
    return "\n".join(lines) + "\n"


def _value(value: Any) -> str:
    if isinstance(value, list) and len(value) > 1 and all(isinstance(v, dict) for v in value):
        return "[\n" + "".join(f"    {_toml_text.value(v)},\n" for v in value) + "]"
    return _toml_text.value(value)


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    login, at, host = parts.netloc.rpartition("@")
    if not at:
        return url
    user = login.partition(":")[0]
    kept = f"{user}@" if "ssh" in parts.scheme else ""
    return urlunsplit(parts._replace(netloc=kept + host))

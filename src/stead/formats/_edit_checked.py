"""What every edit of a manifest goes through: the change is made, read back and compared.

Should anything else than the entry have changed its meaning, the edit is refused.
"""

from __future__ import annotations

import os.path
from collections import Counter
from typing import TYPE_CHECKING, Any, Protocol

from stead.values.errors import ManifestError
from stead.values.names import normalize_pypi
from stead.values.origin import Origin

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stead.values.manifest import Manifest

    Load = Callable[[str], str]
    Fact = tuple[str, str, Any]

EDITABLE = ("stead.toml", "pyproject.toml", "requirements.txt", "environment.yml")
"""The formats that can be edited."""


def format_of(file: str) -> str:
    """Name the format of a file as in :data:`EDITABLE`, empty for one that is not edited."""
    name = os.path.basename(file)
    if name in ("stead.toml", "pyproject.toml"):
        return name
    if name.endswith(".txt") and ("requirements" in file[-60:]):
        return "requirements.txt"
    if name.startswith("environment") and name.endswith((".yml", ".yaml")):
        return "environment.yml"
    return ""


def base_of(file: str, format_: str, what: str) -> tuple[str, ...]:
    if format_ == "stead.toml":
        return ()
    if format_ == "pyproject.toml":
        return ("tool", "stead")
    raise cannot(file, what)


class Expected(Protocol):
    """What an edit may change of a manifest's meaning, and what must hold after it."""

    def allows(self, fact: Fact) -> bool:
        """Say whether this fact may come or go."""
        ...

    def holds(self, facts: Mapping[Fact, int]) -> bool:
        """Say whether the file means what it should."""
        ...


class Requests:
    """Only requests for one package may differ, and it is asked for as expected, or not at all."""

    def __init__(self, target: tuple[str, str], layer: str, expected: Any = None) -> None:
        self.target = target
        self.layer = layer
        self.expected = expected

    def allows(self, fact: Fact) -> bool:
        layer, kind, item = fact
        if kind == "layer":
            return same(item, self.layer)
        if kind not in ("requirement", "removed"):
            return False
        mine = (item.ecosystem, item.name) == self.target
        # A path's name may be known only once the project is built.
        source = self.expected.source if self.expected else None
        return (mine or (source is not None and item.source == source)) and same(layer, self.layer)

    def holds(self, facts: Mapping[Fact, int]) -> bool:
        found = [
            item for fact in facts if fact[1] != "layer" and self.allows(fact) for item in [fact[2]]
        ]
        if self.expected is None:
            return not found
        return any(_means(item, self.expected) for item in found)


def _means(item: Any, expected: Any) -> bool:
    """Compare what was read with what was wished, whatever way the format words it."""
    if item.ecosystem != expected.ecosystem:  # python, asked of conda
        return bool(item.spec) == bool(expected.spec)
    kinds = (item.source and item.source.kind, item.extras, bool(item.marker))
    wanted = (expected.source and expected.source.kind, expected.extras, bool(expected.marker))
    clauses, wished = set(item.spec.split(",")), set(expected.spec.split(","))
    return kinds == wanted and clauses == wished


class Only:
    """Only the entry of one kind and name may differ."""

    def __init__(self, kind: str, name: str, layer: str, *, present: bool) -> None:
        self.kind = kind
        self.name = name
        self.layer = layer
        self.present = present

    def allows(self, fact: Fact) -> bool:
        layer, kind, item = fact
        if kind == "layer":
            return same(item, self.layer)
        mine = kind == self.kind and item.name == self.name
        return mine and same(layer, self.layer)

    def holds(self, facts: Mapping[Fact, int]) -> bool:
        found = any(kind == self.kind and self.allows((n, kind, i)) for n, kind, i in facts)
        return found == self.present


class UseOnly:
    """Only the entry of one used module may differ, and it says what is expected."""

    def __init__(self, name: str, location: str, revision: str, subdirectory: str) -> None:
        self.name = name
        self.meaning = (location, revision, subdirectory)

    def allows(self, fact: Fact) -> bool:
        return fact[1] == "use" and fact[2].name == self.name

    def holds(self, facts: Mapping[Fact, int]) -> bool:
        found = [use for _, kind, use in facts if kind == "use" and use.name == self.name]
        return [(u.location, u.revision, u.subdirectory) for u in found] == [self.meaning]


def edited(
    file: str,
    text: str,
    change: Callable[[str], str],
    expect: Expected,
    load: Load | None,
) -> str:
    """Apply a change to a text with any line ends, and check what it means."""
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    plain = text.removeprefix("\ufeff").replace("\r\n", "\n")
    before = _facts(read(file, plain, load))
    changed = change(plain)
    try:
        after = _facts(read(file, changed, load))
    except ManifestError as exc:
        raise _refused(file, exc.message) from exc
    strange = [f for f in [*(before - after), *(after - before)] if not expect.allows(f)]
    if strange:
        raise _refused(file, f"it would also change {_said(strange[0])}")
    if not expect.holds(after):
        raise _refused(file, "the entry would not have the meaning it should")
    return mark + _line_ends(text.removeprefix("\ufeff"), plain, changed)


def _refused(file: str, why: str) -> ManifestError:
    return ManifestError(
        f"this entry cannot be changed without changing more: {why}",
        where=Origin(file),
        remedy="change it by hand; nothing was written",
    )


def _said(fact: Fact) -> str:
    layer, kind, item = fact
    return f"{kind} {getattr(item, 'name', item)}" + (f" of layer {layer}" if layer else "")


def _facts(manifest: Manifest) -> Counter[Fact]:
    """Take a manifest apart into what can be compared, whatever the order."""
    facts: list[Fact] = [
        ("", "workspace", manifest.workspace),
        ("", "inherit", manifest.inherit),
        ("", "taken", manifest.taken),
        ("", "link", manifest.link),
        ("", "project", manifest.project),
        ("", "modules", manifest.modules),
    ]
    facts += [("", "use", use) for use in manifest.uses]
    for layer in manifest.layers:
        facts += [(layer.name, "layer", layer.name)] if layer.name else []
        facts += [(layer.name, "inherits", layer.inherits)] if layer.inherits else []
        facts += [(layer.name, "requirement", r) for r in layer.requirements]
        facts += [(layer.name, "constraint", r) for r in layer.constraints]
        facts += [(layer.name, "removed", r) for r in layer.removed]
        facts += [(layer.name, "channel", c) for c in layer.channels]
        facts += [(layer.name, "index", i) for i in layer.indexes]
        facts += [(layer.name, "variable", v) for v in layer.variables]
        facts += [(layer.name, "path", p) for p in layer.paths]
        facts += [(layer.name, "task", t) for t in layer.tasks]
    return Counter(facts)


def same(one: str, other: str) -> bool:
    return one == other or normalize_pypi(one) == normalize_pypi(other)


def _line_ends(raw: str, plain: str, changed: str) -> str:
    """Give each line the end it had; new ones have that of the first."""
    if "\r\n" not in raw:
        return changed
    ends = [line.endswith("\r\n") for line in raw.splitlines(keepends=True)]
    if all(ends[:-1]):
        return changed.replace("\n", "\r\n")
    from difflib import SequenceMatcher

    old, new, was = plain.split("\n"), changed.split("\n"), raw.split("\n")
    made = [f"{line}\r" for line in new[:-1]] + new[-1:]
    for at, into, size in SequenceMatcher(None, old, new, autojunk=False).get_matching_blocks():
        made[into : into + size] = was[at : at + size]
    return "\n".join(made)


def read(file: str, text: str, load: Load | None) -> Manifest:
    import importlib

    module = {
        "stead.toml": "stead_toml",
        "pyproject.toml": "pyproject",
        "requirements.txt": "requirements_txt",
        "environment.yml": "environment_yml",
    }[format_of(file)]
    others = load or from_disk
    reader = importlib.import_module(f"stead.formats.{module}").read
    manifest: Manifest = reader(file, lambda path: text if path == file else others(path))
    return manifest


def from_disk(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        return file.read()


def checked(file: str) -> str:
    format_ = format_of(file)
    if not format_:
        raise ManifestError(
            f"Stead does not edit {os.path.basename(file)}",
            where=Origin(file),
            remedy="make a stead.toml beside it with `stead init`; both are read",
        )
    return format_


def cannot(file: str, what: str) -> ManifestError:
    return ManifestError(
        f"{os.path.basename(file)} cannot {what}",
        where=Origin(file),
        remedy="make a stead.toml beside it with `stead init`; both are read",
    )

"""Changes single entries of a manifest and leaves comments, order and layout alone.

Each function takes a file's path (its name says the format) and text, and gives
the new text. The result is read again with the format's own reader: should
anything else than the entry have changed its meaning, the edit is refused.

``layer`` counts in ``stead.toml`` and ``pyproject.toml``. The other formats are one
layer as a whole, whose name is in the file's (``requirements-test.txt``): there it
is passed over.
"""

from __future__ import annotations

import os.path
from collections import Counter
from typing import TYPE_CHECKING, Any

from stead.values.errors import ManifestError
from stead.values.names import normalize_pypi
from stead.values.origin import Origin

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from stead.values.manifest import Manifest

    Load = Callable[[str], str]
    Wish = str | Mapping[str, Any] | bool
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


def add_requirement(
    file: str,
    text: str,
    ecosystem: str,
    name: str,
    value: Wish = "*",
    *,
    layer: str = "",
    load: Load | None = None,
) -> str:
    """Ask for a package, or change what is asked of it.

    ``ecosystem`` is ``conda``, ``pypi`` or ``python`` (then ``name`` is passed over).
    ``value`` is what ``stead.toml`` would hold: versions, a table, or False to take
    an inherited request away. ``load`` gives the text of other files, for formats
    that name some; without it they are read from disk. Raises
    :class:`ManifestError`, also for a wish that the format cannot express.
    """
    format_ = _checked(file)
    name = "python" if ecosystem == "python" else name
    expected = _expected(file, ecosystem, name, value)
    target = (expected.ecosystem, expected.name)
    if format_ in ("stead.toml", "pyproject.toml"):
        from stead.formats import _edit_toml as editor

        change = editor.adder(format_, ecosystem, name, value, layer)
    elif isinstance(value, bool):
        raise _cannot(file, "take an inherited request away")
    elif format_ == "requirements.txt":
        from stead.formats import _edit_requirements

        layer = ""
        change = _edit_requirements.adder(file, ecosystem, expected, value, load or _from_disk)
    else:
        from stead.formats import _edit_environment_yml

        layer = ""
        target = ("conda" if ecosystem == "python" else ecosystem, expected.name)
        change = _edit_environment_yml.adder(file, ecosystem, expected, value)
    return _edited(file, text, change, _Requests(target, layer, expected), load)


def remove_requirement(
    file: str,
    text: str,
    ecosystem: str,
    name: str,
    *,
    layer: str = "",
    load: Load | None = None,
) -> str:
    """Take a request out. Raises :class:`ManifestError` when the file holds none."""
    format_ = _checked(file)
    name = "python" if ecosystem == "python" else _normal(ecosystem, name)
    if format_ == "environment.yml" and ecosystem == "python":
        ecosystem = "conda"
    if format_ in ("stead.toml", "pyproject.toml"):
        from stead.formats import _edit_toml as editor

        change = editor.remover(file, format_, ecosystem, name, layer)
    elif format_ == "requirements.txt":
        from stead.formats import _edit_requirements

        layer = ""
        change = _edit_requirements.remover(file, ecosystem, name, load or _from_disk)
    else:
        from stead.formats import _edit_environment_yml

        layer = ""
        change = _edit_environment_yml.remover(file, ecosystem, name)
    return _edited(file, text, change, _Requests((ecosystem, name), layer), load)


def set_variable(
    file: str, text: str, name: str, value: str | float | bool, *, layer: str = ""
) -> str:
    """Define a variable; False takes an inherited one away.

    One that is declared in a table of its own keeps it and gets another ``value``.
    """
    held, table = _variable(file, text, name, layer)
    if isinstance(value, str):
        from stead.formats import _edit_values

        like = held.get("value", held.get("default")) if isinstance(held, dict) else held
        value = _edit_values.like(value, like)
    if isinstance(held, dict):
        from stead.formats import _toml_splice

        return _edited(
            file,
            text,
            lambda t: _toml_splice.put(t, (*table, name), "value", value),
            _Only("variable", name, layer, present=True),
            None,
        )
    return _put(file, text, "variable", name, value, layer=layer)


def unset(file: str, text: str, name: str, *, layer: str = "") -> str:
    """Take a variable's definition out of this file; of a declaration, only its ``value``."""
    held, table = _variable(file, text, name, layer)
    if not isinstance(held, dict):
        return _drop(file, text, "variable", name, layer)
    if "value" not in held:
        raise ManifestError(
            f"{name} is declared here and has no value" + (f" in layer {layer}" if layer else ""),
            where=Origin(file),
            remedy="take the declaration out by hand, if that is meant",
        )
    from stead.formats import _toml_splice

    return _edited(
        file,
        text,
        lambda t: _toml_splice.drop(t, (*table, name), "value"),
        _Only("variable", name, layer, present=True),
        None,
    )


def _variable(file: str, text: str, name: str, layer: str) -> tuple[Any, tuple[str, ...]]:
    """Give what a file says of a variable, None for nothing, and the table it belongs into."""
    from stead.formats.toml_lines import parse

    base = _base(file, _checked(file), "hold a variable")
    table = (*base, *_layer(layer), _TABLES["variable"])
    at: Any = parse(text.removeprefix("\ufeff").replace("\r\n", "\n"), file)[0]
    for key in (*table, name):
        at = at.get(key) if isinstance(at, dict) else None
    return at, table


def add_task(file: str, text: str, name: str, command: Sequence[str], *, layer: str = "") -> str:
    """Define a task, or give it another command."""
    return _put(file, text, "task", name, list(command), layer=layer)


def remove_task(file: str, text: str, name: str, *, layer: str = "") -> str:
    """Take a task out."""
    return _drop(file, text, "task", name, layer)


def add_channel(file: str, text: str, channel: str, *, layer: str = "") -> str:
    """Add a conda channel, behind those that are there; nothing if it is among them."""
    format_ = _checked(file)
    if any(
        c.name == channel
        for found in _read(file, text, None).layers
        if format_ == "environment.yml" or _same(found.name, layer)
        for c in found.channels
    ):
        return text
    if format_ == "environment.yml":
        layer = ""
    expect = _Only("channel", channel, layer, present=True)
    if format_ == "environment.yml":
        from stead.formats import _edit_environment_yml

        return _edited(file, text, _edit_environment_yml.channel_adder(file, channel), expect, None)
    base = _base(file, format_, "name a channel")
    table = (*base, *_layer(layer), "packages", "conda")
    from stead.formats import _toml_splice

    return _edited(
        file, text, lambda t: _toml_splice.append(t, table, "channels", channel), expect, None
    )


# -- how the formats that have Stead's own tables are changed


def _layer(layer: str) -> tuple[str, ...]:
    return ("layer", layer) if layer else ()


def _base(file: str, format_: str, what: str) -> tuple[str, ...]:
    if format_ == "stead.toml":
        return ()
    if format_ == "pyproject.toml":
        return ("tool", "stead")
    raise _cannot(file, what)


_TABLES = {"variable": "vars", "task": "tasks"}


def _put(file: str, text: str, kind: str, name: str, value: Any, *, layer: str) -> str:
    from stead.formats import _toml_splice

    base = _base(file, _checked(file), f"hold a {kind}")
    table = (*base, *_layer(layer), _TABLES[kind])
    return _edited(
        file,
        text,
        lambda t: _toml_splice.put(t, table, name, value),
        _Only(kind, name, layer, present=True),
        None,
    )


def _drop(file: str, text: str, kind: str, name: str, layer: str) -> str:
    from stead.formats import _toml_splice

    base = _base(file, _checked(file), f"hold a {kind}")
    table = (*base, *_layer(layer), _TABLES[kind])

    def change(before: str) -> str:
        try:
            return _toml_splice.drop(before, table, name)
        except _toml_splice.MissingError as exc:
            raise ManifestError(
                f"there is no {kind} {name} here" + (f" in layer {layer}" if layer else ""),
                where=Origin(file),
                remedy="`stead status` says which files were read",
            ) from exc

    return _edited(file, text, change, _Only(kind, name, layer, present=False), None)


# -- what every edit goes through


class _Requests:
    """Only requests for one package may differ, and it is asked for as expected, or not at all."""

    def __init__(self, target: tuple[str, str], layer: str, expected: Any = None) -> None:
        self.target = target
        self.layer = layer
        self.expected = expected

    def allows(self, fact: Fact) -> bool:
        layer, kind, item = fact
        if kind == "layer":
            return _same(item, self.layer)
        if kind not in ("requirement", "removed"):
            return False
        mine = (item.ecosystem, item.name) == self.target
        # A path's name may be known only once the project is built.
        source = self.expected.source if self.expected else None
        return (mine or (source is not None and item.source == source)) and _same(layer, self.layer)

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


class _Only:
    """Only the entry of one kind and name may differ."""

    def __init__(self, kind: str, name: str, layer: str, *, present: bool) -> None:
        self.kind = kind
        self.name = name
        self.layer = layer
        self.present = present

    def allows(self, fact: Fact) -> bool:
        layer, kind, item = fact
        if kind == "layer":
            return _same(item, self.layer)
        mine = kind == self.kind and item.name == self.name
        return mine and _same(layer, self.layer)

    def holds(self, facts: Mapping[Fact, int]) -> bool:
        found = any(kind == self.kind and self.allows((n, kind, i)) for n, kind, i in facts)
        return found == self.present


def _edited(
    file: str,
    text: str,
    change: Callable[[str], str],
    expect: _Requests | _Only,
    load: Load | None,
) -> str:
    """Apply a change to a text with any line ends, and check what it means."""
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    plain = text.removeprefix("\ufeff").replace("\r\n", "\n")
    before = _facts(_read(file, plain, load))
    changed = change(plain)
    try:
        after = _facts(_read(file, changed, load))
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
        ("", "uses", manifest.uses),
        ("", "taken", manifest.taken),
        ("", "link", manifest.link),
        ("", "project", manifest.project),
        ("", "modules", manifest.modules),
    ]
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


def _same(one: str, other: str) -> bool:
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


def _read(file: str, text: str, load: Load | None) -> Manifest:
    import importlib

    module = {
        "stead.toml": "stead_toml",
        "pyproject.toml": "pyproject",
        "requirements.txt": "requirements_txt",
        "environment.yml": "environment_yml",
    }[format_of(file)]
    others = load or _from_disk
    reader = importlib.import_module(f"stead.formats.{module}").read
    manifest: Manifest = reader(file, lambda path: text if path == file else others(path))
    return manifest


def _from_disk(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        return file.read()


def _expected(file: str, ecosystem: str, name: str, value: Wish) -> Any:
    """Check the wish as if it stood in a ``stead.toml``, and give what it means."""
    from stead.formats import stead_toml
    from stead.formats.toml_lines import Lines

    wish = dict(value) if not isinstance(value, str | bool) else value
    packages: dict[str, Any] = (
        {"python": wish} if ecosystem == "python" else {ecosystem: {name: wish}}
    )
    known = {*stead_toml.ECOSYSTEMS, ecosystem} if ecosystem != "python" else stead_toml.ECOSYSTEMS
    manifest = stead_toml.from_table({"packages": packages}, Lines(""), file, ecosystems=known)
    layer = manifest.layers[0]
    return (*layer.requirements, *layer.removed)[0]


def _normal(ecosystem: str, name: str) -> str:
    return normalize_pypi(name) if ecosystem == "pypi" else name.lower()


def _checked(file: str) -> str:
    format_ = format_of(file)
    if not format_:
        raise ManifestError(
            f"Stead does not edit {os.path.basename(file)}",
            where=Origin(file),
            remedy="make a stead.toml beside it with `stead init`; both are read",
        )
    return format_


def _cannot(file: str, what: str) -> ManifestError:
    return ManifestError(
        f"{os.path.basename(file)} cannot {what}",
        where=Origin(file),
        remedy="make a stead.toml beside it with `stead init`; both are read",
    )

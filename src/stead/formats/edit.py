"""Changes single entries of a manifest and leaves comments, order and layout alone.

Each function takes a file's path (its name says the format) and text, and gives
the new text. The result is read again with the format's own reader: should
anything else than the entry have changed its meaning, the edit is refused.

``layer`` counts in ``stead.toml`` and ``pyproject.toml``. The other formats are one
layer as a whole, whose name is in the file's (``requirements-test.txt``): there it
is passed over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stead.formats._edit_checked import (
    EDITABLE,
    Only,
    Requests,
    UseOnly,
    base_of,
    cannot,
    checked,
    edited,
    format_of,
    from_disk,
    read,
    same,
)
from stead.values.errors import ManifestError
from stead.values.names import normalize_pypi
from stead.values.origin import Origin

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stead.formats._edit_checked import Load
    from stead.values.manifest import Use

    Wish = str | Mapping[str, Any] | bool

__all__ = (
    "EDITABLE",
    "add_channel",
    "add_requirement",
    "add_task",
    "drop_use",
    "format_of",
    "put_path",
    "put_use",
    "remove_requirement",
    "remove_task",
    "set_revision",
    "set_variable",
    "unset",
)


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
    format_ = checked(file)
    name = "python" if ecosystem == "python" else name
    expected = _expected(file, ecosystem, name, value)
    target = (expected.ecosystem, expected.name)
    if format_ in ("stead.toml", "pyproject.toml"):
        from stead.formats import _edit_toml as editor

        change = editor.adder(format_, ecosystem, name, value, layer)
    elif isinstance(value, bool):
        raise cannot(file, "take an inherited request away")
    elif format_ == "requirements.txt":
        from stead.formats import _edit_requirements

        layer = ""
        change = _edit_requirements.adder(file, ecosystem, expected, value, load or from_disk)
    else:
        from stead.formats import _edit_environment_yml

        layer = ""
        target = ("conda" if ecosystem == "python" else ecosystem, expected.name)
        change = _edit_environment_yml.adder(file, ecosystem, expected, value)
    return edited(file, text, change, Requests(target, layer, expected), load)


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
    format_ = checked(file)
    name = "python" if ecosystem == "python" else _normal(ecosystem, name)
    if format_ == "environment.yml" and ecosystem == "python":
        ecosystem = "conda"
    if format_ in ("stead.toml", "pyproject.toml"):
        from stead.formats import _edit_toml as editor

        change = editor.remover(file, format_, ecosystem, name, layer)
    elif format_ == "requirements.txt":
        from stead.formats import _edit_requirements

        layer = ""
        change = _edit_requirements.remover(file, ecosystem, name, load or from_disk)
    else:
        from stead.formats import _edit_environment_yml

        layer = ""
        change = _edit_environment_yml.remover(file, ecosystem, name)
    return edited(file, text, change, Requests((ecosystem, name), layer), load)


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

        return edited(
            file,
            text,
            lambda t: _toml_splice.put(t, (*table, name), "value", value),
            Only("variable", name, layer, present=True),
            None,
        )
    return _put(file, text, "variable", name, value, layer=layer)


def put_path(
    file: str,
    text: str,
    name: str,
    entry: str,
    *,
    absolute: str,
    separator: str,
    last: bool = False,
    layer: str = "",
) -> str:
    """Put a path before the list that a variable is, or behind it (``last``).

    Where the file has none, it is the list that is there. ``entry`` is the path as it may
    stand in a list of paths, relative to the file if it lies below it; ``absolute`` is it for
    a text, in which nothing is relative to a file. Raises ManifestError where the list has
    what is there at that end.
    """
    held, table = _variable(file, text, name, layer)
    given = held.get("value", held.get("default")) if isinstance(held, dict) else held
    me = f"${{{name}}}"
    if given is None or given is False:
        given = [me]
    value: Any
    if isinstance(given, list):
        ends = given
        value = [*given, entry] if last else [entry, *given]
    else:
        ends = str(given).split(separator)
        added = entry if isinstance(held, dict) and held.get("type") == "paths" else absolute
        value = separator.join([str(given), added] if last else [added, str(given)])
    if len(ends) > 1 and ends[-1 if last else 0] == me:
        raise ManifestError(
            f"{name} is added to at its {'beginning' if last else 'end'} here, and a manifest "
            "adds to a list at one end only",
            where=Origin(file),
            remedy=f"put {absolute} at the {'beginning' if last else 'end'} as well",
        )
    if isinstance(held, dict):
        from stead.formats import _toml_splice

        return edited(
            file,
            text,
            lambda t: _toml_splice.put(t, (*table, name), "value", value),
            Only("variable", name, layer, present=True),
            None,
        )
    if isinstance(value, list):
        value = {"type": "paths", "value": value}
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

    return edited(
        file,
        text,
        lambda t: _toml_splice.drop(t, (*table, name), "value"),
        Only("variable", name, layer, present=True),
        None,
    )


def _variable(file: str, text: str, name: str, layer: str) -> tuple[Any, tuple[str, ...]]:
    """Give what a file says of a variable, None for nothing, and the table it belongs into."""
    from stead.formats.toml_lines import parse

    base = base_of(file, checked(file), "hold a variable")
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
    format_ = checked(file)
    if any(
        c.name == channel
        for found in read(file, text, None).layers
        if format_ == "environment.yml" or same(found.name, layer)
        for c in found.channels
    ):
        return text
    if format_ == "environment.yml":
        layer = ""
    expect = Only("channel", channel, layer, present=True)
    if format_ == "environment.yml":
        from stead.formats import _edit_environment_yml

        return edited(file, text, _edit_environment_yml.channel_adder(file, channel), expect, None)
    base = base_of(file, format_, "name a channel")
    table = (*base, *_layer(layer), "packages", "conda")
    from stead.formats import _toml_splice

    return edited(
        file, text, lambda t: _toml_splice.append(t, table, "channels", channel), expect, None
    )


def put_use(file: str, text: str, name: str, value: Mapping[str, str]) -> str:
    """Use a module under a name, or another one under it.

    ``value`` is what ``stead.toml`` would hold (``path``, ``git`` with ``rev`` and
    ``subdirectory``, or ``registry`` and ``version``). Raises ManifestError for what cannot be used.
    """
    from stead.formats import _toml_splice

    table = _uses(file)
    return edited(
        file,
        text,
        lambda t: _toml_splice.put(t, table, name, dict(value)),
        UseOnly(
            name,
            _location(value),
            value.get("rev", "") or value.get("version", "").replace("*", ""),
            value.get("subdirectory", ""),
        ),
        None,
    )


def set_revision(file: str, text: str, name: str, revision: str) -> str:
    """Ask for another revision of a module; empty for its repository's default branch.

    Raises ManifestError where the file uses no such module from git.
    """
    from stead.formats import _toml_splice

    use = next((u for u in read(file, text, None).uses if u.name == name), None)
    if use is None or use.kind == "path":
        raise _no_module(file, name)
    table = (*_uses(file), name)
    if use.kind == "registry":
        return _set_version(file, text, use, table, revision)

    def change(before: str) -> str:
        if revision:
            return _toml_splice.put(before, table, "rev", revision)
        return _toml_splice.drop(before, table, "rev") if use.revision else before

    expect = UseOnly(name, use.location, revision, use.subdirectory)
    return edited(file, text, change, expect, None)


def _set_version(file: str, text: str, use: Use, table: tuple[str, ...], version: str) -> str:
    """Ask for another version of a registry's item; empty for the newest."""
    import tomllib

    from stead.formats import _toml_splice

    def change(before: str) -> str:
        held: Any = tomllib.loads(before)
        for key in table:
            held = held[key]
        if isinstance(held, str):
            return _toml_splice.put(before, table[:-1], table[-1], version or "*")
        return _toml_splice.put(before, table, "version", version or "*")

    expect = UseOnly(use.name, use.location, version, use.subdirectory)
    return edited(file, text, change, expect, None)


def _location(value: Mapping[str, str]) -> str:
    if "version" in value or "registry" in value:
        return f"registry:{value.get('registry', '')}"
    return value.get("git") or value["path"]


def drop_use(file: str, text: str, name: str) -> str:
    """Use a module no more. Raises ManifestError where the file names none so."""
    from stead.formats import _toml_splice

    table = _uses(file)

    def change(before: str) -> str:
        try:
            return _toml_splice.drop(before, table, name)
        except _toml_splice.MissingError as exc:
            raise _no_module(file, name) from exc

    return edited(file, text, change, Only("use", name, "", present=False), None)


def _uses(file: str) -> tuple[str, ...]:
    return (*base_of(file, checked(file), "use a module"), "uses")


def _no_module(file: str, name: str) -> ManifestError:
    return ManifestError(
        f"no module {name} is used here", where=Origin(file), remedy="`stead use` lists them"
    )


# -- how the formats that have Stead's own tables are changed


def _layer(layer: str) -> tuple[str, ...]:
    return ("layer", layer) if layer else ()


_TABLES = {"variable": "vars", "task": "tasks"}


def _put(file: str, text: str, kind: str, name: str, value: Any, *, layer: str) -> str:
    from stead.formats import _toml_splice

    base = base_of(file, checked(file), f"hold a {kind}")
    table = (*base, *_layer(layer), _TABLES[kind])
    return edited(
        file,
        text,
        lambda t: _toml_splice.put(t, table, name, value),
        Only(kind, name, layer, present=True),
        None,
    )


def _drop(file: str, text: str, kind: str, name: str, layer: str) -> str:
    from stead.formats import _toml_splice

    base = base_of(file, checked(file), f"hold a {kind}")
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

    return edited(file, text, change, Only(kind, name, layer, present=False), None)


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

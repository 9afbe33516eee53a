"""What ``stead.toml`` says of a module that was added: its layer, task, app and variables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stead.formats import _toml_splice, _toml_text
from stead.formats.toml_lines import parse
from stead.modules.own import TEST
from stead.values.errors import ManifestError
from stead.values.frozen import dataclass
from stead.values.origin import Origin

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from stead.modules.root_files import Part
    from stead.values.item import Item
    from stead.values.kinds import Declaration

Table = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Entries:
    """The tables of one module: path of a table → its keys."""

    name: str
    tables: tuple[tuple[Table, Mapping[str, Any]], ...]

    def whole(self) -> Mapping[Table, dict[str, Any]]:
        """Give them by the two keys that a table of the module's own begins with."""
        found: dict[Table, dict[str, Any]] = {}
        for path, values in self.tables:
            if len(path) == 1:  # an entry of a table that all share
                found |= {(*path, key): value for key, value in values.items()}
                continue
            at = found.setdefault(path[:2], {})
            for key in path[2:]:
                at = at.setdefault(key, {})
            at.update(values)
        return found


def entries(
    item: Item, directory: str, part: Part | None, needed: Mapping[str, str], ports: Sequence[int]
) -> Entries:
    """Give a module's tables.

    ``part`` is what a Python module's own project says. ``needed`` are the directories of the
    Python modules that it needs, by distribution. ``ports`` are for what it listens on.
    """
    name, paths = item.name, {file.path for file in item.files}
    tables: list[tuple[Table, Mapping[str, Any]]] = []
    run: dict[str, Any] = {}
    if part is not None:
        own: dict[str, Any] = {"path": directory, "editable": True}
        packages = {
            part.name: own,
            **{dist: {"path": path, "editable": True} for dist, path in needed.items()},
        }
        tables.append((("layer", name, "packages", "pypi"), packages))
        if any(path.startswith("tests/") for path in paths):
            # What tests need has no place where the module is used.
            goal = f"{name}{TEST}"
            pytest = ["python", "-m", "pytest", f"{directory}/tests"]
            tables.append((("layer", goal), {"inherits": [name], "commands": [pytest]}))
            if "test" in part.extras:
                asked = {part.name: {**own, "extras": ["test"]}}
                tables.append((("layer", goal, "packages", "pypi"), asked))
        if name in dict(part.scripts):
            run = {"run": [name, "run"], "environment": name}
    else:
        tables += _layer(item, directory)
        if item.commands.run:
            run = {"run": list(item.commands.run), "cwd": directory}
    task = dict(run)
    for number, command in enumerate(item.commands.install):
        step = f"{name}:install" if number == 0 else f"{name}:install-{number + 1}"
        install: dict[str, Any] = {"run": list(command), "cwd": directory}
        if number:
            install["depends"] = task["depends"]
        tables.append((("tasks", step), install | _told_by(item, command)))
        task["depends"] = [step]
    if run:
        tables.append((("tasks", name), task))
    accepted = [d for d in item.accepts if d.name not in item.listens]
    if accepted:
        tables.append((("lib", name, "accepts"), {d.name: _declared(d) for d in accepted}))
    if item.kind == "app" and run:
        app: dict[str, Any] = dict(run)
        if not item.listens:  # it ends: nothing is to be kept running
            app["commands"] = {"run": app.pop("run")}
        if item.summary:
            app["description"] = item.summary
        if accepted:
            app["libs"] = [name]
        if item.listens:
            app["listen"] = dict(zip(item.listens, ports, strict=True))
        if item.listens and item.health:
            address = f"http://127.0.0.1:${{{item.listens[0]}}}{item.health}"
            app["health"] = {"answers": {"url": address}}
        tables.append((("app", name), app))
    if "stead.toml" in paths:
        tables.append((("uses",), {name: {"path": directory}}))
    return Entries(name, tuple(tables))


def _layer(item: Item, directory: str) -> list[tuple[Table, Mapping[str, Any]]]:
    """Give the goal of a module that no environment installs."""
    commands = [list(c) for c in (*item.commands.install, *item.commands.test)]
    if not item.commands.test:
        return []
    return [(("layer", item.name), {"commands": commands, "cwd": directory})]


def _told_by(item: Item, command: tuple[str, ...]) -> dict[str, Any]:
    """Say by which files it can be told that what a command installs is current."""
    locked = any(f.path == "package-lock.json" for f in item.files)
    if locked and command[:2] in (("npm", "ci"), ("npm", "install")):
        return {
            "inputs": ["package.json", "package-lock.json"],
            "outputs": ["node_modules/.package-lock.json"],
        }
    return {}


def ports_of(item: Item, text: str) -> list[int]:
    """Choose a port for each variable that an item listens on, which no other app has."""
    taken = {
        port
        for app in parse(text, "stead.toml")[0].get("app", {}).values()
        if isinstance(app, dict)
        for port in app.get("listen", {}).values()
    }
    wished = {d.name: d.default for d in item.accepts}
    chosen: list[int] = []
    for name in item.listens:
        default = wished.get(name)
        port = int(default) if isinstance(default, str) and default.isdigit() else 0
        port = port if 0 < port < 65_536 else 8000
        while port in taken and port < 65_535:
            port += 1
        taken.add(port)
        chosen.append(port)
    return chosen


def new_text(name: str, *, workspace: bool) -> str:
    """Give the beginning of a new ``stead.toml``."""
    from stead.formats._toml_text import string

    return f"[workspace]\nname = {string(name)}\n" if workspace else ""


def collisions(text: str, wanted: Entries, file: str) -> list[str]:
    """Name the tables that say something else already than a module's would."""
    data, _ = parse(text, file)
    found = []
    for path, values in wanted.whole().items():
        there = _at(data, path)
        if there is not None and there != values:
            found.append(f"[{'.'.join(path)}]")
    return found


def with_entries(text: str, wanted: Entries, file: str) -> str:
    """Add a module's tables where there are none, and leave every other byte as it is.

    Raises ManifestError where that cannot be done.
    """
    from stead.formats import stead_toml

    mark = "\ufeff" if text.startswith("\ufeff") else ""
    plain = text.removeprefix("\ufeff").replace("\r\n", "\n")
    before, _ = parse(plain, file)
    changed, expected = plain, before
    there = {path for path in wanted.whole() if _at(before, path) is not None}
    for table, key, value in _puts(wanted):
        if (*table, key)[:2] not in there:
            changed = _toml_splice.put(changed, table, key, value)
            expected = _with(expected, (*table, key), value)
    if changed == plain:
        return text
    try:
        after, _ = parse(changed, file)
        stead_toml.read(file, lambda _: changed)
    except ManifestError as exc:
        raise _refused(wanted, file, exc.message) from exc
    if after != expected:
        raise _refused(wanted, file, "other entries would change")
    return mark + (changed.replace("\n", "\r\n") if "\r\n" in text else changed)


def _puts(wanted: Entries) -> Iterator[tuple[Table, str, Any]]:
    for table, values in wanted.tables:
        for key, value in values.items():
            yield table, key, value


def _refused(wanted: Entries, file: str, why: str) -> ManifestError:
    return ManifestError(
        f"the entries of {wanted.name} cannot be added here: {why}",
        where=Origin(file),
        details=[f"[{'.'.join(t)}] {k} = {_toml_text.value(v)}" for t, k, v in _puts(wanted)],
        remedy="nothing was written; add them by hand, or mend the file",
    )


def _at(data: Mapping[str, Any], path: Table) -> Any:
    found: Any = data
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None
    return found


def _with(data: Mapping[str, Any], path: Table, value: Any) -> dict[str, Any]:
    """Give a copy of a table with one value in it."""
    key, *rest = path
    inner = data.get(key, {})
    if rest and not isinstance(inner, dict):
        inner = {}
    return {**data, key: _with(inner, tuple(rest), value) if rest else value}


def _declared(declaration: Declaration) -> dict[str, Any]:
    """Write a declaration as its table."""
    kind = declaration.type
    made: dict[str, Any] = {"type": kind.name}
    for key, value in (("min", kind.minimum), ("max", kind.maximum)):
        if value:
            made[key] = _number(value)
    if kind.choices:
        made["choices"] = list(kind.choices)
    if kind.schemes:
        made["scheme"] = list(kind.schemes) if len(kind.schemes) > 1 else kind.schemes[0]
    if kind.pattern:
        made["pattern"] = kind.pattern
    if declaration.default is not None:
        default = declaration.default
        made["default"] = (
            list(default) if isinstance(default, tuple) else _typed(kind.name, default)
        )
    if declaration.required:
        made["required"] = True
    if declaration.description:
        made["description"] = declaration.description
    return made


def _number(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _typed(kind: str, text: str) -> Any:
    if kind == "bool" and text in ("true", "false"):
        return text == "true"
    return _number(text) if kind in ("int", "float", "port") else text

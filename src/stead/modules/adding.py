"""Adding modules: a plan of what would be written, and writing all of it or nothing.

The plan is made from values and from what stands in the tree now; it changes nothing. It names
everything that is in the way at once, and nothing that is there is ever overwritten.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stead.modules import entries, record, render, root_files, update_root
from stead.values.errors import CollisionError, RegistryError
from stead.values.frozen import dataclass, replace
from stead.values.names import normalize_pypi

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from stead.modules.entries import Entries
    from stead.modules.needs import Chosen
    from stead.modules.root_files import Part
    from stead.modules.update_root import Entry
    from stead.values.context import Context
    from stead.values.item import ItemFile

MODULES = "modules"
MANIFEST = "stead.toml"


class InTheWay:
    """Stands where a file would be: a directory, a link to nothing, a file above it."""


IN_THE_WAY = InTheWay()

Held = bytes | InTheWay | None


@dataclass(frozen=True, slots=True)
class Placed:
    """A module that is to be added: where, and its files as they land."""

    chosen: Chosen
    directory: str
    """Relative to the root, with slashes."""
    files: tuple[ItemFile, ...]
    part: Part | None

    @property
    def name(self) -> str:
        return self.chosen.name


@dataclass(frozen=True, slots=True)
class Write:
    """One file to be written. ``path`` is relative to the root, with slashes."""

    path: str
    content: bytes
    before: bytes | None
    """What it held; None for a new file."""
    executable: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What adding would do."""

    root: str
    modules: tuple[Placed, ...]
    """What is needed comes first."""
    writes: tuple[Write, ...]
    collide: tuple[str, ...]
    """What is there already and says something else: paths, and tables of files."""
    beside: tuple[tuple[str, str], ...] = ()
    """Files that are there, and where the module's are written instead."""
    notes: tuple[str, ...] = ()

    @property
    def create(self) -> tuple[str, ...]:
        return tuple(w.path for w in self.writes if w.before is None)

    @property
    def edit(self) -> tuple[str, ...]:
        return tuple(w.path for w in self.writes if w.before is not None)


def plan(
    chosen: Sequence[Chosen],
    root: str,
    read: Callable[[str], Held],
    *,
    at: str = "",
    workspace: bool = True,
    beside: bool = False,
    modules: Mapping[str, str] | None = None,
) -> Plan:
    """Plan adding items to the project in ``root``; the last of ``chosen`` was asked for.

    ``at`` is its directory relative to the root, ``modules/NAME`` without it. ``workspace`` says
    whether a new ``stead.toml`` is the root of a tree. With ``beside``, what collides is written
    beside what is there. ``modules`` are the directories of those that are there already.
    Raises CollisionError where two items want one path; RegistryError, ManifestError.
    """
    return _Planning(root, read, beside=beside).plan(
        _placed(chosen, at), workspace=workspace, there=modules or {}
    )


def apply(
    plan: Plan, context: Context, reason: str, *, beside: Mapping[str, bytes] | None = None
) -> tuple[str, ...]:
    """Write all that a plan says, or nothing; gives the files, absolute.

    ``beside`` is what is noted elsewhere, by the same intent.

    Raises CollisionError where something is in the way; StoreError where it cannot be written,
    or something came in the way since. What an earlier command left unfinished must be finished
    before the plan is made (:func:`stead.pipeline.writing.mend`).
    """
    from stead.pipeline.writing import layout_of
    from stead.store.edits import edit_files

    if plan.collide:
        name = plan.modules[-1].name
        raise CollisionError(
            f"{name} would overwrite what is there",
            where=plan.root,
            details=plan.collide,
            remedy="nothing was written; move them away, or place the module's own beside them "
            "with --beside",
        )
    edits, modes = {}, {}
    for write in plan.writes:
        path = os.path.join(plan.root, *write.path.split("/"))
        edits[path] = (write.before, write.content)
        if write.executable:
            modes[path] = 0o755
    edit_files(
        layout_of(context), edits, reason, beside=beside, modes=modes, note=context.progress.note
    )
    return tuple(edits)


def reader(root: str) -> Callable[[str], Held]:
    """Give what looks at a tree for :func:`plan`."""

    def read(path: str) -> Held:
        full = os.path.join(root, *path.split("/"))
        try:
            with open(full, "rb") as file:
                return file.read()
        except FileNotFoundError:
            return IN_THE_WAY if os.path.lexists(full) else None
        except OSError:  # a directory is there, or a file where one would be, or it is not ours
            return IN_THE_WAY

    return read


def _placed(chosen: Sequence[Chosen], at: str) -> list[Placed]:
    placed = []
    for one in chosen:
        directory = at if at and not one.needed_by else f"{MODULES}/{one.name}"
        files = render.written(one.item, one.options)
        part = None
        if one.item.language == "python":
            own = next((f.content for f in files if f.path == root_files.PYPROJECT), None)
            part = root_files.part_of(one.name, directory, own)
        placed.append(Placed(one, directory, files, part))
    return placed


class _Planning:
    def __init__(self, root: str, read: Callable[[str], Held], *, beside: bool) -> None:
        self._root = root
        self._read = read
        self._beside = beside
        self._writes: dict[str, Write] = {}
        self._by: dict[str, str] = {}
        self._collide: list[str] = []
        self._placed_beside: list[tuple[str, str]] = []
        self._notes: list[str] = []
        self._recorded: dict[str, list[Entry]] = {}

    def plan(self, placed: list[Placed], *, workspace: bool, there: Mapping[str, str]) -> Plan:
        for module in placed:
            self._module(module)
        parts = _parts(placed, there)
        self._manifest(placed, parts, there, workspace=workspace)
        if parts:
            self._package(parts)
        for module in placed:
            self._record(module)
        return Plan(
            self._root,
            tuple(placed),
            tuple(self._writes.values()),
            tuple(dict.fromkeys(self._collide)),
            tuple(self._placed_beside),
            tuple(self._notes),
        )

    def _module(self, module: Placed) -> None:
        for file in module.files:
            path = f"{module.directory}/{file.path}"
            other = self._by.setdefault(path.casefold(), module.name)
            if other != module.name:
                raise CollisionError(
                    f"{other} and {module.name} both bring {path}",
                    remedy="put one of them elsewhere with --at DIR",
                )
            self._new(module.name, path, file.content, executable=file.executable)

    def _record(self, module: Placed) -> None:
        written = update_root.recorded(self._recorded.get(module.name, ()))
        chosen = module.chosen
        made = record.made(chosen.came, chosen.options, module.files, written, chosen.item.needs)
        for path, content in record.files(made, module.files).items():
            self._new(module.name, f"{module.directory}/{path}", content)

    def _new(self, name: str, path: str, content: bytes, *, executable: bool = False) -> None:
        held = self._read(path)
        if held is None:
            self._writes[path] = Write(path, content, None, executable)
        elif held != content:
            instead = f"{path}.{name}-new"
            if self._beside and held is not IN_THE_WAY and self._read(instead) in (None, content):
                self._placed_beside.append((path, instead))
                self._writes[instead] = Write(instead, content, None, executable)
            else:
                self._collide.append(self._blocking(path))

    def _blocking(self, path: str) -> str:
        """Give what is in the way of a file: it, or a file where one of its directories would be."""
        parts = path.split("/")
        above = ("/".join(parts[:end]) for end in range(1, len(parts)))
        return next((one for one in above if isinstance(self._read(one), bytes)), path)

    def _text(self, path: str) -> str | None:
        """Read a file of the root. Raises RegistryError where it is none, or no text."""
        held = self._read(path)
        if held is None:
            return None
        try:
            if isinstance(held, bytes):
                return held.decode("utf-8")
        except UnicodeDecodeError:
            pass
        raise RegistryError(
            f"{path} cannot be read as text",
            where=os.path.join(self._root, path),
            remedy="it must be a file, in UTF-8; nothing was written",
        )

    def _put(self, path: str, text: str, before: str | None) -> None:
        if text != before:
            self._writes[path] = Write(
                path, text.encode(), None if before is None else before.encode()
            )

    def _clashes(self, file: str, tables: list[str]) -> None:
        """Note tables that are there already: refused, or with ``beside`` left as they are."""
        for table in tables:
            if self._beside:
                self._notes.append(f"{file} keeps its own {table}")
            else:
                self._collide.append(f"{file}: {table}")

    def _manifest(
        self,
        placed: list[Placed],
        parts: Mapping[str, Part],
        there: Mapping[str, str],
        *,
        workspace: bool,
    ) -> None:
        held = self._text(MANIFEST)
        text = held
        if text is None:
            text = entries.new_text(
                os.path.basename(self._root) or "workspace", workspace=workspace
            )
        file = os.path.join(self._root, MANIFEST)
        for module in placed:
            wanted = self._entries(module, placed, there, text)
            self._recorded[module.name] = [*update_root.of_manifest(wanted)]
            clashes = entries.collisions(text, wanted, file)
            self._clashes(MANIFEST, clashes)
            if not clashes or self._beside:
                text = entries.with_entries(text, wanted, file)
        self._put(MANIFEST, text, held)

    def _entries(
        self, module: Placed, placed: list[Placed], there: Mapping[str, str], text: str
    ) -> Entries:
        by_name = {p.name: p for p in placed}
        needed = {}
        for name in _all_needs(module, by_name):
            other = by_name.get(name)
            if other is not None and other.part is not None:
                needed[other.part.name] = other.directory
            elif other is None and name in there:
                needed[name] = there[name]
        ports = entries.ports_of(module.chosen.item, text)
        return entries.entries(module.chosen.item, module.directory, module.part, needed, ports)

    def _package(self, parts: Mapping[str, Part]) -> None:
        """Make the root's package, or give it the modules' entries."""
        held = self._text(root_files.PYPROJECT)
        if held is None and self._other_project():
            self._told(parts.values(), self._other_project())
        elif held is not None and not root_files.takes_parts(held):
            self._told(parts.values(), root_files.PYPROJECT)
        else:
            self._parts(parts, held)
        for file, text in (
            (root_files.PRE_COMMIT, root_files.PRE_COMMIT_TEXT),
            (root_files.GITIGNORE, root_files.GITIGNORE_TEXT),
        ):
            if self._read(file) is None:
                self._put(file, text, None)

    def _other_project(self) -> str:
        return next((f for f in ("setup.py", "setup.cfg") if self._read(f) is not None), "")

    def _told(self, parts: Iterable[Part], file: str) -> None:
        for part in parts:
            lines = "\n".join(f"    {line}" for line in root_files.lines_of(part))
            self._notes.append(
                f"{file} describes a package of another make and stays as it is; "
                f"to offer {part.name} with it, add:\n{lines}"
            )

    def _parts(self, parts: Mapping[str, Part], held: str | None) -> None:
        if held is None:
            name = root_files.project_name(
                os.path.basename(self._root), [part.name for part in parts.values()]
            )
            python = next((p.requires_python for p in parts.values() if p.requires_python), "")
            text = root_files.new_pyproject(name, python)
            package = f"src/{name.replace('-', '_')}/__init__.py"
            if self._read("src") is None:
                self._put(package, '"""The project\'s own code."""\n', None)
        else:
            name, text = root_files.name_of(held), held
        for module, part in parts.items():
            whole = root_files.within(part, name)
            self._recorded[module] += update_root.of_package(whole)
            clashes = root_files.collisions(text, whole)
            self._clashes(root_files.PYPROJECT, clashes)
            if not clashes or self._beside:
                text = root_files.with_part(text, whole)
        self._put(root_files.PYPROJECT, text, held)
        held = self._text(root_files.MANIFEST_IN)
        self._put(root_files.MANIFEST_IN, root_files.manifest_in(held, list(parts.values())), held)


def _parts(placed: list[Placed], there: Mapping[str, str]) -> dict[str, Part]:
    """Give the Python modules' parts of the root's package, with the modules that each needs."""
    by_name = {p.name: p for p in placed}
    found = {}
    for module in placed:
        if module.part is None:
            continue
        needs = [
            need.name
            for need in module.chosen.item.needs
            if need.name in there or (need.name in by_name and by_name[need.name].part is not None)
        ]
        found[module.name] = replace(module.part, needs=tuple(map(normalize_pypi, needs)))
    return found


def _all_needs(module: Placed, by_name: Mapping[str, Placed]) -> list[str]:
    """Name all that a module needs, and what that needs."""
    found: list[str] = []
    waiting = [need.name for need in module.chosen.item.needs]
    while waiting:
        name = waiting.pop(0)
        if name not in found:
            found.append(name)
            if name in by_name:
                waiting += [need.name for need in by_name[name].chosen.item.needs]
    return found

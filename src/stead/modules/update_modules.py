"""Which version a module is brought to, and what that does.

Finds the item in its registry, keeps the options that were chosen, and makes the plan. Neither
the network nor what rendered the files is needed for the side that was written.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stead.modules import record as records
from stead.modules import update
from stead.modules.outdated import is_newer
from stead.modules.update_entries import RootChanges, root_changes
from stead.values.frozen import dataclass, field
from stead.values.item import Came

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Literal

    from stead.modules.registry import Source
    from stead.modules.update import Plan
    from stead.store.layout import Layout
    from stead.values.item import Answer, Item, ItemFile, Need, Record, Unsettled

    State = Literal["current", "update", "conflicts", "unsettled", "settled"]


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for of an update."""

    to: str = ""
    """A version; empty for the latest."""
    given: Mapping[str, Answer] = field(default_factory=dict)
    """Options that are to be other than they were chosen."""
    prune: bool = False
    """Remove what upstream dropped and nobody changed."""


@dataclass(frozen=True, slots=True)
class Update:
    """What an update of one module does, or why it does nothing.

    ``state`` is ``current`` where there is nothing to do, ``unsettled`` while conflicts of the
    last update are open (``still``), ``settled`` where these are gone and only the record moves.
    """

    name: str
    directory: str
    state: State
    before: Came
    after: Came
    plan: Plan | None = None
    root: RootChanges = field(default_factory=RootChanges)
    still: tuple[Unsettled, ...] = ()
    needs: tuple[Need, ...] = ()
    """Items that the version needs."""
    notes: tuple[str, ...] = ()


def plan(
    name: str,
    root: str,
    modules: Mapping[str, tuple[str, Record]],
    known: Sequence[Source],
    wish: Wish,
) -> Update:
    """Plan the update of one of the ``modules`` of the project in ``root``. Nothing is changed.

    ``modules`` have directories relative to the root, and records. Raises RegistryError where
    the registry cannot be had or has no such version, UsageError for options that do not fit,
    StoreError for files that cannot be read.
    """
    relative, held = modules[name]
    directory = os.path.join(root, *relative.split("/"))
    before = update.settled(held)
    came = before.came
    if held.pending is not None:
        still = update.unsettled(directory, held)
        if still:
            return Update(name, directory, "unsettled", held.came, came, still=still)
        if wish.to in ("", came.version) and not wish.given and not wish.prune:
            moved = update.move(directory, held)
            return Update(name, directory, "settled", held.came, came, moved)
    item, new = wanted(before, known, wish.to)
    is_other = not wish.to and item.version != came.version
    if is_other and not is_newer(item.version, came.version):
        note = f"{new.registry} has {item.version}, which is older: --to {item.version} takes it"
        return Update(name, directory, "current", held.came, came, notes=(note,))
    options, notes = _options(before, item, wish.given)
    if item.version == came.version and item.integrity != came.integrity:
        notes.append(
            f"{new.registry} has another {item.name} {item.version} than before: "
            f"{came.integrity} was added, {item.integrity} is there"
        )
    files = written(item, options)
    there = {other: path for other, (path, _) in modules.items()}
    beyond = root_changes(root, relative, item, files, was=dict(before.entries), there=there)
    record = records.made(new, options, files, beyond.recorded, item.needs)
    made = update.plan(directory, held, record, files, prune=wish.prune)
    if made.damaged:
        paths = ", ".join(made.damaged)
        notes.append(f"copies to merge from were edited or are gone, and are made anew: {paths}")
    notes += beyond.notes
    changes = made.changes or beyond.writes
    state: State = "conflicts" if made.conflicts else "update" if changes else "current"
    return Update(
        name,
        directory,
        state,
        held.came,
        new,
        made,
        beyond,
        needs=item.needs,
        notes=tuple(notes),
    )


def apply(found: Update, root: str, layout: Layout) -> None:
    """Write what an update says, all or nothing. Raises StoreError; then nothing has changed."""
    if found.plan is None:
        return
    others = {
        os.path.join(root, file): (before.encode(), after.encode())
        for file, (before, after) in found.root.writes
    }
    update.apply([found.plan], layout, f"updating the module {found.name}", others)


def unmet(found: Update, there: Mapping[str, Came]) -> tuple[str, ...]:
    """Tell of items that a version needs and that are not there as it needs them.

    ``there`` are the modules as they are when all updates are done.
    """
    notes = []
    for need in found.needs:
        have = there.get(need.name)
        if have is None:
            notes.append(f"it needs {need.name} {need.version}: `stead module add {need.name}`")
        elif need.integrity and have.integrity != need.integrity:
            notes.append(
                f"it needs {need.name} {need.version}, and {have.version} is here: "
                f"`stead module update {need.name} --to {need.version}`"
            )
    return tuple(notes)


def wanted(held: Record, known: Sequence[Source], version: str) -> tuple[Item, Came]:
    """Give the item that a module came from in another version, the latest without one."""
    from stead.modules.needs import find

    source = find(known, held.came.item, held.came.registry)
    item = source.item(held.came.item, version)
    return item, Came(
        source.name, source.location, source.commit, item.name, item.version, item.integrity
    )


def written(item: Item, options: tuple[tuple[str, Answer], ...]) -> tuple[ItemFile, ...]:
    """Give an item's files as they land."""
    from stead.modules import render

    return render.written(item, options)


def _options(
    held: Record, item: Item, given: Mapping[str, Answer]
) -> tuple[tuple[tuple[str, Answer], ...], list[str]]:
    """Give the options as they were chosen, with what is asked for, and what there is to tell."""
    from stead.modules.options import settled
    from stead.values.errors import UsageError

    there = {option.name for option in item.options}
    kept = {name: answer for name, answer in held.options if name in there}
    gone = [name for name, _ in held.options if name not in there]
    try:
        options = settled(item, {**kept, **given})
    except UsageError as exc:
        raise UsageError(
            f"{item.name} {item.version} does not take the options that were chosen: {exc.message}",
            details=[*exc.details, *([exc.remedy] if exc.remedy else [])],
            remedy="say what it shall be: --set OPTION=VALUE",
        ) from exc
    notes = [f"{item.version} has no option {name} any more" for name in gone]
    known = {name for name, _ in held.options}
    notes += [f"new option: --set {name}={answer}" for name, answer in options if name not in known]
    return options, notes


def upstream_files(
    held: Record, known: Sequence[Source], version: str
) -> tuple[Item, tuple[ItemFile, ...]]:
    """Give an item in another version, and its files as they would land with a module's options."""
    before = update.settled(held)
    item, _ = wanted(before, known, version)
    options, _ = _options(before, item, {})
    return item, written(item, options)

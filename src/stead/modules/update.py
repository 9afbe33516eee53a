"""Bringing a module to another version of its item, with the user's edits in it.

The three sides are the copies beside the record (what was written), the working tree, and
upstream's files as they would be written now. Files where both sides changed the same thing
leave the record where it is, with what is *pending* noted in it; when they are settled, the
record moves.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stead.formats.merging_text import has_markers, is_text, with_ends
from stead.modules import record as records
from stead.modules import renames
from stead.modules.merging import Decision, Side, decide
from stead.modules.tree import Tree
from stead.values.errors import StoreError
from stead.values.frozen import dataclass, replace
from stead.values.item import ItemFile, Record, Unsettled

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from stead.store.layout import Layout


@dataclass(frozen=True, slots=True)
class Plan:
    """What an update of one module does.

    ``writes`` are contents of paths below the directory, None to remove one; ``expect`` what
    they held when the plan was made; ``chmod`` the modes that change. ``record`` is the
    record as it will be.
    """

    directory: str
    before: Record
    record: Record
    decisions: tuple[Decision, ...] = ()
    damaged: tuple[str, ...] = ()
    """Files whose copy beside the record is gone or was edited."""
    writes: tuple[tuple[str, bytes | None], ...] = ()
    expect: tuple[tuple[str, bytes | None], ...] = ()
    modes: tuple[tuple[str, int], ...] = ()
    chmod: tuple[tuple[str, int], ...] = ()

    @property
    def conflicts(self) -> tuple[Unsettled, ...]:
        return self.record.conflicts

    @property
    def changes(self) -> bool:
        """Whether applying it would write anything."""
        return bool(self.writes or self.chmod)


def unsettled(directory: str, record: Record) -> tuple[Unsettled, ...]:
    """List the conflicts of a record that are still open in the working tree."""
    tree = Tree(directory)

    def is_open(one: Unsettled) -> bool:
        if one.beside and os.path.lexists(tree.at(one.beside)):
            return True
        side = tree.side(one.path) if one.markers else None
        return side is not None and has_markers(side.content, one.markers)

    return tuple(conflict for conflict in record.conflicts if is_open(conflict))


def settled(record: Record) -> Record:
    """Give the record that follows when all conflicts are settled."""
    return record if record.pending is None else record.pending


def plan(
    directory: str,
    held: Record,
    wanted: Record,
    written: Sequence[ItemFile],
    *,
    prune: bool = False,
) -> Plan:
    """Plan how a module becomes what ``wanted`` records.

    ``held`` is the record as it was read, without open conflicts: with all settled ones, the
    update goes on from what was pending. ``written`` are the files of the wanted version,
    rendered. Nothing is changed. Raises StoreError for a file that cannot be read.
    """
    before = settled(held)
    tree = Tree(directory)
    upstream = {file.path: Side(file.content, file.executable) for file in written}
    copies = records.bases(directory, before)
    base, lost, mended = _base(before, copies, tree, upstream)
    names = ("yours", f"{wanted.came.item} {wanted.came.version}".strip())
    decisions = []
    mine: dict[str, Side | None] = {}
    for path in sorted({*base, *lost, *upstream, *(p for p, _ in before.dropped)}):
        side = mine[path] = tree.side(path)
        if path not in upstream and path not in base and path not in lost:
            continue  # what upstream dropped once, and the user has changed or removed since
        decisions.append(
            decide(
                path,
                base.get(path),
                side,
                upstream.get(path),
                names=names,
                prune=prune,
                lost=path in lost,
            )
        )
    decisions = _blocked(decisions, tree)
    last = {path: side for path, side in base.items() if path in dict(before.files)}
    decisions = renames.told(decisions, last, upstream)
    return _carried_out(
        Plan(directory, held, wanted, tuple(decisions), copies.damaged), written, mended, mine, tree
    )


def apply(
    plans: Sequence[Plan],
    layout: Layout,
    reason: str,
    others: Mapping[str, tuple[bytes | None, bytes | None]] | None = None,
) -> None:
    """Write what plans say, all or nothing. Raises StoreError; then nothing has changed.

    ``others`` are further files that change with them: content before and after.
    """
    edits: dict[str, tuple[bytes | None, bytes | None]] = dict(others or {})
    modes: dict[str, int] = {}
    chmod: dict[str, int] = {}
    for one in plans:
        tree = Tree(one.directory)
        expect = dict(one.expect)
        edits |= {tree.at(p): (expect.get(p), content) for p, content in one.writes}
        modes |= {tree.at(p): mode for p, mode in one.modes}
        chmod |= {tree.at(p): mode for p, mode in one.chmod}
    if edits or chmod:
        from stead.store.edits import edit_files

        edit_files(layout, edits, reason, modes=modes, chmod=chmod)
    for one in plans:
        for path, content in one.writes:
            if content is None:
                _remove_empty(one.directory, path)


def _remove_empty(directory: str, path: str) -> None:
    """Remove the directories that a file which was removed has left empty."""
    above = path.rpartition("/")[0]
    while above:
        try:
            os.rmdir(os.path.join(directory, *above.split("/")))
        except OSError:
            return
        above = above.rpartition("/")[0]


def _base(
    before: Record, copies: records.Bases, tree: Tree, upstream: Mapping[str, Side]
) -> tuple[dict[str, Side], set[str], list[ItemFile]]:
    """Give what was written, by path; paths of which that is not known; and copies to mend."""
    found = {p: Side(c, p in before.executable) for p, c in copies.contents.items()}
    lost: set[str] = set()
    mended = []
    hashes = dict(before.files)
    for path, expected in [*((p, hashes[p]) for p in copies.damaged), *before.dropped]:
        if path in found:
            continue
        mine = tree.side(path)
        content = _with_hash(expected, mine, upstream.get(path))
        if content is not None and path in hashes:
            found[path] = Side(content, path in before.executable)
            mended.append(ItemFile(path, content))
        elif content is not None:  # dropped: its mode is not kept
            found[path] = Side(content, mine.executable if mine is not None else False)
        elif path in hashes:
            lost.add(path)
    return found, lost, mended


def _with_hash(expected: str, *sides: Side | None) -> bytes | None:
    """Find a content by its hash; line ends that a tool changed do not matter."""
    for side in sides:
        if side is None or not side.plain:
            continue
        for content in (side.content, with_ends(side.content, b"\n")):
            if records.digest(content) == expected and (
                content == side.content or is_text(content)
            ):
                return content
    return None


def _blocked(decisions: Iterable[Decision], tree: Tree) -> list[Decision]:
    """Make a conflict of what would be written below a file or a link of the user's."""
    found = []
    for one in decisions:
        above = tree.blocked(one.path) if one.action == "added" else ""
        if above:
            note = f"{above} is no directory here"
            found.append(Decision(one.path, "conflict", beside=one.write, note=note))
        else:
            found.append(one)
    return found


def _carried_out(
    draft: Plan,
    written: Sequence[ItemFile],
    mended: Sequence[ItemFile],
    mine: Mapping[str, Side | None],
    tree: Tree,
) -> Plan:
    """Say what is to be written for the decisions of a plan."""
    writes: dict[str, bytes | None] = {}
    expect: dict[str, bytes | None] = {}
    modes: dict[str, int] = {}
    chmod: dict[str, int] = {}
    conflicts = []
    dropped = []
    before = settled(draft.before)
    hashes = {**dict(before.dropped), **dict(before.files)}
    taken = {file.path for file in written}
    for one in draft.decisions:
        side = mine[one.path]
        if one.remove:
            writes[one.path] = None
            expect[one.path] = side.content if side is not None else None
        if one.write is not None:
            writes[one.path] = one.write.content
            expect[one.path] = side.content if side is not None else None
            if side is None:
                modes[one.path] = 0o755 if one.write.executable else 0o644
            elif one.write.executable is not None and one.write.executable != side.executable:
                chmod[one.path] = tree.mode(one.path, executable=one.write.executable)
        beside = ""
        if one.beside is not None:
            beside = tree.free(one.path, taken)
            taken.add(beside)
            writes[beside], expect[beside] = one.beside.content, None
            modes[beside] = 0o755 if one.beside.executable else 0o644
        if one.action == "conflict":
            conflicts.append(Unsettled(one.path, beside, one.markers))
        if one.action == "dropped":
            dropped.append((one.path, hashes[one.path]))
    wanted = draft.record
    if draft.decisions:
        wanted = replace(wanted, dropped=tuple(dropped))
    if conflicts:
        wanted = replace(before, conflicts=tuple(conflicts), pending=wanted)
    for path, content in _record_files(draft, wanted, [*written, *mended]).items():
        held = tree.side(path)
        if held is not None and path == records.ATTRIBUTES:
            continue  # somebody may have said more there
        if held is None or held.content != content:
            writes[path] = content
            expect[path] = None if held is None else held.content
    if records.read(draft.directory) != draft.before:
        raise StoreError(
            "this module was changed by someone else meanwhile",
            where=draft.directory,
            remedy="nothing was written; run the command again",
        )
    return replace(
        draft,
        record=wanted,
        writes=tuple(writes.items()),
        expect=tuple(expect.items()),
        modes=tuple(modes.items()),
        chmod=tuple(chmod.items()),
    )


def _record_files(
    draft: Plan, wanted: Record, written: Sequence[ItemFile]
) -> dict[str, bytes | None]:
    """Give the files of a record that is to be: the record last, then what goes."""
    found: dict[str, bytes | None] = {}
    found |= records.files(wanted, written)
    found |= dict.fromkeys(records.needless(draft.directory, wanted))
    return found


def move(directory: str, held: Record) -> Plan:
    """Plan how a record moves to what was pending, all conflicts being settled.

    Raises StoreError for conflicts that are still open.
    """
    if still := unsettled(directory, held):
        raise open_conflicts(directory, held, still)
    return _carried_out(Plan(directory, held, settled(held)), (), (), {}, Tree(directory))


def open_conflicts(directory: str, held: Record, still: Sequence[Unsettled]) -> StoreError:
    """Give the error for conflicts that are to be settled first."""
    pending = settled(held)
    return StoreError(
        f"the update of {held.came.item} to {pending.came.version} is not settled yet",
        where=directory,
        details=[told(one) for one in still],
        remedy="settle each, then run the update again",
    )


def told(conflict: Unsettled) -> str:
    """Say what is to be done about a conflict."""
    if conflict.beside:
        return f"{conflict.path}: take what you want from {conflict.beside}, then remove that"
    return f"{conflict.path}: decide between the sides, and take the conflict markers out"

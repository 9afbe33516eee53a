"""What a hook's file says, before it is put in a shell's words.

One activation gives one :class:`HookRecord`; each shell's template renders it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stead.values.digest import short_key
from stead.values.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stead.values.activation import Activation, Change

FORMAT = 2
"""Stands in every hook file; a hook of another format does not take it."""


@dataclass(frozen=True, slots=True)
class Watch:
    """What a shell waits for while there is nothing to apply.

    ``pairs`` are files with reference files of the same time; ``absent`` are not
    there yet; ``past`` are manifests that make no place of their own.
    """

    pairs: tuple[tuple[str, str], ...] = ()
    absent: tuple[str, ...] = ()
    past: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class HookRecord:
    """Everything that a hook file holds.

    ``sets`` and ``unsets`` do not depend on the caller; ``relative`` does (what
    is put into a list, defaults). ``pairs`` are files with their reference files,
    whose modification times must be equal; ``absent`` must not exist and
    ``requires`` must.
    """

    place: str
    environment: str
    sets: tuple[tuple[str, str], ...]
    unsets: tuple[str, ...]
    relative: tuple[Change, ...]
    pairs: tuple[tuple[str, str], ...] = ()
    absent: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    quiet: tuple[tuple[str, str], ...] = ()
    """Directories with reference files: none of ``absent`` is in one while the times are equal."""

    @property
    def key(self) -> str:
        """A name for just these changes, wherever they are kept."""
        return short_key([self.place, self.environment, self.sets, self.unsets, self.relative])

    @property
    def lists(self) -> tuple[str, ...]:
        """Names of the variables that something is put into, each once."""
        return tuple(dict.fromkeys(c.name for c in self.relative if c.kind != "default"))


def hook_record(activation: Activation, directory: str, quiet: tuple[str, ...] = ()) -> HookRecord:
    """Give what the hook file of an activation holds.

    ``directory`` holds the record's reference files, named by the inputs' numbers,
    and by those of the directories in ``quiet`` with a ``d`` before them.
    """
    sets, unsets, relative = reduce(activation.changes)
    return HookRecord(
        activation.place,
        activation.environment,
        sets,
        unsets,
        relative,
        tuple(
            (path, f"{directory}/{number}")
            for number, path in enumerate(dict.fromkeys(activation.inputs))
        ),
        activation.absent,
        activation.requires,
        tuple((path, f"{directory}/d{number}") for number, path in enumerate(quiet)),
    )


def template(file: str) -> str:
    """Give the text for an rc file, with ``@NAME@`` where something is to be filled in.

    It lies beside this module under the same name as the files of records: they
    are two halves of one thing.
    """
    with open(os.path.join(os.path.dirname(__file__), file), encoding="utf-8") as text:
        return text.read()


def reduce(
    changes: Iterable[Change],
) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...], tuple[Change, ...]]:
    """Bring changes to their effect: values set, names unset, and what depends on the caller.

    Each name is in one of the three; in the last, in order, several times if need
    be. Applying the three in any order is applying ``changes``.
    """
    from stead.values.activation import apply

    by_name: dict[str, list[Change]] = {}
    for change in changes:
        if change.kind in ("set", "unset"):
            by_name[change.name] = [change]
        else:
            by_name.setdefault(change.name, []).append(change)
    sets: list[tuple[str, str]] = []
    unsets: list[str] = []
    relative: list[Change] = []
    for name, ops in by_name.items():
        if ops[0].kind in ("set", "unset"):
            value = apply(ops, {}).get(name)
            if value is None:
                unsets.append(name)
            else:
                sets.append((name, value))
        else:
            relative += ops
    return tuple(sets), tuple(unsets), tuple(relative)

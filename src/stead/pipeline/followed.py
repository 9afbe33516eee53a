"""Which modules a place uses, and these use in turn."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stead.values.errors import ContradictionError, CycleError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from stead.values.manifest import Manifest, Use


def followed(
    manifests: Sequence[Manifest], module: Callable[[Use], tuple[Manifest, ...]]
) -> tuple[tuple[Use, ...], list[Manifest]]:
    """Follow ``uses``, depth first: give every module, by name, and the manifests they brought.

    ``module`` reads the manifests of one. Raises CycleError, and ContradictionError for one name
    of two modules, or two names of one.
    """
    uses: dict[str, Use] = {}
    found: list[Manifest] = []

    def follow(use: Use, chain: tuple[Use, ...]) -> None:
        if any(_same_module(use, u) for u in chain):
            turns = " → ".join(u.name for u in (*chain, use))
            raise CycleError(
                f"modules use each other in a circle: {turns}",
                where=use.origin,
                details=[f"{u.name}: {u.origin}" for u in chain],
                remedy="move what both need into a module of its own",
            )
        other = uses.get(use.name)
        if other and not _same_module(use, other):
            raise ContradictionError(
                f"module {use.name} is used from two places",
                where=use.origin,
                details=[f"{u.origin}: {u.location} {u.revision}".rstrip() for u in (other, use)],
                remedy="give both the same location and revision, or different names",
            )
        if other:
            return
        uses[use.name] = use
        brought = module(use)
        found.extend(brought)
        follow_all(brought, (*chain, use))

    def follow_all(manifests: Sequence[Manifest], chain: tuple[Use, ...]) -> None:
        wanted = [use for m in manifests for use in m.uses]
        _refuse_second_names(wanted)
        for use in wanted:
            follow(use, chain)

    follow_all(manifests, ())
    return tuple(uses[n] for n in sorted(uses)), found


def _refuse_second_names(uses: Iterable[Use]) -> None:
    """Raise ContradictionError for one module under two names, where one hand wrote both.

    A module that is used elsewhere too may well have another name there.
    """
    first: dict[tuple[str, ...], Use] = {}
    for use in uses:
        other = first.setdefault(_module_key(use), use)
        if other.name != use.name:
            raise ContradictionError(
                f"{other.name} and {use.name} are the same module",
                where=use.origin,
                details=[
                    f"{u.origin}: {u.name} is {u.location} {u.revision}".rstrip()
                    for u in (other, use)
                ],
                remedy=f"use it by one name: take out {other.name} or {use.name}",
            )


def _same_module(a: Use, b: Use) -> bool:
    return _module_key(a) == _module_key(b)


def _module_key(use: Use) -> tuple[str, ...]:
    where = use.location
    if use.kind == "path":
        where = os.path.normpath(os.path.join(use.base, use.location))
    return (use.kind, where, use.revision, use.subdirectory)

"""Items of registries that are used where they are, pinned by version and hash."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.modules.registry.built import same_content
from stead.modules.registry.git import Repository
from stead.modules.registry.opening import ask_all, named, sources
from stead.values.errors import ManifestError, RegistryError, SteadError
from stead.values.lock import Pin
from stead.values.names import nearest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stead.modules.registry import Source
    from stead.values.context import Context
    from stead.values.item import Item, ItemFile
    from stead.values.manifest import Use
    from stead.values.registry import Registry


def pin(use: Use, known: Sequence[Registry], context: Context) -> Pin:
    """Say which version of an item a module means, and what it holds. Raises SteadError."""
    source, item = _found(use, _asked(use, known, context))
    return Pin(
        name=use.name,
        location=use.location,
        requested=use.revision,
        commit=source.commit,
        version=item.version,
        integrity=item.integrity,
    )


def files(use: Use, pin: Pin, known: Sequence[Registry], context: Context) -> Sequence[ItemFile]:
    """Give the files of a pinned item, with the options that are chosen.

    Raises RegistryError where no registry has what was pinned.
    """
    from stead.modules.options import settled
    from stead.modules.render import written

    asked = _asked(use, known, context)
    wrong: list[SteadError] = []
    for source in asked:
        exact = isinstance(source, Repository) and bool(pin.commit)
        there = source.at(pin.commit) if exact and isinstance(source, Repository) else source
        try:
            item = there.item(use.name, pin.version)
            same_content(item, pin.integrity, f"{use.origin}: {source.name} ({source.location})")
        except SteadError as exc:
            wrong.append(exc)
            continue
        return written(item, settled(item, dict(use.options)))
    changed = [e for e in wrong if any(pin.integrity in line for line in e.details)]
    raise (changed or wrong)[0]


def _asked(use: Use, known: Sequence[Registry], context: Context) -> tuple[Source, ...]:
    there = sources(known, context)
    name = use.location.removeprefix("registry:")
    if not name:
        return there
    try:
        return (named(there, name),)
    except RegistryError as exc:
        raise ManifestError(
            f"module {use.name}: {exc.message}", where=use.origin, remedy=exc.remedy
        ) from exc


def _found(use: Use, asked: Sequence[Source]) -> tuple[Source, Item]:
    """Give the only registry that has an item, with the item."""
    if len(asked) == 1:
        return asked[0], asked[0].item(use.name, use.revision)
    answers, lost = ask_all(asked, lambda source: source.names())
    having = [source for source, names in answers if use.name in names]
    names = {name for _, names in answers for name in names}
    gone = [f"not asked: {error.where}: {error.message}" for error in lost]
    if len(having) == 1 and not gone:
        return having[0], having[0].item(use.name, use.revision)
    if having:
        raise ManifestError(
            f"several registries have {use.name}"
            if len(having) > 1
            else f"{having[0].name} has {use.name}, and others may have it",
            where=use.origin,
            details=[*(f"{s.name}: {s.location}" for s in having), *gone],
            remedy=f'name one: {use.name} = {{ registry = "{having[0].name}" }}',
        )
    close = nearest(use.name, names)
    raise ManifestError(
        f"no registry has {use.name}" + (f"; did you mean {close}?" if close else ""),
        where=use.origin,
        details=[*(f"asked: {s.name} ({s.location})" for s in asked), *gone],
        remedy="`stead module search` lists what there is",
    )

"""Which items are added together: the one that was asked for, and all that it needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.modules.options import settled
from stead.values.errors import CycleError, RegistryError, UsageError
from stead.values.frozen import dataclass
from stead.values.item import Came
from stead.values.names import nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from stead.modules.options import Ask
    from stead.modules.registry import Source
    from stead.values.item import Answer, Item, Need


@dataclass(frozen=True, slots=True)
class Chosen:
    """An item that is to be added, and how."""

    item: Item
    came: Came
    options: tuple[tuple[str, Answer], ...]
    needed_by: str = ""
    """Empty for the one that was asked for."""

    @property
    def name(self) -> str:
        return self.item.name


def find(known: Sequence[Source], name: str, registry: str = "") -> Source:
    """Give the registry that has an item. Raises RegistryError where none has it, or several."""
    from stead.modules.registry.opening import ask_all, named

    if registry:
        return named(known, registry)
    answers, gone = ask_all(known, lambda source: source.names())
    there = {source.name: names for source, names in answers}
    having = [source for source, names in answers if name in names]
    if len(having) == 1 and not gone:
        return having[0]
    if gone:
        # To take an item from another registry than the one that is meant is worse than to ask.
        remedy = f"`--registry {having[0].name}` takes it from there" if having else gone[0].remedy
        raise RegistryError(
            f"{having[0].name} has an item {name}, and a registry that cannot be asked may too"
            if having
            else f"no registry that can be asked has an item {name}",
            details=[f"{error.where}: {error.message}" for error in gone],
            remedy=remedy,
        )
    if having:
        raise RegistryError(
            f"several registries have an item {name}: {', '.join(s.name for s in having)}",
            remedy=f"say which: --registry {having[0].name}",
        )
    every = sorted({one for names in there.values() for one in names})
    close = nearest(name, every)
    raise RegistryError(
        f"no registry has an item {name}" + (f"; did you mean {close}?" if close else ""),
        remedy=f"there are: {', '.join(every)}"
        if every
        else f"the registries are empty: {', '.join(there)}",
    )


def gather(
    known: Sequence[Source],
    source: Source,
    item: Item,
    given: Mapping[str, Answer],
    *,
    ask: Ask | None = None,
    there: Callable[[str], Came | None] = lambda _: None,
) -> tuple[Chosen, ...]:
    """Give an item and all that it needs and is not there yet, what is needed first.

    ``there`` says of an item that the project has where it came from. Raises RegistryError
    where what is needed is not to be had exactly as it is pinned; UsageError, CycleError.
    """
    gathering = _Gathering(known, there)
    gathering.add(source, item, settled(item, given, ask), "", ())
    return tuple(gathering.found.values())


class _Gathering:
    def __init__(self, known: Sequence[Source], there: Callable[[str], Came | None]) -> None:
        self._known = known
        self._there = there
        self.found: dict[str, Chosen] = {}

    def add(
        self,
        source: Source,
        item: Item,
        options: tuple[tuple[str, Answer], ...],
        needed_by: str,
        above: tuple[str, ...],
    ) -> None:
        if item.name in above:
            raise CycleError(
                "items need each other: " + " → ".join((*above, item.name)),
                where=source.location,
                remedy="tell those who keep the registry",
            )
        for need in item.needs:
            self._need(source, item, need, (*above, item.name))
        came = Came(
            source.name, source.location, source.commit, item.name, item.version, item.integrity
        )
        self.found[item.name] = Chosen(item, came, options, needed_by)

    def _need(self, source: Source, item: Item, need: Need, above: tuple[str, ...]) -> None:
        from stead.modules.registry.opening import named

        by = f"{item.name} {item.version} needs {need.name} {need.version}"
        held = self._there(need.name)
        if held is not None:
            if held.integrity != need.integrity:
                raise RegistryError(
                    f"{by}, and the project has {held.version}"
                    + (" with other contents" if held.version == need.version else ""),
                    remedy=f"`stead module update {need.name} --to {need.version}` first",
                )
            return
        origin = named(self._known, need.registry) if need.registry else source
        needed = origin.item(need.name, need.version)
        if needed.integrity != need.integrity:
            raise RegistryError(
                f"{by}, and the registry's is not the one that is meant",
                where=origin.location,
                details=[f"pinned {need.integrity}", f"found  {needed.integrity}"],
                remedy="nothing was written; tell those who keep the registry",
            )
        try:
            options = settled(needed, dict(need.options))
        except UsageError as exc:
            raise RegistryError(
                f"{by} with options that it does not take: {exc.message}",
                where=need.origin,
                remedy="tell those who keep the registry",
            ) from exc
        former = self.found.get(need.name)
        if former is not None and need.name not in above:
            if former.item.integrity == needed.integrity and former.options == options:
                return
            raise RegistryError(
                f"{by}, and {former.needed_by} needs {need.name} {former.item.version} "
                "with other contents or options",
                where=source.location,
                remedy="tell those who keep the registry",
            )
        self.add(origin, needed, options, item.name, above)

"""Ports that apps listen on: each gets one of its own from what the host offers.

Ports are given out in the order of the apps' and variables' names over the whole
composition, whichever app is chosen, so that all who ask find the same. A port
that a definition says outright is left out of the deal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.config import addresses
from stead.config.faults import TypeFault
from stead.config.ranks import Given, Slot, settle
from stead.config.recipes import beside, instances
from stead.config.references import is_plain
from stead.values.table import Definition

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from stead.config.modules import Chosen, Modules
    from stead.config.report import Report
    from stead.values.kinds import App, Host, Offer
    from stead.values.manifest import Variable
    from stead.values.platform import Platform
    from stead.values.selection import Selection

_ROLE = "host.ports."


class Listener:
    """A variable by which an app is told its port."""

    __slots__ = ("app", "given", "instance", "name", "offer", "port", "recipe")

    def __init__(
        self,
        app: App,
        name: str,
        given: Given | None,
        offer: str,
        *,
        recipe: str = "",
        instance: int = 1,
    ) -> None:
        self.app = app
        self.name = name
        self.given = given
        """The definition that prevails."""
        self.offer = offer
        """The host's offer that it is bound to; empty for none."""
        self.recipe = recipe
        """The recipe whose alone it is; empty for all that have none of their own."""
        self.instance = instance
        """Which of several of the app that run side by side."""
        self.port: int | None = None

    @property
    def key(self) -> str:
        return f"listen:{self.app.name}.{self.name}"

    @property
    def explicit(self) -> int | None:
        """The port that its definition says outright."""
        value = self.given.definition.value if self.given else None
        if not isinstance(value, str) or not is_plain(value) or value.startswith(_ROLE):
            return None
        try:
            return addresses.port(value)
        except TypeFault:
            return None


def listeners(
    modules: Modules,
    chosen: Chosen,
    slots: Mapping[str, Slot],
    settings: Mapping[tuple[str, str], list[Definition]],
    *,
    platform: Platform,
    report: Report,
) -> dict[tuple[str, str], Listener]:
    """Give every app's listeners, in the order in which they get their ports.

    For apps other than the chosen one the definitions that are for all count as
    they do for it, and ``settings`` are those for that app alone.
    """
    found = {}
    for name in sorted(modules.apps):
        app = modules.apps[name]
        for variable in sorted(app.listen, key=lambda v: v.name):
            slot = slots.get(variable.name)
            if app is chosen.app:
                given = slot.winner if slot else None
            else:
                given = _elsewhere(app, variable, slot, settings, platform=platform, report=report)
            value = variable.value
            offer = value if isinstance(value, str) else ""
            offer = offer.strip("${}").removeprefix(_ROLE) if _ROLE in offer else ""
            found[name, variable.name] = Listener(app, variable.name, given, offer)
    return found


def further(
    listeners: Mapping[tuple[str, str], Listener], modules: Modules, chosen: Chosen
) -> list[Listener]:
    """Give the listeners that are needed besides: for each app that runs more than once.

    That is where the recipe counts several, and where another recipe of the same
    target runs the app as well: the first of them has the port that all know.
    """
    if chosen.recipe is None:
        return []
    target = chosen.target.name if chosen.target else ""
    found = []
    seen = set()
    for recipe in beside(modules, chosen.recipe, target):
        for app in [modules.apps[n] for n in sorted(set(recipe.apps)) if n in modules.apps]:
            for instance in range(1, instances(recipe, app, target) + 1):
                if instance == 1 and app.name not in seen:
                    continue
                found += [
                    Listener(app, x.name, x.given, x.offer, recipe=recipe.name, instance=instance)
                    for x in listeners.values()
                    if x.app is app
                ]
            seen.add(app.name)
    return found


def take_own(
    listeners: Mapping[tuple[str, str], Listener],
    more: Iterable[Listener],
    chosen: Chosen,
    selection: Selection,
    report: Report,
) -> None:
    """Give the listeners of the chosen recipe and instance their own ports."""
    recipe = chosen.recipe.name if chosen.recipe else ""
    for one in more:
        wanted = selection.instance if one.app is chosen.app else 1
        if one.recipe != recipe or one.instance != wanted:
            continue
        known = listeners[one.app.name, one.name]
        if known.given is not None and known.explicit is not None:
            definition = known.given.definition
            report.add(
                f"{_who(known)} is {known.explicit}, and more than one of it is to run there",
                definition.origin,
                remedy="bind it to a range of the host's: host.ports.NAME",
            )
        known.port = one.port


def assign(
    listeners: Mapping[tuple[str, str], Listener],
    more: Sequence[Listener],
    host: Host | None,
    report: Report,
    *,
    chosen: Chosen,
    others: frozenset[int] = frozenset(),
) -> dict[str, int]:
    """Give each listener without a port the first free one of its offer; ``more`` come last.

    Those of the chosen recipe whose port ``others`` have on the machine get a further one, where
    the offer has any; so what is dealt alike everywhere stays so wherever nobody is in the way.
    Returns for each offer the port that a reference to it means where nobody in
    particular asks: the only listener's, else the first that is free.
    """
    ranges: dict[str, tuple[int, int]] = {}
    for offer in host.ports if host else ():
        bounds = port_range(offer)
        if bounds is None:
            report.add(
                f"host {host.name if host else ''} offers ports.{offer.name} = {offer.value!r}: "
                "expected a port or a range",
                offer.origin,
                remedy='write it as "8000-8099" or "8080"',
            )
        else:
            ranges[offer.name] = bounds
    taken = set()
    for listener in listeners.values():
        listener.port = listener.explicit
        if listener.port is not None:
            taken.add(listener.port)
    full: set[str] = set()
    tried = {name: low for name, (low, _) in ranges.items()}
    for listener in (*listeners.values(), *more):
        if listener.port is not None or listener.offer not in ranges or not _is_bound(listener):
            continue
        free, high = tried[listener.offer], ranges[listener.offer][1]
        while free in taken:
            free += 1
        tried[listener.offer] = free
        if free > high:
            full.add(listener.offer)
            continue
        listener.port = free
        taken.add(free)
    for offer_name in sorted(full):
        _report_full(offer_name, (*listeners.values(), *more), host, report)
    recipe = chosen.recipe.name if chosen.recipe else ""
    for listener in (*listeners.values(), *more) if others else ():
        if listener.port in others and _is_bound(listener) and listener.recipe in ("", recipe):
            low, high = ranges.get(listener.offer, (1, 0))
            free = next((p for p in range(low, high + 1) if p not in taken | others), 0)
            if free:
                listener.port = free
                taken.add(free)
    general = {}
    for name, (low, high) in ranges.items():
        own = [x.port for x in listeners.values() if x.offer == name and x.port is not None]
        free = next((port for port in range(low, high + 1) if port not in taken), low)
        general[name] = own[0] if len(own) == 1 else free
    return general


def check_ports(
    listeners: Mapping[tuple[str, str], Listener], host: Host | None, report: Report
) -> None:
    """Check that ports which were given outright lie in their offers, and are nobody else's."""
    offers = {offer.name: offer for offer in host.ports} if host else {}
    by_port: dict[int, Listener] = {}
    for listener in listeners.values():
        if listener.port is None or listener.given is None:
            continue
        definition = listener.given.definition
        offer = offers.get(listener.offer)
        bounds = port_range(offer) if offer else None
        if host and offer and bounds and not bounds[0] <= listener.port <= bounds[1]:
            report.add(
                f"{listener.name} is {listener.port}, and host {host.name} offers "
                f"{offer.value} as ports.{offer.name}",
                definition.origin,
                details=[
                    f"{listener.port} ({report.by(definition.by, definition.origin)})",
                    f"{offer.value} ({report.by(f'host {host.name}', offer.origin)})",
                ],
                remedy="take a port of that range, or widen it",
            )
        if not listener.offer:
            continue
        other = by_port.setdefault(listener.port, listener)
        if other is not listener and other.given is not None:
            first = other.given.definition
            report.add(
                f"{_who(other)} and {_who(listener)} both get port {listener.port}",
                definition.origin,
                details=[
                    f"{_who(other)} ({report.by(first.by, first.origin)})",
                    f"{_who(listener)} ({report.by(definition.by, definition.origin)})",
                ],
                remedy="give one of them another, or leave the choice to Stead",
            )


def port_range(offer: Offer) -> tuple[int, int] | None:
    """Read ``8000-8099`` or ``8080``; None for what is neither."""
    first, dash, last = offer.value.partition("-")
    try:
        low = addresses.port(first.strip())
        high = addresses.port(last.strip()) if dash else low
    except TypeFault:
        return None
    return (low, high) if low <= high else None


def _is_bound(listener: Listener) -> bool:
    """Say whether a listener takes its port from the host, and nothing else prevails."""
    return listener.given is not None and listener.given.role == "listen"


def _elsewhere(
    app: App,
    variable: Variable,
    slot: Slot | None,
    settings: Mapping[tuple[str, str], list[Definition]],
    *,
    platform: Platform,
    report: Report,
) -> Given | None:
    own = Slot(variable.name)
    own.implied = "port"
    for value, role in ((variable, "listen"), *((v, "") for v in app.variables)):
        if value.name == variable.name and value.value is not None:
            definition = Definition(
                variable.name, value.value, "app", by=f"app {app.name}",
                base=value.base or app.base, origin=value.origin,
            )  # fmt: skip
            own.given.append(Given(definition, role=role))
    if slot is not None:
        own.given += [
            g for g in slot.given if g.definition.rank not in ("app", "client") and g.role != "own"
        ]
    own.given += [Given(d) for d in settings.get((app.name, variable.name), ())]
    settle(own, platform, report)
    return own.winner


def _report_full(
    name: str, listeners: Iterable[Listener], host: Host | None, report: Report
) -> None:
    assert host is not None
    offer = next(o for o in host.ports if o.name == name)
    wanting = [x for x in listeners if x.offer == name and x.given is not None]
    report.add(
        f"host {host.name} offers {offer.value} as ports.{name}, "
        f"too few for the {len(wanting)} that listen there",
        offer.origin,
        details=[f"{_who(x)} ({report.at(x.given.definition.origin)})" for x in wanting if x.given],
        remedy="offer a wider range, or give some of them another",
    )


def _who(listener: Listener) -> str:
    further = f" {listener.instance}" if listener.instance > 1 else ""
    of = f" of recipe {listener.recipe}" if listener.recipe else ""
    return f"{listener.name} of app {listener.app.name}{further}{of}"

"""Configuration, bound: from all that declares and defines to one checked table.

The steps are those of :func:`resolve`, in order. Every mistake becomes a finding;
none hides another, and none is raised.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.config.check_texts import CheckTexts, applying_checks, health_checks
from stead.config.choice import choose_host, choose_net, endpoint_of, endpoints_of, need
from stead.config.entries import drift, files_of, make_entries, without_secret
from stead.config.evaluate import Evaluator
from stead.config.gather import gather
from stead.config.listeners import assign, check_ports, further, listeners, take_own
from stead.config.misuse import check_defaults, check_names, check_secrets
from stead.config.modules import choose, index
from stead.config.nodes import Node
from stead.config.offers import Roles
from stead.config.outcome import drift_findings
from stead.config.ranks import settle
from stead.config.references import parse as parse_references
from stead.config.report import Report
from stead.config.terms import check_limits, check_terms
from stead.values.errors import ManifestError
from stead.values.frozen import replace
from stead.values.origin import NOWHERE
from stead.values.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stead.config.choice import Need
    from stead.config.listeners import Listener
    from stead.config.modules import Chosen
    from stead.config.ranks import Given, Slot
    from stead.values.kinds import Endpoint, Net, Raw
    from stead.values.platform import Platform
    from stead.values.selection import Selection
    from stead.values.spec import Configuration


def resolve(
    configuration: Configuration,
    selection: Selection,
    *,
    platform: Platform,
    ambient: Mapping[str, str],
    place: str,
) -> Table:
    """Compute the table of variables of one environment.

    ``ambient`` is the caller's environment, of which only adopted names count;
    ``place`` the absolute directory that messages show files relative to. Values
    of ``.env`` and adopted ones mean themselves, those of all other ranks may
    refer to others. The result depends on nothing else, and not on any order.
    """
    report = Report(place)
    modules = index(configuration.kinds, report)
    by_manifest = selection.app == configuration.app
    app_at = dict(configuration.chosen_at).get("app", NOWHERE) if by_manifest else NOWHERE
    chosen = choose(modules, selection, report, app_at=app_at)
    slots, elsewhere = gather(
        configuration, selection, modules, chosen=chosen, ambient=ambient, report=report
    )
    slots = dict(sorted(slots.items()))
    for slot in slots.values():
        settle(slot, platform, report)
    paths = sorted(configuration.paths, key=lambda p: (p.name, p.origin.file, p.origin.line))
    evaluator = Evaluator(
        paths,
        ambient=ambient,
        adopt=configuration.adopt,
        platform=platform,
        report=report,
    )
    sides = _make_nodes(slots, evaluator, platform)
    ports = listeners(modules, chosen, slots, elsewhere, platform=platform, report=report)
    applying = applying_checks(configuration, chosen, modules)
    checks = CheckTexts(applying, evaluator, report)
    health = CheckTexts(health_checks(chosen, selection.instance), evaluator, report, "health")
    needs = _needs(slots, evaluator) + checks.needs() + health.needs()
    net = choose_net(modules, chosen, selection, configuration, needs=needs, report=report)
    needs += _needs_of_net(net, needs, ports)
    host = choose_host(
        modules, chosen, selection, configuration,
        needs=needs, endpoints=_used(net, needs), report=report,
    )  # fmt: skip
    more = further(ports, modules, chosen)
    general = assign(ports, more, host, report, chosen=chosen, others=selection.taken)
    take_own(ports, more, chosen, selection, report)
    _give_ports(ports, chosen, evaluator)
    evaluator.special = Roles(
        modules, host, net, app=chosen.app, listeners=ports, general=general, report=report
    ).special
    entries = make_entries(
        slots, evaluator, sides=sides, configuration=configuration, chosen=chosen, report=report
    )
    expanded, holding = checks.expanded(), health.expanded()
    check_ports(ports, host, report)
    check_terms(net, host, slots, evaluator, report)
    check_limits(host, modules, slots, evaluator, platform=platform, report=report)
    check_names(slots, modules, report)
    check_secrets(slots, report)
    check_defaults(slots, platform, report)
    app = chosen.app
    table = Table(
        entries=entries,
        selection=replace(
            selection,
            app=app.name if app else selection.app,
            target=chosen.target.name if chosen.target else selection.target,
            host=host.name if host else selection.host,
            net=net.name if net else selection.net,
            settings=tuple([without_secret(d, slots) for d in selection.settings]),
        ),
        app=app,
        paths=tuple(paths),
        files=files_of(configuration, chosen),
        checks=expanded,
        health=holding,
        drift=drift(entries, configuration, ambient),
    )
    for finding in drift_findings(table, ambient):
        report.put(finding)
    return replace(table, findings=report.sorted())


def _make_nodes(
    slots: Mapping[str, Slot], evaluator: Evaluator, platform: Platform
) -> dict[str, str]:
    """Make a node of each variable that is defined; gives those that add to what is there."""
    sides = {}
    for name, slot in slots.items():
        winner = slot.winner
        if winner is None or winner.definition.value is None:
            evaluator.taken_away.add(name)
            continue
        raw = winner.definition.value
        side = "" if winner.literal else _side(name, raw, platform.path_separator)
        if side:
            sides[name] = side
            evaluator.open_ended.add(name)
            raw = _rest(name, raw, side, platform.path_separator)
            evaluator.nodes[f"list:{name}"] = _node(slot, winner, raw)
        else:
            evaluator.nodes[name] = _node(slot, winner, raw)
    return sides


def _node(slot: Slot, given: Given, raw: Raw) -> Node:
    d = given.definition
    return Node(
        slot.name, raw, kind=slot.type, base=d.base, origin=d.origin, by=d.by, rank=d.rank,
        scope=given.scope, role=given.role, literal=given.literal,
    )  # fmt: skip


def _side(name: str, raw: Raw, separator: str) -> str:
    """Say on which side a variable adds to itself; empty if it does not."""
    me = f"${{{name}}}"
    if isinstance(raw, tuple):
        if len(raw) < 2 or raw.count(me) != 1:
            return ""
        return "prepend" if raw[-1] == me else "append" if raw[0] == me else ""
    if me not in raw or raw.count(me) != 1:
        return ""
    if raw.endswith(separator + me) and len(raw) > len(separator + me):
        at, side = -1, "prepend"
    elif raw.startswith(me + separator) and len(raw) > len(me + separator):
        at, side = 0, "append"
    else:
        return ""
    try:
        # An odd dollar before it is the escape of this one.
        last = parse_references(raw)[at]
    except ManifestError:
        return ""
    return "" if isinstance(last, str) else side


def _rest(name: str, raw: Raw, side: str, separator: str) -> Raw:
    if isinstance(raw, tuple):
        return raw[:-1] if side == "prepend" else raw[1:]
    size = len(f"${{{name}}}") + len(separator)
    return raw[:-size] if side == "prepend" else raw[size:]


def _needs(slots: Mapping[str, Slot], evaluator: Evaluator) -> list[Need]:
    """List what the definitions that prevail ask of a host and a net."""
    found = []
    for name in slots:
        node = evaluator.nodes.get(name) or evaluator.nodes.get(f"list:{name}")
        for reference in evaluator.references(node) if node else ():
            wanted = need(reference, node.by, node.origin) if node else None
            if wanted is not None:
                found.append(wanted)
    return found


def _used(net: Net | None, needs: Iterable[Need]) -> list[Endpoint]:
    endpoints = endpoints_of(net)
    names = dict.fromkeys(n.name for n in needs if n.role == "net")
    found = [endpoint_of(endpoints, name)[0] for name in names]
    return [endpoint for endpoint in found if endpoint is not None]


def _needs_of_net(
    net: Net | None, needs: Iterable[Need], ports: Mapping[tuple[str, str], Listener]
) -> list[Need]:
    """List what the listeners ask of a host that endpoints in use lead to."""
    found = []
    for endpoint in _used(net, needs):
        for (app, name), listener in ports.items():
            if app == endpoint.app and endpoint.listener in (name, "") and listener.given:
                d = listener.given.definition
                if listener.given.role == "listen" and listener.offer:
                    wanted = need(f"host.ports.{listener.offer}", d.by, d.origin)
                    found += [wanted] if wanted else []
    return found


def _give_ports(
    ports: Mapping[tuple[str, str], Listener], chosen: Chosen, evaluator: Evaluator
) -> None:
    for listener in ports.values():
        if listener.app is not chosen.app or listener.port is None:
            continue
        node = evaluator.nodes.get(listener.name)
        if node is not None and node.role == "listen":
            node.parts = [(str(listener.port),)]

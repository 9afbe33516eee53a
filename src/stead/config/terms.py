"""What nets and hosts ask of those who use them: TLS, schemes, connections, limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.config import addresses
from stead.config.choice import endpoint_of, endpoints_of
from stead.config.faults import TypeFault
from stead.config.report import listed, suggestion
from stead.config.types import check_type, parse
from stead.values.frozen import replace

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stead.config.evaluate import Evaluator
    from stead.config.modules import Modules
    from stead.config.nodes import Node, Value
    from stead.config.ranks import Slot
    from stead.config.report import Report
    from stead.values.kinds import Client, Endpoint, Host, Lib, Limit, Net
    from stead.values.platform import Platform

_PLACEHOLDER = "x"


class _Use:
    """A variable that leads to an endpoint, directly or by way of other variables."""

    __slots__ = ("address", "node", "slot", "unknown")

    def __init__(
        self, slot: Slot, node: Node, address: addresses.Address | None, *, unknown: bool
    ) -> None:
        self.slot = slot
        self.node = node
        self.address = address
        """Taken apart, for one that is a URL."""
        self.unknown = unknown
        """It has no value, for a reason that is reported; so there is nothing to check in it."""

    @property
    def clients(self) -> list[Client]:
        return [client for client, _, _ in self.slot.exports if client is not None]


def check_terms(
    net: Net | None,
    host: Host | None,
    slots: Mapping[str, Slot],
    evaluator: Evaluator,
    report: Report,
) -> None:
    """Check every endpoint that is referred to against all who do."""
    if net is None:
        return
    uses = _uses(net, slots, evaluator)
    endpoints = endpoints_of(net)
    for name in sorted(uses):
        endpoint = endpoints[name]
        _check_sources(net, host, endpoint, uses[name], report)
        for use in uses[name]:
            _check_scheme(net, endpoint, use, report)
        if endpoint.tls is not None:
            _check_tls(net, endpoint, uses[name], report)
        _check_connections(net, endpoint, uses[name], slots, evaluator=evaluator, report=report)


def _uses(net: Net, slots: Mapping[str, Slot], evaluator: Evaluator) -> dict[str, list[_Use]]:
    """Find by endpoint the variables that lead there; what only passes it on is left out."""
    endpoints = endpoints_of(net)
    direct: dict[str, list[str]] = {}
    for name in slots:
        node = evaluator.nodes.get(name)
        for reference in node.refers if node else ():
            if reference.startswith("net."):
                endpoint, _ = endpoint_of(endpoints, reference[len("net.") :])
                if endpoint is not None and endpoint.name not in direct.setdefault(name, []):
                    direct[name].append(endpoint.name)
    if not direct:
        return {}
    reached = _spread(direct, slots, evaluator)
    found: dict[str, list[_Use]] = {}
    for name in slots:
        if name in reached:
            slot, node = slots[name], evaluator.nodes[name]
            value = evaluator.value(name)
            address = _address(value) if value and value.kind == "url" else None
            use = _Use(slot, node, address, unknown=value is None)
            for endpoint_name in reached[name]:
                found.setdefault(endpoint_name, []).append(use)
    return found


def _spread(
    direct: Mapping[str, list[str]], slots: Mapping[str, Slot], evaluator: Evaluator
) -> dict[str, list[str]]:
    """Follow references from what names an endpoint to all that is made of it."""
    users: dict[str, list[str]] = {}
    for name in slots:
        node = evaluator.nodes.get(name)
        for reference in node.refers if node else ():
            if reference in slots:
                users.setdefault(reference, []).append(name)
    reached = {name: dict.fromkeys(endpoints) for name, endpoints in direct.items()}
    waiting = list(direct)
    while waiting:
        name = waiting.pop()
        if slots[name].type.name == "url":
            continue  # an address is checked itself, and so not again within another
        for user in users.get(name, ()):
            known = reached.setdefault(user, {})
            if not reached[name].keys() <= known.keys():
                known.update(reached[name])
                waiting.append(user)
    return {name: sorted(endpoints) for name, endpoints in reached.items()}


def check_limits(
    host: Host | None,
    modules: Modules,
    slots: Mapping[str, Slot],
    evaluator: Evaluator,
    *,
    platform: Platform,
    report: Report,
) -> None:
    """Check values against what the host allows of them."""
    if host is None or not host.limits:
        return
    exported: dict[tuple[str, str], list[Slot]] = {}
    for slot in slots.values():
        for lib, own in {(lib.name, own) for _, lib, own in slot.exports}:
            exported.setdefault((lib, own), []).append(slot)
            exported.setdefault(("", own), []).append(slot)
    for limit in host.limits:
        lib, dot, name = limit.variable.rpartition(".")
        if dot:
            known = modules.libs.get(lib)
            names = [d.name for d in known.accepts] if known else []
            if known and name not in names:
                report.add(
                    f"host {host.name} limits {limit.variable}, which lib {lib} does not accept",
                    limit.origin,
                    remedy=suggestion(name, names),
                )
            affected = exported.get((lib, name), [])
        else:
            affected = list(dict.fromkeys(exported.get(("", name), [])))
            if name in slots and slots[name] not in affected:
                affected.append(slots[name])
        for slot in affected:
            value = evaluator.value(slot.name) if slot.name in evaluator.nodes else None
            if value is not None:
                _check_limit(host, limit, slot, value, platform=platform, report=report)


def _check_limit(
    host: Host, limit: Limit, slot: Slot, value: Value, *, platform: Platform, report: Report
) -> None:
    kind = replace(limit.type, name=slot.type.name)
    if faults := check_type(replace(kind, choices=kind.choices or slot.type.choices)):
        report.add(
            f"host {host.name} limits {limit.variable} in a way that makes no sense: {faults[0]}",
            limit.origin,
            remedy="leave that limit out",
        )
        return
    if value.pieces or slot.winner is None:
        return
    try:
        parse(kind, value.text, platform, "/")
    except TypeFault as fault:
        definition = slot.winner.definition
        allowed = fault.message.removeprefix("expected ")
        report.add(
            f"{slot.name} is {value.text!r}, and host {host.name} allows {allowed}",
            definition.origin,
            details=[
                f"{value.text!r} ({report.by(definition.by, definition.origin)})",
                f"{allowed} ({report.by(f'host {host.name}', limit.origin)})",
            ],
            remedy="take a value that the host allows, or another host",
        )


def _check_sources(
    net: Net, host: Host | None, endpoint: Endpoint, uses: Iterable[_Use], report: Report
) -> None:
    if not endpoint.sources or (host and host.name in endpoint.sources):
        return
    where = f"not from host {host.name}" if host else "and no host is chosen"
    for use in uses:
        report.add(
            f"{endpoint.name} of net {net.name} is reached from {listed(endpoint.sources, 'or')} "
            f"alone, {where} ({_by(use, report)})",
            use.node.origin,
            details=[f"{endpoint.name} ({report.at(endpoint.origin)})"],
            remedy="choose another host or net, or add the host to its `from`",
        )


def _check_scheme(net: Net, endpoint: Endpoint, use: _Use, report: Report) -> None:
    if not endpoint.scheme:
        return
    spoken = endpoint.scheme.lower()
    if use.address and use.address.scheme != spoken:
        asks = f"asks it for {use.address.scheme}"
    elif use.address is None and use.slot.type.schemes and spoken not in use.slot.type.schemes:
        asks = f"takes {listed(use.slot.type.schemes, 'or')}"
    else:
        return
    report.add(
        f"{endpoint.name} of net {net.name} speaks {endpoint.scheme}, "
        f"and {use.slot.name} {asks} ({_by(use, report)})",
        use.node.origin,
        details=[f"{endpoint.name} ({report.at(endpoint.origin)})"],
        remedy=f"write {endpoint.scheme}://…, or name the endpoint that is meant",
    )


def _check_tls(net: Net, endpoint: Endpoint, uses: list[_Use], report: Report) -> None:
    """Check that who uses an endpoint speaks TLS where it does, and not where it does not.

    A URL shows it. A client that has none says so itself, once for all it sets;
    of a variable that is nobody's and no URL there is nothing to be known.
    """
    shown = {c.name for use in uses if use.address or use.unknown for c in use.clients}
    asked: set[str] = set()
    said = "true" if endpoint.tls else "false"
    for use in uses:
        claims = {client.tls for client in use.clients}
        names = {client.name for client in use.clients}
        if use.unknown:
            continue
        if use.address is not None:
            speaks = use.address.speaks_tls or True in claims
        elif not names or names & (shown | asked):
            continue
        else:
            asked |= names
            speaks = True in claims
        if speaks == endpoint.tls:
            continue
        if endpoint.tls:
            remedy = "say tls = true in the client, if it speaks TLS"
            if use.address:
                remedy = f"write {_with_tls(use.address)}, or {remedy}"
            how = "speaks TLS"
            what = "does not ask for it"
        else:
            remedy = "name an endpoint that does, or ask without TLS"
            how = "speaks no TLS"
            what = "asks for it"
        report.add(
            f"{endpoint.name} of net {net.name} {how}, and {use.slot.name} {what} "
            f"({_by(use, report)})",
            use.node.origin,
            details=[f"tls = {said} ({report.by(f'net {net.name}', endpoint.origin)})"],
            remedy=remedy,
        )


def _with_tls(address: addresses.Address) -> str:
    scheme = address.scheme
    if scheme.partition("+")[0] in ("postgres", "postgresql"):
        return "?sslmode=verify-full at its end"
    if f"{scheme}s" in addresses.TLS_SCHEMES:
        return f"{scheme}s://…"
    return "?tls=true at its end"


def _address(value: Value) -> addresses.Address | None:
    text = value.text
    if value.pieces:
        if not isinstance(value.pieces[0][0], str):
            return None
        text = "".join([p if isinstance(p, str) else _PLACEHOLDER for p, _ in value.pieces])
    try:
        return addresses.url(text)
    except TypeFault:
        return None


def _check_connections(
    net: Net,
    endpoint: Endpoint,
    uses: Iterable[_Use],
    slots: Mapping[str, Slot],
    *,
    evaluator: Evaluator,
    report: Report,
) -> None:
    """Add up what all who use an endpoint open there."""
    if endpoint.connections is None:
        return
    users: dict[str, tuple[Client | None, Lib]] = {}
    for use in uses:
        for client, lib, _ in use.slot.exports:
            users.setdefault(
                f"client {client.name}" if client else f"lib {lib.name}", (client, lib)
            )
    counted = []
    total = 0
    for who in sorted(users):
        client, lib = users[who]
        name = (client.prefix if client and lib.prefix else "") + lib.connections
        slot = slots.get(name) if lib.connections else None
        value = evaluator.value(name) if slot and name in evaluator.nodes else None
        if value is None or slot is None or slot.winner is None or not value.text.isdigit():
            continue
        total += int(value.text)
        origin = slot.winner.definition.origin
        counted.append(f"{value.text} by {who} ({name}, {report.at(origin)})")
    if total > endpoint.connections:
        report.add(
            f"{endpoint.name} of net {net.name} takes {endpoint.connections} connections, "
            f"and together the clients open {total}",
            endpoint.origin,
            details=counted,
            remedy="let some of them open fewer",
        )


def _by(use: _Use, report: Report) -> str:
    return report.by(use.node.by, use.node.origin)

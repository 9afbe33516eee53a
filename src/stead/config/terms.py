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

    from stead.config.evaluate import Evaluator, Node, Value
    from stead.config.modules import Modules
    from stead.config.ranks import Slot
    from stead.config.report import Report
    from stead.values.kinds import Client, Endpoint, Host, Lib, Limit, Net
    from stead.values.platform import Platform

_PLACEHOLDER = "x"


class _Use:
    """A variable that refers to an endpoint."""

    __slots__ = ("endpoint", "node", "slot", "whole")

    def __init__(self, slot: Slot, node: Node, endpoint: Endpoint, part: str) -> None:
        self.slot = slot
        self.node = node
        self.endpoint = endpoint
        self.whole = part == ""


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
    endpoints = endpoints_of(net)
    uses: dict[str, list[_Use]] = {}
    for name, slot in slots.items():
        node = evaluator.nodes.get(name)
        if node is None or not node.refers:
            continue
        for reference in node.refers:
            if reference.startswith("net."):
                endpoint, part = endpoint_of(endpoints, reference[len("net.") :])
                if endpoint is not None:
                    uses.setdefault(endpoint.name, []).append(_Use(slot, node, endpoint, part))
    for name in sorted(uses):
        used = sorted(uses[name], key=lambda u: u.node.name)
        endpoint = used[0].endpoint
        _check_sources(net, host, endpoint, used, report)
        for use in used:
            _check_use(net, use, evaluator.value(use.node.name), report)
        _check_connections(net, endpoint, used, slots, evaluator=evaluator, report=report)


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
            affected = [slots[name]] if name in slots else []
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


def _check_use(net: Net, use: _Use, value: Value | None, report: Report) -> None:
    if value is None:
        return
    endpoint = use.endpoint
    address = _address(value) if value.kind == "url" and use.whole else None
    if address and endpoint.scheme and address.scheme != endpoint.scheme.lower():
        report.add(
            f"{endpoint.name} of net {net.name} speaks {endpoint.scheme}, "
            f"and {use.slot.name} asks it for {address.scheme} ({_by(use, report)})",
            use.node.origin,
            details=[f"{endpoint.name} ({report.at(endpoint.origin)})"],
            remedy=f"write {endpoint.scheme}://…, or name the endpoint that is meant",
        )
    schemes = use.slot.type.schemes
    if address is None and endpoint.scheme and schemes and endpoint.scheme not in schemes:
        report.add(
            f"{endpoint.name} of net {net.name} speaks {endpoint.scheme}, "
            f"and {use.slot.name} takes {listed(schemes, 'or')} ({_by(use, report)})",
            use.node.origin,
            details=[f"{endpoint.name} ({report.at(endpoint.origin)})"],
            remedy="name the endpoint that is meant",
        )
    if endpoint.tls is None:
        return
    clients = [client for client, _, _ in use.slot.exports if client is not None]
    claims = {client.tls for client in clients}
    speaks = (address is not None and address.speaks_tls) or True in claims
    if endpoint.tls and not speaks:
        remedy = "say tls = true in the client, if it speaks TLS"
        if address:
            remedy = f"write {_with_tls(address)}, or {remedy}"
        report.add(
            f"{endpoint.name} of net {net.name} speaks TLS, and {use.slot.name} does not "
            f"ask for it ({_by(use, report)})",
            use.node.origin,
            details=[f"tls = true ({report.by(f'net {net.name}', endpoint.origin)})"],
            remedy=remedy,
        )
    elif not endpoint.tls and speaks:
        report.add(
            f"{endpoint.name} of net {net.name} speaks no TLS, and {use.slot.name} asks for it "
            f"({_by(use, report)})",
            use.node.origin,
            details=[f"tls = false ({report.by(f'net {net.name}', endpoint.origin)})"],
            remedy="name an endpoint that does, or ask without TLS",
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

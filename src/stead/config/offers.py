"""What references by role come to: the offers of a host, the endpoints of a net."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.config.choice import KINDS_OF_OFFERS, endpoint_of, endpoints_of, offers_of
from stead.config.nodes import Node, Value
from stead.config.references import Reference
from stead.config.report import listed, suggestion
from stead.values.errors import ManifestError
from stead.values.kinds import Type
from stead.values.secret import parse_reference

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stead.config.listeners import Listener
    from stead.config.modules import Modules
    from stead.config.report import Report
    from stead.values.kinds import App, Endpoint, Host, Net, Offer

_PATH = Type("path")
_HOST = Type("host")
_PORT = Type("port")


class Roles:
    """What references by role come to, for one host and net."""

    def __init__(
        self,
        modules: Modules,
        host: Host | None,
        net: Net | None,
        *,
        app: App | None,
        listeners: Mapping[tuple[str, str], Listener],
        general: Mapping[str, int],
        report: Report,
    ) -> None:
        self._apps = modules.apps
        self._host = host
        self._net = net
        self._endpoints = endpoints_of(net)
        self._app = app
        self._listeners = listeners
        self._general = general
        self._report = report
        self._offers: dict[tuple[str, str], Offer] = {}
        for kind in KINDS_OF_OFFERS:
            self._offers |= {(kind, o.name): o for o in offers_of(host, kind)}

    def special(self, key: str, user: Node) -> Node | Value | None:
        """Give the node or value of a reference by role; None for what was reported as missing."""
        role, _, rest = key.partition(".")
        if role == "net":
            return self._of_net(key, rest)
        kind, _, name = ("data", "", rest) if role == "data" else rest.partition(".")
        offer = self._offers.get((kind, name))
        if offer is None or self._host is None:
            return None
        if kind == "ports":
            port = self._general.get(name)
            return None if port is None else Value("port", str(port))
        if kind == "secrets":
            return self._secret(offer)
        by = f"host {self._host.name}"
        return Node(
            f"{kind}.{name} of {by}", offer.value, kind=_PATH,
            base=self._host.base, origin=offer.origin, by=by,
        )  # fmt: skip

    def _secret(self, offer: Offer) -> Value | None:
        assert self._host is not None
        who = f"secrets.{offer.name} of host {self._host.name}"
        try:
            reference = parse_reference(offer.value, self._host.base, offer.origin)
        except ManifestError as error:
            self._report.add(f"{who}: {error.message}", offer.origin, remedy=error.remedy)
            return None
        if reference is None:
            self._report.add(
                f"{who} is no reference: a secret stands in a tracked file",
                offer.origin,
                remedy="change that secret, and offer a reference to it, such as age:FILE#KEY",
            )
            return None
        return Value("secret", "", ((reference, ""),))

    def _of_net(self, key: str, name: str) -> Node | None:
        endpoint, part = endpoint_of(self._endpoints, name)
        if endpoint is None or self._net is None:
            return None
        by, origin = f"net {self._net.name}", endpoint.origin
        if part == "host":
            return Node(
                f"the host of {endpoint.name}", endpoint.host or "localhost",
                kind=_HOST, origin=origin, by=by,
            )  # fmt: skip
        if part == "port":
            return self._port(endpoint, by)
        node = Node(key, "", origin=origin, by=by, role="address")
        whole: tuple[str | Reference, ...] = (Reference(f"{key}.host"),)
        if endpoint.port or endpoint.app:
            whole = (*whole, ":", Reference(f"{key}.port"))
        node.raw, node.parts = "address", [whole]
        node.refers = tuple([p.text for p in whole if isinstance(p, Reference)])
        return node

    def _port(self, endpoint: Endpoint, by: str) -> Node | None:
        node = Node(
            f"the port of {endpoint.name}", endpoint.port,
            kind=_PORT, origin=endpoint.origin, by=by,
        )  # fmt: skip
        if not endpoint.app:
            if endpoint.port:
                return node
            self._report.add(
                f"{endpoint.name} of {by} has no port",
                endpoint.origin,
                remedy=f"say which: {endpoint.name} = {{ host = …, port = … }}",
            )
            return None
        listener = self.listener(endpoint)
        if listener is None:
            return None
        if listener.app is self._app:
            node.raw, node.parts = "listener", [(Reference(listener.name),)]
            node.refers = (listener.name,)
            return node
        if listener.given is None or listener.given.definition.value is None:
            return None
        definition = listener.given.definition
        text = definition.value or "" if listener.port is None else str(listener.port)
        return Node(
            f"{listener.name} of app {listener.app.name}", text, kind=_PORT,
            base=definition.base, origin=definition.origin, by=definition.by,
            role=listener.given.role,
        )  # fmt: skip

    def listener(self, endpoint: Endpoint) -> Listener | None:
        """Find the listener that an endpoint names; reports one that is not there."""
        app = self._apps.get(endpoint.app)
        if app is None:
            self._report.add(
                f"{endpoint.name} names app {endpoint.app}, which is not here",
                endpoint.origin,
                remedy=suggestion(endpoint.app, self._apps, "use the module that it stands in"),
            )
            return None
        names = [v.name for v in app.listen]
        name = endpoint.listener or (names[0] if len(names) == 1 else "")
        found = self._listeners.get((app.name, name))
        if found is None:
            what = f"listener {name}" if name else "a listener"
            self._report.add(
                f"{endpoint.name} needs {what} of app {app.name}, which has "
                + (listed(names) if names else "none"),
                endpoint.origin,
                remedy=suggestion(name, names, f"add it to listen of [app.{app.name}]"),
            )
        return found

"""Which host and which net a composition gets.

The one that the command line, the target, the recipe or the place names; else
the only one that offers all that is referred to by role.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from stead.config.report import listed, suggestion
from stead.values.frozen import dataclass
from stead.values.origin import NOWHERE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from stead.config.modules import Chosen, Modules
    from stead.config.report import Report
    from stead.values.kinds import Endpoint, Host, Net, Offer
    from stead.values.origin import Origin
    from stead.values.selection import Selection
    from stead.values.spec import Configuration

    Choice = TypeVar("Choice", Host, Net)

KINDS_OF_OFFERS = ("ports", "paths", "data", "secrets")

_USERS = 4
"""How many of those who need something are named."""


@dataclass(frozen=True, slots=True)
class Need:
    """Something that is referred to by role."""

    role: str
    """``host`` or ``net``."""
    kind: str
    """``ports``, ``paths``, ``data``, ``secrets``; empty for an endpoint."""
    name: str
    by: str
    origin: Origin

    @property
    def shown(self) -> str:
        return f"{self.kind}.{self.name}" if self.kind else self.name


Named = tuple[str, str]
"""A name that was chosen, and by whom."""


def need(reference: str, by: str, origin: Origin) -> Need | None:
    """Say what a reference asks of a host or net; None for one that asks nothing."""
    role, _, rest = reference.partition(".")
    if role == "host":
        kind, _, name = rest.partition(".")
        return Need("host", kind, name, by, origin)
    if role == "data":
        return Need("host", "data", rest, by, origin)
    return Need("net", "", rest, by, origin) if role == "net" else None


def endpoints_of(net: Net | None) -> dict[str, Endpoint]:
    """Give a net's endpoints by name."""
    return {e.name: e for e in net.endpoints} if net else {}


def endpoint_of(endpoints: Mapping[str, Endpoint], name: str) -> tuple[Endpoint | None, str]:
    """Find what ``db``, ``db.host`` or ``db.port`` means: an endpoint, and which part of it."""
    if name in endpoints:
        return endpoints[name], ""
    head, _, part = name.rpartition(".")
    return (endpoints.get(head), part) if part in ("host", "port") else (None, "")


def choose_net(
    modules: Modules,
    chosen: Chosen,
    selection: Selection,
    configuration: Configuration,
    *,
    needs: Sequence[Need],
    report: Report,
) -> Net | None:
    """Find the net whose endpoints count."""
    recipe = chosen.recipe
    named = [(selection.net, "--net")]
    if recipe:
        named.append((recipe.net, f"recipe {recipe.name}"))
    named.append((configuration.net, "net"))
    known = {name: endpoints_of(net) for name, net in modules.nets.items()}
    return _pick(
        "net",
        modules.nets,
        named,
        [n for n in needs if n.role == "net"],
        known=modules.nets,
        offers=lambda net, wanted: endpoint_of(known[net.name], wanted.name)[0] is not None,
        report=report,
        at=dict(configuration.chosen_at).get("net", NOWHERE),
    )


def choose_host(
    modules: Modules,
    chosen: Chosen,
    selection: Selection,
    configuration: Configuration,
    *,
    needs: Sequence[Need],
    endpoints: Iterable[Endpoint],
    report: Report,
) -> Host | None:
    """Find the host whose offers count. ``endpoints`` are those that must be reached from it."""
    recipe, target = chosen.recipe, chosen.target
    named = [(selection.host, "--host")]
    if target:
        named.append((target.host, f"target {target.name}"))
    if recipe:
        named.append((recipe.host, f"recipe {recipe.name}"))
    named.append((configuration.host, "host"))
    candidates = modules.hosts
    if recipe and recipe.targets and not target:
        of_targets = {modules.targets[t].host for t in recipe.targets if t in modules.targets}
        candidates = {n: h for n, h in candidates.items() if n in of_targets} or candidates
    sources = [set(e.sources) for e in endpoints if e.sources]
    reached = {n: h for n, h in candidates.items() if all(n in s for s in sources)}
    if len(reached) < len(candidates) and len(candidates) > 1:
        candidates = reached or candidates
    known = {
        name: {(kind, o.name) for kind in KINDS_OF_OFFERS for o in offers_of(host, kind)}
        for name, host in modules.hosts.items()
    }
    return _pick(
        "host",
        candidates,
        named,
        [n for n in needs if n.role == "host"],
        known=modules.hosts,
        offers=lambda host, wanted: (wanted.kind, wanted.name) in known[host.name],
        report=report,
        at=dict(configuration.chosen_at).get("host", NOWHERE),
    )


def offers_of(host: Host | None, kind: str) -> tuple[Offer, ...]:
    """Give what a host offers of a kind: ``ports``, ``paths``, ``data`` or ``secrets``."""
    if host is None or kind not in KINDS_OF_OFFERS:
        return ()
    offers: tuple[Offer, ...] = getattr(host, kind)
    return offers


def _pick(
    role: str,
    candidates: Mapping[str, Choice],
    named: Sequence[Named],
    needs: Sequence[Need],
    *,
    known: Mapping[str, Choice],
    offers: Callable[[Choice, Need], bool],
    report: Report,
    at: Origin,
) -> Choice | None:
    for name, who in named:
        if not name:
            continue
        if name not in known:
            # A recipe's and a target's names were checked with theirs.
            if who in ("--host", "--net", "host", "net"):
                report.add(
                    f"there is no {role} {name}"
                    + ("" if who.startswith("--") else ", which [choose] asks for"),
                    NOWHERE if who.startswith("--") else at,
                    remedy=suggestion(
                        name, known, f"declare it under [{role}.{name}], or use a module that does"
                    ),
                )
            return None
        _report_missing(f"{role} {name} offers no", [known[name]], needs, offers, report)
        return known[name]
    fitting = [n for n in sorted(candidates) if all(offers(candidates[n], x) for x in needs)]
    if len(fitting) == 1:
        return candidates[fitting[0]]
    if len(candidates) == 1:
        (only,) = candidates.values()
        _report_missing(f"{role} {only.name} offers no", [only], needs, offers, report)
        return only
    if not needs:
        return None
    if fitting:
        _report_several(role, fitting, candidates, needs, report)
        return None
    if not _report_missing(
        f"no {role} here offers", list(candidates.values()), needs, offers, report
    ):
        details = [
            f"{name} lacks "
            + listed(sorted({n.shown for n in needs if not offers(candidates[name], n)}))
            for name in sorted(candidates)
        ]
        first = min(needs, key=_order)
        report.add(
            f"no {role} here offers all that is needed",
            first.origin,
            details=details,
            remedy=f"offer it in one of them, or choose another {role}",
        )
    return None


def _report_missing(
    head: str,
    candidates: Sequence[Choice],
    needs: Sequence[Need],
    offers: Callable[[Choice, Need], bool],
    report: Report,
) -> bool:
    """Report what none of the candidates offers; says whether there is any."""
    missing: dict[tuple[str, str], list[Need]] = {}
    for one in needs:
        if not any(offers(c, one) for c in candidates):
            missing.setdefault((one.kind, one.name), []).append(one)
    for (kind, name), users in missing.items():
        users.sort(key=_order)
        by = list(dict.fromkeys(report.by(u.by, u.origin) for u in users))
        more = f" and {len(by) - _USERS} more" if len(by) > _USERS else ""
        report.add(
            f"{head} {users[0].shown} (needed by {'; '.join(by[:_USERS])}{more})",
            users[0].origin,
            remedy=_how_to_offer(users[0].role, kind, name, candidates),
        )
    return bool(missing)


def _how_to_offer(role: str, kind: str, name: str, candidates: Sequence[Choice]) -> str:
    where = candidates[0].name if len(candidates) == 1 else "NAME"
    if role == "net":
        short = name.removesuffix(".host").removesuffix(".port")
        known = [e.name for c in candidates for e in getattr(c, "endpoints", ())]
        written = f"{short} = {{ host = …, port = … }}"
        return suggestion(short, known, f"offer it: {written} under [net.{where}]")
    offered = [o.name for c in candidates for o in getattr(c, kind, ())]
    written = f"offer it: {kind} = {{ {name} = … }} under [host.{where}]"
    if kind == "data":
        written += "; Stead does not fetch content by itself yet"
    if kind not in KINDS_OF_OFFERS:
        written = "write host.ports.NAME, host.paths.NAME, host.data.NAME or host.secrets.NAME"
    return suggestion(name, offered, written)


def _report_several(
    role: str,
    fitting: Sequence[str],
    candidates: Mapping[str, Choice],
    needs: Sequence[Need],
    report: Report,
) -> None:
    first = min(needs, key=_order)
    count = "two" if len(fitting) == 2 else str(len(fitting))
    other = ", a target" if role == "host" else ""
    report.add(
        f"{count} {role}s fit: {listed(fitting)} "
        f"({first.shown} is needed by {report.by(first.by, first.origin)})",
        first.origin,
        details=[f"{name} ({report.at(candidates[name].origin)})" for name in fitting],
        remedy=f'choose one: {role} = "{fitting[0]}" under [choose]{other}, or --{role} {fitting[0]}',
    )


def _order(one: Need) -> tuple[str, int, str, str]:
    return one.origin.file, one.origin.line, one.by, one.shown

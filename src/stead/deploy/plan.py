"""What a deploy will change on a node: a comparison of two records, and what must be sent."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any, Literal

from stead.deploy.targets import GENERATION
from stead.values.frozen import dataclass
from stead.values.secret import SHOWN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from stead.deploy.record import Record
    from stead.values.deployment import Facts, Payload

Verb = Literal["add", "change", "remove"]


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that will be otherwise. Texts are for people; a secret's are empty."""

    kind: Literal["tree", "service", "command", "variable", "file", "check", "data", "setting"]
    name: str
    verb: Verb
    old: str = ""
    new: str = ""


@dataclass(frozen=True, slots=True)
class Sent:
    """A part that the machine does not have."""

    name: str
    size: int
    """Bytes, uncompressed."""
    digest: str


@dataclass(frozen=True, slots=True)
class Plan:
    """All that a deploy to one node will do."""

    recipe: str
    target: str
    address: str
    root: str
    generation: int
    """The one that runs now; 0 for none."""
    changes: tuple[Difference, ...] = ()
    send: tuple[Sent, ...] = ()
    restarts: tuple[str, ...] = ()
    """Services that are stopped and started again: all that run before and after."""
    release: tuple[str, ...] = ()
    """Commands that run before the switch."""
    checks: tuple[str, ...] = ()
    """What must hold after it, in words."""
    services: tuple[str, ...] = ()
    """All that are to run."""
    units: str = ""
    """What keeps the services running: ``systemd``, ``systemd-user``, ``none`` (a supervisor);
    empty where nothing is started."""
    notes: tuple[str, ...] = ()
    """What the machine lacks and most programs do not need."""
    pyinfra: str = ""
    """The recipe's deploy of pyinfra, where it will run; empty for none."""
    again: bool = False
    """What should run already does not, and will be made to."""

    @property
    def nothing(self) -> bool:
        """Whether the node has and runs all of it."""
        return not (self.changes or self.again)

    @property
    def bytes(self) -> int:
        """How much is to be sent at most, before it is compressed."""
        return sum(part.size for part in self.send)


def plan(
    payload: Payload,
    record: Record,
    running: Record,
    *,
    digest: str,
    facts: Facts,
    runs: bool = True,
) -> Plan:
    """Compare what a node is to hold with what it has; both are records.

    ``runs`` is false where nothing is started, as of an image.
    """
    same = facts.running == digest
    silent = same or not runs
    changes = () if same else tuple(_differences(running, record))
    sent: dict[str, Sent] = {}
    if not same:
        for tree in payload.trees:
            for part in tree.parts:
                if part.digest not in facts.parts:
                    sent.setdefault(part.digest, Sent(part.name, part.size, part.digest))
    before = {s["name"] for s in running.get("services", ())}
    if not (same or changes):
        changes = (Difference("setting", "payload", "change"),)
    return Plan(
        recipe=payload.recipe,
        target=payload.target,
        address=payload.address,
        root=payload.root,
        generation=facts.generation,
        changes=changes,
        send=tuple(sent.values()),
        restarts=() if silent else tuple(s.name for s in payload.services if s.name in before),
        release=() if silent else tuple(c.name for c in payload.commands if c.release),
        checks=() if silent else tuple(_check(c) for c in record["checks"]),
        services=tuple(s.name for s in payload.services) if runs else (),
        units=facts.init if runs else "",
        again=same and not facts.standing,
    )


def _differences(old: Record, new: Record) -> Iterator[Difference]:
    yield from _compared("tree", _trees(old), _trees(new), lambda t: f"{len(t)} parts")
    yield from _services(old, new)
    yield from _compared(
        "command",
        {c["name"]: _visible(c) for c in old.get("commands", ())},
        {c["name"]: _visible(c) for c in new["commands"]},
        _command,
    )
    yield from _variables(old, new)
    yield from _compared(
        "file",
        {_shown(f["path"]): f for f in old.get("files", ())},
        {_shown(f["path"]): f for f in new["files"]},
        lambda f: SHOWN if f["secret"] else "",
    )
    yield from _compared(
        "check",
        {_check(c): c for c in old.get("checks", ())},
        {_check(c): c for c in new["checks"]},
        lambda c: f"within {c['timeout']:g} s",
    )
    yield from _compared(
        "data",
        old.get("data", {}),
        new["data"],
        lambda d: " ".join(filter(None, (d["version"], "at", d["path"]))),
    )
    for name in ("root", "keep"):
        if old and old.get(name) != new[name]:
            yield Difference("setting", name, "change", str(old.get(name)), str(new[name]))


def _compared(
    kind: Any, old: dict[str, Any], new: dict[str, Any], words: Callable[[Any], str]
) -> Iterator[Difference]:
    for name in sorted(old.keys() | new.keys()):
        if name not in old:
            yield Difference(kind, name, "add", "", words(new[name]))
        elif name not in new:
            yield Difference(kind, name, "remove", words(old[name]), "")
        elif old[name] != new[name]:
            yield Difference(kind, name, "change", words(old[name]), words(new[name]))


def _trees(record: Record) -> dict[str, list[str]]:
    """Give the trees by name, each with what it is made of."""
    found: dict[str, list[str]] = {}
    for tree in record.get("trees", ()):
        found.setdefault(tree["name"], []).extend(p["digest"] for p in tree["parts"])
    return found


def _visible(process: dict[str, Any]) -> dict[str, Any]:
    """Give what is said of a process itself: its code is a tree, and its variables have lines of their own."""
    return {k: process[k] for k in ("argv", "ports", "release") if k in process}


def _services(old: Record, new: Record) -> Iterator[Difference]:
    before = {s["name"]: s for s in old.get("services", ())}
    after = {s["name"]: s for s in new["services"]}
    yield from _compared(
        "service",
        {n: _visible(s) for n, s in before.items()},
        {n: _visible(s) for n, s in after.items()},
        lambda s: shlex.join(s["argv"]) + "".join(f" :{p}" for p in s["ports"]),
    )


def _variables(old: Record, new: Record) -> Iterator[Difference]:
    before, after = dict(old.get("variables", {})), dict(new["variables"])
    yield from _compared("variable", before, after, str)
    changed = set()
    known = {(s["name"], n): v for s in old.get("services", ()) for n, v in s["secrets"].items()}
    for service in new["services"]:
        for name, value in service["secrets"].items():
            if known.get((service["name"], name), value) != value:
                changed.add(name)
    for name in sorted(changed):
        yield Difference("variable", name, "change", SHOWN, SHOWN)


def _command(command: dict[str, Any]) -> str:
    return shlex.join(command["argv"]) + (" before the switch" if command["release"] else "")


def _check(check: dict[str, Any]) -> str:
    if check["url"]:
        status = f" with {check['status']}" if check["status"] else ""
        return f"{check['url']} answers{status}"
    if check["port"]:
        return f"{check['port']} accepts connections"
    return f"`{shlex.join(check['command'])}` ends with 0"


def _shown(path: str) -> str:
    """Give a file's path below its generation's files."""
    return path.partition(f"/generations/{GENERATION}/files/")[2] or path


def lines(plan: Plan, *, colour: Callable[[str, str], str] = lambda _, text: text) -> list[str]:
    """Word a plan, a line for each thing. ``colour`` gets a verb and a text."""
    where = f"{plan.target} ({plan.address})" if plan.address else plan.target
    head = f"{plan.recipe} on {where}"
    if plan.nothing:
        return [f"{head}: nothing changes (generation {plan.generation})"]
    now = f"generation {plan.generation}" if plan.generation else "nothing deployed yet"
    found = [f"{head}: {plan.root}, {now}"]
    if plan.again:
        return [*found, "  start again what should run and does not"]
    sign = {"add": "+", "change": "~", "remove": "-"}
    found += [
        colour(c.verb, f"  {sign[c.verb]} {c.kind} {c.name}{_values(c)}") for c in plan.changes
    ]
    if plan.pyinfra:
        found.append(f"  run pyinfra {plan.pyinfra} before anything is sent")
    if plan.send:
        found.append(f"  send {size(plan.bytes)} before compression:")
        found += [f"    {size(p.size):>9}  {p.name}" for p in plan.send]
    else:
        found.append("  send nothing: the machine has all parts")
    found += [f"  run {name} before the switch" for name in plan.release]
    if plan.restarts:
        found.append(f"  restart {', '.join(plan.restarts)}")
    found += [f"  then {text}" for text in plan.checks]
    found += [f"  note: {text}" for text in plan.notes]
    if plan.units == "none":
        found.append("  kept running by a supervisor")
    elif plan.units:
        owner = "systemd" if plan.units == "systemd" else "the user's systemd"
        names = ", ".join(f"stead-{plan.recipe}-{name}.service" for name in plan.services)
        found.append(f"  kept running by {owner}: {names}")
    return found


def _values(change: Difference) -> str:
    if change.kind == "tree":
        return ""
    if change.verb == "change" and change.old != change.new:
        return f": {change.old} → {change.new}"
    text = change.new or change.old
    return f": {text}" if text else ""


def size(amount: int) -> str:
    """Write a number of bytes for people."""
    value = float(amount)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return ""

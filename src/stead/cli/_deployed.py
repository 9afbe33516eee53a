"""What is deployed: looked at, gone back from, and its commands run there."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import TYPE_CHECKING, Any

from stead.values.errors import DeployError, SteadError, UsageError
from stead.values.frozen import replace
from stead.values.names import nearest

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    from stead.cli.app import App
    from stead.deploy.recipes import Where
    from stead.deploy.targets import Standing, Target

_PAUSE = 1.0
"""Seconds between two looks at logs that are followed."""


def status(args: argparse.Namespace, words: list[str], app: App) -> int:
    """Say what runs on each node of a recipe; 1 where something that should does not."""
    from stead.deploy.rollout import together

    name, nodes = _nodes("status", words, app)
    found = together(nodes, lambda where: _with(name, where, app, lambda t: t.status()))
    if args.json:
        answers = [_answer(where, standing, error) for where, standing, error in found]
        app.out_json({"recipe": name, "nodes": answers})
    else:
        for where, standing, error in found:
            for line in _lines(name, where, standing, error):
                app.out(line)
    well = all(s is not None and s.generation and _well(s) for _, s, _ in found)
    return 0 if well else 1


def logs(args: argparse.Namespace, words: list[str], app: App) -> int:
    """Show what services wrote."""
    from stead.deploy.opening import opened

    name, nodes = _nodes("logs", words, app)
    several = len(nodes) > 1
    seen: dict[str, list[str]] = {}
    with contextlib.ExitStack() as stack:
        open_nodes = []
        for where in nodes:
            target = opened(name, where, app.context, app.platform)
            stack.callback(target.close)
            open_nodes.append((where, target))
        while True:
            for where, target in open_nodes:
                if args.service and where.name not in seen:
                    _require("service", args.service, args.service, name, target)
                try:
                    new = list(target.logs(args.service, args.lines))
                except DeployError as exc:
                    if exc.remedy or where.name in seen:
                        raise
                    said = f"`stead deploy status {name}` says what is there"
                    raise DeployError(exc.message, details=exc.details, remedy=said) from exc
                for line in _added(seen.get(where.name, []), new):
                    app.out(f"{where.name}: {line}" if several else line)
                seen[where.name] = new
            if not args.follow:
                return 0
            sys.stdout.flush()
            time.sleep(_PAUSE)


def rollback(args: argparse.Namespace, words: list[str], app: App) -> int:
    """Go back to an earlier generation on each node."""
    from stead.cli._deploying import failed, saying, telling
    from stead.deploy.rollout import roll_out

    number = int(words.pop(0)) if len(words) > 1 and words[0].isdigit() else 0
    name, nodes = _nodes("rollback", words, app)
    told = telling(app)
    outcomes = roll_out(
        nodes,
        lambda where: _with(
            name, where, app, lambda t: t.rollback(number, lambda s, w: told(where, s, w))
        ),
        saying(app),
    )
    if args.json:
        app.out_json(
            {
                "recipe": name,
                "nodes": [
                    {
                        "target": o.where.target.name,
                        "address": o.where.address,
                        "state": o.state,
                        "generation": o.applied.generation if o.applied else 0,
                        "error": o.error.message if o.error else "",
                    }
                    for o in outcomes
                ],
            }
        )
    return failed(outcomes, app)


def run(args: argparse.Namespace, words: list[str], app: App) -> int:
    """Run a one-off command on the first node: `run RECIPE [TARGET] APP:COMMAND [-- ARGUMENT …]`."""
    if len(words) < 2:
        raise UsageError(
            "what is to run there?", remedy="write `stead deploy run RECIPE [TARGET] APP:COMMAND`"
        )
    word = words.pop()
    name, nodes = _nodes("run", words, app)

    def act(target: Target) -> int:
        command = word.replace(":", ".", 1)
        _require("command", word, command, name, target)
        return target.run(command, args.rest or ())

    code: int = _with(name, nodes[0], app, act)
    return code


def _require(kind: str, word: str, name: str, recipe: str, target: Target) -> None:
    """Raise UsageError for a command or service that what is deployed does not have."""
    from stead.deploy.record import read

    record = read(target.running())
    if not record:
        raise DeployError(
            f"nothing of {recipe} is deployed on {target.name}",
            remedy=f"`stead deploy {recipe} {target.name}` first",
        )
    known = [one["name"] for one in record.get(f"{kind}s", ())]
    if name not in known:
        shown = [one.replace(".", ":", 1) if kind == "command" else one for one in known]
        close = nearest(word, shown)
        raise UsageError(
            f"{recipe} on {target.name} has no {kind} {word}",
            remedy=f"did you mean {close}?" if close else f"it has {', '.join(shown) or 'none'}",
        )


def _nodes(verb: str, words: list[str], app: App) -> tuple[str, tuple[Where, ...]]:
    from stead.cli._deploying import chosen
    from stead.deploy.recipes import nodes_of

    if not words:
        raise UsageError(
            f"of which recipe? `stead deploy {verb}` needs one",
            remedy=f"write `stead deploy {verb} RECIPE [TARGET …]`",
        )
    recipe, targets = chosen(words[0], words[1:], replace(app))
    return recipe.name, nodes_of(targets)


def _with(name: str, where: Where, app: App, act: Callable[[Target], Any]) -> Any:
    from stead.deploy.opening import opened

    target = opened(name, where, app.context, app.platform)
    try:
        return act(target)
    finally:
        target.close()


def _well(standing: Standing) -> bool:
    return all(s.state == "running" for s in standing.services)


def _answer(where: Where, standing: Standing | None, error: SteadError | None) -> dict[str, Any]:
    found: dict[str, Any] = {"target": where.target.name, "address": where.address}
    if standing is None:
        return {**found, "error": error.message if error else ""}
    return {
        **found,
        "generation": standing.generation,
        "digest": standing.digest,
        "held_by": standing.held_by,
        "services": standing.services,
        "generations": standing.generations,
        "error": "",
    }


def _lines(
    name: str, where: Where, standing: Standing | None, error: SteadError | None
) -> list[str]:
    head = f"{name} on {where.name}"
    if standing is None:
        return [f"{head}: {error}"]
    if not standing.generation:
        return [f"{head}: nothing is deployed"]
    found = [f"{head}: generation {standing.generation}"]
    if standing.held_by:
        found.append(f"  {standing.held_by} deploys there now")
    for one in standing.services:
        more = f", process {one.pid}" if one.pid else ""
        more += f", started again {one.restarts} times" if one.restarts else ""
        found.append(f"  {one.name} {one.state}{more}")
    for each in standing.generations:
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(each.made))
        marks = " (runs)" if each.current else ""
        marks += "" if each.confirmed else " (not confirmed)"
        found.append(f"  generation {each.number} of {when} UTC{marks}")
    return found


def _added(before: Sequence[str], now: Sequence[str]) -> Sequence[str]:
    """Give the lines that came since: ``now`` begins somewhere in ``before``."""
    if not before:
        return now
    for start in range(len(before)):
        size = len(before) - start
        if list(before[start:]) == list(now[:size]):
            return now[size:]
    return now

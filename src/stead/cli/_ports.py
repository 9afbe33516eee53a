"""Ports that apps are to listen on here: seen to be free before anything is started."""

from __future__ import annotations

import errno
import os
import socket
from typing import TYPE_CHECKING

from stead.values.errors import CollisionError
from stead.values.frozen import replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from stead.cli.app import App
    from stead.pipeline.steps import Prepared
    from stead.values.kinds import Target

_TRIES = 20


def with_free(app: App, prepare: Callable[[App], Sequence[Prepared]]) -> Sequence[Prepared]:
    """Prepare apps with ports that nobody on this machine listens on.

    Where the host offers a range, a port that somebody has is passed over, which is told. Raises
    CollisionError for one that was given outright, or whose range has none that is free.
    """
    made = prepare(app)
    first = [port for _, _, port in _listens(made)]
    others: frozenset[int] = frozenset()
    for _ in range(_TRIES):
        busy = [found for found in _listens(made) if _is_taken(found[2])]
        if not busy:
            for was, (one, name, port) in zip(first, _listens(made), strict=True):
                if was != port:
                    held = _holder(was, one, app)
                    app.err(f"stead: port {was} is taken{held}: {name} of {_name(one)} is {port}")
            return made
        ports = frozenset(port for _, _, port in busy)
        if ports <= others:
            break
        others |= ports
        made = prepare(replace(app, selection=replace(app.selection, taken=others)))
    one, name, port = busy[0]
    raise CollisionError(
        f"app {_name(one)} is to listen on port {port} ({name}), which is taken"
        + _holder(port, one, app),
        where=one.table.app.origin if one.table.app else None,
        remedy=f"end what listens there, choose another port with --set {name}=PORT, or bind it to "
        "a range that the host offers: host.ports.NAME",
    )


def _listens(made: Sequence[Prepared]) -> Iterator[tuple[Prepared, str, int]]:
    for one in made:
        for variable in one.table.app.listen if one.table.app else ():
            entry = one.table.entry(variable.name)
            if entry is not None and str(entry.value).isdigit():
                yield one, variable.name, int(str(entry.value))


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        if os.name == "posix":  # what was closed a moment ago is free
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as exc:
            return exc.errno == errno.EADDRINUSE
        except OverflowError:
            return False  # no port; the app says so
    return False


def _holder(port: int, one: Prepared, app: App) -> str:
    """Tell which deployment of this project on this machine has a port, where one has."""
    from stead.deploy.recipes import directory_of

    home = app.context.environ.get("HOME", "")
    for target in one.composed.spec.configuration.kinds.targets:
        if target.kind == "local":
            found = _recipe_with(port, target, directory_of(target, home))
            if found:
                return found
    return ""


def _recipe_with(port: int, target: Target, root: str) -> str:
    try:
        recipes = sorted(os.listdir(os.path.join(root, "recipes")))
    except OSError:
        return ""
    for recipe in recipes:
        try:
            with open(os.path.join(root, "recipes", recipe, "current", "ports")) as file:
                lines = [line.split() for line in file]
        except OSError:
            continue
        if any(words[:1] == [str(port)] for words in lines):
            return f" by recipe {recipe}, which is deployed here to target {target.name}"
    return ""


def _name(one: Prepared) -> str:
    return one.table.app.name if one.table.app else ""

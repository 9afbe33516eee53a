"""Ports on the machine that deploys: containers and processes there share its network.

A node in a directory knows the other recipes below that directory, and a container those of its
engine. What each knows nothing of is told here: engines are asked, and directories that were
deployed to are remembered, one file each, in ``$STEAD_HOME/nodes``; so directories know of each other.
"""

from __future__ import annotations

import contextlib
import glob
import os
import threading
from typing import TYPE_CHECKING

from stead.deploy.containers import engine as engines
from stead.deploy.containers.generations import current
from stead.deploy.recipes import directory_of
from stead.store.atomic import write_file
from stead.values.errors import DeployError
from stead.values.sha import sha256

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from stead.deploy.containers.engine import Container
    from stead.deploy.recipes import Where
    from stead.values.context import Context
    from stead.values.deployment import Payload

    Taken = tuple[int, str, str]
    """A port, the service that has it, and that one's recipe."""

_HERE = ("local", "container")
"""Kinds of targets that are this machine."""
_USUAL = ".local/share/stead-node"


class Neighbours:
    """What nodes of one deploy that are on this machine find taken there by others."""

    def __init__(self, nodes: Sequence[Where], context: Context) -> None:
        self._context = context
        # Each must know what was dealt to those before it.
        self._several = len([n for n in nodes if n.target.kind in _HERE]) > 1
        self._turn = threading.Lock()
        self._dealt: list[tuple[str, Taken]] = []

    @contextlib.contextmanager
    def turn(self, where: Where) -> Iterator[tuple[Taken, ...]]:
        """Give what a node cannot know by itself. Those of this machine are planned one by one."""
        if where.target.kind not in _HERE:
            yield ()
            return
        with self._turn if self._several else contextlib.nullcontext():
            own = self._root(where)
            dealt = [t for root, t in self._dealt if not own or root != own]
            yield tuple(dict.fromkeys((*self.others(where), *dealt)))

    def deal(self, where: Where, payload: Payload) -> None:
        """Remember what a node is to have, within its turn."""
        if where.target.kind in _HERE:
            self._dealt += [
                (self._root(where), (port, service.name, payload.recipe))
                for service in payload.services
                for port in service.ports
            ]

    def others(self, where: Where) -> tuple[Taken, ...]:
        """Give what others of this machine have, as far as a node cannot know it by itself."""
        if where.target.kind == "container":
            return of_directories(self._context)
        if where.target.kind != "local":
            return ()
        return of_engines(self._context) + of_directories(self._context, self._root(where))

    def _root(self, where: Where) -> str:
        """Give the directory of a node in one; of any other, nothing."""
        if where.target.kind != "local":
            return ""
        home = self._context.environ.get("HOME", "")
        return os.path.realpath(directory_of(where.target, home))


def remember(root: str, context: Context) -> None:
    """Remember a directory of this machine that is deployed to. Raises StoreError."""
    name = sha256(os.fsencode(root)).hexdigest()[:16]
    path = os.path.join(context.home, "nodes", name)
    if not os.path.exists(path):
        write_file(path, os.fsencode(root), 0o600)


def of_directories(context: Context, but: str = "") -> tuple[Taken, ...]:
    """Give the ports of what runs in directories of this machine that were deployed to, but one."""
    roots = [os.path.join(context.environ.get("HOME", ""), _USUAL)]
    for path in sorted(glob.glob(os.path.join(glob.escape(os.fspath(context.home)), "nodes/*"))):
        with contextlib.suppress(OSError), open(path, "rb") as file:
            roots.append(os.fsdecode(file.read()))
    found: dict[Taken, None] = {}
    for root in dict.fromkeys(map(os.path.realpath, roots)):
        if root == but:
            continue
        for path in sorted(glob.glob(os.path.join(glob.escape(root), "recipes/*/current/ports"))):
            recipe = os.path.basename(os.path.dirname(os.path.dirname(path)))
            with contextlib.suppress(OSError, ValueError), open(path, encoding="utf-8") as file:
                for port, service in (line.split(maxsplit=1) for line in file):
                    found[int(port), service.strip(), recipe] = None
    return tuple(found)


def of_engines(context: Context) -> tuple[Taken, ...]:
    """Give the ports of containers of this machine; engines that do not answer have none.

    None is asked where nothing was ever deployed to one from here.
    """
    if not glob.glob(os.path.join(glob.escape(os.fspath(context.home)), "containers/*/")):
        return ()
    found: list[Taken] = []
    for name in engines.ENGINES:
        with contextlib.suppress(DeployError):
            program = engines.find(name, context.environ)
            found += of_containers(engines.Engine(program, context.environ).containers())
    return tuple(found)


def of_containers(every: Iterable[Container]) -> tuple[Taken, ...]:
    """Give the ports of the generations that run, or are to, of all units."""
    units: dict[str, list[Container]] = {}
    for one in every:
        units.setdefault(one.label("recipe"), []).append(one)
    return tuple(
        (int(port), one.service, one.label("name"))
        for unit in units.values()
        for one in current(unit)
        for port in one.label("ports").split()
    )

"""The world as a step's child has it: the worker's store, and a place in its own directory."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stead.pipeline.lockfile import NAME as LOCK
from stead.pipeline.request import Request
from stead.server.engine.guard import Guard, can_ask
from stead.server.engine.runner import run
from stead.values.context import Context
from stead.values.platform import platform_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from stead.server.engine.reasons import Failure


SILENCE = 10.0
"""Seconds after which a task that takes long says how far it has come."""


class Task:
    """One line when a task begins, and others only while it takes long."""

    def __init__(
        self, title: str, unit: str = "", clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock, self._told = clock, clock()
        self._unit = unit
        self._done = self._whole = 0
        print(title)

    def total(self, amount: int) -> None:
        """Say how much there is to do."""
        self._whole = amount

    def advance(self, amount: int = 1) -> None:
        """Say that so much more is done."""
        self._done += amount
        if self._clock() - self._told >= SILENCE:
            self._told = self._clock()
            of_bytes = self._unit == "B"
            amounts = [n for n in (self._done, self._whole) if n]
            told = " of ".join(f"{n / 1e6:.1f}" if of_bytes else str(n) for n in amounts)
            print(f"  {told} {'MB' if of_bytes else self._unit}".rstrip())


class _Printing:
    """Progress as lines of the build's log."""

    @contextlib.contextmanager
    def task(self, title: str, *, unit: str = "") -> Iterator[Task]:
        yield Task(title, unit)

    def note(self, text: str) -> None:
        print(text)


@dataclass(frozen=True)
class World:
    """What a body works in."""

    request: Request
    context: Context
    place: str
    """Where the specification lies as a file."""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    """What the body was asked with, besides what all of its child have."""
    known: dict[str, Any] = field(default_factory=dict)
    """What an earlier body of the same child has found out."""
    guard: Guard | None = None
    """By which the network is reached, where no private address may be."""

    def given(self, arguments: Mapping[str, Any]) -> World:
        """Give the same with a body's own arguments."""
        return replace(self, arguments=arguments)

    def settled(self) -> World:
        """Give the same where the lock must stay as it is, if there is one."""
        if self.request.locked or not os.path.exists(self.lock):
            return self
        return replace(self, request=replace(self.request, locked=True))

    def told(self, failure: Failure) -> Failure:
        """Give why a body failed, with what its guard has refused."""
        return failure if self.guard is None else self.guard.told(failure)

    @property
    def lock(self) -> str:
        """The path of the lock."""
        return os.path.join(self.place, LOCK)


def make(arguments: Mapping[str, Any], scratch: str) -> World:
    """Lay out a specification in the child's directory: ``file``, ``text``, ``name``, ``lock``.

    ``guarded`` says that nothing here may reach a private address; then this process, which
    rattler runs in, has other variables afterwards. Before there is a lock, versions of a ``preferred`` one are taken wherever they may be.

    Nothing above that directory takes part, and nothing of the worker's variables but
    where programs, interpreters and certificates are, proxies, and the usual package index.
    """
    place = os.path.join(scratch, "place", arguments["name"])
    os.makedirs(place)
    _write(os.path.join(place, arguments["file"]), arguments["text"])
    if lock := arguments.get("lock") or arguments.get("preferred"):
        _write(os.path.join(place, LOCK), lock)
    home = os.path.join(scratch, "home")
    temporary = os.path.join(scratch, "tmp")
    os.mkdir(home)
    os.mkdir(temporary)
    environ = {name: value for name, value in os.environ.items() if _passes(name)}
    environ |= _interpreters(os.environ) | {"HOME": home, "TMPDIR": temporary}
    guard = _guarded(environ) if arguments.get("guarded") else None
    here = platform_of(sys.platform, os.uname().machine)
    return World(
        request=Request(
            directory=place,
            environment="default",
            platform=here,
            here=here,
            user_home=scratch,
            locked=bool(arguments.get("lock")),
        ),
        context=Context(
            home=Path(arguments["home"]),
            environ=environ,
            run=run,
            progress=_Printing(),
            now=time.time,
            # What a specification names is not for the server to ask.
            substitutes=False,
        ),
        place=place,
        guard=guard,
    )


def _guarded(environ: dict[str, str]) -> Guard | None:
    """Point these variables and this process's own to a proxy of the child. Raises StoreError."""
    if not can_ask(environ):
        print("which addresses are private is left to the worker's own proxy")
        return None
    guard = Guard(environ)
    for variables in (environ, os.environ):
        for name in [name for name in variables if name.lower().endswith("_proxy")]:
            del variables[name]
        variables.update(guard.variables())
    return guard


_PASSED = (
    *("PATH", "LANG", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "NETRC"),
    *("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL"),
    *("UV_PYTHON_INSTALL_MIRROR", "UV_PYTHON_DOWNLOADS_JSON_URL"),
)


_INTERPRETERS = {
    "PYENV_ROOT": (".pyenv",),
    "UV_PYTHON_INSTALL_DIR": (".local", "share", "uv", "python"),
    "ASDF_DATA_DIR": (".asdf",),
    "MISE_DATA_DIR": (".local", "share", "mise"),
}
"""Variables that say where interpreters are installed, and where that is below a home without them."""


def _interpreters(environ: Mapping[str, str]) -> dict[str, str]:
    """Say where this machine's interpreters are: the home of a build is another one."""
    own = environ.get("HOME", "")
    found = {
        name: environ.get(name) or (os.path.join(own, *below) if own else "")
        for name, below in _INTERPRETERS.items()
    }
    return {name: path for name, path in found.items() if path and os.path.isdir(path)}


def _passes(name: str) -> bool:
    return name in _PASSED or name.lower().endswith("_proxy") or name.startswith("LC_")


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)

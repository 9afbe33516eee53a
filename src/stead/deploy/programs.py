"""Whether the programs that are to run are there: sent with the environment, on the machine, or in an image's base."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from stead.values.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from stead.deploy.payload import Laid
    from stead.values.deployment import Facts, Payload, Service
    from stead.values.origin import Origin

REMEDY = (
    "install it there (the recipe's pyinfra can), or bring it along: as a package of the app's "
    'environment, or in an image whose base has it (kind = "container", or "image")'
)


@dataclass(frozen=True, slots=True)
class Lack:
    """A program that a command begins with, and that is nowhere."""

    program: str
    users: tuple[str, ...]
    """Names of the processes and commands that begin with it."""
    origin: Origin
    """Where the first of these is written."""


def lacking(laid: Laid, facts: Facts, examine: Callable[[str], str] | None) -> list[Lack]:
    """Find programs that are neither sent nor there.

    ``examine`` asks the machine, unless facts say what an image's base has; where nobody knows,
    nothing is missing. Paths within the code are left alone: a command before the switch may make
    what they name.
    """
    asked: dict[tuple[str, str], list[tuple[Service, Origin]]] = {}
    for service, origin in _begun(laid):
        word = service.argv[0] if service.argv else ""
        path = dict(service.environment).get("PATH", "")
        if word and not _comes(word, path, laid.payload):
            asked.setdefault((word, path), []).append((service, origin))
    words = list(asked)
    if facts.programs is not None:
        missing = _not_in_base(words, facts.programs)
    else:
        missing = _not_there(words, examine) if words and examine is not None else set()
    found = []
    for number, ((word, _), users) in enumerate(asked.items()):
        if number in missing:
            names = tuple(service.name for service, _ in users)
            found.append(Lack(word, names, users[0][1]))
    return found


def _not_in_base(words: list[tuple[str, str]], known: frozenset[str]) -> set[int]:
    """Give the numbers of words that no directory of programs of a base has."""
    places = [(number, *word.rpartition("/")) for number, (word, _) in enumerate(words)]
    return {
        number
        for number, directory, _, name in places
        if known and name not in known and (not directory or directory.endswith("bin"))
    }


def _not_there(words: list[tuple[str, str]], examine: Callable[[str], str]) -> set[int]:
    """Give the numbers of words that a machine does not find on their paths."""
    questions = [
        f"(PATH={shlex.quote(path)}; command -v {shlex.quote(word)} >/dev/null || echo {number})"
        for number, (word, path) in enumerate(words)
    ]
    said = examine("\n".join(["echo asked", *questions]) + "\n").split()
    return {int(number) for number in said if number.isdigit()} if "asked" in said else set()


def _begun(laid: Laid) -> Iterator[tuple[Service, Origin]]:
    """Give all that is started on the node, and where its command is written."""
    apps = {one.app.name: one for one in laid.running if one.services}
    for service in laid.payload.services:
        one = apps.get(service.app)
        if one is not None:
            named = next((n for n, argv in one.app.processes if argv == service.argv), "")
            key = f"processes.{named}" if named else "run"
            yield service, dict(one.app.places).get(key, one.app.origin)
    for command in laid.payload.commands:
        one = apps.get(command.service.app)
        if one is not None:
            name = command.name.partition(".")[2]
            origin = dict(one.app.places).get(f"commands.{name}", one.app.origin)
            checks = {f"check-{check.name}": check.origin for check in one.table.checks}
            yield command.service, checks.get(name, origin)


def _comes(word: str, path: str, payload: Payload) -> bool:
    """Say whether a program comes with the deploy."""
    if "/" in word:
        return not word.startswith("/") or word.startswith(f"{payload.root}/")
    trees = {f"{payload.root}/trees/{tree.key}": tree for tree in payload.trees}
    for directory in path.split(":"):
        for at, tree in trees.items():
            if directory == at or directory.startswith(f"{at}/"):
                inside = f"{directory[len(at) + 1 :]}/{word}".lstrip("/")
                if any(m.path == inside for part in tree.parts for m in part.members):
                    return True
    return False

"""Writable copies of builds: which there are of an environment, and what was in them when made.

Each copy holds a note of itself, ``.stead/copy.json``: the place, the environment and the build it
is of, and the packages' records with their times. Of each, a file below the place's records
says where it is::

    places/at/home/ann/scans/.stead@/copies@/default/5c0f…

That file names the build, which stays as long as the copy does: what is taken back in a
copy comes from there.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from stead.store import installed
from stead.store.atomic import storage, write_file
from stead.store.layout import METADATA
from stead.store.places import make_private, place_directory
from stead.values.drift import Installed
from stead.values.frozen import asdict, dataclass, field, replace
from stead.values.requirement import Source
from stead.values.sha import sha256

if TYPE_CHECKING:
    from collections.abc import Collection

DIRECTORY = "copies@"
"""Beside the environments of a place; no environment can have this name."""

NOTE = "copy.json"


Packages = Mapping[str, tuple[int, Installed]]
"""Packages that should be in a copy, each with its record's time, by the record's path."""
_REMEMBERED = 5
"""Former builds of a copy, to which an environment may go back."""


@dataclass(frozen=True, slots=True)
class Copy:
    """A writable copy, and what should be in it."""

    directory: str
    place: str
    environment: str
    build: str
    """``<key>-<name>`` of the build it was made from."""
    packages: Packages = field(default_factory=dict)
    former: Mapping[str, Packages] = field(default_factory=dict)
    """What should have been in it while it was of another build, by that; the latest last."""


def made(home: str | os.PathLike[str], place: str, environment: str, build: str, at: str) -> Copy:
    """Note that ``at`` is a fresh copy of ``build``. Raises StoreError."""
    held = {path: (time, installed.read(at, path)) for path, time in installed.look(at).items()}
    copy = Copy(at, place, environment, os.path.basename(build), held)
    save(home, copy)
    return copy


def save(home: str | os.PathLike[str], copy: Copy) -> None:
    """Write what is known of a copy. Raises StoreError."""
    home = os.fspath(home)
    directory = _directory(home, copy.place, copy.environment)
    with storage(directory):
        make_private(home, directory)
    data = {
        "place": copy.place,
        "environment": copy.environment,
        "build": copy.build,
        "installed": _as_json(copy.packages),
        "former": {build: _as_json(held) for build, held in copy.former.items()},
    }
    write_file(os.path.join(copy.directory, METADATA, NOTE), json.dumps(data).encode())
    pointer = {"directory": copy.directory, "build": copy.build}
    write_file(os.path.join(directory, _stem(copy.directory)), json.dumps(pointer).encode(), 0o600)


def copies(home: str | os.PathLike[str], place: str, environment: str) -> tuple[Copy, ...]:
    """Give the copies of an environment that are there; what was deleted or moved is passed over."""
    found = (read(path) for path in _noted(os.fspath(home), place, environment))
    return tuple(c for c in found if c and (c.place, c.environment) == (place, environment))


def read(directory: str) -> Copy | None:
    """Read a copy's note of itself; None where there is none."""
    try:
        with open(os.path.join(directory, METADATA, NOTE), "rb") as file:
            data = json.loads(file.read())
        held = _from_json(data["installed"])
        former = {build: _from_json(then) for build, then in data.get("former", {}).items()}
        return Copy(directory, data["place"], data["environment"], data["build"], held, former)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def as_of(copy: Copy, build: str) -> Copy:
    """Give a copy with what should be in it where the environment has gone back to a build.

    The same copy where it never was of this build.
    """
    if build not in copy.former:
        return copy
    former = {name: held for name, held in copy.former.items() if name != build}
    former[copy.build] = copy.packages
    return replace(copy, build=build, packages=copy.former[build], former=former)


def looks(copy: Copy) -> tuple[list[Installed], list[Installed]]:
    """Compare a copy with what should be in it: the packages that are gone, and those that came.

    One that was installed again is in both, unless it has the same content.
    """
    now = installed.look(copy.directory)
    gone = [one for path, (_, one) in copy.packages.items() if path not in now]
    came = []
    for path, time in now.items():
        before = copy.packages.get(path)
        if before is not None and before[0] == time:
            continue
        new = installed.read(copy.directory, path)
        if before is not None and same(before[1], new):
            continue
        came.append(new)
        gone += [before[1]] if before is not None else []
    return gone, came


def same(one: Installed, other: Installed) -> bool:
    """Say whether two installations are of the same thing."""
    first, second = ((i.key, i.version, i.content, i.source) for i in (one, other))
    return first == second


def accepted(copy: Copy, there: Collection[tuple[tuple[str, str], str]], build: str) -> Copy:
    """Give a copy in which what another build has as well is as it should be.

    ``there`` are that build's packages: key and version. The copy is one of that build from
    then on, if this has all of its packages.
    """
    packages = dict(copy.packages)
    keys = {key for key, _ in there}
    now = installed.look(copy.directory)
    for path, time in now.items():
        if path in packages and packages[path][0] == time:
            continue
        one = installed.read(copy.directory, path)
        if (one.key, one.version) in there:
            packages = {p: held for p, held in packages.items() if held[1].key != one.key}
            packages[path] = (time, one)
    for path, (_, one) in copy.packages.items():
        if path not in now and one.key not in keys:
            packages.pop(path, None)
    if build and all((one.key, one.version) in there for _, one in packages.values()):
        name = os.path.basename(build)
        former = {n: held for n, held in copy.former.items() if n not in (name, copy.build)}
        if name != copy.build:
            former[copy.build] = copy.packages
        former = dict(list(former.items())[-_REMEMBERED:])
        return replace(copy, packages=packages, build=name, former=former)
    return replace(copy, packages=packages)


def inventory(tree: str) -> list[Installed]:
    """Read every package's record in a tree."""
    return [installed.read(tree, path) for path in installed.look(tree)]


def is_there(pointer: str) -> bool:
    """Say whether the copy is still there that a file below :data:`DIRECTORY` is about."""
    directory = _pointed(pointer)
    return bool(directory) and os.path.exists(os.path.join(directory, METADATA, NOTE))


def _directory(home: str, place: str, environment: str) -> str:
    return os.path.join(place_directory(home, place), DIRECTORY, environment)


def _noted(home: str, place: str, environment: str) -> list[str]:
    directory = _directory(home, place, environment)
    found = []
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        found = [_pointed(os.path.join(directory, name)) for name in os.listdir(directory)]
    return sorted(path for path in found if path)


def _pointed(pointer: str) -> str:
    """Read where a file below :data:`DIRECTORY` says that a copy is."""
    try:
        with open(pointer, "rb") as file:
            return str(json.loads(file.read())["directory"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _stem(directory: str) -> str:
    return sha256(os.fsencode(directory)).hexdigest()[:32]


def _as_json(packages: Packages) -> list[list[Any]]:
    return [[time, asdict(one)] for time, one in packages.values()]


def _from_json(rows: list[list[Any]]) -> Packages:
    return {one["path"]: (int(time), _installed(one)) for time, one in rows}


def _installed(data: dict[str, Any]) -> Installed:
    source = data.pop("source")
    needs, brings = tuple(data.pop("needs")), tuple(data.pop("brings"))
    made = Source(**source) if source else None
    return Installed(source=made, needs=needs, brings=brings, **data)

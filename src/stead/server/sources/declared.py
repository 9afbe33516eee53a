"""Sources as a server's configuration has them, and where each one is."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from stead.server.specs.checks import SpecError, check_name
from stead.server.values import ServerError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stead.server.config import ServerConfig

WATCH = "watch"
GIT = "git"

PATTERNS = ("*.yml", "*.yaml", "stead.toml")
"""Which files of a directory or repository are specifications, unless it is said."""

INTERVAL = 60.0
"""Seconds between two looks at a repository, unless it is said."""

SHORTEST = 1.0

KEYS = ("url", "namespace", "branch", "tag", "directory", "glob", "interval")

_SCHEMES = ("https", "http", "ssh", "file")
_REF = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./+@\-]*\Z")


@dataclass(frozen=True, slots=True)
class Declared:
    """A source that is asked for: its kind, its namespace's name, and where it is."""

    kind: str
    namespace: str
    location: Mapping[str, Any]


def declared(config: ServerConfig) -> tuple[Declared, ...]:
    """Give the sources of a configuration. Raises ServerError with where it is wrong."""
    found = []
    for text in config.watch:
        place, equals, namespace = text.rpartition("=")
        if not equals or not place:
            raise ServerError(
                f"{text!r} is not DIR=NAMESPACE",
                where=config.origins["watch"],
                remedy="write the directory, `=`, and the namespace that it fills",
            )
        path = os.path.abspath(place)
        found.append(Declared(WATCH, _named(namespace, config, "watch"), {"path": path}))
    for table in config.git:
        try:
            found.append(repository(table))
        except ServerError as exc:
            raise ServerError(exc.message, where=config.origins["git"], remedy=exc.remedy) from exc
    return tuple(found)


def repository(table: Mapping[str, Any], *, remote: bool = False) -> Declared:
    """Read what is said of a git repository: :data:`KEYS`, of which the first two must be there.

    ``remote`` is for those that are not named by the server's own configuration: they
    cannot be directories of its machine. Raises ServerError.
    """
    unknown = [key for key in table if key not in KEYS]
    if unknown:
        raise ServerError(
            f"{unknown[0]!r} means nothing here", remedy=f"known are {', '.join(KEYS)}"
        )
    for key in ("url", "namespace"):
        if not table.get(key):
            raise ServerError(f"a git repository needs {key!r}")
    for key, value in table.items():
        if re.search(r"[\x00-\x1f\x7f\ud800-\udfff]", str(value)):
            raise ServerError(f"{key} has a character that cannot stand in it")
    if table.get("branch") and table.get("tag"):
        raise ServerError("a git repository has either a branch or a tag")
    location: dict[str, Any] = {"url": checked_url(str(table["url"]), remote=remote)}
    for key in ("branch", "tag"):
        if value := table.get(key):
            if _REF.match(str(value)) is None or ".." in str(value):
                raise ServerError(f"{value!r} cannot be a {key}")
            location[key] = str(value)
    if directory := str(table.get("directory") or "").strip("/"):
        if ".." in directory.split("/"):
            raise ServerError(f"{directory!r} leads out of the repository")
        location["directory"] = directory
    if pattern := table.get("glob"):
        location["glob"] = str(pattern)
    if (interval := table.get("interval")) is not None:
        location["interval"] = _seconds(interval)
    return Declared(GIT, check_name(str(table["namespace"]), "namespace's name"), location)


def checked_url(url: str, *, remote: bool = False) -> str:
    """Give a repository's address back, a path as ``file://`` URL. Raises ServerError."""
    scp = re.fullmatch(r"([A-Za-z0-9._-]+@[A-Za-z0-9.-]+):([^/].*)", url)
    if scp:
        url = f"ssh://{scp[1]}/{scp[2]}"
    helper = re.match(r"([A-Za-z0-9+.-]+)::", url)
    if "://" not in url and not helper:
        url = f"file://{os.path.abspath(url)}"
    try:
        parts = urlsplit(url)
    except ValueError as exc:
        raise ServerError(f"{url!r} is no address of a repository: {exc}") from exc
    if parts.password:
        raise ServerError(
            "a password does not belong into a repository's address",
            remedy="give `git-credentials` a reference for its address",
        )
    scheme = helper[1] if helper else parts.scheme
    known = _SCHEMES[:-1] if remote else _SCHEMES
    if helper or scheme not in known:
        raise ServerError(
            f"a repository cannot be asked for by {scheme}",
            remedy=f"write one of {', '.join(f'{one}://' for one in known)}",
        )
    return url


def _seconds(value: object) -> float:
    try:
        seconds = float(str(value))
    except ValueError as exc:
        raise ServerError(f"interval must be a number of seconds, and is {value!r}") from exc
    if not seconds >= SHORTEST:
        raise ServerError(f"interval must be at least {SHORTEST:.0f} second")
    return seconds


def _named(namespace: str, config: ServerConfig, value: str) -> str:
    try:
        return check_name(namespace, "namespace's name")
    except SpecError as exc:
        raise ServerError(exc.message, where=config.origins[value], remedy=exc.remedy) from exc

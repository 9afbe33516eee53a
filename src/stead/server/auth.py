"""Who may do what: the one place that decides, for everything that is served.

Whoever asks is known by a token. A token gives roles by globs over
``namespace/name``; so do the roles that a namespace gives to other namespaces, for
those whose own namespace is among these. A role is a set of actions, named in the
words of the API.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from stead.server.database import namespaces, tokens
from stead.server.database.globs import ANY, admits_name, split
from stead.server.values import ServerError, Visible

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from stead.server.services import Services
    from stead.server.values import Moment

_VIEWER = frozenset({"environment::read", "namespace-role-mapping::read", "namespace::read"})
_DEVELOPER = _VIEWER | {
    "build::cancel",
    "environment::solve",
    "environment::update",
    "environment:create",
    "setting::read",
}
_ADMIN = _DEVELOPER | {
    "build::delete",
    "environment::delete",
    "namespace-role-mapping::create",
    "namespace-role-mapping::delete",
    "namespace-role-mapping::update",
    "namespace::create",
    "namespace::delete",
    "namespace::update",
    "setting::update",
}
ROLES: Mapping[str, frozenset[str]] = {
    "viewer": _VIEWER,
    "developer": _DEVELOPER,
    "editor": _DEVELOPER,
    "admin": _ADMIN,
}
"""What each role allows. ``environment:create`` is written as clients know it."""

PRIMARY = "default"
"""The namespace of those who have none of their own."""

ALWAYS = ("default/*", "filesystem/*")
"""What everybody with a token may see."""

EVERYWHERE = None
"""Stands for the namespace of what belongs to none: that is for those with rights to everything."""

_NAME = re.compile(r"[A-Za-z0-9\-+_@$&?^~.=]{1,255}")
REFUSED = "request not authorized"

MOST_GLOBS = 100
"""How many globs a token has, or a namespace gives roles to: each request looks at them all."""

_GLOB = re.compile(r"[A-Za-z0-9\-+_@$&?^~.=*]{1,255}/[A-Za-z0-9\-+_@$&?^~.=*]{1,255}")


class Refused(ServerError):  # noqa: N818 - an answer, not a fault
    """The request is not allowed. ``status`` is 401 for a token that is none, else 403."""

    def __init__(self, message: str = REFUSED, *, status: int = 403) -> None:
        super().__init__(message)
        self.status = status


class GlobError(ServerError):
    """Roles cannot be given to this."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a request brings to say who asks.

    ``kept``: a browser keeps the token, and sends it whether it still means anything or not.
    """

    token: str = ""
    kept: bool = False


@dataclass(frozen=True, slots=True)
class Who:
    """Somebody who asks, and the roles they have by globs."""

    name: str
    authenticated: bool
    primary_namespace: str
    grants: Mapping[str, tuple[str, ...]]
    expires_on: Moment | None = None

    def may(self, action: str, namespace: str, name: str = "") -> bool:
        """Say whether they may do something in a namespace, or to something in it."""
        return any(
            action in actions_of(roles) and _admits(glob, action, namespace, name)
            for glob, roles in self.grants.items()
        )

    def visible(self, action: str = "environment::read") -> Visible:
        """Give what they may do something with."""
        return Visible(tuple(g for g, roles in self.grants.items() if action in actions_of(roles)))

    def covers(self, grants: Mapping[str, tuple[str, ...]]) -> bool:
        """Say whether some grants give nothing that they do not have themselves."""
        return all(
            any(
                action in actions_of(own) and _within(glob, wider)
                for wider, own in self.grants.items()
            )
            for glob, roles in grants.items()
            for action in actions_of(roles)
        )


@lru_cache(maxsize=256)
def actions_of(roles: tuple[str, ...]) -> frozenset[str]:
    """Give all that some roles allow; unknown ones allow nothing."""
    return frozenset().union(*(ROLES.get(role, frozenset()) for role in roles))


def is_name(text: str) -> bool:
    """Say whether a text can name a namespace or an environment, and no path."""
    return _NAME.fullmatch(text) is not None and ".." not in text and not text.startswith(".")


def check_globs(globs: Collection[str], what: str) -> None:
    """Raise GlobError for what is not ``NAMESPACE/NAME``, or more than anybody needs."""
    if len(globs) > MOST_GLOBS:
        raise GlobError(f"{what} has {len(globs)} globs, and may have {MOST_GLOBS}")
    for glob in globs:
        if _GLOB.fullmatch(glob) is None:
            raise GlobError(f"{what} has {glob[:100]!r}, which is not NAMESPACE/NAME")


def who_asks(services: Services, credentials: Credentials) -> Who:
    """Tell who asks. Raises :class:`Refused` (401) for a token that is not valid."""
    public = dict.fromkeys(services.config.public, ("viewer",))
    nobody = Who("anonymous", authenticated=False, primary_namespace=PRIMARY, grants=public)
    if not credentials.token:
        return nobody
    found = tokens.valid(services.database, credentials.token)
    if found is None:
        if credentials.kept:
            return nobody
        raise Refused("the token is not valid: unknown, expired or revoked", status=401)
    grants: dict[str, tuple[str, ...]] = dict(public)
    grants.update(dict.fromkeys(ALWAYS, ("viewer",)))
    # A token is named after the namespace that its holder calls their own.
    primary = found.name if is_name(found.name) else PRIMARY
    if "admin" not in found.grants.get("*/*", ()):
        with services.database.read() as connection:
            given = namespaces.roles_elsewhere(connection, primary)
        for namespace, mappings in given.items():
            _add(grants, f"{namespace}/*", tuple(each.role for each in mappings))
    for glob, roles in found.grants.items():
        _add(grants, glob, roles)
    return Who(found.who, True, primary, grants, found.expires_on)


def authorize(
    services: Services,
    credentials: Credentials,
    action: str,
    namespace: str | None,
    name: str = "",
) -> Who:
    """Tell who asks, if they may do this. Raises :class:`Refused`.

    What cannot be a name is allowed to nobody.
    """
    who = who_asks(services, credentials)
    if namespace is EVERYWHERE:
        if not any(
            split(glob) == ("*", "*") and action in actions_of(roles)
            for glob, roles in who.grants.items()
        ):
            raise Refused
        return who
    if not is_name(namespace) or (name and not is_name(name)):
        raise Refused
    if not who.may(action, namespace, name):
        raise Refused
    return who


def home_of(who: Who, action: str) -> str:
    """Give the namespace that somebody does something in who has named none.

    Their own, or else the first that they are given by its name.
    """
    if not who.may(action, who.primary_namespace):
        for glob, roles in who.grants.items():
            namespace, name = split(glob)
            if name == "*" and not set("*?") & set(namespace) and action in actions_of(roles):
                return namespace
    return who.primary_namespace


def _add(grants: dict[str, tuple[str, ...]], glob: str, roles: tuple[str, ...]) -> None:
    grants[glob] = tuple(dict.fromkeys((*grants.get(glob, ()), *roles)))


def _admits(glob: str, action: str, namespace: str, name: str) -> bool:
    first, second = split(glob)
    if not admits_name(first, namespace):
        return False
    if name:
        return admits_name(second, name)
    # The namespace as such belongs to those with rights to all in it; others may know of it.
    return second == "*" or action == "namespace::read"


def _within(glob: str, wider: str) -> bool:
    """Say whether all that a glob admits is certainly admitted by another one."""
    return all(
        admits_name(second, first.replace("*", ANY))
        for first, second in zip(split(glob), split(wider), strict=True)
    )

"""Variables with references → the values a process gets.

What a value may refer to is said in :mod:`stead.config.references`; of roles,
which need a host or a net, :func:`expand` knows none but ``paths``.

The caller's environment is not a source of values, but for a few names that
describe the machine and the person (:data:`ADOPTED`).
"""

from __future__ import annotations

import os.path
from typing import TYPE_CHECKING

from stead.config.references import Reference, parse
from stead.values.errors import CycleError, ManifestError
from stead.values.names import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stead.values.manifest import PathEntry, Variable
    from stead.values.origin import Origin

ADOPTED: tuple[str, ...] = (
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "SSH_AUTH_SOCK",
    "TMPDIR",
    "XDG_RUNTIME_DIR",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    # Windows' names for the same things.
    "USERPROFILE",
    "USERNAME",
    "APPDATA",
    "LOCALAPPDATA",
    "TEMP",
    "TMP",
    "SYSTEMROOT",
)
"""The caller's variables that may be referred to without being declared."""

LONGEST = 128 * 1024 - 1
"""Bytes of ``NAME=value``; Linux starts no program with a longer one."""

_PATHS = "paths."
_ROLES = ("host.", "net.", "data.")


def expand(
    variables: Iterable[Variable],
    paths: Iterable[PathEntry],
    *,
    ambient: Mapping[str, str],
    adopt: Iterable[str] = ADOPTED,
) -> tuple[tuple[str, str], ...]:
    """Give each variable's name and value, in the order they came in.

    Variables without a value (taken away) are left out. ``ambient`` is the
    caller's environment, of which only the names in ``adopt`` are looked at.

    Raises CycleError with the chain, and ManifestError for a reference to what
    is not there, a NUL, or a value longer than a process may be given.
    """
    return _Table(variables, paths, ambient, adopt).all()


class _Table:
    """The definitions of one environment, and what has been computed of them."""

    def __init__(
        self,
        variables: Iterable[Variable],
        paths: Iterable[PathEntry],
        ambient: Mapping[str, str],
        adopt: Iterable[str],
    ) -> None:
        self._variables = {v.name: v for v in variables}
        self._paths = {p.name: p for p in paths if p.path is not None}
        self._ambient = ambient
        self._adopt = frozenset(adopt)
        self._parsed: dict[str, tuple[str | Reference, ...]] = {}
        self._done: dict[str, str] = {}

    def all(self) -> tuple[tuple[str, str], ...]:
        return tuple(
            (name, self._resolve(name))
            for name, variable in self._variables.items()
            if variable.value is not None
        )

    def _parse(self, variable: Variable) -> tuple[str | Reference, ...]:
        assert isinstance(variable.value, str)
        return parse(variable.value, name=variable.name, where=variable.origin)

    def _resolve(self, name: str) -> str:
        """Compute one variable with all it needs; without recursion, chains may be long."""
        stack = [name]
        chain: dict[str, None] = {}
        while stack:
            top = stack[-1]
            if top in self._done:
                chain.pop(top, None)
                stack.pop()
                continue
            if top not in self._parsed:
                self._parsed[top] = self._parse(self._variables[top])
            parts = self._parsed[top]
            open_needs = [n for n in self._needs(parts) if n not in self._done]
            if not open_needs:
                self._done[top] = self._join(self._variables[top], parts)
                continue
            chain[top] = None
            if open_needs[0] in chain:
                raise self._cycle([*chain], open_needs[0])
            stack.append(open_needs[0])
        return self._done[name]

    def _needs(self, parts: tuple[str | Reference, ...]) -> list[str]:
        return [p.text for p in parts if isinstance(p, Reference) and self._defines(p.text)]

    def _defines(self, name: str) -> bool:
        variable = self._variables.get(name)
        return variable is not None and variable.value is not None

    def _join(self, variable: Variable, parts: tuple[str | Reference, ...]) -> str:
        pieces = []
        size = 0
        for part in parts:
            piece = part if isinstance(part, str) else self._look_up(part.text, variable)
            # Measured on the way: a handful of doublings would fill the memory first.
            size += len(piece)
            if size > LONGEST:
                break
            pieces.append(piece)
        value = "".join(pieces)
        long = size > LONGEST or len(value.encode("utf-8", "surrogateescape")) > LONGEST
        if long or "\0" in value:
            fault = "is longer than 128 KiB" if long else "contains a NUL character"
            raise _error(
                f"the value of {variable.name} {fault}, which no process can be given",
                variable.origin,
                "put it into a file, and the file's name into the variable",
            )
        return value

    def _look_up(self, name: str, user: Variable) -> str:
        if name.startswith(_PATHS):
            return self._path(name, user)
        if name.startswith(_ROLES):
            raise _error(
                f"{user.name} refers to {name}, which is known to a place's variables alone",
                user.origin,
                "define a variable that holds it under [vars], and refer to that",
            )
        if self._defines(name):
            return self._done[name]
        if name in self._adopt and name not in self._variables:
            return self._adopted(name, user)
        raise self._unknown(name, user)

    def _path(self, name: str, user: Variable) -> str:
        entry = self._paths.get(name.removeprefix(_PATHS))
        if entry is None or entry.path is None:
            like = nearest(name, (_PATHS + known for known in self._paths))
            raise _error(
                f"{user.name} refers to ${{{name}}}, but [paths] has no such entry",
                user.origin,
                f"did you mean ${{{like}}}?" if like else "add it to [paths]",
            )
        return os.path.normpath(os.path.join(entry.base, entry.path))

    def _adopted(self, name: str, user: Variable) -> str:
        for source in (name, "LOGNAME") if name == "USER" else (name,):
            if source in self._ambient:
                return self._ambient[source]
        if name == "TMPDIR":  # few systems set it, and all agree on what that means
            return "/tmp"  # noqa: S108
        raise _error(
            f"{user.name} refers to ${{{name}}}, which is not set where Stead was called",
            user.origin,
            f"export {name} before the call, or define it under [vars]",
        )

    def _unknown(self, name: str, user: Variable) -> ManifestError:
        if name in self._variables:
            return _error(
                f"{user.name} refers to ${{{name}}}, which is taken away",
                user.origin,
                f"give {name} a value here, or leave the reference out",
            )
        like = nearest(name, (*self._variables, *(a for a in self._adopt if a in self._ambient)))
        if like:
            remedy = f"did you mean ${{{like}}}?"
        elif name in self._ambient:
            remedy = (
                f"define {name} under [vars]: what the calling shell has is not taken over, "
                "so that others get the same"
            )
        else:
            remedy = f"define {name} under [vars], or write $${{{name}}} for the characters"
        return _error(
            f"{user.name} refers to ${{{name}}}, which is not defined", user.origin, remedy
        )

    def _cycle(self, chain: list[str], back: str) -> CycleError:
        round_ = chain[chain.index(back) :]
        first = self._variables[round_[0]]
        if len(round_) == 1:
            return CycleError(
                f"{back} refers to itself",
                where=_where(first.origin),
                remedy="a value may be added to only at one end of a list, "
                f'as in "…:${{{back}}}"; otherwise use another name',
            )
        return CycleError(
            f"variables refer to each other in a circle: {' → '.join([*round_, back])}",
            where=_where(first.origin),
            details=[
                f"{n} = {self._variables[n].value!r} ({self._variables[n].origin})" for n in round_
            ],
            remedy="give one of them a value of its own",
        )


def _where(origin: Origin) -> Origin | None:
    return origin if origin.file else None


def _error(message: str, where: Origin, remedy: str) -> ManifestError:
    return ManifestError(message, where=_where(where), remedy=remedy)

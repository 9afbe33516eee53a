"""What must not leave this machine with a history: values of what is a secret by now.

A history holds references to secrets, never their values. But a value that once stood
in a manifest as any other, before its name was declared secret, stands there still.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.history import commits
from stead.values.errors import StoreError
from stead.values.secret import scheme_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from stead.history.clones import Reference
    from stead.history.git import Repository
    from stead.values.context import Context
    from stead.values.generation import Generation

_SHOWN = 10


def refuse_secrets(
    repository: Repository,
    references: Iterable[Reference],
    context: Context,
    allowed: Collection[str],
) -> None:
    """Raise StoreError where histories hold values of secrets whose names are not ``allowed``.

    A name is a secret's if some generation gives it by a reference.
    """
    names = [one.name for one in references]
    generations = [c.generation for name in names for c in commits.read(repository, name, context)]
    secret = {name for g in generations for name, _ in _references(g)}.difference(allowed)
    if not secret:
        return
    found = _values(generations, secret)
    if not found:
        found = _texts(repository, names, secret, context)
    if found:
        more = [f"and {len(found) - _SHOWN} more"] if len(found) > _SHOWN else []
        raise StoreError(
            "the history holds values of what is declared secret by now",
            details=[*found[:_SHOWN], *more],
            remedy="change the secret itself where it is used; then "
            "`stead history push --allow NAME` shares its former value",
        )


def _references(generation: Generation) -> Iterable[tuple[str, str]]:
    return ((n, v) for n, v in generation.variables.items() if scheme_of(v) is not None)


def _values(generations: Iterable[Generation], secret: Collection[str]) -> list[str]:
    return [
        f"{name}, in generation {g.number} of {g.place}, environment {g.environment}"
        for g in generations
        for name, value in g.variables.items()
        if name in secret and value and scheme_of(value) is None
    ]


def _texts(
    repository: Repository, names: list[str], secret: Collection[str], context: Context
) -> list[str]:
    from stead.config.secrets.leaks import given_away

    return [
        f"{leak.name}, in an earlier {path}, line {leak.where.line}"
        for path, text in commits.manifests(repository, names, context)
        for leak in given_away(path, text, secret)
    ]

"""References → secrets: each file once, commands side by side, all failures together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.config.secrets.failure import Failure, UnopenedError
from stead.config.secrets.keys import Identities
from stead.values.errors import SecretError
from stead.values.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from stead.values.context import Context
    from stead.values.secret import SecretReference

PATIENCE = 60.0
"""Seconds that a command or a keyring has; some ask the person in a window of their own."""

AT_ONCE = 8
"""Commands that run side by side."""


def resolve(
    references: Iterable[SecretReference],
    *,
    context: Context,
    identities: Identities | None = None,
    timeout: float = PATIENCE,
) -> dict[SecretReference, Secret]:
    """Give the value of every reference.

    ``context`` gives the caller's variables and the process runner; ``identities``
    are the caller's keys, by default those that ``context`` leads to. Raises one SecretError that tells of all that failed.
    """
    found, failures = attempt(references, context=context, identities=identities, timeout=timeout)
    if failures:
        raise failed(failures)
    return found


def attempt(
    references: Iterable[SecretReference],
    *,
    context: Context,
    identities: Identities | None = None,
    timeout: float = PATIENCE,
) -> tuple[dict[SecretReference, Secret], list[Failure]]:
    """Do what :func:`resolve` does, and give the failures beside what was found."""
    wanted = list(dict.fromkeys(references))
    if identities is None:
        identities = Identities(context.environ, ask=context.ask)
    if wanted:
        from stead.config.secrets.memory import keep_from_dumps

        keep_from_dumps()
    files = _Files(identities)
    slow = [r for r in wanted if r.scheme in ("command", "keyring")]
    values: dict[SecretReference, Secret] = {}
    failures: dict[SecretReference, Failure] = {}

    def one(reference: SecretReference) -> None:
        try:
            values[reference] = Secret(_checked(_value(reference, context, files, timeout)))
        except UnopenedError as error:
            failures[reference] = Failure(reference, error.reason, error.tried, error.remedy)

    if len(slow) > 1:
        _side_by_side(one, slow)
    for reference in wanted:
        if reference not in values and reference not in failures:
            one(reference)
    ordered = {r: values[r] for r in wanted if r in values}
    return ordered, [failures[r] for r in wanted if r in failures]


def failed(failures: Sequence[Failure]) -> SecretError:
    """Give the error that tells of all failures."""
    if len(failures) == 1:
        (one,) = failures
        return SecretError(
            f"{one.reference} could not be had: {one.reason}",
            where=one.reference.origin if one.reference.origin.file else None,
            details=[f"tried {line}" if _is_key(one) else line for line in one.tried],
            remedy=one.remedy,
        )
    details: list[str] = []
    said: set[tuple[str, ...]] = set()
    for each in failures:
        place = f"{each.reference.origin}: " if each.reference.origin.file else ""
        details.append(f"{place}{each.reference}: {each.reason}")
        if each.tried and each.tried not in said:
            said.add(each.tried)
            details += [f"  tried {line}" if _is_key(each) else f"  {line}" for line in each.tried]
        if each.remedy and (each.remedy,) not in said:
            said.add((each.remedy,))
            details.append(f"  → {each.remedy}")
    return SecretError(f"{len(failures)} secrets could not be had", details=details)


def _is_key(failure: Failure) -> bool:
    return failure.reference.scheme in ("age", "sops")


class _Files:
    """Encrypted files, each opened once; also what could not be opened is not tried again."""

    def __init__(self, identities: Identities) -> None:
        self._identities = identities
        self._opened: dict[tuple[str, str], Callable[[str], str]] = {}
        self._closed: dict[tuple[str, str], UnopenedError] = {}

    def get(self, reference: SecretReference) -> str:
        which = (reference.scheme, reference.file)
        if which in self._closed:
            raise self._closed[which]
        if which not in self._opened:
            try:
                self._opened[which] = self._open(*which)
            except UnopenedError as error:
                self._closed[which] = error
                raise
        return self._opened[which](reference.key)

    def _open(self, scheme: str, path: str) -> Callable[[str], str]:
        if scheme == "age":
            from stead.config.secrets import age

            return age.Contents(path, age.open_file(path, self._identities)).get
        from stead.config.secrets import sops

        return sops.open_file(path, self._identities).get


def _value(reference: SecretReference, context: Context, files: _Files, timeout: float) -> str:
    if reference.scheme in ("age", "sops"):
        return files.get(reference)
    from stead.config.secrets import outside

    if reference.scheme == "env":
        return outside.from_environment(reference, context.environ)
    if reference.scheme == "keyring":
        return outside.from_keyring(reference, timeout)
    return outside.from_command(reference, context.environ, context.run, timeout)


def _checked(value: str) -> str:
    """Refuse what no variable could hold."""
    if "\0" in value:
        raise UnopenedError("its value holds a NUL byte, which no variable can hold")
    return value


def _side_by_side(
    one: Callable[[SecretReference], None], references: list[SecretReference]
) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(min(AT_ONCE, len(references))) as pool:
        for future in [pool.submit(one, reference) for reference in references]:
            future.result()

"""Specifications of interpreters, for whoever looks for one."""

from __future__ import annotations

from stead.formats.tox import _pythons

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from stead.values.interpreter import Interpreter

in_name = _pythons.in_name
kind = _pythons.kind


def answers(spec: str) -> Callable[[Interpreter], bool] | None:
    """Give the test that an interpreter must pass; None for what is no version (a path)."""
    wanted = _pythons.read(spec)
    if wanted is None:
        return None

    def holds(one: Interpreter) -> bool:
        numbers = tuple(int(part) for part in one.version.split(".")[:2])
        flags = one.tag[2:].lstrip("0123456789")
        whole = one.version.split(".")
        if len(wanted.version) > 2 and ".".join(map(str, wanted.version)) != ".".join(whole[:3]):
            return False
        return (
            (wanted.implementation or "cpython") == _pythons.implementation(one)
            and wanted.version[:2] == numbers[: len(wanted.version)]
            and bool(wanted.threaded) == ("t" in flags)
            and bool(wanted.debug) == ("d" in flags)
        )

    return holds


def is_open(spec: str) -> bool:
    """Say whether a specification leaves the minor version open (``py``, ``python3``)."""
    wanted = _pythons.read(spec)
    return wanted is not None and len(wanted.version) < 2


def version(spec: str) -> str:
    """Give the version that a specification names, as CI's set-up of Python takes it (``3.12``,
    ``3.13t``, ``pypy3.10``); empty where it names none.
    """
    wanted = _pythons.read(spec)
    if wanted is None or len(wanted.version) < 2:
        return ""
    numbers = ".".join(map(str, wanted.version))
    implementation = wanted.implementation or "cpython"
    threaded = "t" if wanted.threaded else ""
    return (numbers if implementation == "cpython" else implementation + numbers) + threaded

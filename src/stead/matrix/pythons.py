"""Interpreters for environments, found once for all of them."""

from __future__ import annotations

import os
import sys
from functools import cached_property

from stead.ecosystems import interpreters
from stead.formats.tox import interpreters as specs
from stead.values.errors import InterpreterError
from stead.values.interpreter import Interpreter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from stead.values.context import Context


class Pythons:
    """What is on this machine, looked up when the first is asked for. Nothing is fetched.

    Unless it may ``look``, none is found, and none is run to see what it is.
    """

    def __init__(self, context: Context, *, look: bool = True) -> None:
        self._context = context
        self._look = look
        self._answers: dict[tuple[str, ...], Interpreter | None] = {}
        self._fitting: dict[tuple[str, ...], Interpreter | None] = {}

    @cached_property
    def found(self) -> tuple[Interpreter, ...]:
        """All interpreters, newest first."""
        return interpreters.discovered(self._context) if self._look else ()

    @cached_property
    def host(self) -> Interpreter | None:
        """The one that is meant where nobody asks for a version."""
        return interpreters.among(self.found, "")

    def fitting(self, request: str, *, only: tuple[str, ...] = ()) -> Interpreter | None:
        """Give the interpreter for a version request; None where none fits."""
        asked = (request, *only)
        if asked not in self._fitting:
            self._fitting[asked] = (
                self._at(request)
                if os.path.isabs(request)
                else interpreters.among(self.found, request, only=only)
            )
        return self._fitting[asked]

    def named(self, wanted: tuple[str, ...]) -> Interpreter | None:
        """Give the interpreter for tox's specifications (``py312``, ``3.12``, a path), the first
        that is there.
        """
        if wanted not in self._answers:
            self._answers[wanted] = next(filter(None, map(self._one, wanted)), None)
        return self._answers[wanted]

    def explained(self, missing: str) -> str:
        """Add to what was looked for in vain that it is there, where it is only too old."""
        for version, path in self._unsupported if self._look and missing else ():
            major, minor = version.split(".")[:2]
            if f"{major}.{minor}" in missing or missing.endswith(f"py{major}{minor}"):
                return f"{missing} (there is {path}, {version}: too old to be supported)"
        return missing

    @cached_property
    def _unsupported(self) -> tuple[tuple[str, str], ...]:
        return interpreters.unsupported(self._context)

    def _one(self, spec: str) -> Interpreter | None:
        if os.path.isabs(spec):
            return self._at(spec)
        holds = specs.answers(spec)
        if holds is None:
            return None
        if specs.is_open(spec):
            return self._near_own(holds)
        return next(filter(holds, self.found), None)

    def _near_own(self, holds: Callable[[Interpreter], bool]) -> Interpreter | None:
        """Choose where no minor version is named: that which Stead runs under, if it is there."""
        own = f"{sys.version_info[0]}.{sys.version_info[1]}"
        fitting = [one for one in self.found if holds(one)]
        return next((one for one in fitting if one.minor == own), fitting[0] if fitting else None)

    def of_environment(self, program: str) -> Interpreter | None:
        """Describe the interpreter of an environment that is there, by its program."""
        import re

        version = self._context.run(
            [
                program,
                "-I",
                "-c",
                (
                    "import sys, sysconfig as s; print(sys.version.split()[0]);"
                    "print(s.get_config_var('SOABI') or '')"
                ),
            ]
        ).stdout.split()
        found = re.fullmatch(r"(\d+)\.(\d+)\.\d+.*", version[0]) if version else None
        if found is None:
            return None
        flags = re.search(r"-\d+(t?d?)-", version[1]) if len(version) > 1 else None
        tag = f"cp{found[1]}{found[2]}{flags[1] if flags else ''}"
        return Interpreter(program, version[0], tag)

    def _at(self, path: str) -> Interpreter | None:
        if not self._look:
            return None
        real = os.path.realpath(path)
        held = next((one for one in self.found if one.path == real), None)
        if held is not None:
            return held
        try:
            return interpreters.find(path, context=self._context)
        except InterpreterError:
            return None

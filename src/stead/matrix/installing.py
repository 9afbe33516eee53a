"""Installing into a directory that is nobody else's: as the project says, by pip, by uv."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from stead.matrix import under_test
from stead.values.errors import ArtifactError, TaskError, UnsatisfiableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from stead.matrix.kinds import Asked, Log
    from stead.values.activation import Change
    from stead.values.context import Context
    from stead.values.origin import Origin
    from stead.values.requirement import Requirement
    from stead.values.spec import PackagesSpec
    from stead.values.suite import Contents, Product
    from stead.values.testenv import TestCommand

_BY_PIP = ("python", "-I", "-m", "pip", "install", "{packages}")


class Inside:
    """What is done in an environment while it is made, with the variables of its commands."""

    def __init__(
        self, asked: Asked, where: str, changes: Sequence[Change], context: Context, log: Log
    ) -> None:
        """Prepare; ``where`` is its directory, ``changes`` its activation."""
        from stead.matrix.commands import passed
        from stead.shells.state import undo
        from stead.values.activation import apply

        self._asked = asked
        self._where = where
        self._context = context
        self._log = log
        work = asked.environment.work
        given = passed(undo(context.environ), work.pass_env, work.disallow_pass_env)
        given.setdefault("PATH", context.environ.get("PATH", os.defpath))
        self._environ = {**apply(changes, given), **dict(work.set_env)}

    def run(self, command: TestCommand, directory: str = "") -> None:
        """Run a command, in the project's directory if not in another.

        Raises TaskError where it does not end as it must, or is not allowed.
        """
        where = command.origin if command.origin.file else self._origin
        code = self._run(
            command.arguments, where, directory, allowed=self._asked.environment.work.allowlist
        )
        failed = (code == 0) if command.expect_failure else (code != 0)
        if failed and not command.ignore_failure:
            raise self._failed(command.arguments, code, where)

    def install(self) -> None:
        """Have the project's installer, or pip, install all that is asked.

        First what the environment asks for, then what the package needs, then the package
        by itself: the order in which tox calls it. Raises TaskError.
        """
        contents, product = self._asked.environment.contents, self._asked.product
        lines = [word for line in contents.lines for word in _words(line)]
        own = [_line(r) for r in contents.packages.requirements if not _is_tool(r)]
        indexes = _indexes(contents, self._environ)
        with self._limits(contents) as limits:
            if own or any(not word.startswith("--") for word in lines):
                self._install([*indexes, *lines, *own, *limits])
            if product is None:
                return
            if needs := under_test.needed(self._asked):
                self._install([*indexes, *_flags(lines), *needs, *limits])
        if product.format == "tree":
            self._install(["--no-deps", "--force-reinstall", "-e", product.path])
        elif product.format != "metadata":
            self._install(["--no-deps", "--force-reinstall", product.path])

    def _install(self, arguments: Sequence[str]) -> None:
        command: list[str] = []
        for word in self._asked.environment.contents.install_command or _BY_PIP:
            command += arguments if word == "{packages}" else () if word == "{opts}" else (word,)
        code = self._run(command, self._origin)
        if code:
            raise self._failed(command, code, self._origin)

    def _run(
        self,
        command: Sequence[str],
        where: Origin | None,
        directory: str = "",
        allowed: Sequence[str] | None = None,
    ) -> int:
        from stead.matrix.commands import program, shown
        from stead.values.suite import Ready

        self._log(shown(command))
        directory = directory or self._asked.root
        own = os.path.join(self._where, "bin")
        path = own + os.pathsep + self._environ["PATH"]
        ready = Ready("", self._where, self._where, (own,))
        found = program(command[0], ready, path, directory, allowed, where=where)
        if not found:
            raise TaskError(
                f"{command[0]} is to make {self._asked.environment.name}, and is not there",
                where=where,
                remedy="ask for the package that brings it, or mend install_command",
            )
        argv = [found, *command[1:]]
        done = self._context.run(argv, cwd=directory, env=self._environ, on_line=self._log)
        for line in done.stdout.splitlines():
            self._log(line)
        return done.returncode

    def _failed(self, command: Sequence[str], code: int, where: Origin | None) -> TaskError:
        from stead.matrix.commands import shown

        return TaskError(
            f"{self._asked.environment.name} could not be made: {shown(command)} ended with {code}",
            where=where,
            remedy="see what it said above",
        )

    @property
    def _origin(self) -> Origin | None:
        origin = self._asked.environment.origin
        return origin if origin.file else None

    @contextlib.contextmanager
    def _limits(self, contents: Contents) -> Iterator[list[str]]:
        """Write constraints to a file for the time of an installation."""
        if not contents.packages.constraints:
            yield []
            return
        path = os.path.join(self._where, ".constraints.txt")
        with open(path, "w", encoding="utf-8") as file:
            file.writelines(f"{_line(r)}\n" for r in contents.packages.constraints)
        yield ["-c", path]
        os.unlink(path)


def _indexes(contents: Contents, environ: Mapping[str, str]) -> list[str]:
    """Give the options that name the indexes that the environment's files name."""
    from stead.ecosystems.pypi.indexes import places

    options = []
    for place in places(contents.packages.indexes, environ):
        kind = "--index-url" if place.default else "--extra-index-url"
        options += ["--find-links" if place.flat else kind, place.url]
    return options


def _words(line: str) -> list[str]:
    """Split a line of a requirements file as an installer's arguments: an option has a value."""
    if line.startswith("-"):
        option, separator, value = line.partition(" ")
        return [option, value.strip()] if separator and value.strip() else [option]
    return [line]


def _flags(words: Iterable[str]) -> list[str]:
    """Give the options that hold for everything that is installed, such as ``--pre``."""
    return [word for word in words if word.startswith("--") and word not in _WITH_PATH]


_WITH_PATH = ("--requirement", "--constraint", "--editable")


def _line(requirement: Requirement) -> str:
    """Write a requirement as an installer's command line takes it."""
    from stead.ecosystems.pypi.question import path_of, requirement_line

    source = requirement.source
    if source is not None and source.kind == "path":
        extras = f"[{','.join(requirement.extras)}]" if requirement.extras else ""
        return f"{'--editable=' if source.editable else ''}{path_of(source)}{extras}"
    line = requirement_line(requirement)
    return f"{line} ; {requirement.marker}" if requirement.marker else line


def _is_tool(requirement: Requirement) -> bool:
    from stead.matrix.own import is_tool

    return is_tool(requirement)


def install_with_uv(
    python: str, product: Product, contents: Contents, context: Context, log: Log
) -> None:
    """Install a package, with what it needs, for the interpreter at ``python``.

    What it installs are copies: nothing that is written to them reaches a cache. Raises
    ArtifactError, NetworkError.
    """
    extras = contents.extras
    named = f"{product.name}[{','.join(extras)}]" if extras else product.name
    line = f"{named} @ {Path(product.path).as_uri()}"
    what = ["-e", product.path] if product.format == "tree" else [line]
    arguments = ["--reinstall-package", product.name, *what]
    _uv_pip_install(python, arguments, contents.packages, context, log)


def _uv_pip_install(
    python: str, arguments: Sequence[str], packages: PackagesSpec, context: Context, log: Log
) -> None:
    from stead.ecosystems.pypi import explain
    from stead.ecosystems.pypi.indexes import default_place, places
    from stead.ecosystems.pypi.uv import scratch, uv_for

    uv = uv_for(context)
    indexes = places(packages.indexes, context.environ)
    default = default_place(indexes, context.environ)
    tables = [f"[[index]]\n{p.toml(explicit=False)}" for p in indexes if not (p.flat or p.default)]
    if default:
        tables.append(f"[[index]]\n{default.toml(default=True, explicit=False)}")
    full = ["pip", "install", "--link-mode", "copy", "--python", python]
    for place in indexes:
        if place.flat:
            full += ["--find-links", place.url]
    if packages.exclude_newer:
        full += ["--exclude-newer", packages.exclude_newer]
    if not context.build_sources:
        full.append("--no-build")
    with scratch(context) as directory:
        config = os.path.join(directory, "uv.toml")
        with open(config, "w", encoding="utf-8") as file:
            file.write("\n".join(tables))
        done = uv.run([*full, *arguments], cwd=directory, config=config, on_line=log)
    if done.returncode != 0:
        error = explain.translate(done.stderr, build_sources=context.build_sources)
        if isinstance(error, UnsatisfiableError):
            raise ArtifactError(
                "what is asked for cannot be installed", details=error.details, remedy=error.remedy
            )
        raise error

"""An environment that exists: used as it is, and changed only where that is said."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from stead.matrix.kinds import Made
from stead.store import installed
from stead.values.activation import Change
from stead.values.digest import short_key
from stead.values.errors import ArtifactError, InterpreterError
from stead.values.frozen import replace
from stead.values.names import normalize_pypi
from stead.values.suite import Contents

if TYPE_CHECKING:
    from collections.abc import Callable

    from stead.matrix.kinds import Asked, Log
    from stead.values.context import Context
    from stead.values.interpreter import Interpreter
    from stead.values.suite import Environment, Work
    from stead.values.testenv import TestCommand

_PYTHONS = ("python", "python3")


def instead(
    environment: Environment,
    prefix: str,
    describe: Callable[[str], Interpreter | None],
    *,
    install: bool,
) -> Environment:
    """Give an environment that exists in place of one that would be made.

    ``describe`` tells the interpreter of a program. Unless ``install`` is said, nothing is
    built: what is there is tested. Commands that name the directory of the environment
    name the other one. Raises InterpreterError where there is none.
    """
    interpreter = describe(python(prefix))
    if interpreter is None:
        raise InterpreterError(
            f"the Python in {prefix} does not run", remedy="name another environment"
        )
    tests_package = environment.packages is None or bool(environment.packages)
    work = environment.work
    if environment.prefix:
        work = _moved(work, environment.prefix, prefix)
    return replace(
        environment,
        kind="existing",
        prefix=prefix,
        interpreter=interpreter,
        missing="",
        skip="",
        packages=environment.packages if install else (),
        contents=Contents(
            packages=environment.contents.packages,
            extras=environment.contents.extras,
            install=install,
            expects=tests_package,
        ),
        configuration=environment.configuration,
        work=work,
    )


def _moved(work: Work, old: str, new: str) -> Work:
    """Have commands and variables name another directory; what lies in it for a run stays."""
    pattern = re.compile(re.escape(old) + r"(?![\w.-])(?!/(?:tmp|log)(?:/|\Z))")

    def text(value: str) -> str:
        return pattern.sub(lambda _: new, value)

    def many(commands: tuple[TestCommand, ...]) -> tuple[TestCommand, ...]:
        return tuple(replace(c, arguments=tuple(map(text, c.arguments))) for c in commands)

    return replace(
        work,
        before=many(work.before),
        commands=many(work.commands),
        after=many(work.after),
        set_env=tuple((name, text(value)) for name, value in work.set_env),
    )


class Existing:
    """An environment that somebody else made: a virtual one, conda's, or an installation.

    ``environment.prefix`` says where it is. The package under test is looked for there,
    and put there only where ``contents.install`` says so.
    """

    name = "existing"
    installs = ("sdist", "wheel", "tree")

    def key(self, asked: Asked, context: Context) -> str:
        """Digest what is installed, by the times of the packages' records."""
        prefix = asked.environment.prefix
        program = python(prefix)
        about = os.stat(program)
        content = asked.product.content if asked.product else ""
        records = sorted(installed.look(prefix).items())
        return short_key([prefix, about.st_ino, about.st_mtime_ns, records, content])

    def find(self, asked: Asked, context: Context) -> Made | None:
        """Give the environment unless the package is to be put there first."""
        prefix = asked.environment.prefix
        python(prefix)
        if asked.product is not None and asked.environment.contents.install:
            return None
        if asked.product is not None:
            _compare(prefix, asked.product.name, asked.product.version, context)
        elif asked.environment.contents.expects:
            _compare(prefix, *_project(asked.root), context)
        return Made(self.key(asked, context), prefix, prefix, (os.path.join(prefix, "bin"),))

    def create(self, asked: Asked, context: Context, log: Log) -> Made:
        """Put the package there, where that is said; never makes the environment itself."""
        from stead.matrix.installing import install_with_uv

        prefix, product = asked.environment.prefix, asked.product
        program = python(prefix)
        if product is not None and asked.environment.contents.install:
            log(f"installing {os.path.basename(product.path)} into {prefix}")
            install_with_uv(program, product, asked.environment.contents, context, log)
        return Made(self.key(asked, context), prefix, prefix, (os.path.join(prefix, "bin"),))

    def activation(self, asked: Asked, made: Made, context: Context) -> tuple[Change, ...]:
        """See :meth:`stead.matrix.kinds.EnvironmentKind.activation`."""
        if os.path.isfile(os.path.join(made.prefix, "pyvenv.cfg")):
            return (Change("set", "VIRTUAL_ENV", made.prefix),)
        if os.path.isdir(os.path.join(made.prefix, "conda-meta")):
            from pathlib import Path

            from stead.ecosystems.conda import Conda

            return Conda().activation(Path(made.prefix), context)
        return ()

    def verify(self, made: Made, context: Context) -> tuple[str, ...]:
        """Say whether its Python is there; what else belongs into it is its owner's to say."""
        try:
            python(made.prefix)
        except InterpreterError as exc:
            return (exc.message,)
        return ()


def _compare(prefix: str, name: str, version: str, context: Context) -> None:
    """Look for the package under test. Raises ArtifactError where it is not there."""
    found = distribution(prefix, name) if name else ""
    if name and not found:
        raise ArtifactError(
            f"{name} is not installed in {prefix}",
            remedy="install it there, or have that done with --install",
        )
    if version and found and found != version:
        context.progress.note(
            f"{prefix} has {name} {found}, and this is {version}: what is there is tested"
        )


def _project(root: str) -> tuple[str, str]:
    """Give name and version that a project states; empty where it computes them."""
    import tomllib

    try:
        with open(os.path.join(root, "pyproject.toml"), "rb") as file:
            project = tomllib.load(file).get("project", {})
        if isinstance(project, dict) and isinstance(project.get("name"), str):
            return project["name"], str(project.get("version", ""))
    except (OSError, ValueError):
        pass
    import configparser

    found = configparser.ConfigParser(interpolation=None)
    try:
        found.read(os.path.join(root, "setup.cfg"), encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError):
        return "", ""
    version = found.get("metadata", "version", fallback="")
    return found.get("metadata", "name", fallback=""), "" if ":" in version else version


def python(prefix: str) -> str:
    """Give the Python of an environment that exists. Raises InterpreterError."""
    for name in _PYTHONS:
        path = os.path.join(prefix, "bin", name)
        if os.access(path, os.X_OK):
            return path
    there = os.path.isdir(prefix)
    raise InterpreterError(
        f"there is no Python in {prefix}" if there else f"{prefix} is not there",
        remedy="name the directory of a virtual or a conda environment (with bin/python in it)",
    )


def distribution(prefix: str, name: str) -> str:
    """Give the version of a distribution that is installed in a prefix; empty where it is not."""
    for path in installed.look(prefix):
        stem = os.path.basename(path if path.endswith("-info") else os.path.dirname(path))
        known, _, rest = stem.partition("-")
        if stem.endswith(".dist-info") and normalize_pypi(known) == normalize_pypi(name):
            return rest.removesuffix(".dist-info")
    return ""

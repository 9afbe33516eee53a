"""An environment that exists: used as it is, and changed only where that is said."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stead.matrix.kinds import Made
from stead.store import installed
from stead.values.activation import Change
from stead.values.digest import short_key
from stead.values.errors import ArtifactError, InterpreterError
from stead.values.names import normalize_pypi

if TYPE_CHECKING:
    from stead.matrix.kinds import Asked, Log
    from stead.values.context import Context

_PYTHONS = ("python", "python3")


class Existing:
    """An environment that somebody else made: a virtual one, conda's, or an installation.

    ``environment.prefix`` says where it is. The package under test is looked for there,
    and put there only where ``contents.install`` says so.
    """

    name = "existing"
    installs = ("sdist", "wheel")

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
        product = asked.product
        if product is not None:
            if asked.environment.contents.install:
                return None
            self._compare(asked, context)
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

    def _compare(self, asked: Asked, context: Context) -> None:
        """Look for the package under test. Raises ArtifactError where it is not there."""
        prefix, product = asked.environment.prefix, asked.product
        assert product is not None
        found = distribution(prefix, product.name)
        if found == "":
            raise ArtifactError(
                f"{product.name} is not installed in {prefix}",
                remedy="install it there, or have that done with --install",
            )
        if product.version and found != product.version:
            context.progress.note(
                f"{prefix} has {product.name} {found}, and {product.version} was built: "
                "what is there is tested"
            )


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

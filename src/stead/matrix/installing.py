"""Installing into a directory that is nobody else's: by uv, or as the project says."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from stead.values.errors import ArtifactError, UnsatisfiableError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stead.matrix.kinds import Log
    from stead.values.context import Context
    from stead.values.spec import PackagesSpec
    from stead.values.suite import Contents, Product


def install_with_uv(
    python: str, product: Product, contents: Contents, context: Context, log: Log
) -> None:
    """Install a package, with what it needs, for the interpreter at ``python``."""
    extras = contents.extras
    named = f"{product.name}[{','.join(extras)}]" if extras else product.name
    line = f"{named} @ {Path(product.path).as_uri()}"
    arguments = ["--reinstall-package", product.name, line]
    uv_pip_install(python, arguments, contents.packages, context, log, cwd="/")


def uv_pip_install(
    python: str,
    arguments: Sequence[str],
    packages: PackagesSpec,
    context: Context,
    log: Log,
    *,
    cwd: str,
) -> None:
    """Have uv install for the interpreter at ``python``, from the indexes of ``packages``.

    What it installs are copies: nothing that is written to them reaches a cache. Raises
    UnsatisfiableError, ArtifactError, NetworkError.
    """
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
        done = uv.run([*full, *arguments], cwd=cwd, config=config, on_line=log)
    if done.returncode != 0:
        error = explain.translate(done.stderr, build_sources=context.build_sources)
        if isinstance(error, UnsatisfiableError):
            raise ArtifactError(
                "what is asked for cannot be installed", details=error.details, remedy=error.remedy
            )
        raise error

"""Packages that a command builds: it leaves one file that the definition's patterns name."""

from __future__ import annotations

import glob
import os
from typing import TYPE_CHECKING

from stead.matrix import building
from stead.matrix.output import Said
from stead.values.errors import ArtifactError, TaskError
from stead.values.patterns import regex
from stead.values.testenv import TestCommand

if TYPE_CHECKING:
    from stead.matrix.building import Order
    from stead.values.origin import Origin

_PACKAGES = (".whl", ".tar.gz", ".zip", ".conda", ".tar.bz2")


def run(order: Order, directory: str) -> str:
    """Run the commands of a definition in ``directory``; gives the path of what they left.

    Raises ArtifactError when one fails, or when what is there then is not one package.
    """
    before = {path: _seen(path) for path in _found(order, directory)}
    settings = order.settings
    commands = settings.commands if settings else (TestCommand(order.definition.command),)
    where = (settings.change_dir if settings else "") or directory
    prefix = order.prefix()
    environ = building.environment(order, prefix)
    for command in commands:
        _run(order, command, where, prefix, environ)
    found = _found(order, directory)
    fresh = [path for path in found if before.get(path) != _seen(path)]
    if len(fresh) == 1:
        return fresh[0]
    if len(found) == 1 and not fresh:
        return found[0]
    patterns = " ".join(order.definition.outputs)
    names = ", ".join(os.path.basename(path) for path in fresh or found)
    said = f"left several packages: {names}" if names else f"left nothing that is {patterns}"
    raise ArtifactError(
        f"the command of {order.definition.name} {said}",
        where=order.definition.origin,
        remedy="one package is to come of it; correct the command, or what it leaves (outputs)",
    )


def _run(
    order: Order, command: TestCommand, where: str, prefix: str, environ: dict[str, str]
) -> None:
    said = Said(order.log)
    program = _program(order, command, where, environ["PATH"], prefix)
    done = order.context.run(
        [program, *command.arguments[1:]], cwd=where, env=environ, on_line=said.line
    )
    for text in done.stdout.splitlines():
        said.line(text)
    wrong = (done.returncode == 0) == command.expect_failure
    if wrong and not command.ignore_failure:
        raise building.failed(
            order, f"{' '.join(command.arguments)} ended with {done.returncode}", said
        )


_MANY = regex(r"[*?\[]")


def _program(order: Order, command: TestCommand, where: str, path: str, prefix: str) -> str:
    """Find a command's program: in the environment, in the project, or where it may come from."""
    import fnmatch
    import shutil

    name = command.arguments[0]
    if os.path.dirname(name):
        found: str | None = os.path.join(where, name)
    else:
        found = shutil.which(name, path=path)
    settings = order.settings
    if found is None:
        raise TaskError(
            f"the program {name} was not found, which builds {order.definition.name}",
            where=_place(order, command),
            remedy="install it, or name in deps what brings it" if settings else "install it",
        )
    if settings is None or found.startswith((prefix + os.sep, where + os.sep)):
        return found
    allowed = settings.allowlist_externals
    if not any(fnmatch.fnmatch(found, a) or fnmatch.fnmatch(name, a) for a in allowed):
        raise TaskError(
            f"{name} is {found}, outside of the environment that builds {order.definition.name}",
            where=_place(order, command),
            remedy=f"add {name} to its allowlist_externals",
        )
    return found


def _place(order: Order, command: TestCommand) -> Origin:
    return command.origin if command.origin.file else order.definition.origin


def _found(order: Order, directory: str) -> list[str]:
    """List the packages that the definition's patterns name."""
    found: set[str] = set()
    for pattern in order.definition.outputs:
        full = os.path.join(directory, pattern)
        paths = glob.glob(full, recursive=True) if _MANY.search(pattern) else [full]
        found |= {p for p in paths if os.path.isfile(p) and p.endswith(_PACKAGES)}
    return sorted(found)


def _seen(path: str) -> tuple[int, int, int]:
    info = os.stat(path)
    return (info.st_mtime_ns, info.st_size, info.st_ino)

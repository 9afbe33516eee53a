"""Environments that are a directory of their own, because something changes them.

The commands of some install packages; some projects say how theirs are installed, or say
things that only pip understands; some have commands that run once, when the environment
is new. Such an environment is a writable copy of a build: what happens in it reaches no
other. It is kept until what is asked of it changes, as tox keeps its own.
"""

from __future__ import annotations

import os

from stead.matrix import prefix
from stead.values.digest import short_key
from stead.values.frozen import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from stead.matrix.kinds import Asked, Log
    from stead.values.activation import Change
    from stead.values.context import Context
    from stead.values.requirement import Requirement

_DAY = 86_400


def is_own(asked: Asked) -> bool:
    """Say whether an environment must be a directory of its own."""
    contents = asked.environment.contents
    return contents.own or bool(contents.setup) or is_installed(asked)


def is_installed(asked: Asked) -> bool:
    """Say whether an installer is to be run, instead of what Stead does."""
    contents = asked.environment.contents
    return bool(contents.install_command or contents.lines)


def copied(asked: Asked) -> Asked:
    """Give what the build is to hold that is copied: the tools alone where an installer runs."""
    if not is_installed(asked):
        return asked
    contents = asked.environment.contents
    tools = tuple(r for r in contents.packages.requirements if is_tool(r))
    packages = replace(contents.packages, requirements=tools, constraints=(), taken=())
    environment = replace(asked.environment, contents=replace(contents, packages=packages))
    return replace(asked, environment=environment, product=None)


def directory(asked: Asked, context: Context) -> str:
    """Say where the environment lies: where the project says, else at home."""
    environment, product = asked.environment, asked.product
    if environment.prefix:
        return environment.prefix
    name = environment.name + (f"-{product.definition}" if product else "")
    return os.path.join(_home(asked.root, context), name, "environment")


def note_place(root: str, context: Context) -> None:
    """Note whose tests leave something at home, so that it goes when the project has gone."""
    from stead.store.atomic import write_file
    from stead.store.layout import PLACE

    path = os.path.join(_home(root, context), PLACE)
    try:
        if os.stat(path).st_mtime < context.now() - _DAY:
            os.utime(path)
    except FileNotFoundError:
        write_file(path, os.fsencode(root))


def _home(root: str, context: Context) -> str:
    return os.path.join(context.home, "tests", short_key(root))


def key(asked: Asked, build: str) -> str:
    """Digest what is asked of an environment that began as a copy of a build."""
    contents, product = asked.environment.contents, asked.product
    installed: list[object] = []
    if is_installed(asked):
        installed = [contents.packages, contents.extras, contents.install_command, contents.lines]
        installed += [product and [product.name, product.version, product.content]]
    return short_key(["own", build[:20], contents.system_site_packages, contents.setup, installed])


def make(asked: Asked, build: str, changes: Sequence[Change], context: Context, log: Log) -> None:
    """Copy a build, and have installed what is asked besides; whole once its note is written.

    ``changes`` is the activation of the copy. Raises TaskError where an installer or a
    command fails, with what it said in the log; StoreError.
    """
    from pathlib import Path

    from stead.matrix.installing import Inside
    from stead.store.atomic import remove_tree
    from stead.store.writable import private_copy

    where = directory(asked, context)
    held = key(asked, os.path.basename(build))
    with prefix.alone(where, context):
        if not asked.afresh and prefix.is_made(where, build, held, own=True):
            return  # somebody else just has
        log(f"copying it to {where}")
        prefix.clear(where)
        fresh = Path(f"{where}.new")
        remove_tree(fresh)
        private_copy(Path(build), fresh, Path(where))
        for name in os.listdir(fresh):
            os.rename(fresh / name, os.path.join(where, name))
        os.rmdir(fresh)
        if asked.environment.contents.system_site_packages:
            prefix.open_to_system(where)
        inside = Inside(asked, where, changes, context, log)
        if is_installed(asked):
            inside.install()
        for command in asked.environment.contents.setup:
            inside.run(command)
        prefix.note(where, build, held)


def is_tool(requirement: Requirement) -> bool:
    """Say whether a request is for what is there before the project's own installer runs."""
    return requirement.ecosystem != "pypi" or requirement.name == "pip"

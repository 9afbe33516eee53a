"""`stead init`: a stead.toml for this directory."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from stead.values.errors import ManifestError

if TYPE_CHECKING:
    import argparse

    from stead.cli.app import App

HELP = """Write a stead.toml for this directory.

What stands here already (environment.yml, requirements.txt, pyproject.toml, …)
is read as before, and decides what is proposed. A stead.toml that is there is
never overwritten. `.stead/`, and `.env`, where private values are kept, are added to
.gitignore, also where there is no repository yet.
"""

IGNORED = {".stead": ".stead/", ".env": ".env"}
"""What git is to pass over, and the line that says so."""


def configure(parser: argparse.ArgumentParser) -> None:
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--conda", action="store_true", help="prepare for packages from conda")
    kind.add_argument("--pypi", action="store_true", help="prepare for packages from PyPI")
    parser.add_argument(
        "name", nargs="?", metavar="NAME", help="the workspace's name (default: the directory's)"
    )


def execute(args: argparse.Namespace, app: App) -> int:
    from stead.formats import proposal
    from stead.pipeline.discover import discover
    from stead.store.atomic import storage

    directory = os.path.realpath(app.cwd)
    target = os.path.join(directory, "stead.toml")
    if os.path.lexists(target):
        raise ManifestError(
            "there is a stead.toml already",
            where=target,
            remedy="change it with `stead add`, or by hand",
        )
    # As if the new file were there: that decides what is above it.
    home = os.path.realpath(os.path.expanduser("~"))
    found = discover(directory, home=home, overlay={target: ""})
    here = [m for m in found.manifests if m.directory == directory and m.file != target]
    above = any(not m.foreign or m.workspace for m in found.manifests if m.directory != directory)
    beside = [os.path.relpath(m.file, directory) for m in here]
    says_python = any(
        r.name == "python" for m in here for layer in m.layers for r in layer.requirements
    )
    kind = (
        "conda"
        if args.conda
        else "pypi"
        if args.pypi
        else proposal.ecosystem_of(m.format for m in here)
    )
    text = proposal.write(
        args.name or os.path.basename(directory) or "workspace",
        kind,
        python="" if says_python or above else f">={sys.version_info[0]}.{sys.version_info[1]}",
        beside=beside,
        tasks=[("main", ["python", "main.py"])]
        if os.path.isfile(os.path.join(directory, "main.py"))
        else [],
        workspace=not above,
    )
    with storage(target):
        _write_new(target, text)
    app.out(target)
    ignored = _ignore(directory, found.root)
    if ignored:
        app.out(ignored)
    app.err(
        "next: `stead add NAME` asks for a package, `stead run COMMAND` makes the environment and uses it"
    )
    return 0


def _write_new(path: str, text: str) -> None:
    """Write a file that was not there; a failure leaves none."""
    with open(path, "x", encoding="utf-8", newline="\n") as file:
        try:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        except BaseException:
            os.unlink(path)
            raise


def _ignore(directory: str, root: str) -> str:
    """Let git pass over what is Stead's or private; gives the file that was changed, or nothing.

    Also where ``git init`` is still to come, most likely in ``root``: whoever then adds
    all there is must not commit what is private.
    """
    from stead.pipeline.unread import parents
    from stead.pipeline.variables import repository_of
    from stead.store.atomic import storage, write_file

    missing = dict(IGNORED)
    last = repository_of(directory) or root
    for above in parents(directory):
        for name in _ignored(os.path.join(above, ".gitignore")):
            missing.pop(name, None)
        if above == last:
            break
    if not missing:
        return ""
    path = os.path.join(directory, ".gitignore")
    with storage(path):
        try:
            with open(path, "rb") as file:
                old = file.read()
        except FileNotFoundError:
            old = b""
        end = b"\r\n" if b"\r\n" in old else b"\n"
        gap = end if old and not old.endswith(b"\n") else b""
        mode = os.stat(path).st_mode & 0o777 if old else 0o644
    lines = b"".join(line.encode() + end for line in missing.values())
    write_file(path, old + gap + lines, mode)
    return path


def _ignored(path: str) -> set[str]:
    """Name those of :data:`IGNORED` that a file covers; a pattern that says less does not."""
    try:
        with open(path, "rb") as file:
            lines = {line.strip().removeprefix(b"/") for line in file.read().split(b"\n")}
    except OSError:
        return set()
    found = {".stead"} if {b".stead", b".stead/"} & lines else set()
    # With `!.env` below it, somebody has decided otherwise: that is left alone too.
    return found | ({".env"} if {b".env", b".env*", b"*.env", b"!.env", b".*"} & lines else set())

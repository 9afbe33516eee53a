"""What git knows of a project: its files, and what versions are computed from.

Nothing here writes to the repository. Where git is missing or refuses, it is as if
there were no repository, and a note says so.
"""

from __future__ import annotations

import os

from stead.pipeline import repository
from stead.pipeline.repository import Repository, find, git
from stead.store.atomic import storage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from stead.values.context import Context

__all__ = ["Repository", "files", "find", "link", "state"]


def files(root: str, context: Context) -> dict[str, bool] | None:
    """List the files below ``root`` that git tracks (true) or does not ignore (false).

    None where git cannot say. Submodules, and repositories within, are looked into.
    """

    def refused(where: str, said: tuple[str, ...]) -> None:
        if said:
            context.progress.note(
                f"git does not list the files of {where}, so all count: {said[0]}"
            )

    return repository.files(root, context, refused)


def state(root: str, tracked: Iterable[str], context: Context) -> list[object]:
    """Say all that a version may be computed from: HEAD, tags, which files git knows, whether
    these are as committed, and, when they are not, the date.
    """
    described = git(
        context, root, "describe", "--tags", "--always", "--long", "--dirty", "--abbrev=40"
    )
    refs = git(context, root, "show-ref", "--head", "--tags", "--dereference")
    said = described.stdout.strip() if described else ""
    dirty = said.endswith("-dirty") or not said
    return [
        said,
        refs.stdout if refs else "",
        sorted(tracked),
        _date(context) if dirty else "",
    ]


def link(found: Repository, root: str, copy: str, context: Context) -> None:
    """Let ``copy``, a copy of a repository's directory ``top``, be a working tree of it.

    The copy has its own HEAD and index, so that nothing done there is seen in the
    repository. What lies outside of ``root`` is not in the copy, and does not count as deleted.
    """
    own = os.path.join(copy, ".git")
    with storage(own):
        os.makedirs(own, exist_ok=True)
        for name in ("HEAD", "index", "config.worktree"):
            source = os.path.join(found.git, name)
            if os.path.isfile(source):
                with open(source, "rb") as old, open(os.path.join(own, name), "wb") as new:
                    new.write(old.read())
        with open(os.path.join(own, "commondir"), "w", encoding="utf-8") as file:
            file.write(_common(found.git) + "\n")
    if root == found.top or not os.path.exists(os.path.join(own, "index")):
        return
    inner = os.path.relpath(root, found.top).replace(os.sep, "/") + "/"
    listed = git(context, copy, "ls-files", "-z")
    outside = [p for p in (listed.stdout if listed else "").split("\0") if p]
    text = "".join(f"{p}\0" for p in outside if not p.startswith(inner))
    if text:
        git(context, copy, "update-index", "-z", "--skip-worktree", "--stdin", stdin=text)


def _common(git: str) -> str:
    """Give the directory that all working trees of a repository share."""
    try:
        with open(os.path.join(git, "commondir"), encoding="utf-8") as file:
            return os.path.normpath(os.path.join(git, file.read().strip()))
    except OSError:
        return git


def _date(context: Context) -> str:
    import time

    given = context.environ.get("SOURCE_DATE_EPOCH", "")
    return given or time.strftime("%Y-%m-%d", time.gmtime(context.now()))

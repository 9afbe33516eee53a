"""What git knows of a project: its files, and what versions are computed from.

Nothing here writes to the repository. Where git is missing or refuses, it is as if
there were no repository, and a note says so.
"""

from __future__ import annotations

import os

from stead.store.atomic import storage
from stead.values.errors import SteadError
from stead.values.frozen import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from stead.values.context import Completed, Context

_QUIETLY = ("-c", f"core.hooksPath={os.devnull}", "-c", "core.fsmonitor=false")


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository's working tree: ``top`` is its directory, ``git`` where git's own files lie."""

    top: str
    git: str


def find(directory: str) -> Repository | None:
    """Find the repository that a directory lies in, without running git."""
    here = directory
    while True:
        entry = os.path.join(here, ".git")
        if os.path.isdir(entry):
            return Repository(here, entry)
        if os.path.isfile(entry):
            try:
                with open(entry, encoding="utf-8", errors="surrogateescape") as file:
                    said = file.readline().strip()
            except OSError:
                return None
            path = said.removeprefix("gitdir:").strip()
            return Repository(here, os.path.normpath(os.path.join(here, path))) if path else None
        parent = os.path.dirname(here)
        if parent == here:
            return None
        here = parent


def files(root: str, context: Context) -> dict[str, bool] | None:
    """List the files below ``root`` that git tracks (true) or does not ignore (false).

    None where git cannot say. Submodules, and repositories within, are looked into.
    """
    done = _git(context, root, "ls-files", "-z", "-t", "--cached", "--others", "--exclude-standard")
    if done is None:
        return None
    if done.returncode != 0:
        said = (done.stderr.strip().splitlines() or ["it gives no reason"])[0]
        context.progress.note(f"git does not list the files of {root}, so all count: {said}")
        return None
    found: dict[str, bool] = {}
    for entry in done.stdout.split("\0"):
        if not entry:
            continue
        path, tracked = entry[2:].rstrip("/"), entry[0] != "?"
        full = os.path.join(root, path)
        if os.path.isdir(full) and not os.path.islink(full):
            within = find(full)
            inner = files(full, context) if within and within.top == full else None
            found.update({f"{path}/{name}": known for name, known in (inner or {}).items()})
        else:
            found[path] = tracked
    return found


def state(root: str, tracked: Iterable[str], context: Context) -> list[object]:
    """Say all that a version may be computed from: HEAD, tags, which files git knows, whether
    these are as committed, and, when they are not, the date.
    """
    described = _git(
        context, root, "describe", "--tags", "--always", "--long", "--dirty", "--abbrev=40"
    )
    refs = _git(context, root, "show-ref", "--head", "--tags", "--dereference")
    said = described.stdout.strip() if described else ""
    dirty = said.endswith("-dirty") or not said
    return [
        said,
        refs.stdout if refs else "",
        sorted(tracked),
        _date(context) if dirty else "",
    ]


def link(repository: Repository, root: str, copy: str, context: Context) -> None:
    """Let ``copy``, a copy of a repository's directory ``top``, be a working tree of it.

    The copy has its own HEAD and index, so that nothing done there is seen in the
    repository. What lies outside of ``root`` is not in the copy, and does not count as deleted.
    """
    own = os.path.join(copy, ".git")
    with storage(own):
        os.makedirs(own, exist_ok=True)
        for name in ("HEAD", "index", "config.worktree"):
            source = os.path.join(repository.git, name)
            if os.path.isfile(source):
                with open(source, "rb") as old, open(os.path.join(own, name), "wb") as new:
                    new.write(old.read())
        with open(os.path.join(own, "commondir"), "w", encoding="utf-8") as file:
            file.write(_common(repository.git) + "\n")
    if root == repository.top or not os.path.exists(os.path.join(own, "index")):
        return
    inner = os.path.relpath(root, repository.top).replace(os.sep, "/") + "/"
    listed = _git(context, copy, "ls-files", "-z")
    outside = [p for p in (listed.stdout if listed else "").split("\0") if p]
    text = "".join(f"{p}\0" for p in outside if not p.startswith(inner))
    if text:
        _git(context, copy, "update-index", "-z", "--skip-worktree", "--stdin", stdin=text)


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


def _git(context: Context, cwd: str, *arguments: str, stdin: str | None = None) -> Completed | None:
    """Run git; None where there is none."""
    from stead.pipeline.uses import git_environment

    env = {**git_environment(context), "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
    try:
        return context.run(["git", *_QUIETLY, *arguments], cwd=cwd, env=env, stdin=stdin)
    except SteadError:
        return None

"""What git knows of a directory: which repository it lies in, and which files are the project's.

Nothing here writes to the repository, and no program that it names is started.
"""

from __future__ import annotations

import os

from stead.values.errors import SteadError
from stead.values.frozen import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

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


def files(
    root: str, context: Context, refused: Callable[[str, tuple[str, ...]], None]
) -> dict[str, bool] | None:
    """List the files below ``root`` that git tracks (true) or does not ignore (false).

    Submodules, and repositories within, are looked into. None where git cannot say: ``refused``
    is told the directory and what git said, nothing of it where there is no git, and may raise.
    """
    done = git(context, root, "ls-files", "-z", "-t", "--cached", "--others", "--exclude-standard")
    if done is None:
        refused(root, ())
        return None
    if done.returncode != 0:
        refused(root, tuple(done.stderr.strip().splitlines()) or ("it gives no reason",))
        return None
    found: dict[str, bool] = {}
    for entry in done.stdout.split("\0"):
        if not entry:
            continue
        path, tracked = entry[2:].rstrip("/"), entry[0] != "?"
        full = os.path.join(root, path)
        if os.path.isdir(full) and not os.path.islink(full):
            within = find(full)
            inner = files(full, context, refused) if within and within.top == full else None
            found.update({f"{path}/{name}": known for name, known in (inner or {}).items()})
        else:
            found[path] = tracked
    return found


def git(context: Context, cwd: str, *arguments: str, stdin: str | None = None) -> Completed | None:
    """Run git quietly; None where there is none."""
    from stead.pipeline.uses import git_environment

    env = {**git_environment(context), "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
    try:
        return context.run(["git", *_QUIETLY, *arguments], cwd=cwd, env=env, stdin=stdin)
    except SteadError:
        return None

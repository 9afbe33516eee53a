"""What git says of a working copy, and how one is cloned.

Git is asked with the module's own rules (:func:`stead.pipeline.uses.git_environment`):
it prompts nobody, runs no hooks, and no monitor that a repository's configuration names.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stead.pipeline.uses import git_environment
from stead.store.atomic import remove_tree
from stead.values.errors import NetworkError, StoreError
from stead.values.frozen import dataclass

if TYPE_CHECKING:
    from stead.values.context import Completed, Context

_QUIETLY = ("-c", f"core.hooksPath={os.devnull}", "-c", "core.fsmonitor=false")
_MOST = 5


@dataclass(frozen=True, slots=True)
class Work:
    """What a working copy holds that nobody else has.

    ``changed`` are files, ``unpushed`` commits (first line of each, stashes and those
    of every branch and tag among them), ``worktrees`` further directories of it.
    """

    branch: str = ""
    head: str = ""
    changed: tuple[str, ...] = ()
    unpushed: tuple[str, ...] = ()
    worktrees: tuple[str, ...] = ()

    @property
    def lines(self) -> list[str]:
        """Say what would be lost; nothing where nothing would."""
        said = []
        for what, found in (
            ("uncommitted", self.changed),
            ("unpushed", self.unpushed),
            ("worktree", self.worktrees),
        ):
            said += [f"{what}: {one}" for one in found[:_MOST]]
            if len(found) > _MOST:
                said.append(f"{what}: {len(found) - _MOST} more")
        return said


def look(context: Context, directory: str, commit: str) -> Work:
    """Ask git about a working copy of ``commit``. Raises StoreError where git cannot say."""
    changed = uncommitted(context, directory)
    # What the remote has, and what came with the clone, is not lost.
    log = _asked(
        context, directory, "log", "--no-color", "--no-show-signature", "--format=%h %s",
        "--ignore-missing", "--all", "HEAD", "--not", "--remotes", "--glob=refs/stead/cloned/*", commit,
    )  # fmt: skip
    trees = _asked(context, directory, "worktree", "list", "--porcelain")
    further = [t[9:] for t in trees.splitlines() if t.startswith("worktree ")][1:]
    return Work(
        branch=_asked(context, directory, "branch", "--show-current").strip(),
        head=_asked(context, directory, "rev-parse", "HEAD").strip(),
        changed=changed,
        unpushed=tuple(log.splitlines()),
        worktrees=tuple(further),
    )


def uncommitted(context: Context, directory: str) -> tuple[str, ...]:
    """List the files of a working tree that differ from what is committed, new ones too."""
    status = _asked(
        context, directory, "status", "--porcelain", "-z", "--untracked-files=all",
        "--ignore-submodules=none", "--no-renames",
    )  # fmt: skip
    return tuple(entry[3:] for entry in status.split("\0") if entry)


def is_clone_of(context: Context, directory: str, address: str) -> bool:
    """Say whether a directory is the top of a clone of an address."""
    if not os.path.lexists(os.path.join(directory, ".git")):
        return False
    done = _git(context, directory, "config", "--get-all", "remote.origin.url")
    return done.returncode == 0 and address in done.stdout.splitlines()


def clone(context: Context, address: str, directory: str, commit: str, requested: str) -> None:
    """Clone a repository into a new directory, at a commit.

    On the branch that was asked for, if the commit is one of it, so that work can be
    pushed; else on no branch. Raises NetworkError; the directory is whole or not there.
    """
    parent, name = os.path.split(directory)
    temporary = os.path.join(parent, f".{name}-{os.getpid()}")
    try:
        os.makedirs(parent, exist_ok=True)
        _fetched(context, parent, "clone", "--quiet", "--no-checkout", "--origin=origin",
                 "--", address, temporary)  # fmt: skip
        if _git(context, temporary, "cat-file", "-e", f"{commit}^{{commit}}").returncode:
            _fetched(context, temporary, "fetch", "--quiet", "origin", commit)
        _note_tags(context, temporary)
        branch = _branch(context, temporary, requested, commit)
        if branch:
            _asked(context, temporary, "checkout", "--quiet", "-B", branch, commit)
            _asked(context, temporary, "branch", "--quiet", f"--set-upstream-to=origin/{branch}")
        else:
            _asked(context, temporary, "checkout", "--quiet", "--detach", commit)
        os.rename(temporary, directory)
    except OSError as exc:
        raise StoreError(
            f"{directory} cannot be made: {exc.strerror}",
            remedy="name another directory with --at",
        ) from exc
    finally:
        if os.path.lexists(temporary):
            remove_tree(temporary)


def _note_tags(context: Context, directory: str) -> None:
    """Remember the tags that came with the clone: what they lead to is no work of the user's."""
    tags = _asked(
        context, directory, "for-each-ref", "--format=%(objectname) %(refname)", "refs/tags"
    )
    lines = [line.partition(" ") for line in tags.splitlines()]
    script = "".join(f"create refs/stead/cloned/{ref[10:]} {sha}\n" for sha, _, ref in lines)
    if script:
        _asked(context, directory, "update-ref", "--stdin", stdin=script)


def _branch(context: Context, directory: str, requested: str, commit: str) -> str:
    """Name the branch of the remote that a revision means and the commit is on; else nothing."""
    name = requested.removeprefix("refs/").removeprefix("heads/")
    if not name:
        done = _git(context, directory, "symbolic-ref", "--quiet", "--short", "HEAD")
        name = done.stdout.strip()
    if (
        not name
        or not _git(
            context, directory, "rev-parse", "-q", "--verify", f"refs/tags/{name}"
        ).returncode
    ):
        return ""
    upstream = f"refs/remotes/origin/{name}"
    done = _git(context, directory, "merge-base", "--is-ancestor", commit, upstream)
    return "" if done.returncode else name


def _git(context: Context, directory: str, *words: str, stdin: str | None = None) -> Completed:
    return context.run(
        ["git", *_QUIETLY, *words], cwd=directory, env=git_environment(context), stdin=stdin
    )


def _asked(context: Context, directory: str, *words: str, stdin: str | None = None) -> str:
    done = _git(context, directory, *words, stdin=stdin)
    if done.returncode:
        raise StoreError(
            f"git cannot say what is in {directory}",
            details=done.stderr.strip().splitlines()[-3:],
            remedy="look at it with `git status` there",
        )
    return done.stdout


def _fetched(context: Context, directory: str, *words: str) -> None:
    done = _git(context, directory, *words)
    if done.returncode:
        raise NetworkError(
            "the module could not be cloned",
            details=done.stderr.strip().splitlines()[-3:],
            remedy="check the address, and your access to it",
        )

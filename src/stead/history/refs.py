"""The same history as commits on hidden references of the project's repository.

``refs/stead/<worktree>/<place>/<environment>``, each part encoded so that it is
one component: then ``a`` and ``a/b`` are neighbours, not directory and file. A
commit holds the manifests and the lock, and in its message what else there is to
say of a generation.

Usually they are written as git would write them (`objects`). Elsewhere ``git fast-import``
makes objects and moves the reference in one process. It knows
no index, no working tree, no hooks (they are switched off for the reference's own),
no signature, and takes author and committer from its input, so that a repository
without ``user.name`` and one in the middle of a merge are like any other.
"""

from __future__ import annotations

import contextlib
import json
import os

from stead.history import objects
from stead.history.git import git, has_git, repository_of, tip
from stead.history.identity import address_of, name_of
from stead.history.who import told
from stead.store.generations import History, environments, places_below
from stead.values.errors import SteadError, StoreError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from stead.history.git import Repository
    from stead.values.context import Context
    from stead.values.generation import Generation

_AT_ONCE = 200
"""Commits in one call of git."""


def commit(history: History, generation: Generation, context: Context) -> str:
    """Commit a generation; gives the reference, empty where there is no repository or no git.

    A failure is told as a note: the store has the history in any case.
    """
    repository = repository_of(history.place)
    if repository is None:
        return ""
    name = repository.reference(history.place, history.environment)
    try:
        said = _commit(repository, name, history, generation, context)
    except (SteadError, OSError, TimeoutError) as exc:
        said = str(exc)
    if said:
        context.progress.note(f"git does not take this change into {name}: {said}")
        return ""
    return name


def catch_up(repository: Repository, context: Context) -> None:
    """Commit what the store has of the places in a working tree, and git has not.

    Such are generations from before there was a repository, or while git was missing.
    """
    for place in places_below(context.home, repository.top):
        if repository_of(place) != repository:
            continue
        for environment in environments(context.home, place):
            history = History(context.home, place, environment)
            try:
                said = _catch_up(repository, history, context)
            except (SteadError, OSError, TimeoutError) as exc:
                said = str(exc)
            if said:
                context.progress.note(f"git does not take all of the history of {place}: {said}")


def _catch_up(repository: Repository, history: History, context: Context) -> str:
    from stead.history.commits import read

    name = repository.reference(history.place, history.environment)
    held = 0
    if tip(repository, name, context):
        last = read(repository, name, context, most=1)
        held = last[0].generation.number if last else 0
    missing = [g for n in range(held + 1, history.newest + 1) if (g := history.find(n))]
    for start in range(0, len(missing), _AT_ONCE):
        said = _import(repository, name, history, missing[start : start + _AT_ONCE], context)
        if said:
            return said
    return ""


def _commit(
    repository: Repository, name: str, history: History, generation: Generation, context: Context
) -> str:
    """Commit one generation; says what hinders, or nothing."""
    before = history.find(generation.number - 1)
    if before is None or before.place == history.place:
        try:
            files = _files(repository, history, generation)
            head, text = _about(repository, history, generation)
            objects.write_commit(repository.common, name, files, head, text)
            return ""
        except (objects.UnusualError, OSError):
            pass
    if not has_git(context):
        return ""
    return _import(repository, name, history, [generation], context)


def _import(
    repository: Repository,
    name: str,
    history: History,
    generations: Sequence[Generation],
    context: Context,
) -> str:
    """Have git commit generations, in their order; gives what it says against that."""
    stream = []
    before = tip(repository, name, context) or _former(repository, history, generations[0], context)
    if before:
        stream.append(f"reset {name}\nfrom {before}\n")
    for generation in generations:
        head, text = _about(repository, history, generation)
        stream.append(f"commit {name}\n{head.decode('utf-8', 'surrogateescape')}{_data(text)}")
        stream.append("deleteall")
        for path, content in sorted(_files(repository, history, generation).items()):
            stream += [f"M 100644 inline {_quoted(path)}", _data(content)]
    words = ["fast-import", "--quiet", "--done"]
    done = git(repository.top, words, context, "\n".join([*stream, "done", ""]))
    if done.returncode == 0:
        return ""
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    return lines[0] if lines else f"git fast-import ended with {done.returncode}"


def _former(
    repository: Repository, history: History, generation: Generation, context: Context
) -> str:
    """Give the last commit of a place that was moved within the tree."""
    before = history.find(generation.number - 1)
    if before is None or before.place == history.place:
        return ""
    if repository_of(os.path.dirname(before.place)) != repository:
        return ""
    return tip(repository, repository.reference(before.place, history.environment), context)


def _files(repository: Repository, history: History, generation: Generation) -> dict[str, bytes]:
    """Give what a commit holds: paths inside the working tree, with ``/``, and contents."""
    root = os.path.normpath(os.path.join(os.path.realpath(history.place), generation.root))
    files: dict[str, bytes] = {}
    for file, sha in (*generation.files.items(), ("stead.lock", generation.lock_file)):
        inside = os.path.relpath(os.path.join(root, file), repository.top).replace(os.sep, "/")
        with contextlib.suppress(StoreError):  # a text that is gone hinders no other
            if sha and not inside.startswith("../"):
                files[inside] = history.content(generation.number, sha)
    return files


def _about(repository: Repository, history: History, generation: Generation) -> tuple[bytes, bytes]:
    """Give the lines of author and committer, and the message."""
    author, address = _name(name_of(generation.who)), _name(address_of(generation.who))
    stamp = f"{author} <{address}> {int(generation.time)} +0000"
    absent = sorted(history.absent(generation))
    text = message(generation, repository.inside(history.place), absent)
    head = f"author {stamp}\ncommitter {stamp}\n"
    return head.encode("utf-8", "surrogateescape"), text.encode("utf-8", "surrogateescape")


def message(generation: Generation, inside: str, absent: Sequence[str]) -> str:
    """Give a commit's message: what happened in one line, and the generation as JSON.

    Its place is ``inside``, relative to the tree's top: where a clone lies is nobody's
    business. ``absent`` are the manifests that were known not to be there.
    """
    subject = generation.reason.split("\n")[0] or told(generation)
    data = {**generation.as_json(), "place": inside, "absent": absent}
    del data["pinned"], data["closed"]
    body = json.dumps(data, ensure_ascii=False, sort_keys=True)
    return f"{subject}\n\nstead generation {generation.number}\n{body}\n"


def _data(content: bytes) -> str:
    return f"data {len(content)}\n{content.decode('utf-8', 'surrogateescape')}"


def _quoted(path: str) -> str:
    """Quote a path as C does, bytes beyond ASCII in octal."""
    raw = path.encode("utf-8", "surrogateescape")
    if all(32 < b < 127 and b not in b'"\\' for b in raw):
        return path
    inner = "".join(chr(b) if 32 <= b < 127 and b not in b'"\\' else f"\\{b:03o}" for b in raw)
    return f'"{inner}"'


def _name(text: str) -> str:
    return "".join(c for c in text if c.isprintable() and c not in "<>\n") or "stead"

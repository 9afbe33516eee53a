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

import json
import os
from typing import TYPE_CHECKING

from stead.history import objects
from stead.history.who import told
from stead.values.errors import SteadError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stead.store.generations import History
    from stead.values.context import Completed, Context
    from stead.values.generation import Generation

_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
_LONG = 20.0
"""Seconds after which a repository that does not answer is let be."""


def commit(history: History, generation: Generation, context: Context) -> str:
    """Commit a generation; gives the reference, empty where there is no repository or no git.

    A failure is told as a note: the store has the history in any case.
    """
    found = repository_of(generation.place)
    if found is None:
        return ""
    top, worktree = found
    name = reference(worktree, os.path.relpath(generation.place, top), generation.environment)
    try:
        said = _import(top, name, history, generation, context)
    except (SteadError, OSError, TimeoutError) as exc:
        said = str(exc)
    if said:
        context.progress.note(f"git does not take this change into {name}: {said}")
        return ""
    return name


def reference(worktree: str, place: str, environment: str) -> str:
    """Name the reference of an environment of a place (relative to the working tree's top)."""
    parts = (worktree, place.replace(os.sep, "/"), environment)
    return "/".join(["refs/stead", *map(encoded, parts)])


def encoded(text: str) -> str:
    """Write any text as one component of a reference's name.

    >>> encoded("a b/ü")
    'a%20b%2F%C3%BC'
    """
    return "".join(
        chr(byte) if chr(byte) in _PLAIN else f"%{byte:02X}"
        for byte in text.encode("utf-8", "surrogateescape")
    )


def repository_of(place: str) -> tuple[str, str] | None:
    """Give the top of a place's working tree and that tree's name; None outside of one.

    The main working tree is called ``main``, a linked one ``linked-`` and as git calls it.
    """
    top = os.path.realpath(place)
    while True:
        mark = os.path.join(top, ".git")
        if os.path.isdir(mark):
            return top, "main"
        if os.path.isfile(mark):
            try:
                with open(mark, encoding="utf-8", errors="surrogateescape") as file:
                    directory = file.read().removeprefix("gitdir:").strip()
            except OSError:
                return None
            parent, name = os.path.split(directory)
            return top, f"linked-{name}" if os.path.basename(parent) == "worktrees" else "main"
        above = os.path.dirname(top)
        if above == top:
            return None
        top = above


def git(top: str, words: list[str], context: Context, stdin: str | None = None) -> Completed:
    """Run git on a working tree, whatever the caller's own ``GIT_`` variables say."""
    environ = {n: v for n, v in context.environ.items() if not n.startswith("GIT_")}
    environ |= {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C.UTF-8"}
    for kept in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM", "GIT_EXEC_PATH"):
        if kept in context.environ:
            environ[kept] = context.environ[kept]
    safe = [
        "-c",
        f"core.hooksPath={os.devnull}",
        "-c",
        "gc.auto=0",
        "-c",
        "core.logAllRefUpdates=false",
    ]
    return context.run(["git", "-C", top, *safe, *words], env=environ, stdin=stdin, timeout=_LONG)


def _import(top: str, name: str, history: History, generation: Generation, context: Context) -> str:
    files = _files(top, history, generation)
    author = _name(generation.who)
    stamp = f"{author} <{author}> {int(generation.time)} +0000"
    head = f"author {stamp}\ncommitter {stamp}\n"
    text = message(generation).encode("utf-8", "surrogateescape")
    try:
        above = head.encode("utf-8", "surrogateescape")
        objects.write_commit(os.path.join(top, ".git"), name, files, above, text)
    except (objects.UnusualError, OSError):
        return _fast_import(top, name, files, f"{head}{_data(text)}", context)
    return ""


def _fast_import(
    top: str, name: str, files: Mapping[str, bytes], about: str, context: Context
) -> str:
    """Have git commit files, if it is there; gives what it says against that."""
    import shutil

    if not shutil.which("git", path=context.environ.get("PATH")):
        return ""
    before = git(top, ["rev-parse", "--verify", "--quiet", f"{name}^0"], context).stdout.strip()
    stream = [f"commit {name}\n{about}"]
    if before:
        stream.append(f"from {before}")
    stream.append("deleteall")
    for path, content in sorted(files.items()):
        stream += [f"M 100644 inline {_quoted(path)}", _data(content)]
    words = ["fast-import", "--quiet", "--done"]
    done = git(top, words, context, "\n".join([*stream, "done", ""]))
    if done.returncode == 0:
        return ""
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    return lines[0] if lines else f"git fast-import ended with {done.returncode}"


def _files(top: str, history: History, generation: Generation) -> dict[str, bytes]:
    """Give what a commit holds: paths inside the working tree, with ``/``, and contents."""
    root = os.path.normpath(os.path.join(os.path.realpath(generation.place), generation.root))
    texts = {file: history.text(generation, file) for file in generation.files}
    texts["stead.lock"] = history.lock_text(generation)
    inside = {
        os.path.relpath(os.path.join(root, file), top).replace(os.sep, "/"): text
        for file, text in texts.items()
        if text is not None
    }
    return {path: text for path, text in inside.items() if not path.startswith("../")}


def message(generation: Generation) -> str:
    """Give a commit's message: what happened in one line, and the generation as JSON."""
    subject = generation.reason.split("\n")[0] or told(generation)
    data = generation.as_json()
    del data["pinned"]
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

"""The same history as commits on hidden references of the project's repository.

``refs/stead/<worktree>/<place>/<environment>``, each part encoded so that it is
one component: then ``a`` and ``a/b`` are neighbours, not directory and file. A
commit holds the manifests and the lock, and in its message what else there is to
say of a generation.

``git fast-import`` makes objects and moves the reference in one process. It knows
no index, no working tree, no hooks (they are switched off for the reference's own),
no signature, and takes author and committer from its input, so that a repository
without ``user.name`` and one in the middle of a merge are like any other.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from stead.history.who import told
from stead.values.errors import SteadError
from stead.values.patterns import regex

if TYPE_CHECKING:
    from stead.store.generations import History
    from stead.values.context import Completed, Context
    from stead.values.generation import Generation

_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
_OBJECT = regex(r"(?:[0-9a-f]{40}|[0-9a-f]{64})\Z")
_LONG = 20.0
"""Seconds after which a repository that does not answer is let be."""


def commit(history: History, generation: Generation, context: Context) -> str:
    """Commit a generation; gives the reference, empty where there is no repository or no git.

    A failure is told as a note: the store has the history in any case.
    """
    found = repository_of(generation.place)
    if found is None:
        return ""
    import shutil

    if not shutil.which("git", path=context.environ.get("PATH")):
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
    before = _loose(top, name)
    if not before:
        held = git(top, ["rev-parse", "--verify", "--quiet", f"{name}^0"], context)
        before = held.stdout.strip()
    stream = _stream(name, before, top, history, generation)
    done = git(top, ["fast-import", "--quiet", "--done"], context, stream)
    if done.returncode == 0:
        return ""
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    return lines[0] if lines else f"git fast-import ended with {done.returncode}"


def _loose(top: str, name: str) -> str:
    """Read a reference where it is a file of its own, which spares a process."""
    try:
        with open(os.path.join(top, ".git", *name.split("/")), encoding="ascii") as file:
            text = file.read().strip()
    except (OSError, ValueError):
        return ""
    return text if _OBJECT.match(text) else ""


def _stream(name: str, before: str, top: str, history: History, generation: Generation) -> str:
    files: dict[str, bytes] = {}
    root = os.path.normpath(os.path.join(os.path.realpath(generation.place), generation.root))
    for file in generation.files:
        text = history.text(generation, file)
        if text is not None:
            files[os.path.join(root, file)] = text
    lock = history.lock_text(generation)
    if lock is not None:
        files[os.path.join(root, "stead.lock")] = lock
    stamp = f"{int(generation.time)} +0000"
    author = _name(generation.who)
    parts = [
        f"commit {name}",
        f"author {author} <{author}> {stamp}",
        f"committer {author} <{author}> {stamp}",
        _data(message(generation).encode("utf-8", "surrogateescape")),
    ]
    if before:
        parts.append(f"from {before}")
    parts.append("deleteall")
    for path, content in sorted(files.items()):
        inside = os.path.relpath(path, top).replace(os.sep, "/")
        if inside.startswith("../"):
            continue
        parts.append(f"M 100644 inline {_quoted(inside)}")
        parts.append(_data(content))
    return "\n".join([*parts, "done", ""])


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

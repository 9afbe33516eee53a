"""The repository that a place lies in, and git run on it.

Whatever is run here asks nobody, starts no hook, and knows nothing of the caller's own
``GIT_`` variables but those that say how to reach a remote.
"""

from __future__ import annotations

import os

from stead.values.errors import StoreError
from stead.values.frozen import dataclass
from stead.values.patterns import regex

TYPE_CHECKING = False
if TYPE_CHECKING:
    from stead.values.context import Completed, Context

SHARED = "refs/stead-remote"
"""Below this lies what others have shared: ``<clone>/<worktree>/<place>/<environment>``."""

_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
_OBJECT = regex(r"(?:[0-9a-f]{40}|[0-9a-f]{64})\Z")
_QUICK, _LONG = 20.0, 900.0
"""Seconds after which a repository, or a remote, that does not answer is let be."""
_KEPT = ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM", "GIT_EXEC_PATH")
_OF_REMOTES = ("GIT_SSH", "GIT_SSH_COMMAND", "GIT_SSH_VARIANT", "GIT_ASKPASS", "GIT_ALLOW_PROTOCOL")
_OF_REMOTES_TOO = ("GIT_SSL_", "GIT_HTTP_", "GIT_PROXY_", "GIT_CONFIG_")
_QUIETLY = (
    *("-c", f"core.hooksPath={os.devnull}", "-c", "core.fsmonitor=false"),
    *("-c", "gc.auto=0", "-c", "maintenance.auto=false", "-c", "core.logAllRefUpdates=false"),
)


@dataclass(frozen=True, slots=True)
class Repository:
    """A working tree's top, its name among the trees of the clone, the clone's own directory."""

    top: str
    worktree: str
    """``main``, or ``linked-`` and as git calls it."""
    common: str

    def reference(self, place: str, environment: str) -> str:
        """Name the reference of an environment of a place (absolute)."""
        return "/".join(["refs/stead", encoded(self.worktree), *self.parts(place, environment)])

    def parts(self, place: str, environment: str) -> tuple[str, str]:
        """Give the last components of a reference's name."""
        return encoded(self.inside(place)), encoded(environment)

    def inside(self, place: str) -> str:
        """Give a place relative to the tree's top, with ``/``."""
        return os.path.relpath(os.path.realpath(place), self.top).replace(os.sep, "/")


def repository_of(directory: str) -> Repository | None:
    """Find the repository a directory lies in; None outside of one."""
    top = os.path.realpath(directory)
    while True:
        mark = os.path.join(top, ".git")
        if os.path.isdir(mark):
            return Repository(top, "main", mark)
        if os.path.isfile(mark):
            return _elsewhere(top, mark)
        above = os.path.dirname(top)
        if above == top:
            return None
        top = above


def _elsewhere(top: str, mark: str) -> Repository | None:
    """Read the file ``.git`` of a linked working tree, or of a submodule."""
    said = _first(mark)
    if not said.startswith("gitdir:"):
        return None
    directory = os.path.normpath(os.path.join(top, said.removeprefix("gitdir:").strip()))
    parent, name = os.path.split(directory)
    linked = os.path.basename(parent) == "worktrees"
    common = _first(os.path.join(directory, "commondir"))
    return Repository(
        top,
        f"linked-{name}" if linked else "main",
        os.path.normpath(os.path.join(directory, common)) if common else directory,
    )


def _first(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.readline().rstrip("\n")
    except OSError:
        return ""


def encoded(text: str) -> str:
    """Write any text as one component of a reference's name.

    >>> encoded("a b/ü")
    'a%20b%2F%C3%BC'
    """
    return "".join(
        chr(byte) if chr(byte) in _PLAIN else f"%{byte:02X}"
        for byte in text.encode("utf-8", "surrogateescape")
    )


def decoded(component: str) -> str:
    """Give what :func:`encoded` was given.

    >>> decoded("a%20b%2F%C3%BC")
    'a b/ü'
    """
    from urllib.parse import unquote_to_bytes

    return unquote_to_bytes(component).decode("utf-8", "surrogateescape")


def has_git(context: Context) -> bool:
    import shutil  # brings compression along

    return bool(shutil.which("git", path=context.environ.get("PATH")))


def demand_git(context: Context) -> None:
    """Raise StoreError where there is no git."""
    if not has_git(context):
        raise StoreError(
            "the program git was not found, and histories are shared through it",
            remedy="install git, or put its directory on PATH; the history itself is in the store",
        )


def git(
    top: str, words: list[str], context: Context, stdin: str | None = None, *, remote: bool = False
) -> Completed:
    """Run git on a working tree; ``remote`` where it talks to another machine.

    Raises SteadError without git, and TimeoutError.
    """
    environ = {n: v for n, v in context.environ.items() if not n.startswith("GIT_")}
    environ |= {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C.UTF-8"}
    environ |= {"GIT_NO_REPLACE_OBJECTS": "1", "GIT_NO_LAZY_FETCH": "1"}
    for name, value in context.environ.items():
        if name in _KEPT or (remote and (name in _OF_REMOTES or name.startswith(_OF_REMOTES_TOO))):
            environ[name] = value
    wait = _LONG if remote else _QUICK
    return context.run(
        ["git", "-C", top, *_QUIETLY, *words], env=environ, stdin=stdin, timeout=wait
    )


def tip(repository: Repository, name: str, context: Context) -> str:
    """Give the commit a reference leads to; empty where it is not there."""
    found = loose(repository, name)
    if found or not _may_have(repository, name):
        return found
    words = ["rev-parse", "--verify", "--quiet", f"{name}^0"]
    return git(repository.top, words, context).stdout.strip()


def loose(repository: Repository, name: str) -> str:
    """Read a reference where it is a file of its own, which spares a process."""
    text = _first(os.path.join(repository.common, *name.split("/")))
    return text if _OBJECT.match(text) else ""


def _may_have(repository: Repository, name: str) -> bool:
    """Say whether a reference that is no file of its own may still be there."""
    if os.path.isdir(os.path.join(repository.common, "reftable")):
        return True
    try:
        with open(os.path.join(repository.common, "packed-refs"), "rb") as file:
            return name.encode() in file.read()
    except OSError:
        return False


def shared_by_others(repository: Repository) -> bool:
    """Say whether anything was ever fetched; asks no process."""
    return os.path.isdir(os.path.join(repository.common, *SHARED.split("/"))) or _may_have(
        repository, f"{SHARED}/"
    )

"""Which clone this is, and which histories of clones a repository holds."""

from __future__ import annotations

import os

from stead.history.git import SHARED, decoded, git
from stead.store.atomic import storage, write_file
from stead.store.locking import exclusive
from stead.values.frozen import dataclass
from stead.values.patterns import regex

TYPE_CHECKING = False
if TYPE_CHECKING:
    from stead.history.git import Repository
    from stead.values.context import Context

_FILE = os.path.join("stead", "clone")
_ID = regex(r"[0-9a-f]{16}\Z")
OWN = ("refs/stead/main", "refs/stead/linked-*/*/*")
"""Where this clone's own histories are."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A shared history: whose (empty: this clone's own), which place and environment, its commit."""

    name: str
    clone: str
    worktree: str
    place: str
    """Relative to the tree's top."""
    environment: str
    object: str
    who: str
    """Who made the last generation."""


def references(repository: Repository, context: Context, *patterns: str) -> list[Reference]:
    """List histories among a repository's hidden references."""
    words = [
        "for-each-ref",
        "--format=%(objectname) %(objecttype) %(refname) %(authorname)",
        *patterns,
    ]
    done = git(repository.top, words, context)
    found = []
    for line in done.stdout.splitlines():
        object_, kind, name, who = line.split(" ", 3)
        parts = name.split("/")[2:]
        if name.startswith(f"{SHARED}/"):
            clone, parts = parts[0], parts[1:]
            if not _ID.match(clone):
                continue
        else:
            clone = ""
        if kind == "commit" and len(parts) == 3:
            worktree, place, environment = map(decoded, parts)
            found.append(Reference(name, clone, worktree, place, environment, object_, who))
    return found


def clone_id(repository: Repository, *, make: bool = False, taken: str = "") -> str:
    """Give the clone's id: random, and the same as long as the clone lives, wherever it is moved.

    A copy of the clone's directory has the same file; it is told by the path that stands
    there and still leads to the original, and gets an id of its own, as does one whose
    id is ``taken``. Empty where there is none and ``make`` is not said. Raises StoreError
    where it cannot be written.
    """
    path = os.path.join(repository.common, _FILE)
    known, home = _read_id(path)
    if known == taken or (home != path and _is_copy(path, known, home)):
        known = ""
    if not make or (known and home == path):
        return known
    with storage(path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
    with exclusive(f"{path}.lock", note=lambda _: None, description="naming this clone"):
        now, home = _read_id(path)
        if home == path and now != taken:
            return now  # another process was first
        known = known or os.urandom(8).hex()
        write_file(path, f"{known}\n{path}\n".encode("utf-8", "surrogateescape"))
    return known


def _is_copy(path: str, known: str, home: str) -> bool:
    """Say whether the clone that a file was written for is still there, elsewhere."""
    try:
        return _read_id(home)[0] == known and not os.path.samefile(home, path)
    except OSError:
        return False


def _read_id(path: str) -> tuple[str, str]:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            known, _, home = file.read().partition("\n")
    except OSError:
        return "", ""
    return (known, home.removesuffix("\n")) if _ID.match(known) else ("", "")

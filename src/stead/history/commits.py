"""Generations as git has them: read from the commits of a hidden reference.

What stands in a commit was written by anybody who may push: a record that does not
hold together is passed over, and a name that no manifest can have is never given out.
"""

from __future__ import annotations

import json
import os

from stead.history.git import git
from stead.values.errors import StoreError
from stead.values.frozen import asdict, dataclass
from stead.values.generation import Generation, from_json
from stead.values.sha import sha256

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from stead.history.git import Repository
    from stead.values.context import Context

_MANY = 1_000_000
_ANY = Generation(number=1, time=0.0, who="", place="", environment="", platform="")
"""Shows of what kind each field is."""
_END_OF_TIME = 2.0e11
"""Seconds: the year 8307, after which a calendar gives up."""


@dataclass(frozen=True, slots=True)
class Commit:
    """A generation with the commit that holds it. Its place is as that commit calls it."""

    object: str
    generation: Generation
    absent: tuple[str, ...] = ()


def read(repository: Repository, name: str, context: Context, *, most: int = _MANY) -> list[Commit]:
    """Read the generations that a reference leads to, the newest first.

    Of several with one number the newest counts. After a number, greater ones are left
    out: they are of a former history. Raises StoreError where git cannot read it.
    """
    words = ["log", "-z", "--no-color", "--no-show-signature", "--no-notes", "--encoding=UTF-8"]
    done = _asked(repository, [*words, f"-n{most}", "--format=%H%n%B", name, "--"], context)
    found: list[Commit] = []
    for text in done.split("\0"):
        object_, _, message = text.partition("\n")
        made = _parsed(object_, message)
        if made is None:
            continue
        if not found or made.generation.number < found[-1].generation.number:
            found.append(made)
    return found


def _parsed(object_: str, message: str) -> Commit | None:
    lines = message.rstrip("\n").rsplit("\n", 1)
    try:
        data = json.loads(lines[-1])
        generation = from_json(data)
        known = generation.as_json()
        texts = [v for n, v in known.items() if isinstance(getattr(_ANY, n), str)]
        counts = [v for n, v in known.items() if type(getattr(_ANY, n)) is int]
        texts += [*generation.command, *generation.files, *generation.files.values()]
        texts += [*generation.variables, *generation.variables.values()]
        texts += [v for pin in generation.modules for v in asdict(pin).values()]
        if not all(isinstance(text, str) for text in texts):
            return None
        if not all(type(n) is int for n in (*counts, *generation.redo)) or generation.number < 1:
            return None
        if not abs(generation.time) < _END_OF_TIME:
            return None
        absent = tuple(str(name) for name in data.get("absent", ()))
    except (ValueError, TypeError, AttributeError):
        return None
    return Commit(object_, generation, absent)


def texts(repository: Repository, commit: Commit, context: Context) -> dict[str, bytes]:
    """Give the texts of a commit's generation as :meth:`History.append` takes them.

    What is not the text that the generation speaks of is left out. Raises StoreError.
    """
    generation = commit.generation
    inside = "" if os.path.isabs(generation.place) else generation.place
    tree = _tree(repository, commit.object, context)
    wanted = {name: (name, sha) for name, sha in generation.files.items() if is_name(name)}
    if generation.lock_file:
        wanted["@lock"] = ("stead.lock", generation.lock_file)
    held = {}
    for key, (name, sha) in wanted.items():
        path = os.path.normpath(os.path.join(inside, generation.root, name)).replace(os.sep, "/")
        if path in tree:
            held[key] = (tree[path], sha)
    blobs = _blobs(repository, {object_ for object_, _ in held.values()}, context)
    found = {
        key: blobs[object_]
        for key, (object_, sha) in held.items()
        if object_ in blobs and sha256(blobs[object_]).hexdigest() == sha
    }
    found["@absent"] = "\n".join(filter(is_name, commit.absent)).encode("utf-8", "surrogateescape")
    return found


def manifests(
    repository: Repository, names: list[str], context: Context
) -> list[tuple[str, bytes]]:
    """Give every version of every manifest that references lead to, with its path; no locks."""
    done = _asked(repository, ["rev-list", "--objects", *names, "--"], context)
    paths = dict(
        line.split(" ", 1) for line in done.splitlines() if line[-1:] != " " and " " in line
    )
    paths = {o: p for o, p in paths.items() if not p.endswith("stead.lock")}
    return [(paths[o], text) for o, text in _blobs(repository, paths, context).items()]


def is_name(name: str) -> bool:
    """Say whether a manifest could have this name, relative to its root.

    No way out of the tree, nothing of git's or Stead's own, and no ``.env``.
    """
    parts = name.split("/")
    folded = [part.rstrip(". ").casefold() for part in parts]
    return (
        name.isprintable()
        and not any(c in name for c in "\\:")
        and all(folded)
        and not {".git", ".stead", "git~1"} & set(folded)
        and folded[-1] != ".env"
    )


def _tree(repository: Repository, object_: str, context: Context) -> Mapping[str, str]:
    """List the plain files of a commit: path → object."""
    done = _asked(repository, ["ls-tree", "-r", "-z", "--full-tree", object_], context)
    found = {}
    for line in done.split("\0"):
        facts, _, path = line.partition("\t")
        mode, _, rest = facts.partition(" ")
        if mode == "100644":
            found[path] = rest.rpartition(" ")[2]
    return found


def _blobs(repository: Repository, objects: Iterable[str], context: Context) -> dict[str, bytes]:
    asked = sorted(objects)
    if not asked:
        return {}
    stdin = "".join(f"{object_}\n" for object_ in asked)
    done = _asked(repository, ["cat-file", "--batch"], context, stdin)
    return dict(_split(done.encode("utf-8", "surrogateescape")))


def _split(said: bytes) -> Iterator[tuple[str, bytes]]:
    while said:
        head, _, rest = said.partition(b"\n")
        name, _, size = head.rpartition(b" ")
        if not size.isdigit():
            said = rest
            continue
        if name.endswith(b" blob"):
            yield name.partition(b" ")[0].decode(), rest[: int(size)]
        said = rest[int(size) + 1 :]


def _asked(
    repository: Repository, words: list[str], context: Context, stdin: str | None = None
) -> str:
    try:
        done = git(repository.top, words, context, stdin)
    except TimeoutError as exc:
        raise StoreError("git does not answer", where=repository.top) from exc
    if done.returncode:
        raise StoreError(
            "git cannot read a history",
            where=repository.top,
            details=done.stderr.strip().splitlines()[-3:],
            remedy="look at the repository with `git fsck`",
        )
    return done.stdout

"""Which files of this machine are a deployment's code, and where they lie in its tree.

With git, those that it tracks and those that it does not ignore; without, all but what
tools leave behind. What a recipe includes comes besides, what it excludes does not, and
never what holds a person's own settings (``.env``) or what Stead itself put there. Files
like ``.env.local`` come only where a pattern of what is included names them.
"""

from __future__ import annotations

import fnmatch
import os
from typing import TYPE_CHECKING

from stead.deploy import identity
from stead.deploy.oci import layout
from stead.deploy.places import MODULES
from stead.pipeline import repository
from stead.values.errors import DeployError
from stead.values.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from stead.pipeline.steps import Prepared
    from stead.values.context import Context
    from stead.values.kinds import Recipe, Target

_NEVER = frozenset([".stead", ".git", ".env", identity.FILE])
_LEFT_BEHIND = frozenset(
    [
        "__pycache__", ".hg", ".svn", ".jj", ".tox", ".nox", ".venv", ".mypy_cache", ".cache",
        ".pytest_cache", ".ruff_cache", ".hypothesis", ".eggs", ".ipynb_checkpoints",
        "node_modules", ".coverage", ".DS_Store",
    ]
)  # fmt: skip
_ENDINGS = (".pyc", ".pyo", "~")


@dataclass(frozen=True, slots=True)
class Code:
    """What is sent of the project."""

    directories: tuple[tuple[str, str], ...]
    """Directories of this machine, and where each is in the tree; the workspace's root first."""
    files: tuple[tuple[str, str], ...]
    """Paths in the tree, and of this machine; sorted."""


def code_of(prepared: Iterable[Prepared], recipe: Recipe, context: Context) -> Code:
    """List the code that environments of one workspace need: the place's, and that of modules.

    Raises DeployError where nothing is left, or git fails.
    """
    directories: dict[str, str] = {}
    tops: dict[str, None] = {}
    own: set[str] = set()
    for one in prepared:
        spec = one.composed.spec
        directories.setdefault(spec.root, "")
        for top in (spec.place, *_used(one)):
            tops[top] = None
            if top != spec.root and not top.startswith(f"{spec.root}/"):
                directories[top] = f"{MODULES}/{_free(os.path.basename(top), directories)}"
        own |= {os.path.normpath(os.path.join(f.base, f.path)) for f in one.table.files}
        own |= set(_made_by_deploys(spec.configuration.kinds.targets))
        if spec.link:
            own.add(os.path.normpath(os.path.join(spec.place, spec.link)))
    found: dict[str, str] = {}
    longest = sorted(directories, key=len, reverse=True)
    for top in tops:
        for path in sorted(_listed(top, recipe, context)):
            if path in own or any(path.startswith(f"{o}/") for o in own):
                continue
            base = next(d for d in longest if path.startswith(f"{d}/"))
            inside = f"{directories[base]}/{path[len(base) + 1 :]}".lstrip("/")
            found[inside] = path
    if not found:
        raise DeployError(
            f"recipe {recipe.name} has no files: git ignores all of them, or it excludes them",
            where=recipe.origin,
            remedy="include what it needs",
        )
    return Code(tuple(directories.items()), tuple(sorted(found.items())))


def _used(prepared: Prepared) -> Iterator[str]:
    """Give the directories of modules in use, and of packages that are used where they lie."""
    composed = prepared.composed
    spec = composed.spec
    for use in spec.uses:
        yield composed.modules.directory(use)
    for artifact in prepared.locked.environment.artifacts:
        if artifact.source and artifact.source.kind == "path" and artifact.source.editable:
            yield os.path.normpath(os.path.join(spec.root, artifact.source.location))


def _made_by_deploys(targets: Iterable[Target]) -> Iterator[str]:
    """Give where targets of this machine put what they get: the next deploy must not hold the last."""
    for target in targets:
        if target.kind == "local":
            if target.directory and not target.directory.startswith("~"):
                yield os.path.normpath(os.path.join(target.base, target.directory))
        elif (found := layout.parse(target.output, target.base)) is not None:
            yield os.path.normpath(found.path)


def _free(name: str, directories: dict[str, str]) -> str:
    taken = set(directories.values())
    number, free = 1, name
    while f"{MODULES}/{free}" in taken:
        number += 1
        free = f"{name}-{number}"
    return free


def _listed(top: str, recipe: Recipe, context: Context) -> Iterator[str]:
    """Give the absolute paths of a directory's files that are sent."""
    known = _by_git(top, context)
    wanted = _all(top) if known is None else (f"{top}/{path}" for path in known)
    for path in wanted:
        inside = os.path.relpath(path, top)
        if _never(inside) or _personal(inside) or matches(inside, recipe.exclude):
            continue
        if os.path.lexists(path):
            yield path
    if recipe.include:
        named = tuple(p for p in recipe.include if "/.env" in f"/{p}")
        for path in _all(top, everything=True):
            inside = os.path.relpath(path, top)
            patterns = named if _personal(inside) else recipe.include
            if not _never(inside) and matches(inside, patterns):
                yield path


def _never(inside: str) -> bool:
    return not _NEVER.isdisjoint(inside.split(os.sep))


def _personal(inside: str) -> bool:
    """Say whether a path is one of settings like those of ``.env.local``."""
    return any(name.startswith(".env.") for name in inside.split(os.sep))


def matches(path: str, patterns: Iterable[str]) -> bool:
    """Say whether a pattern means a path, or a directory that it lies in.

    Patterns mean what they do in a ``.gitignore``: one with a slash before its end is of
    the whole path, any other of a name at any depth; ``**`` is any number of directories.
    """
    parts = path.split("/")
    return any(_fits(parts, _segments(pattern)) for pattern in patterns)


def _segments(pattern: str) -> list[str]:
    found = [name for name in pattern.split("/") if name not in ("", ".")] or [""]
    return found if "/" in pattern.rstrip("/") else ["**", *found]


def _fits(parts: Sequence[str], wanted: Sequence[str]) -> bool:
    """Say whether a pattern's names are the first of a path's."""
    if not wanted:
        return True
    first, rest = wanted[0], wanted[1:]
    if first == "**":
        if not rest:
            return bool(parts)
        return any(_fits(parts[n:], rest) for n in range(len(parts)))
    return bool(parts) and fnmatch.fnmatchcase(parts[0], first) and _fits(parts[1:], rest)


def _by_git(top: str, context: Context) -> list[str] | None:
    """List what git knows or does not ignore; None outside of a repository.

    What Stead has fetched is in none. Raises DeployError where git cannot say: what it ignores
    may be nobody else's business.
    """
    fetched = top.startswith(f"{os.path.realpath(context.home)}{os.sep}")
    if fetched or not any(os.path.lexists(os.path.join(d, ".git")) for d in _upwards(top)):
        return None

    def refused(where: str, said: Sequence[str]) -> None:
        raise _not_told(where, said or ("there is no git",))

    return list(repository.files(top, context, refused) or ())


def _upwards(directory: str) -> Iterator[str]:
    yield directory
    while (above := os.path.dirname(directory)) != directory:
        yield above
        directory = above


def _not_told(top: str, said: Sequence[str]) -> DeployError:
    return DeployError(
        "git does not say which files belong to the project",
        where=top,
        details=tuple(said[:5]),
        remedy="see that `git status` works there",
    )


def _all(top: str, *, everything: bool = False) -> Iterator[str]:
    for parent, directories, names in os.walk(top):
        kept = [d for d in directories if d not in _NEVER and (everything or not _left(parent, d))]
        links = [d for d in kept if os.path.islink(os.path.join(parent, d))]
        directories[:] = [d for d in kept if d not in links]
        for name in (*names, *links):
            if everything or (name not in _LEFT_BEHIND and not name.endswith(_ENDINGS)):
                yield os.path.join(parent, name)


def _left(parent: str, name: str) -> bool:
    """Say whether a directory is a tool's, or an environment."""
    return (
        name in _LEFT_BEHIND
        or name.endswith(".egg-info")
        or os.path.exists(os.path.join(parent, name, "pyvenv.cfg"))
        or os.path.isdir(os.path.join(parent, name, "conda-meta"))
    )

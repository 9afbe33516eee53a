"""Which files of this machine are a deployment's code, and where they lie in its tree.

With git, those that it tracks and those that it does not ignore; without, all but what
tools leave behind. What a recipe includes comes besides, what it excludes does not, and
never what holds a person's own settings (``.env``) or what Stead itself put there.
"""

from __future__ import annotations

import fnmatch
import os
from typing import TYPE_CHECKING

from stead.deploy.oci import layout
from stead.deploy.places import MODULES
from stead.values.errors import DeployError
from stead.values.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from stead.pipeline.steps import Prepared
    from stead.values.context import Context
    from stead.values.kinds import Recipe, Target

_NEVER = frozenset([".stead", ".git", ".env"])
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
        own |= set(_made_by_deploys(one))
        if spec.link:
            own.add(os.path.normpath(os.path.join(spec.place, spec.link)))
        own |= set(_images(spec.configuration.kinds.targets))
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


def _images(targets: Iterable[Target]) -> Iterator[str]:
    """Give where images of the project go: the next one must not hold the last."""
    for target in targets:
        found = layout.parse(target.output, target.base)
        if found is not None:
            yield os.path.normpath(found.path)


def _used(prepared: Prepared) -> Iterator[str]:
    """Give the directories of modules in use, and of packages that are used where they lie."""
    composed = prepared.composed
    spec = composed.spec
    for use in spec.uses:
        yield composed.modules.directory(use)
    for artifact in prepared.locked.environment.artifacts:
        if artifact.source and artifact.source.kind == "path" and artifact.source.editable:
            yield os.path.normpath(os.path.join(spec.root, artifact.source.location))


def _made_by_deploys(prepared: Prepared) -> Iterator[str]:
    """Give the directories and files that targets of this machine put what they get into."""
    for target in prepared.composed.spec.configuration.kinds.targets:
        place = target.directory if target.kind == "local" else target.output
        for prefix in ("oci:", "oci-archive:"):
            place = place.removeprefix(prefix)
        if place and not place.startswith("~"):
            yield os.path.normpath(os.path.join(target.base, place.partition(":")[0]))


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
        if _never(inside) or matches(inside, recipe.exclude) or not os.path.lexists(path):
            continue
        yield path
    if recipe.include:
        for path in _all(top, everything=True):
            inside = os.path.relpath(path, top)
            if not _never(inside) and matches(inside, recipe.include):
                yield path


def _never(inside: str) -> bool:
    return not _NEVER.isdisjoint(inside.split(os.sep))


def matches(path: str, patterns: Iterable[str]) -> bool:
    """Say whether a pattern means a path, or a directory that it lies in. ``**`` is any depth."""
    parts = path.split("/")
    heads = ["/".join(parts[:n]) for n in range(1, len(parts) + 1)]
    return any(
        fnmatch.fnmatchcase(head, pattern.strip("/").removesuffix("/**").replace("**/", "*"))
        for pattern in patterns
        for head in heads
    )


def _by_git(top: str, context: Context) -> list[str] | None:
    """List what git knows or does not ignore; None outside of a repository.

    Raises DeployError where git cannot say: what it ignores may be nobody else's business.
    """
    from stead.values.errors import SteadError

    if not _in_repository(top, context):
        return None
    words = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        done = context.run(["git", "-C", top, *words])
        said = done.stderr.strip().splitlines() if done.returncode else []
    except SteadError as exc:
        raise _not_told(top, (str(exc),)) from exc
    if done.returncode != 0:
        raise _not_told(top, said)
    found: list[str] = []
    for path in dict.fromkeys(done.stdout.split("\0")):
        full = os.path.join(top, path)
        if not path:
            continue
        if os.path.isdir(full) and not os.path.islink(full):  # a submodule, or a repository within
            inner = _by_git(full, context) or []
            found += [f"{path.rstrip('/')}/{name}" for name in inner]
        else:
            found.append(path)
    return found


def _in_repository(top: str, context: Context) -> bool:
    """Say whether a directory is one of a repository's; what Stead has fetched is none."""
    if top.startswith(f"{os.path.realpath(context.home)}{os.sep}"):
        return False
    here = top
    while not os.path.lexists(os.path.join(here, ".git")):
        here, below = os.path.dirname(here), here
        if here == below:
            return False
    return True


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

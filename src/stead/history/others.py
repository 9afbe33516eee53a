"""What others have shared of a place: their generations, by a name one can type.

``3f9a:7`` is generation 7 of the clone whose id begins with ``3f9a``; ``ann:7`` the same,
if that is the only clone here in which Ann made it. A linked working tree of a clone has
a history of its own: ``3f9a/linked-x:7``.
"""

from __future__ import annotations

import os
from functools import cached_property

from stead.history import commits
from stead.history.clones import OWN, clone_id, references
from stead.history.git import SHARED, has_git, repository_of, shared_by_others
from stead.history.identity import is_called, name_of
from stead.history.restore import readable
from stead.values.errors import StoreError, UsageError
from stead.values.frozen import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from stead.history.clones import Reference
    from stead.history.commits import Commit
    from stead.history.git import Repository
    from stead.history.texts import Texts
    from stead.store.generations import History
    from stead.values.context import Context
    from stead.values.generation import Generation

_SHORTEST = 4


class Theirs:
    """The history of one clone's environment of a place, as it was last fetched.

    Its generations carry the place of this clone, and read their texts from git.
    """

    def __init__(
        self, repository: Repository, reference: Reference, name: str, place: str, context: Context
    ) -> None:
        self.reference, self.name, self.place = reference, name, place
        self.repository, self._context = repository, context
        self._texts: dict[int, dict[str, bytes]] = {}

    @cached_property
    def _commits(self) -> dict[int, Commit]:
        found = commits.read(self.repository, self.reference.name, self._context)
        return {one.generation.number: one for one in found}

    @cached_property
    def generations(self) -> list[Generation]:
        """All of them, the newest first."""
        return [self._here(one.generation) for one in self._commits.values()]

    def _here(self, generation: Generation) -> Generation:
        origin = f"{name_of(generation.who)} {self.name}:{generation.number}"
        return replace(generation, place=self.place, origin=origin)

    def find(self, number: int) -> Generation | None:
        """Give a generation; None where there is none that can be read."""
        found = self._commits.get(number)
        return None if found is None else self._here(found.generation)

    def get(self, number: int) -> Generation:
        """Give a generation. Raises StoreError, which says what there is instead."""
        found = self.find(number)
        if found is None:
            numbers = ", ".join(str(n) for n in sorted(self._commits)[-10:])
            raise StoreError(
                f"{self.name} has shared no generation {number}",
                remedy=f"there are: {numbers}" if numbers else "run `stead history fetch`",
            )
        return found

    def text(self, generation: Generation, name: str) -> bytes | None:
        """Give a manifest's content; None where it did not take part. Raises StoreError."""
        return self._text(generation, name) if name in generation.files else None

    def lock_text(self, generation: Generation) -> bytes | None:
        return self._text(generation, "@lock") if generation.lock_file else None

    def absent(self, generation: Generation) -> frozenset[str]:
        names = self._held(generation).get("@absent", b"").decode("utf-8", "surrogateescape")
        return frozenset(names.split("\n")) - {""}

    def _held(self, generation: Generation) -> dict[str, bytes]:
        number = generation.number
        if number not in self._texts:
            commit = self._commits[number]
            self._texts[number] = commits.texts(self.repository, commit, self._context)
        return self._texts[number]

    def _text(self, generation: Generation, name: str) -> bytes:
        held = self._held(generation)
        if name not in held:
            raise StoreError(
                f"{self.name}:{generation.number} cannot be used: "
                f"{'its lock' if name == '@lock' else name} is not what its record says",
                remedy="choose another of `stead log --all`",
            )
        return held[name]


def others(place: str, environment: str, context: Context) -> list[Theirs]:
    """Give what other clones have shared of an environment of a place; nothing without git."""
    repository = repository_of(place)
    if repository is None or not shared_by_others(repository) or not has_git(context):
        return []
    inside = repository.inside(place)
    known = references(repository, context, SHARED)
    own = clone_id(repository)
    ids = {one.clone for one in known if one.clone != own}
    return [
        Theirs(repository, one, _name(one, ids), place, context)
        for one in known
        if (one.place, one.environment) == (inside, environment) and one.clone in ids
    ]


def known_place(directory: str, environment: str, context: Context) -> str | None:
    """Find the place, at a directory or above it, of which git has a history; None without one."""
    repository = repository_of(directory)
    if repository is None or not has_git(context):
        return None
    known = {
        one.place
        for one in references(repository, context, *OWN, SHARED)
        if one.environment == environment and (one.clone or one.worktree == repository.worktree)
    }
    inside = repository.inside(directory)
    while inside not in known:
        if inside in ("", "."):
            return None
        inside = os.path.dirname(inside) or "."
    return os.path.normpath(os.path.join(repository.top, inside))


def chosen(word: str, history: History, context: Context) -> tuple[Texts, Generation]:
    """Find the generation that a word means, of this clone (a number) or of another one.

    Raises UsageError, StoreError.
    """
    if word.isdecimal():
        return history, readable(history, int(word), context)
    return named(word, others(history.place, history.environment, context))


def named(word: str, among: list[Theirs]) -> tuple[Theirs, Generation]:
    """Find the generation that a word like ``3f9a:7`` or ``ann:7`` means.

    Raises UsageError for what is no such word, StoreError where there is none or several.
    """
    who, _, digits = word.rpartition(":")
    if not who or not digits.isdecimal():
        raise UsageError(
            f"{word!r} names no generation",
            remedy="give a number of `stead log`, or WHO:NUMBER of `stead log --all`",
        )
    number = int(digits)
    found = [one for one in among if _means(who, one)]
    if not found:
        found = of(who, among)
        found = [o for o in found if _made_by(who, o.find(number))] or found
    if len(found) > 1:
        raise StoreError(
            f"{who} may mean any of {len(found)} clones",
            details=[f"{one.name}:{number}" for one in found],
            remedy="give one of these names",
        )
    if not found:
        raise _nobody(who, among)
    return found[0], found[0].get(number)


def demand(who: str, among: list[Theirs]) -> list[Theirs]:
    """Give the histories that a word means. Raises StoreError where there is none."""
    found = of(who, among)
    if not found:
        raise _nobody(who, among)
    return found


def _nobody(who: str, among: list[Theirs]) -> StoreError:
    return StoreError(
        f"nobody called {who} has shared a history of this environment",
        details=sorted(f"{one.name}: {_people(one)}" for one in among),
        remedy="`stead history fetch` brings what was shared, `stead log --all` lists it",
    )


def of(who: str, among: list[Theirs]) -> list[Theirs]:
    """Give the histories that a word means: those of a clone, or of a person."""
    return [o for o in among if _means(who, o, any_tree=True)] or [
        o for o in among if any(_made_by(who, g) for g in o.generations)
    ]


def _means(who: str, one: Theirs, *, any_tree: bool = False) -> bool:
    clone, slash, worktree = who.partition("/")
    tree = one.reference.worktree == (worktree if slash else "main")
    same = len(clone) >= _SHORTEST and one.reference.clone.startswith(clone)
    return same and (tree or (any_tree and not slash))


def _made_by(who: str, generation: Generation | None) -> bool:
    return generation is not None and is_called(who, generation.who)


def _people(one: Theirs) -> str:
    return ", ".join(sorted({g.who for g in one.generations}))


def _name(one: Reference, ids: set[str]) -> str:
    """Give the shortest beginning of a clone's id that no other one has, and its tree."""
    length = _SHORTEST
    while sum(other.startswith(one.clone[:length]) for other in ids) > 1:
        length += 1
    tree = "" if one.worktree == "main" else f"/{one.worktree}"
    return one.clone[:length] + tree

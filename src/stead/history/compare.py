"""What two generations differ in: packages, modules, variables, files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.formats import stead_lock
from stead.history.plan import digest_of, slot_place
from stead.values.errors import SteadError
from stead.values.frozen import dataclass
from stead.values.lock import pin_changes

if TYPE_CHECKING:
    from stead.history.texts import Texts
    from stead.values.generation import Generation
    from stead.values.lock import Artifact, PinChange


@dataclass(frozen=True, slots=True)
class Package:
    """One package that differs; a version is empty where it is not there."""

    ecosystem: str
    name: str
    before: str = ""
    after: str = ""

    def __str__(self) -> str:
        name = f"{self.ecosystem}:{self.name}"
        if not self.before:
            return f"+ {name} {self.after}"
        if not self.after:
            return f"- {name} {self.before}"
        return f"~ {name} {self.before} → {self.after}"


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable that differs; None where it is not there."""

    name: str
    before: str | None = None
    after: str | None = None

    def __str__(self) -> str:
        if self.before is None:
            return f"+ {self.name}={self.after}"
        if self.after is None:
            return f"- {self.name}={self.before}"
        return f"~ {self.name}={self.before} → {self.after}"


@dataclass(frozen=True, slots=True)
class File:
    """One manifest that differs: ``added``, ``changed`` or ``removed``, and its lines as a diff."""

    name: str
    what: str
    diff: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.what} {self.name}"


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What differs in another environment of the place."""

    environment: str
    meaning: tuple[Package | PinChange | Variable, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    packages: tuple[Package, ...] = ()
    modules: tuple[PinChange, ...] = ()
    variables: tuple[Variable, ...] = ()
    files: tuple[File, ...] = ()
    elsewhere: tuple[Elsewhere, ...] = ()
    """Of what is staged alone."""

    @property
    def meaning(self) -> tuple[Package | PinChange | Variable, ...]:
        """Give what differs for those who use the environment, whatever the files say."""
        return (*self.packages, *self.modules, *self.variables)

    @property
    def empty(self) -> bool:
        return not (self.meaning or self.files)


def compare(
    history: Texts, old: Generation | None, new: Generation, *, before: Texts | None = None
) -> Difference:
    """Say what differs between two generations; ``old`` None stands for nothing at all.

    ``history`` has their texts; ``before`` those of ``old``, where that is another one.
    A text that cannot be read any more counts as empty.
    """
    names = sorted({*(old.files if old else ()), *new.files})
    was, now = before or history, history
    return Difference(
        _packages(was, old, now, new),
        pin_changes(old.modules if old else (), new.modules),
        _variables(old, new),
        tuple(f for name in names if (f := _file(was, old, now, new, name)) is not None),
    )


def _packages(
    was: Texts, old: Generation | None, now: Texts, new: Generation
) -> tuple[Package, ...]:
    if old is not None and (old.lock, old.lock_file) == (new.lock, new.lock_file):
        return ()
    former, present = _artifacts(was, old), _artifacts(now, new)
    # What another platform gets has other files; to a person it is the same package.
    elsewhere = old is not None and old.platform != new.platform
    found = []
    for key in sorted(former.keys() | present.keys()):
        a, b = former.get(key), present.get(key)
        if a is None or b is None or (a.version != b.version if elsewhere else a.id != b.id):
            found.append(Package(*key, a.version if a else "", b.version if b else ""))
    return tuple(found)


def _artifacts(texts: Texts, generation: Generation | None) -> dict[tuple[str, str], Artifact]:
    """Give what the environment's lock held on the generation's platform."""
    if generation is None:
        return {}
    try:
        text = texts.lock_text(generation)
        lock = stead_lock.read(text.decode() if text else "", "stead.lock") if text else None
    except (SteadError, UnicodeDecodeError):
        return {}
    if lock is None:
        return {}
    place = slot_place(generation)
    names = [e.environment for e in lock.environments if e.place == place]
    # One without packages of its own is locked together with another one.
    if (name := generation.environment) not in names:
        digests = {digest_of(lock, place, n, generation.modules): n for n in names}
        name = digests.get(generation.lock, "")
    locked = lock.find(place, name, generation.platform)
    return {(a.ecosystem, a.name): a for a in locked.artifacts} if locked else {}


def _variables(old: Generation | None, new: Generation) -> tuple[Variable, ...]:
    was, now = dict(old.variables) if old else {}, dict(new.variables)
    return tuple(
        Variable(name, was.get(name), now.get(name))
        for name in sorted({*was, *now})
        if was.get(name) != now.get(name)
    )


def _file(
    was: Texts, old: Generation | None, now: Texts, new: Generation, name: str
) -> File | None:
    shas = (old.files.get(name) if old else None, new.files.get(name))
    if shas[0] == shas[1]:
        return None
    what = "added" if shas[0] is None else "removed" if shas[1] is None else "changed"
    a = _lines(was, old, name) if old else []
    b = _lines(now, new, name)
    import difflib

    diff = difflib.unified_diff(a, b, f"a/{name}", f"b/{name}", lineterm="")
    return File(name, what, tuple(diff))


def _lines(texts: Texts, generation: Generation, name: str) -> list[str]:
    try:
        text = texts.text(generation, name)
    except SteadError:
        return []
    return (text or b"").decode("utf-8", "replace").splitlines()

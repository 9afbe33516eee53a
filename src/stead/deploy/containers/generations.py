"""Generations of a recipe's containers: which there are, which runs, and the way from one to another.

::

    $STEAD_HOME/containers/UNIT/pending    a switch that is not confirmed yet
                                reserve    room for the way back while it is not
                                N/confirmed      what became of it when all held
                                N/payload.json   of each generation
                                N/checks.json    what must hold when it is taken up
                                N/files/…        those that hold secrets, mounted

``pending`` is there from before anything is stopped, and is renamed to ``confirmed`` at the end: one
step, in which a switch is confirmed or still goes back. A generation without that file was never
confirmed, unless another ``$STEAD_HOME`` made it: of such there is no directory here.
"""

from __future__ import annotations

import contextlib
import json
import os
import time

from stead.store.atomic import remove_tree, write_file
from stead.values.errors import DeployError, SteadError
from stead.values.frozen import asdict, dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from stead.deploy.containers.engine import Container, Engine

RESERVE = 1024 * 1024
"""Bytes that are kept for the way back."""
_LONGEST = 60.0
"""Seconds that are waited for what a program that was ended has begun."""


@dataclass(frozen=True, slots=True)
class Unit:
    """What a recipe has on a target, and whose it is."""

    recipe: str
    target: str
    project: str = ""

    @property
    def name(self) -> str:
        """Name it: no two have one name, whatever theirs hold."""
        return self._named(self.recipe, self.target)

    @property
    def volume(self) -> str:
        """Name the volume of what its services keep: each project has one of its own."""
        return f"stead-{self._named(self.recipe, self.target, self.project)}-data"

    def _named(self, *words: str) -> str:
        from stead.values.sha import sha256

        tail = sha256(json.dumps(words).encode()).hexdigest()[:8]
        return f"{self.recipe}-{self.target}-{tail}"


@dataclass(frozen=True, slots=True)
class Pending:
    """A switch that is not confirmed yet."""

    new: int
    old: int
    """0: nothing ran."""
    group: int = 0
    """The process group of whoever switches: what of it lives on may still change something."""


class Generations:
    """Those of one unit. Who changes something holds the unit's lock."""

    def __init__(self, engine: Engine, unit: str, directory: str) -> None:
        self.engine = engine
        self.unit = unit
        self.directory = directory

    # -- looking

    def all(self) -> list[Container]:
        return self.engine.containers(self.unit)

    def number(self) -> int:
        """Give the number of the generation that runs, or is to; 0 for none."""
        found = current(self.all())
        return found[0].generation if found else 0

    def confirmed(self, number: int) -> bool:
        place = self.place(number)
        return not os.path.isdir(place) or os.path.exists(os.path.join(place, "confirmed"))

    def pending(self) -> Pending | None:
        try:
            with open(self._pending, encoding="utf-8") as file:
                return Pending(**json.load(file))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError) as exc:
            raise DeployError(
                "what is known of the last switch cannot be read",
                where=self._pending,
                remedy="remove that file, and deploy again",
            ) from exc

    def next(self, every: Sequence[Container]) -> int:
        """Give the next generation's number, beside these containers."""
        return max([*self._kept(), *(c.generation for c in every)], default=0) + 1

    def place(self, number: int) -> str:
        return os.path.join(self.directory, str(number))

    def text(self, number: int, name: str) -> str:
        """Give a file of a generation; empty where there is none."""
        try:
            with open(os.path.join(self.place(number), name), encoding="utf-8") as file:
                return file.read()
        except OSError:
            return ""

    # -- switching

    def begin(self, new: int, group: int) -> None:
        """Write down that ``new`` is to run instead of what does. Nothing is stopped yet."""
        left = self.pending()
        # Where a way back did not work, what runs was never confirmed.
        before = Pending(new, left.old if left else self.number(), group)
        self._reserve()
        if self.confirmed(new):
            # One of another home's has no directory here yet.
            write_file(os.path.join(self.place(new), "confirmed"), b"", 0o600)
        write_file(self._pending, json.dumps(asdict(before)).encode(), 0o600)

    def exchange(self, number: int) -> None:
        """Let a generation run instead of any other; 0 is none. Raises DeployError."""
        every = self.all()
        self.engine.stop(*(c.name for c in every if c.up and c.generation != number))
        self.engine.start(*(c.name for c in every if not c.up and c.generation == number))

    def confirm(self, new: int) -> None:
        """Let the switch to ``new`` be. Raises DeployError where it was taken back."""
        try:
            os.replace(self._pending, os.path.join(self.place(new), "confirmed"))
        except FileNotFoundError as exc:
            raise DeployError("what ran before runs again already") from exc
        self._release()

    def _reserve(self) -> None:
        """Take some room: an engine that can write nothing down neither stops nor starts anything.

        Often it is of the same disk. Raises StoreError.
        """
        path = os.path.join(self.directory, "reserve")
        try:
            write_file(path, bytes(RESERVE), 0o600)
        except SteadError:
            self._release()
            raise

    def _release(self) -> None:
        with contextlib.suppress(OSError):
            os.unlink(os.path.join(self.directory, "reserve"))

    def settle(self) -> bool:
        """Go back from a switch that was not confirmed; false where there is none.

        Raises DeployError where that does not work; then the next who tries may go on.
        """
        found = self.pending()
        if found is None:
            return False
        _wait_for(found.group)
        if self.pending() != found:
            return True
        self._release()
        if not self.confirmed(found.new):
            new = [c for c in self.all() if c.generation == found.new]
            # What cannot be stopped is removed by force.
            with contextlib.suppress(DeployError):
                self.engine.stop(*(c.name for c in new if c.up))
            self.engine.remove(*(c.name for c in new))
        self.exchange(found.old)
        os.unlink(self._pending)
        if not self.confirmed(found.new):
            remove_tree(self.place(found.new))
        return True

    # -- clearing away

    def forget(self, number: int, every: Sequence[Container]) -> None:
        """Remove a generation, whose containers are among these."""
        self.engine.remove(*(c.name for c in every if c.generation == number))
        remove_tree(self.place(number))

    def tidy(self) -> list[Container]:
        """Remove what deploys that were cut off before the switch have left; gives what stays."""
        self.engine.remove_commands(self.unit)
        every = self.all()
        there, up = {c.generation for c in every}, {c.generation for c in every if c.up}
        gone = {
            number
            for number in (there | set(self._kept())) - up
            if number not in there or not self.confirmed(number)
        }
        for number in sorted(gone):
            self.forget(number, every)
        remove_tree(self.work)
        return [c for c in every if c.generation not in gone]

    def collect(self, keep: int, repository: str) -> None:
        """Remove all but the last generations, and images that none of them needs."""
        every = self.all()
        now = {c.generation for c in current(every)}
        gone = sorted({c.generation for c in every} - now, reverse=True)[max(keep, 1) - 1 :]
        for number in gone:
            self.forget(number, every)
        stems = {c.label("images") for c in every if c.generation not in gone}
        for image in self.engine.images(repository):
            if not any(image.startswith(f"{stem}-") for stem in stems):
                self.engine.remove_image(image)

    def remove(self, repository: str) -> None:
        """Stop and remove everything but what services keep."""
        self.engine.remove_commands(self.unit)
        every = self.all()
        with contextlib.suppress(DeployError):
            self.engine.stop(*(c.name for c in every if c.up))
        self.engine.remove(*(c.name for c in every))
        for image in self.engine.images(repository):
            self.engine.remove_image(image)
        remove_tree(self.directory)

    @property
    def work(self) -> str:
        """Where files lie while a deploy is at work."""
        return os.path.join(self.directory, "work")

    @property
    def _pending(self) -> str:
        return os.path.join(self.directory, "pending")

    def _kept(self) -> list[int]:
        try:
            return [int(name) for name in os.listdir(self.directory) if name.isdecimal()]
        except FileNotFoundError:
            return []


def current(every: Sequence[Container]) -> list[Container]:
    """Give those of the generation that runs, or is to: the one started last."""
    begun = [c for c in every if c.started]
    if not begun:
        return []
    up = [c for c in begun if c.up]
    number = max(up or begun, key=lambda c: (c.started, c.generation)).generation
    return [c for c in every if c.generation == number]


def _wait_for(group: int) -> None:
    """Wait until no process of a group is left, but for this one's own."""
    if not group or not hasattr(os, "killpg") or group == os.getpgrp():
        return
    until = time.monotonic() + _LONGEST
    while time.monotonic() < until:
        try:
            os.killpg(group, 0)
        except OSError:
            return
        time.sleep(0.1)

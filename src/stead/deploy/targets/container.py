"""Targets that are containers of this machine, started by podman or docker from images made here.

A generation's containers are made while the former one runs. The exchange is done, and taken back
unless it is confirmed, by a process of its own: see :mod:`stead.deploy.containers`.
"""

from __future__ import annotations

import contextlib
import json
import os
import time

from stead.deploy.containers import engine as engines
from stead.deploy.containers.engine import Engine, Start
from stead.deploy.containers.generations import Generations, Unit
from stead.deploy.containers.generations import current as current_of
from stead.deploy.containers.holding import Holding
from stead.deploy.containers.making import Making as MakingGeneration
from stead.deploy.containers.making import repository
from stead.deploy.containers.watched import Watched
from stead.deploy.fitness import refuse_taken
from stead.deploy.health import asked
from stead.deploy.machine import who
from stead.deploy.neighbours import of_containers
from stead.deploy.oci import assemble
from stead.deploy.targets import Applied, Deployed, Running, Standing
from stead.deploy.targets.image import ImageTarget
from stead.deploy.targets.local import Local
from stead.store import locking
from stead.store.atomic import free
from stead.values.deployment import Health
from stead.values.errors import DeployError, OccupiedError, SteadError
from stead.values.frozen import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Literal

    from stead.deploy.containers.engine import Container
    from stead.deploy.targets import Delivery, Report
    from stead.deploy.targets.image import Making
    from stead.values.context import Context
    from stead.values.deployment import Facts

_LOOKING = 0.5
"""Seconds for which the lock is tried: who only looks at it has it for a moment."""
_MARGIN = 60.0
"""Seconds between the end of the checks' time and the watchdog's."""


class ContainerTarget:
    """The containers of one recipe."""

    address = ""

    def __init__(
        self,
        name: str,
        recipe: str,
        making: Making,
        context: Context,
        engine: str = "",
        *,
        grace: int = 10,
        settling: float = 2.0,
        project: str = "",
    ) -> None:
        """Prepare; ``engine`` is ``podman`` or ``docker``, empty for the one there is.

        ``grace`` is how many seconds a container has to end by itself; ``settling`` how many all
        must stay up before a switch is confirmed, whatever is checked. ``project`` says whose the
        recipe is: another project's of the same name is left alone; empty asks nothing. Raises
        DeployError where there is no engine.
        """
        self.name = name
        self._unit = Unit(recipe, name, project)
        self._settling = settling
        self._user = making.user
        self._environ = context.environ
        self._home = os.fspath(context.home)
        self._engine = Engine(engines.find(engine, context.environ), context.environ, grace)
        directory = os.path.join(context.home, "containers", self._unit.name)
        self._lock = f"{directory}.lock"
        self._generations = Generations(self._engine, self._unit.name, directory)
        self._here = Local(context.environ)
        self._holding = Holding(self._generations, self._here, settling)
        # Where images go matters only to its owner: these go to the engine.
        self._images = ImageTarget(name, recipe, replace(making, output="oci-archive:/"), context)

    # -- looking

    def facts(self) -> Facts:
        """Say what the base has, as if it were a machine, and what runs here."""
        unit, every = self._unit.name, self._engine.containers()
        facts = replace(
            self._images.base_facts(),
            free=free(os.path.dirname(self._home)),
            ports=of_containers(one for one in every if one.label("recipe") != unit),
        )
        current = current_of(self._own([one for one in every if one.label("recipe") == unit]))
        if not current:
            return facts
        same = current[0].label("base") == self._images.base_digest()
        return replace(
            facts,
            running=current[0].label("digest") if same else "",
            generation=current[0].generation,
            standing=_whole(current)
            and all(c.state == "running" for c in current)
            and self._generations.pending() is None,
        )

    def examine(self, program: str) -> str:
        return self._here.run(program, timeout=60).out.decode("utf-8", "replace")

    def ask(self, check: Health) -> str:
        return asked(check, self._here, check.timeout)

    def running(self) -> str:
        current = self._current()
        return self._generations.text(current[0].generation, "payload.json") if current else ""

    def status(self) -> Standing:
        every = self._ours()
        current = current_of(every)
        now = current[0].generation if current else 0
        pending = self._generations.pending()
        found = {c.generation: c for c in every if c.started}
        return Standing(
            now,
            current[0].label("digest") if current else "",
            tuple(Running(c.service, _state(c), c.pid, c.restarts) for c in current),
            tuple(
                Deployed(
                    number,
                    one.label("digest"),
                    one.made,
                    current=number == now,
                    confirmed=self._generations.confirmed(number)
                    and not (pending and pending.new == number),
                )
                for number, one in sorted(found.items())
            ),
            locking.holder(self._lock),
        )

    def logs(self, service: str = "", lines: int = 200) -> Iterator[str]:
        for one in self._current():
            if service in ("", one.service):
                for line in self._engine.logs(one.name, lines).splitlines():
                    yield f"{one.service} | {line}"

    # -- changing

    def apply(self, delivery: Delivery, report: Report | None = None) -> Applied:
        facts = self.facts()
        if facts.running == delivery.digest and facts.standing:
            return Applied(False, facts.generation)
        refuse_taken(delivery.payload, facts)
        report = report or _silent
        with self._alone(report) as (lock, every):
            payload, current = delivery.payload, current_of(every)
            warnings: tuple[str, ...] = ()
            if self._runs(delivery, current):
                number = current[0].generation
                report("switch", "the services are started again")
                try:
                    self._generations.exchange(number)
                    self._holding.hold(number, payload.checks, report)
                except BaseException:
                    # There is nothing to go back to.
                    with contextlib.suppress(SteadError):
                        self._generations.exchange(number)
                    raise
            else:
                number = self._generations.next(every)
                warnings = self._make(delivery, number, report)
                self._switch(number, payload.checks, lock, report)
            report("collect", "")
            return Applied(True, number, warnings=warnings + self._collect(payload.keep))

    def rollback(self, generation: int = 0, report: Report | None = None) -> Applied:
        report = report or _silent
        with self._alone(report) as (lock, every):
            now = max((c.generation for c in current_of(every)), default=0)
            numbers = sorted({c.generation for c in every})
            wanted = generation or max((n for n in numbers if n < now), default=0)
            if wanted not in numbers:
                known = ", ".join(map(str, numbers))
                raise DeployError(
                    f"there is no generation {generation} to go back to"
                    if generation
                    else "there is no earlier generation to go back to",
                    where=self.name,
                    remedy=f"there are {known}" if known else "deploy first",
                )
            if wanted == now:
                return Applied(False, now)
            checks = json.loads(self._generations.text(wanted, "checks.json") or "[]")
            known_checks = [Health(**{**c, "command": tuple(c["command"])}) for c in checks]
            self._switch(wanted, known_checks, lock, report)
            return Applied(True, wanted)

    def run(self, command: str, arguments: Sequence[str] = ()) -> int:
        current = self._current()
        if not current:
            return 127
        image = f"{current[0].label('images')}-{assemble.tag_of(command)}"
        if not self._engine.has(image):
            return 127
        known = json.loads(self._generations.text(current[0].generation, "secrets.json") or "{}")
        secrets = tuple(known.get(command, {}).items())
        start = Start(image, secrets=secrets, volumes=current[0].mounts)
        return self._engine.interactive(start, arguments)

    def remove(self) -> None:
        """Take the containers away, and their images. The volume stays: it is the user's data."""
        with self._locked():
            self._ours()
            self._generations.remove(repository(self._unit))

    def close(self) -> None:
        self._here.close()

    # -- in steps

    @contextlib.contextmanager
    def _locked(self) -> Iterator[locking.Lock]:
        """Keep others from changing this recipe's containers for the block."""
        until = time.monotonic() + _LOOKING
        while (lock := locking.try_exclusive(self._lock, description=who())) is None:
            if time.monotonic() > until:
                raise OccupiedError(
                    f"another deploy of {self._unit.recipe} is at work",
                    where=self.name,
                    details=[f"by {holder}"] if (holder := locking.holder(self._lock)) else [],
                    remedy="wait until it has ended; one that was killed goes back first",
                )
            time.sleep(_LOOKING / 10)
        with lock:
            yield lock

    @contextlib.contextmanager
    def _alone(self, report: Report) -> Iterator[tuple[locking.Lock, list[Container]]]:
        """Hold the lock for the block, with all set right that others left half done.

        Gives the lock, and the containers that there are then.
        """
        with self._locked() as lock:
            self._ours()
            report("begin", self._unit.name)
            try:
                if self._generations.settle():
                    report(
                        "begin", "a deploy before was not confirmed: what ran before it runs again"
                    )
            except DeployError:
                # What it was is kept for the next switch, which may succeed.
                report(
                    "begin", "a deploy before was not confirmed, and what ran before does not start"
                )
            yield lock, self._generations.tidy()

    def _runs(self, delivery: Delivery, current: Sequence[Container]) -> bool:
        """Say whether all that is wanted is there, and needs to be started at most."""
        return bool(
            current
            and current[0].label("digest") == delivery.digest
            and current[0].label("base") == self._images.base_digest()
            and _whole(current)
            and self._generations.pending() is None
        )

    def _make(self, delivery: Delivery, number: int, report: Report) -> tuple[str, ...]:
        making = MakingGeneration(delivery, number, self._unit, self._generations, self._user)
        report("send", self._engine.name)
        try:
            making.load(self._images)
            warnings = making.ask()
            making.create(self._images.base_digest())
            making.release(report)
        except BaseException:
            with contextlib.suppress(SteadError):
                self._generations.tidy()
            raise
        return warnings

    def _switch(
        self, number: int, checks: Sequence[Health], lock: locking.Lock, report: Report
    ) -> None:
        """Exchange what runs, and go back if it is not well."""
        seconds = sum(check.timeout for check in checks) + self._settling + _MARGIN
        since = time.time()
        with Watched(self._generations, number, seconds, lock, self._environ) as watched:
            try:
                report("switch", f"to generation {number}")
                watched.switch()
                self._holding.hold(number, checks, report, watched.check)
                report("confirm", "")
                watched.confirm()
            except BaseException as exc:
                self._go_back(watched, number, since, exc)
                raise

    def _go_back(self, watched: Watched, number: int, since: float, why: BaseException) -> None:
        """Go back from a switch that began at a moment: what was logged before is another's."""
        logs: list[str] = []
        with contextlib.suppress(SteadError):
            logs = [
                f"{one.service} | {line}"
                for one in self._generations.all()
                if one.generation == number
                for line in self._engine.logs(one.name, 10, since).splitlines()
            ]
        remedy = None
        try:
            watched.revert()
        except SteadError as exc:
            if not isinstance(why, DeployError):
                why.add_note(f"going back failed as well: {exc}")
                return
            logs.append(f"going back failed as well: {exc}")
            remedy = "see `stead deploy status`; the next deploy tries again to go back"
        if isinstance(why, DeployError):
            raise DeployError(
                why.message,
                where=why.where,
                details=[*why.details, *logs],
                remedy=remedy or why.remedy or "what ran before runs again",
            ) from why

    def _collect(self, keep: int) -> tuple[str, ...]:
        """Clear away; what cannot be does not undo what runs."""
        try:
            self._generations.collect(keep, repository(self._unit))
        except SteadError as exc:
            return (f"old generations could not be removed: {exc.message}",)
        return ()

    # -- whose

    def _current(self) -> list[Container]:
        return current_of(self._ours())

    def _ours(self) -> list[Container]:
        """Give all containers. Raises DeployError where they are another project's."""
        return self._own(self._generations.all())

    def _own(self, every: list[Container]) -> list[Container]:
        mine = self._unit.project
        for one in every if mine else ():
            if (owner := one.label("project")) not in ("", mine):
                raise DeployError(
                    f"recipe {self._unit.recipe} on {self.name} belongs to the project {owner}, "
                    f"and this is {mine}",
                    remedy="give the recipe or the target another name; where the project was "
                    f"renamed from {owner}, take it away under that name first: `stead node down`",
                )
        return every


def _whole(containers: Sequence[Container]) -> bool:
    """Say whether none of a generation's containers is missing."""
    return str(len(containers)) == containers[0].label("services")


def _state(one: Container) -> Literal["running", "stopped", "failed", "restarting"]:
    if one.state == "running":
        return "running"
    if one.state == "restarting":
        return "restarting"
    return "failed" if one.code else "stopped"


def _silent(step: str, word: str) -> None:
    del step, word

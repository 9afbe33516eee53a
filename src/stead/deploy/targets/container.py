"""Targets that are containers of this machine, started by podman or docker from images made here.

::

    $STEAD_HOME/containers/RECIPE-TARGET/N/payload.json    of each generation
                                           checks.json     what must hold when it is taken up
                                           files/…         those that hold secrets, mounted

A generation's containers are made while the former one runs; between the switch and the end of
the checks their names end in ``.new``. The next deploy takes away what has such a name, and
starts again what is current.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import time
from tempfile import TemporaryDirectory

from stead.deploy.health import asked, wait_for
from stead.deploy.oci import assemble, layout
from stead.deploy.oci.engine import LABEL, NEW, Container, Engine, Start
from stead.deploy.targets import Applied, Deployed, Running, Standing, data_directory
from stead.deploy.targets.image import ImageTarget, Making
from stead.deploy.targets.local import Local
from stead.store import locking
from stead.store.atomic import free, remove_tree, write_file
from stead.values.deployment import Health
from stead.values.errors import DeployError
from stead.values.frozen import asdict, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Literal

    from stead.deploy.oci.model import Image
    from stead.deploy.targets import Delivery, Report
    from stead.values.context import Context
    from stead.values.deployment import Facts, Payload, Service


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
        recipe is: another project's of the same name is left alone; empty asks nothing. Raises DeployError where
        there is no engine.
        """
        self.name = name
        self._recipe = recipe
        self._unit = _unit(recipe, name)
        self._settling = settling
        self._project = project
        self._user = making.user
        self._engine = Engine(engine, context, grace)
        self._context = context
        self._here = Local(context.environ)
        self._directory = os.path.join(context.home, "containers", self._unit)
        # Where images go matters only to its owner: these go to the engine.
        self._images = ImageTarget(name, recipe, replace(making, output="oci-archive:/"), context)

    # -- looking

    def facts(self) -> Facts:
        """Say what the base has, as if it were a machine, and what runs here."""
        facts = replace(self._images.base_facts(), free=free(os.path.dirname(self._context.home)))
        current = self._current()
        if not current:
            return facts
        standing = all(c.state == "running" for c in current) and not self._unconfirmed()
        labels = dict(current[0].labels)
        same = labels.get(f"{LABEL}.base", "") == self._images.base_digest()
        digest = labels.get(f"{LABEL}.digest", "")
        number = current[0].generation
        return replace(facts, running=digest if same else "", generation=number, standing=standing)

    def examine(self, program: str) -> str:
        return self._here.run(program, timeout=60).out.decode("utf-8", "replace")

    def ask(self, check: Health) -> str:
        return asked(check, self._here, check.timeout)

    def running(self) -> str:
        current = self._current()
        return self._record(current[0].generation) if current else ""

    def status(self) -> Standing:
        current = self._current()
        now = current[0].generation if current else 0
        found = {c.generation: c for c in self._all()}
        return Standing(
            now,
            dict(current[0].labels).get(f"{LABEL}.digest", "") if current else "",
            tuple(Running(c.service, _state(c), c.pid, c.restarts) for c in current),
            tuple(
                Deployed(
                    number,
                    dict(one.labels).get(f"{LABEL}.digest", ""),
                    _made(one.made),
                    current=number == now,
                    confirmed=not one.new,
                )
                for number, one in sorted(found.items())
            ),
        )

    def logs(self, service: str = "", lines: int = 200) -> Iterator[str]:
        for one in self._current():
            if service in ("", one.service):
                for line in self._engine.logs(one.name, lines).splitlines():
                    yield f"{one.service} | {line}"

    # -- changing

    def apply(self, delivery: Delivery, report: Report | None = None) -> Applied:
        with self._alone():
            return self._apply(delivery, report or _silent)

    def _apply(self, delivery: Delivery, report: Report) -> Applied:
        facts = self.facts()
        if facts.running == delivery.digest and facts.standing:
            return Applied(False, facts.generation)
        payload = delivery.payload
        report("begin", self._unit)
        self._tidy()
        before = self._current()
        number = max([c.generation for c in self._all()], default=0) + 1
        report("send", os.path.basename(self._engine.program))
        names = self._load(payload)
        report("assemble", f"generation {number}")
        try:
            made = self._create(delivery, names, number)
            self._release(payload, names, number, report)
            report("switch", f"generation {number}")
            self._switch(before, made, payload.checks, report)
        except BaseException:
            self._forget(number)
            raise
        for service in made:
            self._engine.rename(f"{service}{NEW}", service)
        report("confirm", f"generation {number}")
        report("collect", "")
        self._collect(payload.keep)
        return Applied(True, number)

    def rollback(self, generation: int = 0, report: Report | None = None) -> Applied:
        with self._alone():
            return self._rollback(generation, report or _silent)

    def _rollback(self, generation: int, report: Report) -> Applied:
        self._tidy()
        before = self._current()
        now = before[0].generation if before else 0
        numbers = sorted({c.generation for c in self._all()})
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
        report("switch", f"generation {wanted}")
        names = [c.name for c in self._all() if c.generation == wanted]
        self._switch(before, names, self._checks(wanted), report, suffix="")
        report("confirm", f"generation {wanted}")
        return Applied(True, wanted)

    def run(self, command: str, arguments: Sequence[str] = ()) -> int:
        current = self._current()
        if not current:
            return 127
        labels = dict(current[0].labels)
        image = f"{labels.get(f'{LABEL}.images', '')}-{assemble.tag_of(command)}"
        if not self._engine.has(image):
            return 127
        wanted = labels.get("dev.stead.secrets", "").split()
        held = dict(v.split("=", 1) for v in current[0].variables if "=" in v)
        secrets = tuple((name, held[name]) for name in wanted if name in held)
        start = Start(image, secrets=secrets, volumes=current[0].mounts)
        return self._engine.interactive(start, arguments)

    def remove(self) -> None:
        """Take the containers away, and their images. The volume stays: it is the user's data."""
        with self._alone():
            every = self._all()
            self._engine.remove(*(c.name for c in every))
            for image in {c.image for c in every}:
                self._engine.remove_image(image)
            remove_tree(self._directory)

    def close(self) -> None:
        self._here.close()

    # -- in steps

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep others from changing this recipe's containers for the block."""
        lock = locking.try_exclusive(f"{self._directory}.lock", description="deploying")
        if lock is None:
            raise DeployError(
                f"another deploy of {self._recipe} is at work",
                where=self.name,
                remedy="wait until it has ended",
            )
        with lock:
            yield

    def _load(self, payload: Payload) -> dict[str, str]:
        """Bring the images to the engine that it lacks; gives their names there, by theirs here."""
        files = tuple(f for f in payload.files if not f.secret)
        made = self._images.make_of(replace(payload, files=files))
        short = _short(made)
        repository = f"localhost/stead-{self._unit.lower()}"
        names = {}
        for image in made:
            names[image.tag] = f"{repository}:{short}-{image.tag}"
            if self._engine.has(names[image.tag]):
                continue
            with TemporaryDirectory(prefix="stead-", dir=self._context.home) as work:
                file = os.path.join(work, "image.tar")
                named = replace(image, tag=names[image.tag])
                layout.write(layout.Reference(True, file), [named], engines=True)
                self._engine.load(file)
        return names

    def _create(self, delivery: Delivery, names: dict[str, str], number: int) -> list[str]:
        payload = delivery.payload
        kept = os.path.join(self._directory, str(number))
        os.makedirs(kept, 0o700, exist_ok=True)
        write_file(os.path.join(kept, "payload.json"), delivery.record.encode(), 0o600)
        checks = json.dumps([asdict(check) for check in payload.checks])
        write_file(os.path.join(kept, "checks.json"), checks.encode(), 0o600)
        made = []
        for service in payload.services:
            name = f"stead-{self._unit}-{service.name}-{number}"
            labels = {
                f"{LABEL}.recipe": self._unit,
                f"{LABEL}.project": self._project,
                f"{LABEL}.service": service.name,
                f"{LABEL}.generation": str(number),
                f"{LABEL}.digest": delivery.digest,
                f"{LABEL}.base": self._images.base_digest(),
                f"{LABEL}.image": names[assemble.named_as(payload, service)],
                f"{LABEL}.images": _stem(names),
                "dev.stead.secrets": " ".join(service.secrets),
            }
            self._engine.create(name + NEW, labels, self._start(payload, service, names, number))
            made.append(name)
        return made

    def _start(
        self, payload: Payload, service: Service, names: dict[str, str], number: int
    ) -> Start:
        words = assemble.words_of(payload)
        held = {name: value for s, name, value in payload.secrets if s == service.name}
        mounts = []
        for at, file in enumerate(f for f in payload.files if f.secret):
            path = os.path.join(self._directory, str(number), "files", str(at))
            # Nobody else may look into the directory; in the container it is its user's to read.
            write_file(path, file.content or b"", 0o644 if self._user else 0o600)
            mounts.append((path, words.text(file.path)))
        return Start(
            names[assemble.named_as(payload, service)],
            tuple((name, words.text(value)) for name, value in service.environment),
            tuple((name, held[name]) for name in service.secrets if name in held),
            ((self._volume(), data_directory(payload.root, self._recipe)), *mounts),
        )

    def _release(
        self, payload: Payload, names: dict[str, str], number: int, report: Report
    ) -> None:
        for command in payload.commands:
            if not command.release:
                continue
            report("release", command.name)
            service = replace(command.service, name=command.name)
            start = replace(
                self._start(payload, service, {**names, command.name: ""}, number),
                image=names[assemble.tag_of(command.name)],
            )
            code, said = self._engine.once(start)
            if code != 0:
                raise DeployError(
                    f"{command.name} ended with {code}, so nothing was switched",
                    where=self.name,
                    details=said.splitlines()[-20:],
                )

    def _switch(
        self,
        before: Sequence[Container],
        names: Sequence[str],
        checks: Sequence[Health],
        report: Report,
        suffix: str = NEW,
    ) -> None:
        """Stop what ran, start what is to run, and go back if it is not well."""
        new = [f"{name}{suffix}" for name in names]
        try:
            self._engine.stop(*(c.name for c in before))
            self._engine.start(*new)
            since, first = time.monotonic(), self._started(new)
            for check in checks:
                report("check", check.url or check.port or shlex.join(check.command))
                wait_for(check, self._here, lambda _left, check=check: self._command(check, new))  # type: ignore[misc]
            self._stay_up(new, first, since + self._settling)
        except BaseException as exc:
            logs = [
                f"{name.removesuffix(NEW)} | {line}"
                for name in new
                for line in self._engine.logs(name, 10).splitlines()
            ]
            try:
                # What is wrong is what `exc` says; those that do not stop are removed by force.
                with contextlib.suppress(DeployError):
                    self._engine.stop(*new)
            finally:
                if before:
                    self._engine.start(*(c.name for c in before))
            if isinstance(exc, DeployError):
                raise DeployError(
                    exc.message,
                    where=exc.where,
                    remedy=exc.remedy,
                    details=[*exc.details, *logs],
                ) from exc
            raise

    def _command(self, check: Health, names: Sequence[str]) -> str:
        every = [c for c in self._all() if c.name in names]
        known = [c.name for c in every if c.service == check.service]
        code, said = self._engine.inside((known or list(names))[0], check.command)
        return "" if code == 0 else f"it ended with {code}: {said.strip()[-200:]}"

    def _started(self, names: Sequence[str]) -> dict[str, tuple[str, int]]:
        return {c.name: (c.last, c.restarts) for c in self._all() if c.name in names}

    def _stay_up(
        self, names: Sequence[str], first: dict[str, tuple[str, int]], until: float
    ) -> None:
        """See that all run and none has ended for a while. Raises DeployError."""
        while True:
            last = time.monotonic() >= until
            for one in (c for c in self._all() if c.name in names):
                if first.get(one.name) != (one.last, one.restarts) or one.state != "running":
                    raise DeployError(
                        f"the service {one.service} does not stay up",
                        where=self.name,
                        remedy="`stead run` it here, or see what it said; a command that is to end "
                        "belongs in [app.NAME.commands]",
                    )
            if last:
                return
            time.sleep(self._settling / 5)

    def _tidy(self) -> None:
        """Take away what a deploy that was cut off left, and let run what is current."""
        for number in {c.generation for c in self._all() if c.new}:
            self._forget(number)
        idle = [c.name for c in self._current() if c.state != "running"]
        if idle:
            self._engine.start(*idle)

    def _forget(self, number: int) -> None:
        gone = [c for c in self._all() if c.generation == number]
        self._engine.remove(*(c.name for c in gone))
        remove_tree(os.path.join(self._directory, str(number)))

    def _collect(self, keep: int) -> None:
        now = self._current()[0].generation
        numbers = sorted({c.generation for c in self._all()} - {now}, reverse=True)
        used = self._all()
        for number in numbers[max(keep, 1) - 1 :]:
            self._forget(number)
        for image in {c.image for c in used} - {c.image for c in self._all()}:
            self._engine.remove_image(image)

    # -- known by the engine

    def _all(self) -> list[Container]:
        """Give the recipe's containers. Raises DeployError where they are another project's."""
        found = self._engine.containers(self._unit)
        for one in found if self._project else ():
            owner = dict(one.labels).get(f"{LABEL}.project", "")
            if owner not in ("", self._project):
                raise DeployError(
                    f"recipe {self._recipe} on {self.name} belongs to the project {owner}, "
                    f"and this is {self._project}",
                    remedy="give the recipe or the target another name; where the project was "
                    f"renamed from {owner}, take it away under that name first: `stead node down`",
                )
        return found

    def _unconfirmed(self) -> bool:
        return any(c.new for c in self._all())

    def _current(self) -> list[Container]:
        """Give the containers of the generation that runs, or is to: the one started last."""
        confirmed = [c for c in self._all() if not c.new]
        if not confirmed:
            return []
        running = [c.generation for c in confirmed if c.state == "running"]
        number = running[0] if running else max(c.started for c in confirmed)[1]
        return [c for c in confirmed if c.generation == number]

    def _record(self, number: int, name: str = "payload.json") -> str:
        try:
            path = os.path.join(self._directory, str(number), name)
            with open(path, encoding="utf-8") as file:
                return file.read()
        except OSError:
            return ""

    def _checks(self, number: int) -> tuple[Health, ...]:
        """Give what had to hold of a generation when it was new."""
        kept = json.loads(self._record(number, "checks.json") or "[]")
        return tuple(Health(**{**check, "command": tuple(check["command"])}) for check in kept)

    def _volume(self) -> str:
        return f"stead-{self._unit}-data"


def _unit(recipe: str, target: str) -> str:
    """Name what a recipe has on a target: no two have one name, whatever theirs hold."""
    from stead.values.sha import sha256

    tail = sha256(json.dumps([recipe, target]).encode()).hexdigest()[:8]
    return f"{recipe}-{target}-{tail}"


def _short(images: Sequence[Image]) -> str:
    """Give what tells a set of images from others: they go and come together."""
    from stead.values.sha import sha256

    return sha256("".join(i.digest for i in images).encode()).hexdigest()[:12]


def _stem(names: dict[str, str]) -> str:
    tag, name = next(iter(names.items()))
    return name.removesuffix(f"-{tag}")


def _state(one: Container) -> Literal["running", "stopped", "failed", "restarting"]:
    if one.state == "running":
        return "running"
    if one.state == "restarting":
        return "restarting"
    return "failed" if one.code else "stopped"


def _made(text: str) -> float:
    from datetime import datetime

    try:
        return datetime.fromisoformat(text[:19] + "+00:00").timestamp()
    except ValueError:
        return 0.0


def _silent(step: str, word: str) -> None:
    del step, word

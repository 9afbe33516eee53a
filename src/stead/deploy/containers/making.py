"""The images and containers of a generation, made while the former one runs."""

from __future__ import annotations

import json
import os
from tempfile import TemporaryDirectory

from stead.deploy.containers.engine import LABEL, Start
from stead.deploy.oci import assemble, layout
from stead.deploy.targets import data_directory
from stead.store.atomic import write_file
from stead.values.errors import DeployError
from stead.values.frozen import asdict, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from stead.deploy.containers.generations import Generations, Unit
    from stead.deploy.oci.model import Image
    from stead.deploy.targets import Delivery, Report
    from stead.deploy.targets.image import ImageTarget
    from stead.values.deployment import Service

_LONGEST = 60.0
"""Seconds in which an image's inside is to answer all checks."""


class Making:
    """One generation in the making. All methods raise DeployError, some StoreError."""

    def __init__(
        self, delivery: Delivery, number: int, unit: Unit, generations: Generations, user: str = ""
    ) -> None:
        """``user`` is the one whom the processes run as; empty for root."""
        self._delivery = delivery
        self._number = number
        self._unit = unit
        self._generations = generations
        self._engine = generations.engine
        self._user = user
        self._names: dict[str, str] = {}

    def load(self, images: ImageTarget) -> None:
        """Bring the images to the engine that it lacks."""
        payload = self._delivery.payload
        files = tuple(f for f in payload.files if not f.secret)
        made = images.make_of(replace(payload, files=files))
        short = _short(made)
        work = self._generations.work
        os.makedirs(work, 0o700, exist_ok=True)
        for image in made:
            name = f"{repository(self._unit)}:{short}-{image.tag}"
            self._names[image.tag] = name
            if self._engine.has(name):
                continue
            with TemporaryDirectory(dir=work) as place:
                file = os.path.join(place, "image.tar")
                named = replace(image, tag=name)
                layout.write(layout.Reference(True, file), [named], engines=True)
                self._engine.load(file)

    def ask(self) -> tuple[str, ...]:
        """Ask the checks of what is in the images, of the first one: all have the same files.

        Gives warnings. Raises CheckError; nothing has been changed then.
        """
        payload, within = self._delivery.payload, self._delivery.within
        if within is None:
            return ()
        first = assemble.processes(payload)[0]
        start = Start(self._names[first.name], labels=((f"{LABEL}.command", self._unit.name),))
        name = f"stead-{self._unit.name}-checks-{self._number}"
        return within(lambda program: self._engine.examine(name, start, program, _LONGEST))

    def create(self, base: str) -> None:
        """Make the containers, and start none. ``base`` names what the images stand upon."""
        delivery, payload = self._delivery, self._delivery.payload
        place = self._generations.place(self._number)
        # The directory is there first: without it, a container is taken for another home's.
        os.makedirs(place, 0o700, exist_ok=True)
        secrets = {
            command.name: {n: value for s, n, value in payload.secrets if s == command.name}
            for command in payload.commands
        }
        write_file(os.path.join(place, "secrets.json"), json.dumps(secrets).encode(), 0o600)
        checks = json.dumps([asdict(check) for check in payload.checks])
        write_file(os.path.join(place, "checks.json"), checks.encode(), 0o600)
        write_file(os.path.join(place, "payload.json"), delivery.record.encode(), 0o600)
        for service in payload.services:
            labels = {
                "recipe": self._unit.name,
                "name": self._unit.recipe,
                "ports": " ".join(map(str, service.ports)),
                "project": self._unit.project,
                "service": service.name,
                "services": str(len(payload.services)),
                "generation": str(self._number),
                "digest": delivery.digest,
                "base": base,
                "images": _stem(self._names),
                "secrets": " ".join(service.secrets),
            }
            start = replace(
                self._start(service, assemble.tag_of(assemble.named_as(payload, service))),
                labels=tuple((f"{LABEL}.{key}", value) for key, value in labels.items()),
            )
            name = f"stead-{self._unit.name}-{service.name}-{self._number}"
            self._engine.create(name, start)

    def release(self, report: Report) -> None:
        """Run the commands that come before a switch, to their end."""
        for command in self._delivery.payload.commands:
            if not command.release:
                continue
            report("release", command.name)
            service = replace(command.service, name=command.name)
            start = replace(
                self._start(service, assemble.tag_of(command.name)),
                labels=((f"{LABEL}.command", self._unit.name),),
            )
            # Ended with this deploy, as those of machines are.
            name = f"stead-{self._unit.name}-{command.name}-{self._number}"
            code, said = self._engine.once(name, start)
            if code != 0:
                raise DeployError(
                    f"{command.name}, which runs before the switch, ended with {code}",
                    where=self._unit.target,
                    details=said.splitlines()[-20:],
                    remedy="what ran before runs on; correct the command and deploy again",
                )

    def _start(self, service: Service, image: str) -> Start:
        payload = self._delivery.payload
        words = assemble.words_of(payload)
        held = {name: value for s, name, value in payload.secrets if s == service.name}
        mounts = []
        for at, file in enumerate(f for f in payload.files if f.secret):
            path = os.path.join(self._generations.place(self._number), "files", str(at))
            # Nobody else may look into the directory; in the container it is its user's to read.
            write_file(path, file.content or b"", 0o644 if self._user else 0o600)
            mounts.append((path, words.text(file.path)))
        return Start(
            self._names[image],
            tuple((name, words.text(value)) for name, value in service.environment),
            tuple((name, held[name]) for name in service.secrets if name in held),
            ((self._unit.volume, data_directory(payload.root, self._unit.recipe)), *mounts),
        )


def repository(unit: Unit) -> str:
    """Name the images of a unit, but for their tags."""
    return f"localhost/stead-{unit.name.lower()}"


def _short(images: Sequence[Image]) -> str:
    """Give what tells a set of images from others: they go and come together."""
    from stead.values.sha import sha256

    return sha256("".join(i.digest for i in images).encode()).hexdigest()[:12]


def _stem(names: dict[str, str]) -> str:
    tag, name = next(iter(names.items()))
    return name.removesuffix(f"-{tag}")

"""Targets that are images: in a layout, in an archive, or in a registry. No engine is needed."""

from __future__ import annotations

import os

from stead.deploy.cache import Cache
from stead.deploy.libraries import needs_of, refusals
from stead.deploy.oci import assemble, layout, names, registry
from stead.deploy.oci.contents import contents
from stead.deploy.targets import Applied, Deployed, Standing
from stead.values.deployment import Facts
from stead.values.errors import DeployError
from stead.values.frozen import dataclass, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from stead.deploy.oci.model import Base, Image
    from stead.deploy.targets import Delivery, Report
    from stead.values.context import Context
    from stead.values.deployment import Health, Payload
    from stead.values.platform import Platform

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True, slots=True)
class Making:
    """How images are made, and where they go."""

    output: str
    """``oci:DIR[:TAG]``, ``oci-archive:FILE[:TAG]`` or ``HOST/NAME[:TAG]``."""
    platform: Platform
    base: str = ""
    """What they are made upon, in the same words; empty for nothing."""
    user: str = ""
    directory: str = ""
    """What relative paths are relative to."""


class ImageTarget:
    """The images of one recipe: one per process, and per one-off command."""

    address = ""

    def __init__(self, name: str, recipe: str, making: Making, context: Context) -> None:
        """Prepare; nothing is read or asked yet. Raises DeployError for what makes no sense."""
        self.name = name
        self._recipe = recipe
        self._making = making
        self._context = context
        self._cache = Cache(context.home, now=context.now)
        self._architecture = _architecture(making.platform)
        self._base_found: Base | None = None
        if not making.output:
            raise DeployError(
                "the target does not say where the image goes",
                where=name,
                remedy="give it `output`: `oci:DIRECTORY`, `oci-archive:FILE` or HOST/NAME:TAG",
            )
        self._layout = layout.parse(making.output, making.directory)
        self._registry: registry.Registry | None = None
        if self._layout is None:
            self._registry = registry.Registry(names.parse(making.output), context)

    def facts(self) -> Facts:
        """Say what the base has, as if it were a machine; and which payload is there already."""
        facts = self.base_facts()
        labels = self._labels()
        if labels.get(f"{assemble.LABEL}.base", "") == self.base_digest():
            facts = replace(facts, running=labels.get(f"{assemble.LABEL}.digest", ""))
        return replace(facts, generation=1 if labels else 0)

    def base_facts(self) -> Facts:
        """Say what the base has, as if it were a machine on which nothing runs."""
        base = self._base()
        machine = next(m for m, a in _ARCHITECTURES.items() if a == self._architecture)
        facts = Facts(
            "Linux", machine, user=self._making.user or "root", home="/root", programs=frozenset()
        )
        if base is not None:
            found = contents(base, self._cache)
            programs = found.programs if found.known else frozenset[str]()
            facts = replace(facts, glibc=found.glibc, libraries=found.libraries, programs=programs)
        return facts

    def base_digest(self) -> str:
        """Name the base by its content; empty for none."""
        base = self._base()
        return base.digest if base else ""

    def examine(self, program: str) -> str:
        """Give nothing: there is no machine yet."""
        return ""

    def ask(self, check: Health) -> str:
        """Find nothing wrong: what an image's processes reach is known where they run."""
        return ""

    def running(self) -> str:
        return self._labels().get(f"{assemble.LABEL}.payload", "")

    def make(self, delivery: Delivery) -> tuple[Image, ...]:
        """Make the images, with what is missing of their layers. Raises DeployError, StoreError."""
        return self._tagged(self.make_of(delivery.payload, delivery.digest, delivery.record))

    def make_of(self, payload: Payload, digest: str = "", record: str = "") -> tuple[Image, ...]:
        """Make images that bear their processes' names. Raises DeployError, StoreError."""
        base = self._base()
        self._check(payload.trees, base)
        wanted = assemble.Wanted(
            payload, digest, record, architecture=self._architecture, user=self._making.user
        )
        return assemble.images(wanted, base, self._cache)

    def apply(self, delivery: Delivery, report: Report | None = None) -> Applied:
        report = report or _silent
        report("begin", self._making.output)
        images = self.make(delivery)
        before = {tag: digest for tag, digest, _ in self._there()}
        warnings = _warnings(delivery)
        sent = 0
        if any(before.get(image.tag) != image.digest for image in images):
            report("send", f"{len(images)} images" if len(images) > 1 else "1 image")
            sent = self._write(images)
        for image in images:
            report("confirm", f"{self._shown(image)} {image.digest}")
        changed = any(before.get(image.tag) != image.digest for image in images)
        return Applied(changed, 1, sent, warnings)

    def status(self) -> Standing:
        labels = self._labels()
        if not labels:
            return Standing()
        digest = labels.get(f"{assemble.LABEL}.digest", "")
        return Standing(1, digest, generations=(Deployed(1, digest, 0.0, current=True),))

    def logs(self, service: str = "", lines: int = 200) -> Iterator[str]:
        raise _not_running(self.name, "has no logs")

    def rollback(self, generation: int = 0, report: Report | None = None) -> Applied:
        raise DeployError(
            "an image has no generations to go back to",
            where=self.name,
            remedy="deploy an earlier commit, or use an earlier image by its digest",
        )

    def run(self, command: str, arguments: Sequence[str] = ()) -> int:
        raise _not_running(self.name, "runs no commands")

    def remove(self) -> None:
        """Take the recipe's images out of a layout. A registry's owner removes those there."""
        if self._layout is None:
            raise DeployError("images in a registry are removed there", where=self._making.output)
        tags = [tag for tag, _, config in self._there() if self._is_ours(config)]
        if self._layout.archive:
            if tags:
                os.unlink(self._layout.path)
        elif tags:
            layout.forget(self._layout, tags)

    def close(self) -> None:
        return

    def _base(self) -> Base | None:
        text = self._making.base
        if text and self._base_found is None:
            platform = ("linux", self._architecture)
            reference = layout.parse(text, self._making.directory)
            if reference is not None:
                self._base_found = layout.read(reference, platform)
            else:
                self._base_found = registry.Registry(names.parse(text), self._context).base(
                    platform
                )
        return self._base_found

    def _check(self, trees: Sequence[Any], base: Base | None) -> None:
        """Raise DeployError where what is to run could not run upon the base."""
        needs = needs_of(trees)
        if base is None:
            if needs.glibc or needs.libraries:
                raise DeployError(
                    "the image needs a base that has a C library",
                    where=self.name,
                    details=[f"{lib}: {path}" for lib, path in needs.wanted_by],
                    remedy="give the target `base`: `oci:DIRECTORY`, `oci-archive:FILE` or "
                    "HOST/NAME:TAG",
                )
            return
        found = contents(base, self._cache)
        refused = refusals(needs, found.glibc, found.libraries) if found.known else ()
        if refused:
            raise DeployError(
                "what is to run cannot run upon this base",
                where=base.name,
                details=refused,
                remedy="name a base that has them, or one of a newer system",
            )

    def _tagged(self, images: Sequence[Image]) -> tuple[Image, ...]:
        """Give images the tags they are to have where they go."""
        if self._layout is None:
            assert self._registry is not None
            tag = self._registry.name.tag or "latest"
        else:
            tag = self._layout.tag
        if not tag:
            return tuple(images)
        if len(images) == 1:
            return (replace(images[0], tag=tag),)
        return tuple(replace(image, tag=f"{tag}-{image.tag}") for image in images)

    def _write(self, images: Sequence[Image]) -> int:
        if self._layout is not None:
            layout.write(self._layout, images)
            return 0
        assert self._registry is not None
        return sum(self._registry.push(image, image.tag) for image in images)

    def _there(self) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
        if self._layout is not None:
            return layout.there(self._layout)
        assert self._registry is not None
        return self._registry.there()

    def _labels(self) -> dict[str, str]:
        for _, _, config in self._there():
            if self._is_ours(config):
                return dict(_labels_of(config))
        return {}

    def _is_ours(self, config: Mapping[str, Any]) -> bool:
        return _labels_of(config).get(f"{assemble.LABEL}.recipe") == self._recipe

    def _shown(self, image: Image) -> str:
        if self._layout is not None:
            return str(replace(self._layout, tag=image.tag))
        assert self._registry is not None
        return str(replace(self._registry.name, tag=image.tag, digest=""))


def _labels_of(config: Mapping[str, Any]) -> Mapping[str, str]:
    labels = (config.get("config") or {}).get("Labels")
    return labels if isinstance(labels, dict) else {}


def _architecture(platform: Platform) -> str:
    found = _ARCHITECTURES.get(platform.triple.partition("-")[0])
    if platform.sys_platform != "linux" or found is None:
        raise DeployError(
            f"an image cannot be made of an environment for {platform}",
            remedy="set the target's platform to linux-64 or linux-aarch64",
        )
    return found


def _warnings(delivery: Delivery) -> tuple[str, ...]:
    said = []
    for service in assemble.processes(delivery.payload):
        if service.secrets:
            names = " ".join(f"--env {name}" for name in service.secrets)
            said.append(
                f"secrets are not in the image: start {service.name} with {names}, "
                "or give them as the cluster gives secrets"
            )
    return tuple(said)


def _not_running(name: str, what: str) -> DeployError:
    return DeployError(
        f"an image {what}: it does not run by itself",
        where=name,
        remedy="start it with podman or docker, or deploy to a target of kind `container`",
    )


def _silent(step: str, word: str) -> None:
    del step, word

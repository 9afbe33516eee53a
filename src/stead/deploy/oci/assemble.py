"""From a payload to images: one per service, which differ in nothing but their configuration.

Services and one-off commands of a recipe share all layers, so a registry and an engine keep those
once. What runs is in the configuration: arguments, variables, directory, ports. Secrets are in
none: their variables are given where the image is started.
"""

from __future__ import annotations

import hashlib
import os
import re

from stead.deploy.oci import layers
from stead.deploy.oci.model import LONG_AGO, Image, Layer, dumped
from stead.deploy.relocating import with_parents
from stead.deploy.targets import GENERATION
from stead.values.deployment import Member
from stead.values.errors import DeployError
from stead.values.frozen import dataclass, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from stead.deploy.cache import Cache
    from stead.deploy.oci.model import Base
    from stead.values.deployment import Payload, Service, Tree

LABEL = "dev.stead"
"""What the labels begin with that say what an image was made from."""

_NO_TAG = re.compile(r"[^A-Za-z0-9_.-]+")

_READERS = 2
"""Layers that are read at a time."""

THE_GENERATION = "image"
"""Stands in an image's paths where a machine has a generation's number: it has no other."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What images are to be like."""

    payload: Payload
    digest: str
    """The payload's."""
    record: str
    """What is kept of the payload, in a label: ``payload.json``, without any secret. Empty, as
    the digest may be, where that is kept elsewhere."""
    system: str = "linux"
    architecture: str = "amd64"
    """In the words of images: ``amd64``, ``arm64``."""
    user: str = ""


def images(wanted: Wanted, base: Base | None, cache: Cache) -> tuple[Image, ...]:
    """Give an image per service and per one-off command, tagged with its name.

    Raises DeployError where something secret would come in, or the base has no room for layers.
    """
    refuse_secrets(wanted.payload)
    words = Words(wanted.payload)
    made = _layers(wanted.payload, words, base, cache)
    found = {}
    for service in processes(wanted.payload):
        config = _config(wanted, service, words, base, made)
        found[service.name] = Image(
            service.name, (*(base.layers if base else ()), *made), config, base
        )
    if not found:
        raise DeployError(
            f"the recipe {wanted.payload.recipe} runs nothing, so there is no image to make",
            remedy="name an app in it that has `run`",
        )
    return tuple(found[name] for name in sorted(found))


def named_as(payload: Payload, service: Service) -> str:
    """Give the name of the image that a service runs in."""
    like = (service.app, service.argv, service.directory)
    return next(s.name for s in processes(payload) if (s.app, s.argv, s.directory) == like)


def processes(payload: Payload) -> list[Service]:
    """Give what an image is made for: each process once, however many run, and each command."""
    kept: dict[tuple[object, ...], Service] = {}
    for service in payload.services:
        first = (service.app, service.argv, service.directory)
        kept.setdefault(first, service)
    result = list(kept.values())
    names = {service.name for service in result}
    commands = (replace(c.service, name=c.name) for c in payload.commands if c.name not in names)
    return [replace(s, name=tag_of(s.name)) for s in (*result, *commands)]


def refuse_secrets(payload: Payload) -> None:
    """Raise DeployError if a secret would be in an image, where everybody who has it can read it."""
    for file in payload.files:
        if file.secret:
            raise _secret(f"the file {os.path.basename(file.path)}", file.path)
    values = {value: name for _, name, value in payload.secrets if len(value) > _SHORT}
    for service in processes(payload):
        for place, text in (
            *((f"the arguments of {service.name}", a) for a in service.argv),
            *((f"the variable {n}", v) for n, v in service.environment),
        ):
            for value, name in values.items():
                if value in text:
                    raise _secret(place, name)
    if not values:
        return
    for path, content in _contents(payload):
        for value, name in values.items():
            if value.encode("utf-8", "surrogateescape") in content:
                raise _secret(f"the file {path}", name)


def _contents(payload: Payload) -> Iterator[tuple[str, bytes]]:
    """Give the files that are the project's own: its code, and what was rendered for it."""
    for file in payload.files:
        yield os.path.basename(file.path), file.content or b""
    for tree in payload.trees:
        for part in tree.parts if layers.is_code(tree) else ():
            for member in part.members:
                if member.kind != "file":
                    continue
                if member.content is not None:
                    yield member.path, member.content
                elif member.source:
                    with open(member.source, "rb") as read:
                        yield member.path, read.read()


_SHORT = 5
"""Characters up to which a secret may be part of another text by chance."""


def _secret(what: str, where: str) -> DeployError:
    return DeployError(
        f"{what} holds a secret, and everybody who has an image can read it",
        where=where,
        remedy="let the program read a variable instead: it is given when the image is started, "
        "with `--env NAME` of the engine or a secret of the cluster",
    )


def tag_of(name: str) -> str:
    """Give a name as it may stand in a tag, which has no colon."""
    return _NO_TAG.sub("-", name)


def words_of(payload: Payload) -> Words:
    """Give what turns the words of a payload into those of its images."""
    return Words(payload)


class Words:
    """Rewrites paths of a node to those of an image."""

    def __init__(self, payload: Payload) -> None:
        self.keys = layers.places(payload.trees)

    def text(self, text: str) -> str:
        for key, place in self.keys.items():
            text = text.replace(key, place)
        return text.replace(GENERATION, THE_GENERATION)

    def data(self, data: bytes) -> bytes:
        for key, place in self.keys.items():
            data = data.replace(key.encode(), place.encode())
        return data.replace(GENERATION.encode(), THE_GENERATION.encode())


def _layers(payload: Payload, words: Words, base: Base | None, cache: Cache) -> tuple[Layer, ...]:
    below = len(base.layers) if base else 0
    small = sum(len(tree.parts) == 1 for tree in payload.trees) + 1
    environments = [tree for tree in payload.trees if len(tree.parts) > 1]
    room = layers.MOST - below - small
    if room < max(len(environments), 1):
        raise DeployError(
            f"the base image has {below} layers, which leaves none for this recipe",
            where=base.name if base else "",
            remedy="name a base with fewer layers",
        )
    jobs = []
    # Interpreters first, then packages, then the code: an engine unpacks again what follows
    # upon a layer that changed.
    for tree in sorted(payload.trees, key=lambda t: (_rank(t), words.keys[t.key])):
        key = words.keys[tree.key]
        most = room // len(environments) if tree in environments else 1
        directory = f"{payload.root}/trees/{key}"
        for name, parts in layers.grouped(tree.parts, most):
            jobs.append((name, parts, directory, key))
    from concurrent.futures import ThreadPoolExecutor

    # One reads while what another has read is compressed.
    with layers.packing_pool() as packing, ThreadPoolExecutor(_READERS) as pool:
        # The largest first, so that none is left for the end.
        order = sorted(jobs, key=lambda j: -sum(p.size for p in j[1]))
        made = pool.map(lambda j: layers.layer(cache, *j, pool=packing), order)
        done = dict(zip(map(id, order), made, strict=True))
    result = [done[id(job)] for job in jobs]
    if found := _files(payload, words):
        result.append(_written(found, cache))
    return tuple(result)


def _rank(tree: Tree) -> int:
    if layers.is_code(tree):
        return 2
    return 1 if len(tree.parts) > 1 else 0


def _files(payload: Payload, words: Words) -> tuple[Member, ...]:
    """Give rendered files, and the directories that services want, as they stand in the image."""
    found: dict[str, Member] = {}
    for file in payload.files:
        path = words.text(file.path).lstrip("/")
        content = words.data(file.content or b"")
        found[path] = Member(path, "file", file.mode, content=content, size=len(content))
    for service in processes(payload):
        for path in service.makes:
            name = words.text(path).lstrip("/")
            # Whoever it is that runs it there.
            found[name] = Member(name, "directory", 0o1777)
    return with_parents(found)


def _written(members: tuple[Member, ...], cache: Cache) -> Layer:
    by = [
        layers.FORMAT,
        "files",
        [(m.path, m.mode, hashlib.sha256(m.content or b"").hexdigest()) for m in members],
    ]
    return layers.made(cache, "rendered files", members, "", by)


def _config(
    wanted: Wanted, service: Service, words: Words, base: Base | None, made: Sequence[Layer]
) -> bytes:
    before: Mapping[str, Any] = base.config if base else {}
    inner: dict[str, Any] = dict(before.get("config") or {})
    variables = dict(_pairs(inner.get("Env") or ()))
    variables |= {name: words.text(value) for name, value in service.environment}
    labels = dict(inner.get("Labels") or {})
    labels |= {
        "org.opencontainers.image.title": service.name,
        f"{LABEL}.recipe": wanted.payload.recipe,
        f"{LABEL}.base": base.digest if base else "",
    }
    if wanted.digest:
        labels |= {f"{LABEL}.digest": wanted.digest, f"{LABEL}.payload": wanted.record}
    if service.secrets:
        labels[f"{LABEL}.secrets"] = " ".join(service.secrets)
    inner.pop("Cmd", None)
    inner.pop("Healthcheck", None)
    inner |= {
        "Entrypoint": [words.text(a) for a in service.argv],
        "Env": [f"{name}={value}" for name, value in sorted(variables.items())],
        "WorkingDir": words.text(service.directory),
        "Labels": labels,
    }
    if service.ports:
        ports: dict[str, object] = {f"{port}/tcp": {} for port in service.ports}
        inner["ExposedPorts"] = {**(inner.get("ExposedPorts") or {}), **ports}
    if wanted.user:
        inner["User"] = wanted.user
    history = [{"created": LONG_AGO, "created_by": f"stead deploy: {layer.says}"} for layer in made]
    diffs = [layer.diff_id for layer in (*(base.layers if base else ()), *made)]
    return dumped(
        {
            "created": LONG_AGO,
            "os": wanted.system,
            "architecture": wanted.architecture,
            **({"variant": before["variant"]} if before.get("variant") else {}),
            "config": inner,
            "rootfs": {"type": "layers", "diff_ids": diffs},
            "history": [*(before.get("history") or []), *history],
        }
    )


def _pairs(listed: Sequence[object]) -> list[tuple[str, str]]:
    pairs = (str(text).partition("=") for text in listed)
    return [(name, value) for name, _, value in pairs]

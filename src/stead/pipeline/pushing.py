"""What a store server is given of a place: an environment's specification, and what is locked.

A lone file that says all of it goes as it stands. Else one ``stead.toml`` is written that asks
for the packages of this environment, whatever files and layers they come from; then the lock
says which they are, so that the server builds just these. What means only this machine is named
and goes nowhere: directories, and what is secret.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from stead.formats import manifest_text, stead_lock, stead_toml
from stead.pipeline import lock as locking
from stead.pipeline import lockfile
from stead.pipeline.answering import answers
from stead.pipeline.compose import compose
from stead.pipeline.files import load_text
from stead.pipeline.steps import composed_for
from stead.values.errors import LockOutdatedError, UsageError
from stead.values.frozen import dataclass, replace
from stead.values.lock import Lock
from stead.values.manifest import Layer, Manifest
from stead.values.names import DEFAULT
from stead.values.platform import platform_named
from stead.values.requirement import PYTHON, Requirement

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stead.pipeline.request import Request
    from stead.pipeline.steps import Composed
    from stead.values.context import Context
    from stead.values.lock import LockedEnvironment

KINDS = {"stead.toml": "stead", "environment.yml": "conda", "conda-lock.yml": "lock"}
"""Files that a server takes as they stand, by the words of its API."""


@dataclass(frozen=True, slots=True)
class Pushed:
    """A specification: its kind in the server's words, its text, and the lock beside it."""

    file: str
    kind: str
    text: str
    lock: str = ""
    notes: tuple[str, ...] = ()
    """What somebody should know of it before it is built."""


def specification(request: Request, context: Context, *, local: bool = True) -> Pushed:
    """Give what a server needs to build an environment of a place as it is locked.

    Without ``local``, packages that are directories here are left out. Raises UsageError that
    names what cannot leave this machine, LockOutdatedError where what is locked is something
    else or must be there and is not, and whatever reading raises.
    """
    composed = composed_for(request, context, fetch=False)
    place, environment, platform = composed.slot
    held = lockfile.read(composed.lock_path, request.overlay)
    mine = [e for e in held.environments if (e.place, e.environment) == (place, environment)]
    here = next((e for e in mine if e.platform == platform), None)
    alone = _alone(composed) if local else None
    _refuse(composed, here, alone, local=local)
    if here is not None and not answers(composed, here):
        raise LockOutdatedError(
            "the lock does not answer what is asked for any more",
            where=composed.lock_path,
            remedy=f"run `{_lock_command(composed)}`, then push again",
        )
    if alone is not None:
        return _as_it_stands(composed, alone, mine)
    return _written(composed, mine, here, context, local=local)


def _alone(composed: Composed) -> Manifest | None:
    """Give the one file that says all of it, if a server takes it; it knows but one environment."""
    files = [m for m in composed.found.manifests if m.format != ".env"]
    if len(files) != 1 or files[0].format not in KINDS or composed.spec.layers:
        return None
    one = files[0]
    asked = (r for layer in one.layers for r in layer.requirements)
    if one.uses or any(r.source is not None and r.source.kind == "path" for r in asked):
        return None
    if one.taken and KINDS[one.format] != "lock":
        return None
    return one


def _as_it_stands(composed: Composed, one: Manifest, mine: list[LockedEnvironment]) -> Pushed:
    staged = composed.request.overlay.get(one.file)
    text = load_text(one.file) if staged is None else staged
    kind = KINDS[one.format]
    if kind == "lock":
        return Pushed(one.file, kind, text)
    if not mine:
        note = "nothing is locked here: the server chooses the versions"
        return Pushed(one.file, kind, text, notes=(note,))
    return Pushed(one.file, kind, text, _lock_of(mine))


def _written(
    composed: Composed,
    mine: list[LockedEnvironment],
    here: LockedEnvironment | None,
    context: Context,
    *,
    local: bool,
) -> Pushed:
    if here is None:
        raise LockOutdatedError(
            f"nothing is locked here for {composed.spec.environment}, and what is pushed is "
            "what is locked",
            where=composed.spec.place,
            remedy=f"run `{_lock_command(composed)}`, then push again",
        )
    text = _text(composed, here)
    kept, others = [], []
    for one in mine:
        there = composed
        if one is not here:
            request = replace(composed.request, platform=platform_named(one.platform))
            there = composed_for(request, context, fetch=False)
        if answers(there, one) and _text(there, one) == text:
            kept.append(_asking(one, text, there, local=local))
        else:
            others.append(one.platform)
    notes = []
    if others:
        notes.append(
            f"not pushed: what is locked for {', '.join(others)}, which asks for other packages"
        )
    if not local:
        names = [a.name for a in here.artifacts if a.source and a.source.kind == "path"]
        notes += [f"not pushed: {', '.join(names)}, of this machine"] if names else []
    own = [d for d in composed.spec.configuration.definitions if d.rank in ("vars", "layer")]
    if own or composed.spec.tasks:
        notes.append("only packages are pushed: variables and tasks stay here")
    file = os.path.join(composed.spec.place, stead_toml.NAME)
    return Pushed(file, "stead", text, _lock_of(kept), tuple(notes))


def _lock_of(environments: list[LockedEnvironment]) -> str:
    """Write what is locked as the lock of a directory of its own."""
    own = (replace(e, place=".", environment=DEFAULT) for e in environments)
    return stead_lock.write(Lock(tuple(own)))


def _asking(
    one: LockedEnvironment, text: str, composed: Composed, *, local: bool
) -> LockedEnvironment:
    """Give what is locked as the answer to the text that is written."""
    artifacts = tuple(
        a for a in one.artifacts if local or a.source is None or a.source.kind != "path"
    )
    root = os.path.join(os.sep, "specification")
    manifest = stead_toml.read(os.path.join(root, stead_toml.NAME), lambda _: text)
    spec = compose(
        [manifest],
        place=root,
        root=root,
        environment=DEFAULT,
        platform=composed.spec.platform,
        module=lambda _: (),
    )
    return replace(one, requests=locking.requests(spec.packages, root), artifacts=artifacts)


def _text(composed: Composed, locked: LockedEnvironment) -> str:
    """Write a ``stead.toml`` that asks for an environment's packages, and for nothing else."""
    from packaging.markers import Marker

    spec, plan = composed.spec, composed.plan
    environment = dict(spec.platform.marker_environment(locked.python or "3"))
    layer = Layer(
        requirements=tuple(_requests(composed, locked)),
        channels=plan.channels,
        indexes=spec.packages.indexes,
    )
    manifest = Manifest(spec.place, stead_toml.NAME, spec.place, (layer,))
    text, _ = manifest_text.write(
        manifest, spec.place, holds=lambda m: bool(Marker(m).evaluate(environment))
    )
    return text


def _requests(composed: Composed, locked: LockedEnvironment) -> Iterator[Requirement]:
    plan = composed.plan
    if plan.outside_python is not None:
        yield Requirement(PYTHON, PYTHON, plan.outside_python)
    if plan.taken:
        # What another tool has locked is asked for by that, one by one.
        for a in locked.artifacts:
            exact = f"=={a.version} {a.get('build') or ''}" if a.ecosystem == "conda" else ""
            spec = (exact or f"=={a.version}").strip()
            if a.source is None or a.source.kind != "path":
                yield Requirement(a.ecosystem, a.name, "" if a.source else spec, source=a.source)
        return
    for r in (*plan.conda, *plan.pypi):
        if r.source is None or r.source.kind != "path":
            yield replace(r, hashes=() if r.source is None else r.hashes)


def _lock_command(composed: Composed) -> str:
    name = composed.spec.environment
    return "stead lock" if name == DEFAULT else f"stead lock -e {name}"


def _refuse(
    composed: Composed, here: LockedEnvironment | None, alone: Manifest | None, *, local: bool
) -> None:
    """Raise UsageError, naming all of it, for what cannot leave this machine."""
    directories = list(_directories(composed, here)) if local and alone is None else []
    found = [*directories, *_foreign(composed, alone), *_addresses(composed)]
    if alone is not None:
        found += _secrets(alone)
    if not found:
        return
    remedy = "publish it to an index or channel, or name a git repository"
    if directories:
        remedy += "; `--no-local` pushes the environment without packages of this machine"
    elif not any("lies on this machine" in text for text in found):
        remedy = "leave it out here: what is pushed is for others to read"
    raise UsageError(
        f"the environment {composed.spec.environment} cannot be pushed: some of it is of this "
        "machine alone",
        where=composed.spec.place,
        details=tuple(dict.fromkeys(found)),
        remedy=remedy,
    )


def _directories(composed: Composed, here: LockedEnvironment | None) -> Iterator[str]:
    named = set()
    for r in composed.spec.packages.requirements:
        if r.source is not None and r.source.kind == "path":
            named.add(r.name)
            yield f"{r.origin}: {r.name} {_lies(composed, r.source.location, r.source.editable)}"
    for a in here.artifacts if here else ():
        if a.source is not None and a.source.kind == "path" and a.name not in named:
            path = os.path.normpath(os.path.join(composed.spec.root, a.source.location))
            yield f"{a.name} {_lies(composed, path, a.source.editable)}"


def _lies(composed: Composed, path: str, editable: bool) -> str:
    kind = "editable, " if editable else ""
    return f"lies on this machine ({kind}{os.path.relpath(path, composed.spec.place)})"


def _foreign(composed: Composed, alone: Manifest | None) -> Iterator[str]:
    """Name what a server could not build, or what a file for it has no words for."""
    plan = composed.plan
    for ecosystem, requests in plan.others:
        yield from (
            f"{r.origin}: {ecosystem} {r.name}: a server has no {ecosystem}" for r in requests
        )
    if alone is not None:
        return
    if plan.outside_python is not None and plan.conda:
        yield "Python from outside conda, beside conda packages: a server takes conda's"
    for r in plan.conda:
        if r.source is not None or "[" in r.spec:
            yield f"{r.origin}: {r}: stead.toml has no words for it"


def _addresses(composed: Composed) -> Iterator[str]:
    """Name channels, indexes and packages whose address is of this machine, or holds a login."""
    from stead.ecosystems.conda.channels import is_path, redacted

    packages = composed.spec.packages
    known = [("channel", c.name, c.name, c.origin) for c in packages.channels]
    known += [("index", i.name, i.url, i.origin) for i in packages.indexes]
    known += [
        ("address of", r.name, r.source.location, r.origin)
        for r in packages.requirements
        if r.source is not None and r.source.kind != "path"
    ]
    for what, name, address, origin in known:
        where = f"{origin}: " if origin.file else ""
        if "://" not in address:
            if what == "index" or (what == "channel" and is_path(address)):
                yield f"{where}the {what} {name} lies on this machine"
        elif _holds_login(address):
            yield f"{where}the {what} {redacted(name)} holds a login, which stays here"


def _holds_login(address: str) -> bool:
    from stead.ecosystems.conda.channels import redacted
    from stead.formats._secrets import secret_parameter
    from stead.pipeline.exchange import without_secrets

    return (
        without_secrets(address) != address
        or bool(secret_parameter(address))
        # conda's way to write a token
        or urlsplit(redacted(address)).path != urlsplit(address).path
    )


def _secrets(manifest: Manifest) -> Iterator[str]:
    """Name secrets that stand in a file, in whichever layer."""
    from stead.config.ranks import visible
    from stead.values.secret import SHOWN

    types = {
        v.name: v.declared.type
        for layer in manifest.layers
        for v in layer.variables
        if v.declared is not None and v.declared.type.name == "secret"
    }
    for layer in manifest.layers:
        for v in layer.variables:
            if v.name in types and visible(types[v.name], v.value) == SHOWN:
                yield f"{v.origin}: {v.name} is a secret, and stands in the file"

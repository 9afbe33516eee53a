"""lock: exact artifacts for what a spec asks.

Each ecosystem answers for its own requirements and sees what those before it
have locked. The old answer is kept wherever it still satisfies.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from stead.ecosystems import BUILT_IN, ecosystem
from stead.ecosystems.protocol import LockRequest
from stead.pipeline import members
from stead.values.errors import LockOutdatedError, UnsatisfiableError
from stead.values.frozen import dataclass, replace
from stead.values.lock import LockedEnvironment
from stead.values.manifest import Channel
from stead.values.names import normalize_pypi
from stead.values.requirement import PYTHON, Requirement

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from stead.values.context import Context
    from stead.values.distribution import Distribution
    from stead.values.interpreter import Interpreter
    from stead.values.lock import Artifact
    from stead.values.spec import PackagesSpec, Spec

DEFAULT_CHANNEL = "conda-forge"


@dataclass(frozen=True, slots=True)
class Plan:
    """How a spec's packages are met: by which ecosystems, and whose Python."""

    conda: tuple[Requirement, ...]
    pypi: tuple[Requirement, ...]
    others: tuple[tuple[str, tuple[Requirement, ...]], ...]
    outside_python: str | None
    """The version request for an interpreter outside the store, None without one."""
    channels: tuple[Channel, ...]
    taken: bool = False
    """Whether a lock of another tool is taken, which asks for what is in it."""

    @property
    def empty(self) -> bool:
        asked = self.conda or self.pypi or self.others or self.taken
        return not asked and self.outside_python is None


def plan(packages: PackagesSpec, *, has_code: bool) -> Plan:
    """Decide which ecosystem answers which requirement.

    Python comes from conda when anything else does (or a layer says so), else
    from an interpreter outside the store. ``has_code`` says that the place has
    Python code of its own, so that it wants Python even without a package.
    """
    conda = packages.of("conda")
    pypi = packages.of("pypi")
    python = packages.of(PYTHON)
    taken = {t.format for t in packages.taken}
    others = tuple(
        (name, packages.of(name))
        for name in sorted({r.ecosystem for r in packages.requirements} - {*BUILT_IN, PYTHON})
    )
    by_conda = packages.python_from == "conda" or (
        packages.python_from == "" and bool(conda or taken & {"conda-lock", "explicit"})
    )
    wants_python = bool(pypi or python or has_code or packages.python_from or "pylock" in taken)
    if by_conda:
        if packages.python_from or pypi or python:
            conda = tuple(
                dict.fromkeys(
                    (*conda, *(_as_conda(r) for r in python), Requirement("conda", PYTHON))
                )
            )
        channels = packages.channels or (Channel(DEFAULT_CHANNEL),)
        return Plan(conda, pypi, others, None, channels, bool(taken))
    outside = ",".join(sorted({r.spec for r in python if r.spec})) if wants_python else None
    channels = packages.channels or ((Channel(DEFAULT_CHANNEL),) if conda else ())
    return Plan(conda, pypi, others, outside, channels, bool(taken))


def _as_conda(python: Requirement) -> Requirement:
    spec = python.spec
    if found := re.fullmatch(r"==(\d+)\.(\d+)(.*)t", spec):  # the free-threaded build
        major, minor, _ = found.groups()
        spec = f"{spec[:-1]} *_cp{major}{minor}t"
    return replace(python, ecosystem="conda", name=PYTHON, spec=spec)


def requests(packages: PackagesSpec, root: str) -> tuple[str, ...]:
    """Give the sorted texts of everything that was asked, one each.

    A lock answers a spec if and only if these agree. Paths are relative to
    ``root``, so that the texts are the same in every clone.
    """
    texts = {_request_text(r, root) for r in packages.requirements}
    texts |= {f"constraint {_request_text(r, root)}" for r in packages.constraints}
    texts |= {
        f"channel {i} {_relative(c.name, c.base, root)}" for i, c in enumerate(packages.channels)
    }
    for index in packages.indexes:
        kinds = [k for k in ("flat", "explicit", "default") if getattr(index, k)]
        texts.add(" ".join(["index", index.name, _relative(index.url, index.base, root), *kinds]))
    if packages.python_from:
        texts.add(f"python-from {packages.python_from}")
    if packages.exclude_newer:
        texts.add(f"exclude-newer {packages.exclude_newer}")
    if packages.channel_priority != "strict":
        texts.add(f"channel-priority {packages.channel_priority}")
    return tuple(sorted(texts))


def _request_text(requirement: Requirement, root: str) -> str:
    source = requirement.source
    if source and source.kind == "path":
        relative = os.path.relpath(source.location, root).replace(os.sep, "/")
        requirement = replace(requirement, source=replace(source, location=relative))
    elif source and "://" in source.location:
        location = _without_login(source.location)
        requirement = replace(requirement, source=replace(source, location=location))
    return str(requirement)


def _without_login(url: str) -> str:
    """Give a URL without user and password; over ssh a user is part of the address."""
    parts = urlsplit(url)
    login, at, host = parts.netloc.rpartition("@")
    if not at:
        return url
    kept = login.partition(":")[0] + at if "ssh" in parts.scheme else ""
    return urlunsplit(parts._replace(netloc=kept + host))


def _relative(name: str, base: str, root: str) -> str:
    """Give a channel's or index's address without a password, a local path relative to the root."""
    if "://" in name:
        from stead.ecosystems.conda.channels import redacted

        return redacted(name)
    if not base or not name.startswith((".", "/", "~")):
        return name
    return os.path.relpath(os.path.join(base, name), root).replace(os.sep, "/")


def differences(locked: LockedEnvironment | None, asked: Sequence[str]) -> tuple[str, ...]:
    """Say how what is asked differs from what was locked: ``+ …`` and ``- …`` lines."""
    old = set(locked.requests) if locked else set()
    new = set(asked)
    return (
        *(f"+ {line}" for line in sorted(new - old)),
        *(f"- {line}" for line in sorted(old - new)),
    )


def stale_sources(locked: LockedEnvironment, root: str) -> tuple[str, ...]:
    """Name the path sources of a lock whose own metadata has changed since."""
    return tuple(
        a.name
        for a in locked.artifacts
        if a.source
        and a.source.kind == "path"
        and a.get("metadata") != members.fingerprint(os.path.join(root, a.source.location))
    )


def check_answers(locked: LockedEnvironment | None, asked: Sequence[str], root: str) -> None:
    """Raise LockOutdatedError, with the differences, unless the lock answers."""
    found = list(differences(locked, asked))
    if locked:
        found += [f"~ {name} (its own metadata changed)" for name in stale_sources(locked, root)]
    if locked is None or found:
        raise LockOutdatedError(
            "stead.lock does not answer the manifests"
            if locked
            else "nothing is locked for this environment and platform",
            details=found,
            remedy="run `stead lock`, and commit stead.lock",
        )


def lock(
    spec: Spec,
    old: LockedEnvironment | None,
    *,
    context: Context,
    environment: str,
    place: str,
    interpreter: Interpreter | None,
    taken: tuple[Artifact, ...] = (),
    workspace: bool = True,
) -> LockedEnvironment:
    """Lock a spec's packages.

    ``environment`` and ``place`` name the slot in the lock. ``interpreter`` is
    the outside one, if the plan wants one. ``taken`` are artifacts of other
    tools' locks: they are kept as they are. With ``workspace``, a name that a member of the
    workspace bears means that member.

    Raises UnsatisfiableError; where entries of several manifests ask for one of
    the packages involved, each is named with its file and line.
    """
    what = plan(spec.packages, has_code=bool(spec.configuration.modules))
    artifacts: list[Artifact] = []
    python = interpreter.minor if interpreter else ""
    request = LockRequest(
        requirements=(),
        platform=spec.platform,
        root=spec.root,
        constraints=spec.packages.constraints,
        channels=what.channels,
        indexes=spec.packages.indexes,
        python=python,
        interpreter=interpreter,
        exclude_newer=spec.packages.exclude_newer,
        channel_priority=spec.packages.channel_priority,
    )
    taken_ecosystems = {a.ecosystem for a in taken}
    try:
        if "conda" in taken_ecosystems:
            artifacts += [a for a in taken if a.ecosystem == "conda"]
        elif what.conda:
            artifacts += ecosystem("conda").lock(
                replace(
                    request,
                    requirements=what.conda,
                    constraints=_of("conda", spec.packages.constraints),
                    old=old.of("conda") if old else (),
                ),
                context,
            )
        if not python:
            python = _conda_python(artifacts)
        if "pypi" in taken_ecosystems:
            artifacts += [_with_metadata(a, spec.root) for a in taken if a.ecosystem == "pypi"]
        elif what.pypi and python:
            asked = replace(
                request,
                requirements=members.with_members(what.pypi, spec.root, spec.place)
                if workspace
                else what.pypi,
                constraints=_of("pypi", spec.packages.constraints),
                python=python,
                provided=tuple(artifacts),
                distributions=_distributions(artifacts, request, context),
                old=old.of("pypi") if old else (),
            )
            found = ecosystem("pypi").lock(asked, context)
            artifacts += [_with_metadata(a, spec.root) for a in found]
        for name, requirements in what.others:
            artifacts += ecosystem(name).lock(
                replace(
                    request,
                    requirements=requirements,
                    python=python,
                    provided=tuple(artifacts),
                    old=old.of(name) if old else (),
                ),
                context,
            )
    except UnsatisfiableError as exc:
        raise _attributed(exc, spec.packages.requirements) from exc
    return LockedEnvironment(
        place=place,
        environment=environment,
        platform=spec.platform.name,
        requests=requests(spec.packages, spec.root),
        python=python,
        artifacts=tuple(sorted(artifacts, key=lambda a: (a.ecosystem, a.name, a.id))),
    )


def _distributions(
    artifacts: list[Artifact], request: LockRequest, context: Context
) -> tuple[Distribution, ...]:
    """Give what other ecosystems bring of Python's distributions."""
    if not artifacts:
        return ()
    from stead.ecosystems.conda.distributions import distributions

    return distributions(tuple(artifacts), request, context)


def _with_metadata(artifact: Artifact, root: str) -> Artifact:
    """Note what a path source says of itself, to see when that changes."""
    if artifact.source is None or artifact.source.kind != "path":
        return artifact
    found = members.fingerprint(os.path.join(root, artifact.source.location))
    extra = {**dict(artifact.extra), "metadata": found}
    return replace(artifact, extra=tuple(sorted(extra.items())))


def _of(ecosystem_name: str, requirements: Iterable[Requirement]) -> tuple[Requirement, ...]:
    return tuple(r for r in requirements if r.ecosystem == ecosystem_name)


def _conda_python(artifacts: Iterable[Artifact]) -> str:
    for artifact in artifacts:
        if artifact.ecosystem == "conda" and artifact.name == PYTHON:
            return ".".join(artifact.version.split(".")[:2])
    return ""


def _attributed(
    error: UnsatisfiableError, requirements: Sequence[Requirement]
) -> UnsatisfiableError:
    """Add where the requests that the solver speaks of were written."""
    text = "\n".join((error.message, *error.details)).lower()
    words = {normalize_pypi(w) for w in re.findall(r"[a-z0-9][a-z0-9._-]*", text)}
    asked = [f"{r.origin}: {r}" for r in requirements if r.name in words and r.origin.file]
    if not asked:
        return error
    return type(error)(
        error.message,
        where=error.where,
        details=(*error.details, "asked for by:", *(f"  {line}" for line in asked)),
        remedy=error.remedy or "relax or remove one of these",
    )

"""Export: what is locked, in the words of another tool."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from stead.ecosystems.protocol import LockRequest
from stead.formats.exported import is_marked, marked
from stead.pipeline import answering, lockfile, steps, writing
from stead.store.journal import read_steadily
from stead.values.errors import ArtifactError, UsageError
from stead.values.frozen import dataclass, replace
from stead.values.platform import platform_named

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stead.pipeline.answering import Locked
    from stead.pipeline.request import Request
    from stead.pipeline.steps import Composed
    from stead.values.context import Context
    from stead.values.lock import Artifact, File, Lock, LockedEnvironment
    from stead.values.manifest import Index

FORMATS = ("environment.yml", "explicit", "conda-lock", "pylock", "requirements", "pixi")
"""The formats that can be written, as the command line calls them."""

_SEVERAL = ("conda-lock", "pixi")
"""Formats that hold several platforms."""

_SHAPES = (
    (re.compile(r"environment[^/]*\.ya?ml\Z"), "environment.yml"),
    (re.compile(r"([^/]*[.-])?conda-lock\.ya?ml\Z"), "conda-lock"),
    (re.compile(r"pylock(\.[^./]+)?\.toml\Z"), "pylock"),
    (re.compile(r"[^/]*requirements[^/]*\.(txt|in)\Z"), "requirements"),
    (re.compile(r"pixi\.lock\Z"), "pixi"),
    (re.compile(r"(conda-[^/]*\.lock|explicit[^/]*\.txt|spec-file[^/]*\.txt)\Z"), "explicit"),
)


@dataclass(frozen=True)
class Exported:
    """A file for another tool. ``notes`` say what it could not take along."""

    text: str
    format: str
    platforms: tuple[str, ...]
    notes: tuple[str, ...] = ()


def format_of(name: str) -> str:
    """Guess a format from a file's name; empty where that says nothing."""
    base = os.path.basename(name)
    return next((found for shape, found in _SHAPES if shape.match(base)), "")


def export(
    request: Request,
    context: Context,
    format: str,  # noqa: A002 (the command line's word)
    *,
    platforms: Sequence[str] = (),
    base: str = "",
) -> Exported:
    """Write an environment in another tool's format, locking it first where need be.

    ``format`` is one of :data:`FORMATS`. Without ``platforms``: the request's, and for a
    format that holds several all that the lock and the workspace name. ``base`` is the
    directory that the file will lie in: paths are written relative to it. No credentials
    get into the text. Raises what locking raises, and UsageError where the format
    cannot hold what is locked.
    """

    def look() -> tuple[tuple[str, ...], list[tuple[Composed, Lock]]]:
        fetch = not request.locked
        first = steps.composed_for(request, context, fetch=fetch)
        names = tuple(dict.fromkeys(platforms)) or _platforms(first, format)
        wanted = [replace(request, platform=platform_named(name)) for name in names]
        return names, [steps.read_together(one, context, fetch=fetch) for one in wanted]

    names, read = read_steadily(writing.layout_of(context), look, context.progress.note)
    parts = []
    for composed, held in read:
        locked = answering.answering(composed, held, context)
        locked = locked or answering.locked_for(composed, context)
        parts.append(_Part(composed, locked, base or composed.spec.place))
    _refuse(format, parts)
    address = _Addresses(parts, context)
    envs = [p.environment for p in parts]
    text = _WRITERS[format](envs, address, parts)
    return Exported(marked(text), format, names, _notes(format, envs))


def write(exported: Exported, path: str, context: Context, *, force: bool = False) -> None:
    """Write an exported file. Raises UsageError for one that Stead did not make, unless forced."""
    if os.path.lexists(path) and not force:
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                ours = is_marked(file.read(100))
        except OSError:
            ours = False
        if not ours:
            raise UsageError(
                f"{path} exists, and was not made by `stead export`",
                remedy="choose another name, or add --force to replace it",
            )
    content = exported.text.encode("utf-8")
    writing.write_files({path: content}, writing.layout_of(context), f"export {path}")


@dataclass(frozen=True)
class _Part:
    """One platform: what was composed and locked, and where the file will lie."""

    composed: Composed
    locked: Locked
    base: str

    @property
    def environment(self) -> LockedEnvironment:
        env = self.locked.environment
        name = self.composed.request.environment or env.environment
        artifacts = tuple(self._moved(a) for a in env.artifacts)
        return replace(env, environment=name, artifacts=artifacts)

    def relative(self, path: str) -> str:
        """Write a path of the lock (relative to the workspace) relative to the file."""
        found = os.path.normpath(os.path.join(self.composed.spec.root, path))
        relative = os.path.relpath(found, self.base).replace(os.sep, "/")
        return relative if relative.startswith(".") else f"./{relative}"

    def _moved(self, artifact: Artifact) -> Artifact:
        source = artifact.source
        if source is None:
            return artifact
        if source.kind == "path":
            location = self.relative(source.location)
        else:
            from stead.ecosystems.pypi.question import git_address

            location = git_address(source.location) if source.kind == "git" else source.location
            location = without_secrets(location)
        return replace(artifact, source=replace(source, location=location))


class _Addresses:
    """Says where a file lies. uv is asked once a platform, and only where it must be."""

    def __init__(self, parts: Sequence[_Part], context: Context) -> None:
        self._context = context
        self._parts = parts
        self._channels: dict[str, str] = {}
        self._pypi: dict[str, str] | None = None

    def __call__(self, artifact: Artifact, file: File) -> str:
        if artifact.ecosystem == "conda":
            from stead.ecosystems.conda.addresses import address

            plan, spec = self._parts[0].composed.plan, self._parts[0].composed.spec
            return address(artifact, plan.channels, spec.root)
        given = (artifact.get("urls") or {}).get(file.name)
        if given:
            given = str(given)
            return without_secrets(given) if "://" in given else self._parts[0].relative(given)
        if self._pypi is None:
            self._pypi = self._ask()
        if file.sha256 not in self._pypi:
            raise ArtifactError(
                f"the index of {artifact.name} no longer lists {file.name}",
                remedy=f"take what it has now: `stead lock --upgrade {artifact.name}`",
            )
        return self._pypi[file.sha256]

    def channel(self, name: str) -> str:
        """Give the address of a channel as the lock names it."""
        if name not in self._channels:
            from stead.ecosystems.conda.addresses import channel_address

            plan, spec = self._parts[0].composed.plan, self._parts[0].composed.spec
            self._channels[name] = channel_address(name, plan.channels, spec.root).rstrip("/")
        return self._channels[name]

    def channel_name(self, name: str) -> str:
        """Give a channel's name as it stands, where other tools know it by that."""
        from stead.ecosystems.conda.channels import is_path, redacted

        return self.channel(name) if is_path(name) else redacted(name)

    def _ask(self) -> dict[str, str]:
        from stead.ecosystems.pypi.addresses import addresses

        found: dict[str, str] = {}
        for part in self._parts:
            spec, env = part.composed.spec, part.locked.environment
            request = LockRequest(
                requirements=(),
                platform=spec.platform,
                root=spec.root,
                indexes=spec.packages.indexes,
                python=env.python,
                interpreter=part.locked.interpreter,
            )
            found |= addresses(env.of("pypi"), request, self._context)
        return found


def _environment_yml(
    envs: list[LockedEnvironment], address: _Addresses, parts: Sequence[_Part]
) -> str:
    from stead.formats import environment_yml

    spec = parts[0].composed.spec
    return environment_yml.write(
        envs, address, name=spec.name, channel=address.channel_name, pip_options=_options(parts)
    )


def _explicit(envs: list[LockedEnvironment], address: _Addresses, _: Sequence[_Part]) -> str:
    from stead.formats import explicit

    return explicit.write(envs, address)


def _conda_lock(envs: list[LockedEnvironment], address: _Addresses, _: Sequence[_Part]) -> str:
    from stead.formats import conda_lock

    return conda_lock.write(envs, address, channel=address.channel)


def _pylock(envs: list[LockedEnvironment], address: _Addresses, _: Sequence[_Part]) -> str:
    from stead.formats import pylock

    return pylock.write(envs, address)


def _requirements(
    envs: list[LockedEnvironment], address: _Addresses, parts: Sequence[_Part]
) -> str:
    from stead.formats import requirements_txt

    return requirements_txt.write(envs, address, options=_options(parts))


def _pixi(envs: list[LockedEnvironment], address: _Addresses, parts: Sequence[_Part]) -> str:
    from stead.formats import pixi_lock

    indexes = [
        without_secrets(i.url)
        for i in parts[0].composed.spec.packages.indexes
        if not i.flat and "://" in i.url and "${" not in i.url
    ]
    return pixi_lock.write(envs, address, channel=address.channel, indexes=indexes)


_WRITERS = {
    "environment.yml": _environment_yml,
    "explicit": _explicit,
    "conda-lock": _conda_lock,
    "pylock": _pylock,
    "requirements": _requirements,
    "pixi": _pixi,
}


def _platforms(first: Composed, format: str) -> tuple[str, ...]:  # noqa: A002
    """Give the platforms that are meant when none is named."""
    own = first.spec.platform.name
    if format not in _SEVERAL:
        return (own,)
    place, environment, _ = first.slot
    held = lockfile.read_to_build_on(first.lock_path, first.request.overlay).environments
    workspace = next((m.workspace for m in first.found.manifests if m.workspace), None)
    names = [own, *(workspace.platforms if workspace else ())]
    names += [e.platform for e in held if (e.place, e.environment) == (place, environment)]
    return tuple(dict.fromkeys(names))


def _refuse(format: str, parts: Sequence[_Part]) -> None:  # noqa: A002
    """Raise UsageError where nothing of what is locked has a place in the format."""
    present = {a.ecosystem for p in parts for a in p.locked.environment.artifacts}
    if not present:
        return
    if format in ("pylock", "requirements") and "pypi" not in present:
        raise UsageError(
            f"only PyPI packages have a place in {format}, and none is locked here",
            remedy="choose environment.yml, explicit, conda-lock or pixi",
        )
    if format in ("explicit", "conda-lock") and "conda" not in present:
        raise UsageError(
            f"{format} describes a conda environment, and no conda package is locked here",
            remedy="choose pylock or requirements",
        )


def _notes(format: str, envs: Sequence[LockedEnvironment]) -> tuple[str, ...]:  # noqa: A002
    notes = []
    if format in ("pylock", "requirements"):
        conda = {a.name for e in envs for a in e.of("conda")}
        if conda:
            notes.append(_left_out(len(conda), "conda package", f"{format} holds PyPI's only"))
    sources = {a.name: a.source for e in envs for a in e.of("pypi") if a.source}
    if format in ("conda-lock", "explicit"):
        dropped = [n for n, s in sources.items() if s.kind == "path"]
        if format == "explicit":
            dropped = [n for n, s in sources.items() if s.kind != "url"]
        if dropped:
            why = f"{format} has no words for a package from a path or git"
            notes.append(f"left out: {', '.join(sorted(dropped))} ({why})")
    if format == "requirements" and sources:
        notes.append(
            f"without a hash: {', '.join(sorted(sources))}; pip's --require-hashes refuses these"
        )
    return tuple(notes)


def _left_out(count: int, what: str, why: str) -> str:
    return f"left out: {count} {what}{'s' if count != 1 else ''} ({why})"


def _options(parts: Sequence[_Part]) -> tuple[str, ...]:
    """Give pip's options for the indexes that the manifests name."""
    used = {a.index for p in parts for a in p.locked.environment.of("pypi")}
    found = []
    for index in parts[0].composed.spec.packages.indexes:
        if index.explicit and index.name not in used:
            continue
        option = "--find-links" if index.flat else "--extra-index-url"
        if index.default and not index.flat:
            option = "--index-url"
        found.append(f"{option} {_index_address(index, parts[0])}")
    return tuple(dict.fromkeys(found))


def _index_address(index: Index, part: _Part) -> str:
    if "://" in index.url:
        return without_secrets(index.url)
    path = os.path.normpath(os.path.join(index.base, os.path.expanduser(index.url)))
    if not index.flat:  # a directory that holds a simple index is only known by its URL
        from pathlib import Path

        return Path(path).as_uri()
    return part.relative(path)


def without_secrets(url: str) -> str:
    """Give a URL without a password.

    A user name goes too, except where it is no secret but part of the address (``ssh``);
    references to variables (``${TOKEN}``) stay, since they are how a file says that a
    credential comes from elsewhere.
    """
    parts = urlsplit(url)
    login, at, host = parts.netloc.rpartition("@")
    if not at:
        return url
    user, password = login.partition(":")[::2]
    if all(re.fullmatch(r"\$\{\w+\}", text) for text in (user, password or user)):
        return url
    kept = f"{user}@" if "ssh" in parts.scheme and user else ""
    return urlunsplit(parts._replace(netloc=kept + host))

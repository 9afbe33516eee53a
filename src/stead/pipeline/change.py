"""Changing what a place asks for: the manifest and the lock together, or neither."""

from __future__ import annotations

import contextlib
import os
import re
from functools import partial
from typing import TYPE_CHECKING, Any

from stead.formats import edit
from stead.pipeline import answering, lockfile, locks, steps, variables, writing
from stead.pipeline.citing import citing_the_command
from stead.pipeline.files import load_exact
from stead.values.errors import ManifestError, UsageError
from stead.values.frozen import dataclass, replace
from stead.values.lock import pin_changes
from stead.values.names import DEFAULT, normalize_pypi
from stead.values.requirement import PYTHON

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from stead.pipeline.discover import Found
    from stead.pipeline.request import Request
    from stead.pipeline.steps import Composed
    from stead.values.context import Context
    from stead.values.lock import Pin

_WISH = re.compile(
    r"(?:(?P<ecosystem>conda|pypi|python):)?"
    r"(?:(?P<channel>[\w./-]+)::)?"
    r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)"
    r"(?:\[(?P<extras>[^\]]*)\])?"
    r"\s*(?P<spec>(?:[=<>!~@ ].*)?)\Z"
)


@dataclass(frozen=True, slots=True)
class Wish:
    """One package on the command line. ``ecosystem`` is empty where it was not said."""

    ecosystem: str
    name: str
    value: str | dict[str, Any]

    @property
    def unbound(self) -> bool:
        """Nothing was said about versions, so the lock's choice becomes the lower bound."""
        if isinstance(self.value, str):
            return self.value == "*"
        return set(self.value) <= {"extras", "channel"}


@dataclass(frozen=True)
class Changed:
    """What an edit did: the manifests, and what came, went or changed in each environment."""

    files: tuple[str, ...]
    changes: tuple[locks.Change, ...]
    pins_before: tuple[Pin, ...] = ()
    pins: tuple[Pin, ...] = ()
    """The modules of the place, as they were and as they are."""

    @property
    def modules(self) -> tuple[str, ...]:
        """Say which modules came, went or are at another revision."""
        return tuple(map(str, pin_changes(self.pins_before, self.pins)))


def parse_wish(text: str, directory: str) -> Wish:
    """Read ``numpy``, ``pypi:numpy>=2``, ``conda-forge::numpy``, ``./lib`` or ``git+https://…``.

    Paths are relative to ``directory``. Raises UsageError.
    """
    rest = text.removeprefix("pypi:")
    if not rest.startswith("git+") and (
        rest.startswith((".", "/", "~")) or os.sep in rest.split("@")[0].split("::")[0]
    ):
        path = os.path.normpath(os.path.join(directory, os.path.expanduser(rest)))
        return Wish("pypi", _project_name(path), {"path": path, "editable": True})
    if rest.startswith("git+") or " @ " in rest or "@git+" in rest:
        return _sourced(rest, text)
    match = _WISH.match(text)
    if match is None:
        raise UsageError(
            f"{text!r} does not name a package",
            remedy="write NAME, NAME>=VERSION, pypi:NAME, conda:NAME, a path or git+URL",
        )
    spec = match["spec"].strip() or "*"
    ecosystem = match["ecosystem"] or ("conda" if match["channel"] else "")
    value: str | dict[str, Any] = spec
    if match["extras"] or match["channel"]:
        value = {"version": spec} if spec != "*" else {}
        if match["extras"]:
            value["extras"] = [e.strip() for e in match["extras"].split(",")]
        if match["channel"]:
            value["channel"] = match["channel"]
    return Wish(ecosystem, match["name"], value)


def _sourced(rest: str, text: str) -> Wish:
    name, at, address = rest.partition("@") if not rest.startswith("git+") else ("", "", rest)
    address = address.strip() if at else rest
    address, _, fragment = address.partition("#")
    fields = dict(f.split("=", 1) for f in fragment.split("&") if "=" in f)
    name = name.strip() or fields.get("egg", "")
    if not name:
        name = os.path.basename(address.split("@")[0 if address.count("@") < 2 else -2])
        name = name.removesuffix(".git")
    if not address.startswith("git+"):
        return Wish("pypi", name, {"url": address})
    location = address.removeprefix("git+")
    head, sign, revision = location.rpartition("@")
    value = {"git": location}
    if sign and "/" not in revision and head.count("/") > 2:
        value = {"git": head, "rev": revision}
    if "subdirectory" in fields:
        value["subdirectory"] = fields["subdirectory"]
    if not re.match(r"[A-Za-z0-9]", name):
        raise UsageError(f"{text!r}: what is the package's name?", remedy="write NAME @ git+URL")
    return Wish("pypi", name, value)


def _project_name(path: str) -> str:
    from stead.pipeline.discover import read_module

    if not os.path.isdir(path):
        raise UsageError(f"there is no directory {path}", remedy="give the path of a project")
    for manifest in read_module(path):
        if manifest.project:
            return manifest.project
    raise UsageError(
        f"{path} is not an installable project", remedy="it needs a pyproject.toml with [project]"
    )


def add(request: Request, context: Context, wishes: Sequence[Wish], *, layer: str = "") -> Changed:
    """Ask for packages, lock, and write manifest and lock together.

    A wish without a version is written with the locked one as its lower bound.
    Whatever is raised, nothing on disk has changed.
    """
    with _started(request, context) as (now, first):
        return _add(now, context, wishes, first, layer)


def _add(
    request: Request, context: Context, wishes: Sequence[Wish], first: Composed, layer: str
) -> Changed:
    decided = [w if w.ecosystem else replace(w, ecosystem=_usual(first)) for w in wishes]

    def edited(asked: Sequence[Wish]) -> dict[str, str]:
        texts: dict[str, str] = {}
        for wish in asked:
            file = file_for(first, wish.ecosystem, layer)
            text = texts.get(file) if file in texts else _text(request, file)
            texts[file] = edit.add_requirement(
                file, text or "", wish.ecosystem, wish.name, near(wish.value, file), layer=layer
            )
        return texts

    def amend(
        locked: tuple[answering.Locked, ...],
    ) -> tuple[Sequence[Composed], dict[str, bytes]]:
        texts = edited([_bounded(w, locked) for w in decided])
        return _composed(request, first, texts, layer, context), _bytes(texts)

    texts = edited(decided)
    held = _held(request, texts)
    with citing_the_command(texts, held):
        return _locked(_composed(request, first, texts, layer, context), amend, held, context)


def remove(request: Request, context: Context, names: Sequence[str], *, layer: str = "") -> Changed:
    """Take requests away, lock, and write manifests and lock together.

    Raises ManifestError for a name that no manifest of the place asks for.
    """
    with _started(request, context) as (now, first):
        return _remove(now, context, names, first, layer)


def _remove(
    request: Request, context: Context, names: Sequence[str], first: Composed, layer: str
) -> Changed:
    texts: dict[str, str] = {}
    for name in names:
        wish = parse_wish(name, request.directory)
        file, ecosystem = _asked_in(first, wish, layer)
        text = texts[file] if file in texts else _text(request, file)
        texts[file] = edit.remove_requirement(file, text, ecosystem, wish.name, layer=layer)

    def amend(_: tuple[answering.Locked, ...]) -> tuple[Sequence[Composed], dict[str, bytes]]:
        return after, _bytes(texts)

    held = _held(request, texts)
    after = _composed(request, first, texts, layer, context)
    return _locked(after, amend, held, context)


def edited(
    request: Request,
    context: Context,
    change: Callable[[Found, Callable[[str], str]], dict[str, str]],
) -> Changed:
    """Edit manifests of a place, lock what follows from it, and write all of that together.

    ``change`` is told what was found and how to read a file, and gives the new texts. What is
    there now need not compose: an entry that cannot be resolved can be replaced.
    """
    found = steps.found_for(request)
    read = partial(_text, request)
    foreseen = change(found, read)
    held = _held(request, foreseen)
    with (
        citing_the_command(foreseen, held),
        _started(request, context, foreseen) as (now, first),
    ):
        held = _held(now, foreseen)
        texts = change(steps.found_for(now), partial(_text, now))
        before = lockfile.read_to_build_on(first.lock_path, now.overlay).pins
        pins = tuple(first.modules.used.values())
        # What was looked up is not looked up again for each environment.
        pinned = replace(now, taken=pins)
        context = replace(context, upgrade=frozenset())
        after = _composed(pinned, first, texts, "", context)
        variables.check(pinned, texts, context)

        def amend(_: tuple[answering.Locked, ...]) -> tuple[Sequence[Composed], dict[str, bytes]]:
            return after, _bytes(texts)

        done = _locked(after, amend, {**_held(now, texts), **held}, context)
    asked = {(u.name, u.location, u.revision) for m in found.manifests for u in m.uses}
    mine = tuple(p for p in before if p in pins or (p.name, p.location, p.requested) in asked)
    return replace(done, pins_before=mine, pins=pins)


def _with(request: Request, texts: Mapping[str, str]) -> Request:
    """Give a request that sees files as they would be after an edit."""
    return replace(request, overlay={**request.overlay, **texts})


def rewrite(
    request: Request,
    context: Context,
    plan: Callable[[Composed, Callable[[str], str]], tuple[dict[str, str], dict[str, str]]],
    *,
    layer: str = "",
    dry: bool = False,
) -> Changed:
    """Change manifests as a plan says, lock, and write all of it together; not in a ``dry`` run.

    ``plan`` gets what is there, and a function that reads a file. It gives files as
    they are to be for locking, and as they are to be written: these may ask for
    less exact versions. Whatever is raised, nothing on disk has changed.
    """
    with _started(request, context) as (now, first):
        locking, written = plan(first, partial(_text, now))

        def amend(_: tuple[answering.Locked, ...]) -> tuple[Sequence[Composed], dict[str, bytes]]:
            return _composed(now, first, written, layer, context), _bytes(written)

        held = _held(now, locking)
        with citing_the_command(locking, held):
            environments = _composed(now, first, locking, layer, context)
            return _locked(environments, amend, held, context, dry=dry)


@contextlib.contextmanager
def _started(
    request: Request, context: Context, texts: Mapping[str, str] | None = None
) -> Iterator[tuple[Request, Composed]]:
    """Give what is there, which no other edit changes until the block ends.

    ``texts`` are files as they would be after an edit: composed with them.
    """
    for line in writing.mend(context):
        context.progress.note(line)
    texts = texts or {}
    first = steps.composed_for(_with(request, texts), context, fetch=True)
    while True:
        path = first.lock_path
        with writing.alone(path, first.spec.name, context):
            # Whoever was waited for may have changed it, even where the lock lies.
            now = writing.renewed(request)
            first = steps.composed_for(_with(now, texts), context, fetch=True)
            if first.lock_path == path:
                yield now, first
                return


def _composed(
    request: Request, first: Composed, texts: dict[str, str], layer: str, context: Context
) -> list[Composed]:
    """Compose every environment that an edit concerns, as it would be after it."""
    edited = _with(request, texts)
    targets = locks.targets_of(first, named=False, platforms=())
    if layer and not any(layer in e.split("-") or e == layer for e, _ in targets):
        targets.append((layer, request.platform.name))
    return [
        locks.composed_as(edited, environment, platform, first.lock_path, context)
        for environment, platform in targets
    ]


def _locked(
    environments: list[Composed],
    amend: answering.Amend,
    held: dict[str, bytes | None],
    context: Context,
    *,
    dry: bool = False,
) -> Changed:
    lock = lockfile.read_to_build_on(environments[0].lock_path, environments[0].request.overlay)
    # An environment that is new is compared with the default one, which it adds to.
    before = [lock.find(*c.slot) or lock.find(c.slot[0], DEFAULT, c.slot[2]) for c in environments]
    done = answering.lock_together(environments, context, amend=amend, expect=held, dry=dry)
    written = done[0].written
    return Changed(
        tuple(f for f in written if f != environments[0].lock_path),
        tuple(
            locks.Change(now.environment, locks.difference(was, now.environment))
            for was, now in zip(before, done, strict=True)
        ),
    )


def _usual(composed: Composed) -> str:
    """Choose the ecosystem that a place uses already; PyPI where it uses none."""
    packages = composed.spec.packages
    uses_conda = bool(packages.of("conda") or packages.channels)
    return "conda" if uses_conda or packages.python_from == "conda" else "pypi"


def file_for(composed: Composed, ecosystem: str, layer: str) -> str:
    """Choose the file of the place to write a request into.

    ``stead.toml`` where there is one; else the file of another tool that can say
    it; else a new ``stead.toml`` beside them.
    """
    place = composed.spec.place
    mine = {m.format: m for m in composed.found.manifests if m.directory == place}
    if "stead.toml" in mine:
        return mine["stead.toml"].file
    if "pyproject.toml" in mine and (ecosystem == "pypi" or not mine["pyproject.toml"].foreign):
        return mine["pyproject.toml"].file
    if ecosystem == "pypi" and "requirements.txt" in mine and "environment.yml" not in mine:
        return os.path.join(place, f"requirements-{layer}.txt" if layer else "requirements.txt")
    if "environment.yml" in mine and not layer:
        return mine["environment.yml"].file
    return os.path.join(place, "stead.toml")


def _asked_in(composed: Composed, wish: Wish, layer: str) -> tuple[str, str]:
    """Find the file of the place that asks for a package, and as what."""
    name = normalize_pypi(wish.name)
    for manifest in composed.found.manifests:
        if manifest.directory != composed.spec.place or not edit.format_of(manifest.file):
            continue
        for held in manifest.layers:
            for r in held.requirements:
                same = normalize_pypi(r.name) == name and held.name == layer
                if same and wish.ecosystem in ("", r.ecosystem):
                    return manifest.file, r.ecosystem
    asked = [r for r in composed.spec.packages.requirements if normalize_pypi(r.name) == name]
    raise ManifestError(
        f"{wish.name} is not asked for in {composed.spec.place}"
        + (f" by layer {layer}" if layer else ""),
        details=[f"{r.origin}: {r}" for r in asked],
        remedy="`stead why` shows what brings it"
        if not asked
        else "it is asked for elsewhere: change that, or set it to false here",
    )


def _bounded(wish: Wish, locked: Sequence[answering.Locked]) -> Wish:
    """Give a wish without a version the locked one as its lower bound."""
    if not wish.unbound or wish.ecosystem == PYTHON:
        return wish
    name = normalize_pypi(wish.name)
    for done in locked:
        for a in done.environment.artifacts:
            if normalize_pypi(a.name) == name and a.source is None:
                bound = f">={a.version.split('+')[0]}"
                value = wish.value
                return replace(
                    wish, value=bound if isinstance(value, str) else {**value, "version": bound}
                )
    return wish


def near(value: str | dict[str, Any], file: str) -> str | dict[str, Any]:
    """Write a path relative to the file that holds it."""
    if isinstance(value, dict) and "path" in value:
        relative = os.path.relpath(value["path"], os.path.dirname(file)).replace(os.sep, "/")
        return {**value, "path": relative}
    return value


def _text(request: Request, file: str) -> str:
    if file in request.overlay:
        return request.overlay[file] or ""
    return load_exact(file) if os.path.exists(file) else ""


def _held(request: Request, files: dict[str, str]) -> dict[str, bytes | None]:
    """Give what files hold as they are read, to notice an edit that comes between."""
    return {file: writing.held_by(request, file) for file in files}


def _bytes(texts: dict[str, str]) -> dict[str, bytes]:
    return {file: text.encode("utf-8") for file, text in texts.items()}

"""Import: a ``stead.toml`` from another tool's file, and its exact packages where it is a lock.

Nothing is solved again: what a lock names goes into ``stead.lock`` as it stands. The new
manifest asks for those of its packages that no other one needs, in any version; the lock
keeps the versions until someone upgrades.
"""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING

from stead.formats import known
from stead.pipeline import _pieces, answering, exchange, lockfile, steps, writing
from stead.pipeline import lock as locking
from stead.pipeline.files import load_text
from stead.store.locking import exclusive
from stead.values.digest import short_key
from stead.values.errors import UsageError
from stead.values.frozen import dataclass, replace
from stead.values.manifest import Channel, Layer, Manifest, Workspace
from stead.values.names import DEFAULT
from stead.values.requirement import PYTHON, Requirement

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from stead.pipeline._pieces import Piece
    from stead.pipeline.request import Request
    from stead.values.context import Context
    from stead.values.lock import Artifact, Lock

MANIFEST = "stead.toml"
FORMATS = (
    "environment.yml",
    "requirements",
    "pyproject",
    "setup.py",
    "pixi.toml",
    "pylock",
    "conda-lock",
    "explicit",
    "pixi",
)
"""What can be taken, as the command line calls it."""

_LOCKS = ("pylock", "conda-lock", "explicit", "pixi")
_READERS = {
    "environment.yml": "environment.yml",
    "requirements": "requirements.txt",
    "pyproject": "pyproject.toml",
    "setup.py": "setup.py",
    "pylock": "pylock.toml",
}
_FILES = {"pyproject.toml": "pyproject", "setup.py": "setup.py", "pixi.toml": "pixi.toml"}


@dataclass(frozen=True)
class Taken:
    """What was written. ``environments`` are those whose packages were taken as they are."""

    manifest: str
    lock: str
    environments: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]


def format_of(file: str) -> str:
    """Say which format a file has, by its name and failing that by its content.

    Raises UsageError where neither says so.
    """
    found = _FILES.get(os.path.basename(file)) or exchange.format_of(file)
    if not found or (found == "requirements" and "@EXPLICIT" in load_text(file)):
        found = "explicit" if file.endswith((".txt", ".lock")) and _is_explicit(file) else found
    if not found:
        raise UsageError(
            f"the name {os.path.basename(file)} does not say which format it is",
            remedy=f"add --format with one of {', '.join(FORMATS)}",
        )
    return found


def take(
    file: str,
    format: str,  # noqa: A002 (the command line's word)
    request: Request,
    context: Context,
    *,
    platforms: Sequence[str] = (),
    force: bool = False,
) -> Taken:
    """Write a ``stead.toml`` in ``request.directory`` that asks for what ``file`` (absolute) does.

    The packages of a lock go into ``stead.lock``, for ``platforms`` or, where it says which it
    is for, all of these. Both files are written, or neither. Raises UsageError where a
    ``stead.toml`` is there and not to be replaced, and what reading the file raises.
    """
    target = os.path.join(request.directory, MANIFEST)
    if os.path.lexists(target) and not force:
        raise UsageError(
            f"{target} exists",
            remedy="take it away first, or add --force to replace it",
        )
    notes: list[str] = []
    pieces: tuple[Piece, ...] = ()
    beside = ""
    if format in _LOCKS:
        pieces = _pieces.of_lock(file, format, request.platform, platforms, context)
        manifest = _asking(pieces, file, notes, _pieces.channel_order(file, format))
    elif format == "pixi.toml":
        from stead.formats import pixi_toml

        manifest, said = pixi_toml.read(file, load_text)
        notes += said
        lock = os.path.join(os.path.dirname(file), "pixi.lock")
        if os.path.exists(lock):
            beside = lock
            pieces = _pieces.of_lock(lock, "pixi", request.platform, platforms, context)
    else:
        reader = known.reader_for(_READERS[format])
        assert reader is not None  # each of these names has one
        manifest = reader(file, load_text)
        if manifest.own:
            notes.append(f"the table [tool.stead] of {file} is taken as well")
    text, said = _text(manifest, file, request, context)
    notes += said
    lock_path, whole, done, more = _locked({target: text}, pieces, request, context, (file, beside))
    notes += more
    files = {target: text.encode("utf-8")}
    if done:
        files[lock_path] = lockfile.write(whole)
    layout = writing.layout_of(context)
    with exclusive(
        layout.locks / f"lock-{short_key(lock_path)}",
        note=context.progress.note,
        description="writing the lock",
    ):
        writing.write_files(files, layout, f"import {file}")
    return Taken(target, lock_path if done else "", tuple(done), tuple(notes))


def _text(
    manifest: Manifest, file: str, request: Request, context: Context
) -> tuple[str, tuple[str, ...]]:
    from stead.ecosystems import interpreters
    from stead.formats import manifest_text

    known_python: list[str] = []

    def holds(marker: str) -> bool:
        from packaging.markers import Marker

        if not known_python:
            asked = [r.spec for r in manifest.layers[0].requirements if r.ecosystem == PYTHON]
            known_python.append(interpreters.find(",".join(asked), context=context).version)
        return Marker(marker).evaluate(dict(request.platform.marker_environment(known_python[0])))

    head = f"Made from {os.path.basename(file)} by `stead import`."
    return manifest_text.write(manifest, request.directory, holds=holds, head=head)


def _locked(
    overlay: dict[str, str],
    pieces: Sequence[Piece],
    request: Request,
    context: Context,
    sources: Sequence[str],
) -> tuple[str, Lock, list[tuple[str, str]], list[str]]:
    """Put the pieces into the lock of the place as it will be. Composing checks the new text.

    Gives where the lock lies, its content, which environments were put into it, and notes.
    """
    request = replace(request, overlay=overlay)
    first = steps.composed_for(replace(request, environment=DEFAULT), context, fetch=False)
    whole = lockfile.read_to_build_on(first.lock_path)
    own = {*overlay, *sources}
    notes = []
    others = [
        m.file
        for m in first.found.manifests
        if m.file not in own
        and any(r.ecosystem != PYTHON for layer in m.layers for r in layer.requirements)
    ]
    if pieces and others:
        names = ", ".join(others)
        notes.append(f"nothing is locked yet, for {names} asks for packages too: run `stead lock`")
        pieces = ()
    if any(m.file == sources[0] for m in first.found.manifests):
        name = os.path.basename(sources[0])
        notes.append(f"{name} is still read beside {MANIFEST}: remove it when this one suits you")
    done = []
    for piece in pieces:
        wanted = replace(request, environment=piece.environment, platform=piece.platform)
        composed = steps.composed_for(wanted, context, fetch=False)
        interpreter = answering.interpreter_for(composed, None, context)
        locked = locking.lock(
            composed.spec,
            None,
            context=context,
            environment=composed.lock_environment,
            place=composed.slot[0],
            interpreter=interpreter,
            taken=_placed(piece.artifacts, composed.plan.channels, composed.spec.root),
        )
        locked = replace(locked, requests=answering.asked_of(composed))
        whole = whole.with_environment(locked)
        done.append((piece.environment, piece.platform.name))
    return first.lock_path, whole, done, notes


def _placed(
    artifacts: Iterable[Artifact], channels: Sequence[Channel], root: str
) -> tuple[Artifact, ...]:
    """Name each artifact's channel as the manifest does, and paths relative to the root.

    So that locking again changes nothing, and a clone can use the lock.
    """
    artifacts = tuple(artifacts)
    written = {}
    if any(a.ecosystem == "conda" for a in artifacts):
        from stead.ecosystems.conda.channels import locate

        written = {c.url: c.written for c in locate(channels, root)}

    def relative(path: str) -> str:
        if "://" in path:
            return path
        return os.path.relpath(path, root).replace(os.sep, "/")

    def one(a: Artifact) -> Artifact:
        if a.ecosystem == "conda":
            return replace(a, index=written.get(a.index, a.index))
        if a.source and a.source.kind == "path":
            a = replace(a, source=replace(a.source, location=relative(a.source.location)))
        if a.get("urls"):
            urls = {name: relative(at) for name, at in a.get("urls").items()}
            a = replace(a, extra=tuple(sorted({**dict(a.extra), "urls": urls}.items())))
        return a

    return tuple(one(a) for a in artifacts)


# -- what a lock asks for


def _asking(pieces: Sequence[Piece], file: str, notes: list[str], order: Sequence[str]) -> Manifest:
    """Make a manifest that asks for what a lock holds: packages that no other one needs."""
    names = list(dict.fromkeys(p.environment for p in pieces))
    platforms = list(dict.fromkeys(p.platform.name for p in pieces))
    channels = _channels(pieces, order)
    pythons = {p.environment: p.python for p in pieces if p.python}
    shared = len(set(pythons.values())) == 1
    layers: list[Layer] = []
    held: dict[str, set[tuple[str, str]]] = {}
    for name in names:
        mine = [p for p in pieces if p.environment == name]
        basis = held.get(DEFAULT, set()) if name != DEFAULT else set()
        held[name] = {(a.ecosystem, a.name) for p in mine for a in p.artifacts}
        if missing := sorted(n for _, n in basis - held[name]):
            notes.append(
                f"environment {name} lacks packages of the default one ({', '.join(missing[:5])}): "
                "it is locked as it is, but locking it anew will add them"
            )
        everywhere, apart = _roots(mine, basis)
        python = pythons.get(name, "") if (name == DEFAULT or not shared) else ""
        if not shared and name == DEFAULT and len(pythons) > 1:
            python = ""
        own = [Requirement(PYTHON, PYTHON, python)] if python else []
        layers.append(
            Layer(
                "" if name == DEFAULT else name,
                requirements=(*own, *everywhere),
                channels=channels if name == DEFAULT or DEFAULT not in names else (),
            )
        )
        if name == DEFAULT:
            layers += [Layer(family, requirements=tuple(rs)) for family, rs in apart.items()]
    if "" not in {layer.name for layer in layers}:
        layers.insert(0, Layer())
    space = Workspace(platforms=tuple(platforms)) if len(platforms) > 1 else None
    return Manifest(file, MANIFEST, os.path.dirname(file), layers=tuple(layers), workspace=space)


def _roots(
    pieces: Sequence[Piece], basis: set[tuple[str, str]]
) -> tuple[list[Requirement], dict[str, list[Requirement]]]:
    """Give the requests of one environment: for all its platforms, and for families of them."""
    counted: Counter[Requirement] = Counter()
    by_family: dict[Requirement, set[str]] = {}
    for piece in pieces:
        for request in _pieces.roots(piece.artifacts):
            if (request.ecosystem, request.name) in basis:
                continue
            counted[request] += 1
            by_family.setdefault(request, set()).add(piece.platform.family)
    everywhere = sorted((r for r, n in counted.items() if n == len(pieces)), key=str)
    apart: dict[str, list[Requirement]] = {}
    for request in sorted(counted.keys() - set(everywhere), key=str):
        for family in sorted(by_family[request]):
            apart.setdefault(family, []).append(request)
    return everywhere, apart


def _channels(pieces: Sequence[Piece], order: Sequence[str]) -> tuple[Channel, ...]:
    urls = dict.fromkeys(
        a.index for p in pieces for a in p.artifacts if a.ecosystem == "conda" and a.index
    )
    if not urls:
        return ()
    from stead.ecosystems.conda.addresses import name_of

    names = list(dict.fromkeys(name_of(url) for url in urls))

    def rank(name: str) -> int:
        last = name.rpartition("/")[2]
        return next((i for i, o in enumerate(order) if o.rpartition("/")[2] == last), len(order))

    return tuple(Channel(n) for n in sorted(names, key=rank))


def _is_explicit(file: str) -> bool:
    return any(line.strip() == "@EXPLICIT" for line in load_text(file).splitlines())

"""compose: manifests and an environment's name to one spec.

The order of files never matters. Requirements are conjoined. A path, task, file
or check defined more than once follows its rank: a layer outranks the default
tables, and among equals the nearer directory outranks its parents. Equal
values unify; different values of equal rank contradict each other. Of variables
all definitions are kept, for `config` to choose from.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from stead.formats import known
from stead.pipeline.followed import followed
from stead.pipeline.taking_part import templates_and_scripts
from stead.values.errors import ContradictionError, ManifestError
from stead.values.frozen import dataclass, replace
from stead.values.kinds import NOTHING, Choice, Kinds
from stead.values.names import DEFAULT, nearest, split_layers
from stead.values.patterns import regex
from stead.values.registry import registries_of
from stead.values.requirement import PYTHON, Requirement
from stead.values.spec import Configuration, PackagesSpec, Spec
from stead.values.table import Definition

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from stead.values.kinds import Declaration, RenderedFile
    from stead.values.manifest import Layer, Manifest, Use
    from stead.values.origin import Origin
    from stead.values.platform import Platform
    from stead.values.table import Rank

PYTHON_LAYER = regex(r"py(\d)(\d*)\Z")
PLATFORM_LAYERS = {
    "linux": "linux",
    "osx": "osx",
    "darwin": "osx",
    "windows": "windows",
    "win32": "windows",
}
PYTHON_FROM = ("conda", "venv", "pyenv")


@dataclass(frozen=True, slots=True)
class _Part:
    """A layer that applies, and how strongly: (layer over default, depth)."""

    rank: tuple[int, int]
    layer: Layer
    directory: str
    format: str = ""


def compose(
    manifests: Sequence[Manifest],
    *,
    place: str,
    root: str,
    environment: str,
    platform: Platform,
    module: Callable[[Use], tuple[Manifest, ...]],
    absent: tuple[str, ...] = (),
    carried: Sequence[Manifest] = (),
) -> Spec:
    """Compose what an environment of a place asks for.

    ``module`` gives the manifests of a used module; ``carried`` are those that packages
    bring with them. Raises ContradictionError
    with both places, CycleError for modules that use each other, ManifestError
    for a layer that does not exist.
    """
    declared = {layer.name for m in manifests for layer in m.layers if layer.name}
    names = split_environment(environment, manifests)
    applied = _check_layers(
        names, declared | package_names(manifests), environment, platform, place
    )
    parts = _parts(manifests, applied)
    used, used_manifests = followed(manifests, module)
    described = (*manifests, *used_manifests)
    used_manifests += [_beside(described, m) for m in carried]
    parts += [_Part((-1, 0), m.layers[0], m.directory, m.format) for m in used_manifests]

    requirements = _requirements(parts, manifests)
    stated = any(
        r.ecosystem == PYTHON for p in parts if p.rank[0] > 0 for r in p.layer.requirements
    )
    for name in names:
        # A layer that is written means what its name does, unless it or another says otherwise.
        if (match := PYTHON_LAYER.match(name)) and not (name in declared and stated):
            major, minor = match[1], match[2]
            spec = f"=={major}.{minor}.*" if minor else f"=={major}.*"
            requirements.append(Requirement(PYTHON, PYTHON, spec))
    _check_sources(requirements)
    python_from = [n for n in names if n in PYTHON_FROM]
    if len(set(python_from)) > 1:
        raise ContradictionError(
            f"environment {environment} asks for Python from {' and from '.join(python_from)}",
            remedy="name one of them",
        )
    workspace = next((m.workspace for m in manifests if m.workspace), None)
    taken = tuple(t for m in manifests for t in m.taken if t.layer in ("", *applied))
    packages = PackagesSpec(
        requirements=_sorted(requirements),
        constraints=_sorted(r for p in parts for r in p.layer.constraints),
        channels=_nearest_first(parts, "channels"),
        indexes=_nearest_first(parts, "indexes"),
        python_from=python_from[0] if python_from else "",  # type: ignore[arg-type]
        taken=taken,
        exclude_newer=workspace.exclude_newer if workspace else "",
        channel_priority=workspace.channel_priority if workspace else "strict",
    )
    everything = (*manifests, *used_manifests)
    chosen, chosen_at = _choice(parts)
    configuration = Configuration(
        definitions=_definitions(parts),
        declarations=_declarations(parts),
        kinds=merged_kinds(everything),
        files=tuple(_merge(parts, "files", "file", _file_key)),
        checks=tuple(_merge(parts, "checks", "check")),
        host=chosen.host,
        net=chosen.net,
        app=chosen.app,
        chosen_at=chosen_at,
        adopt=tuple(sorted({n for p in parts for n in p.layer.adopt})),
        secrets=next((m.secrets for m in reversed(manifests) if m.secrets), None),
        paths=tuple(p for p in _merge(parts, "paths", "path") if p.path is not None),
        modules=tuple(dict.fromkeys(d for m in reversed(everything) for d in m.modules)),
    )
    return Spec(
        place=place,
        root=root,
        environment=environment or DEFAULT,
        layers=names,
        platform=platform,
        packages=packages,
        configuration=configuration,
        tasks=tuple(_merge([p for p in parts if p.rank[0] >= 0], "tasks", "task")),
        uses=used,
        registries=registries_of(manifests),
        stores=tuple({s.name: s for m in manifests for s in m.stores}.values()),
        link=next((m.link for m in reversed(manifests) if m.link), ""),
        name=_name(manifests, place),
        inputs=_inputs(everything, configuration),
        absent=absent,
        environments=tuple(sorted(declared)),
    )


def package_names(manifests: Iterable[Manifest]) -> set[str]:
    """Name the packages that are defined: factors that an environment's name may hold."""
    return {p.name for m in manifests for p in m.packages}


def split_environment(environment: str, manifests: Sequence[Manifest]) -> tuple[str, ...]:
    """Split an environment's name into layers, declared or not, and names of packages."""
    declared = {layer.name for m in manifests for layer in m.layers if layer.name}
    known_names = declared | set(PLATFORM_LAYERS) | set(PYTHON_FROM) | package_names(manifests)
    return split_layers(environment, known_names)


def layer_candidates(environment: str) -> tuple[str, ...]:
    """Give every name that may be a layer of this environment (``a-b`` → a, b, a-b)."""
    if environment in ("", DEFAULT):
        return ()
    parts = environment.split("-")
    return tuple(
        "-".join(parts[i:j]) for i in range(len(parts)) for j in range(i + 1, len(parts) + 1)
    )


def is_implicit(layer: str) -> bool:
    """Say whether a layer exists without being written."""
    return bool(PYTHON_LAYER.match(layer)) or layer in PLATFORM_LAYERS or layer in PYTHON_FROM


def package_layers(manifests: Sequence[Manifest], layers: Iterable[str]) -> tuple[str, ...]:
    """Leave out layers that carry only configuration: they share a lock and a build."""
    carrying = {
        layer.name
        for m in manifests
        for layer in _closure(m, {layer.name for layer in m.layers})
        if layer.requirements
        or layer.constraints
        or layer.removed
        or layer.channels
        or layer.indexes
        or layer.inherits
    }
    carrying |= {t.layer for m in manifests for t in m.taken}
    return tuple(n for n in layers if n in carrying or is_implicit(n))


def _check_layers(
    names: Sequence[str], declared: set[str], environment: str, platform: Platform, place: str
) -> list[str]:
    for name in names:
        if name in declared or (is_implicit(name) and name not in PLATFORM_LAYERS):
            continue
        if name in PLATFORM_LAYERS:
            continue
        known = sorted(declared)
        close = nearest(name, [*known, *PLATFORM_LAYERS, *PYTHON_FROM])
        raise ManifestError(
            f"environment {environment!r} names a layer {name!r} that {place} does not declare"
            + (f"; did you mean {close!r}?" if close else ""),
            remedy=f"add [layer.{name}] to stead.toml"
            + (f", or use one of {', '.join(known)}" if known else "; it declares no layers yet"),
        )
    for name in names:
        if name in PLATFORM_LAYERS and PLATFORM_LAYERS[name] != platform.family:
            raise ManifestError(
                f"environment {environment!r} is for {PLATFORM_LAYERS[name]}, "
                f"and this is {platform}",
                remedy="name the platform with --platform, or leave the layer out",
            )
    own_platform = [n for n, family in PLATFORM_LAYERS.items() if family == platform.family]
    return list(dict.fromkeys((*names, *(n for n in own_platform if n in declared))))


def _parts(manifests: Sequence[Manifest], applied: list[str]) -> list[_Part]:
    depths = {d: i for i, d in enumerate(dict.fromkeys(m.directory for m in manifests))}
    parts = []
    for m in manifests:
        depth = depths[m.directory]
        if default := m.layer(""):
            parts.append(_Part((0, depth), default, m.directory, m.format))
        parts += [
            _Part((1, depth), layer, m.directory, m.format) for layer in _closure(m, set(applied))
        ]
    return parts


def _closure(manifest: Manifest, names: set[str]) -> list[Layer]:
    """Give a manifest's layers of these names and those they include."""
    wanted, seen = [n for n in names if n], []
    while wanted:
        name = wanted.pop()
        layer = manifest.layer(name)
        if layer is None or layer in seen:
            continue
        seen.append(layer)
        wanted += [n for n in layer.inherits if n]
    return sorted(seen, key=lambda layer: layer.name)


def _requirements(parts: Sequence[_Part], manifests: Sequence[Manifest]) -> list[Requirement]:
    """Conjoin all requirements, without those that a nearer manifest takes away."""
    depth = {d: i for i, d in enumerate(dict.fromkeys(m.directory for m in manifests))}
    removed = [
        (r.ecosystem, r.name, depth.get(p.directory, 0)) for p in parts for r in p.layer.removed
    ]
    result = []
    for part in parts:
        at = depth.get(part.directory, -1)
        for requirement in part.layer.requirements:
            gone = any(
                (requirement.ecosystem, requirement.name) == (eco, name) and at < by
                for eco, name, by in removed
            )
            if not gone and requirement not in result:
                result.append(requirement)
    return result


def _check_sources(requirements: Iterable[Requirement]) -> None:
    """Refuse two different sources for one package.

    Under different markers both may stand; and a path or URL whose project's name
    nobody has read yet (an empty one) can be any.
    """
    by_name: dict[tuple[str, str, str], Requirement] = {}
    for r in requirements:
        if r.source is None or not r.name:
            continue
        other = by_name.setdefault((r.ecosystem, r.name, r.marker), r)
        if other.source and (other.source.kind, other.source.location, other.source.revision) != (
            r.source.kind,
            r.source.location,
            r.source.revision,
        ):
            raise ContradictionError(
                f"{r.name} is asked for from two sources",
                where=r.origin,
                details=[f"{x.origin}: {x.source}" for x in (other, r)],
                remedy="keep one of them, or set it to false in the nearer manifest",
            )


def _sorted(requirements: Iterable[Requirement]) -> tuple[Requirement, ...]:
    return tuple(sorted(dict.fromkeys(requirements), key=str))


def _nearest_first(parts: Sequence[_Part], what: str) -> tuple[Any, ...]:
    ordered = sorted(parts, key=lambda p: p.rank[1], reverse=True)
    return tuple(dict.fromkeys(e for p in ordered for e in getattr(p.layer, what)))


def _name_of(entry: Any) -> str:
    return entry.name  # type: ignore[no-any-return]


def _file_key(file: RenderedFile) -> str:
    return os.path.join(file.base, file.path)


def _merge(
    parts: Sequence[_Part], what: str, noun: str, key: Callable[[Any], str] = _name_of
) -> list[Any]:
    """Give one entry per name, by rank; equals unify, different values contradict."""
    best: dict[str, tuple[tuple[int, int], Any]] = {}
    for part in sorted(parts, key=lambda p: p.rank):
        for entry in getattr(part.layer, what):
            name = key(entry)
            held = best.get(name)
            if held and held[0] == part.rank and held[1] != entry:
                raise ContradictionError(
                    f"{noun} {name} has two different values",
                    where=entry.origin,
                    details=[f"{e.origin}: {_shown(e)}" for e in (held[1], entry)],
                    remedy="keep one of them, or move one into a layer that outranks the other",
                )
            best[name] = (part.rank, entry)
    return [entry for _, (_, entry) in sorted(best.items())]


def _shown(entry: Any) -> str:
    for attribute in ("path", "command", "template", "subject"):
        if hasattr(entry, attribute):
            value = getattr(entry, attribute)
            return f"{getattr(entry, 'name', 'it')} = {value!r}"
    return str(entry.name)


def _definitions(parts: Sequence[_Part]) -> tuple[Definition, ...]:
    """Give everything that the place's own tables and its modules say of variables."""
    ranks: dict[int, Rank] = {-1: "module", 0: "vars", 1: "layer"}
    found = []
    for part in parts:
        rank = ranks[part.rank[0]]
        if part.format == known.DOTENV:
            rank = ".env"
        by = {"module": "module [vars]", "vars": "[vars]", ".env": ".env"}.get(rank, "")
        found += [
            Definition(
                v.name,
                v.value,
                rank,
                part.rank[1],
                by or f"layer {part.layer.name}",
                v.base or part.directory,
                v.origin,
            )
            for v in part.layer.variables
            if v.declared is None or v.value is not None
        ]
    return tuple(sorted(found, key=_order))


def _order(definition: Definition) -> tuple[str, str, int, str, int]:
    origin = definition.origin
    return (definition.name, definition.rank, definition.depth, origin.file, origin.line)


def _declarations(parts: Sequence[_Part]) -> tuple[Declaration, ...]:
    """Give what the place's own tables declare; of one name the nearest that says more."""
    best: dict[str, tuple[tuple[int, int], Declaration]] = {}
    for part in sorted(parts, key=lambda p: p.rank):
        for v in part.layer.variables:
            if v.declared is None:
                continue
            held = best.get(v.name)
            if held and held[0] == part.rank and held[1] != v.declared:
                raise ContradictionError(
                    f"variable {v.name} is declared in two ways",
                    where=v.origin,
                    details=[
                        f"{d.origin}: {d.name} is of type {d.type.name}"
                        for d in (held[1], v.declared)
                    ],
                    remedy="keep one of them",
                )
            best[v.name] = (part.rank, v.declared)
    return tuple(d for _, (_, d) in sorted(best.items()))


def _beside(described: Sequence[Manifest], carried: Manifest) -> Manifest:
    """Leave out of what a package carries the libraries that the tree itself describes."""
    own = {lib.name for m in described for lib in m.kinds.libs}
    libs = tuple(lib for lib in carried.kinds.libs if lib.name not in own)
    return replace(carried, kinds=replace(carried.kinds, libs=libs))


def merged_kinds(manifests: Iterable[Manifest]) -> Kinds:
    """Join what manifests declare of the kinds, by name; equals unify.

    Raises ContradictionError for a name that means two things.
    """
    found: dict[str, dict[str, Any]] = {kind: {} for kind in Kinds.__match_args__}
    for manifest in manifests:
        if manifest.kinds == NOTHING:
            continue
        for kind, entries in found.items():
            for entry in getattr(manifest.kinds, kind):
                held = entries.setdefault(entry.name, entry)
                if held != entry:
                    first, second = sorted((held.origin, entry.origin), key=str)
                    raise ContradictionError(
                        f"{kind.removesuffix('s')} {entry.name} is described twice, differently",
                        where=first,
                        details=[str(first), str(second)],
                        remedy="keep one of them, or give one another name",
                    )
    if not any(found.values()):
        return NOTHING
    return Kinds(**{kind: tuple(e for _, e in sorted(m.items())) for kind, m in found.items()})


def _choice(parts: Sequence[_Part]) -> tuple[Choice, tuple[tuple[str, Origin], ...]]:
    """Join what the layers choose of app, host and net, by rank; and say where each is chosen."""
    best: dict[str, tuple[tuple[int, int], str, Choice]] = {}
    for part in sorted(parts, key=lambda p: p.rank):
        if (choice := part.layer.choice) is None:
            continue
        for kind in ("app", "host", "net"):
            name = getattr(choice, kind)
            held = best.get(kind)
            if name and held and held[0] == part.rank and held[1] != name:
                raise ContradictionError(
                    f"two {kind}s are chosen: {held[1]} and {name}",
                    where=choice.origin,
                    details=[f"{held[2].origin}: {held[1]}", f"{choice.origin}: {name}"],
                    remedy="keep one of them",
                )
            if name:
                best[kind] = (part.rank, name, choice)
    named = {kind: name for kind, (_, name, _) in best.items()}
    at = tuple((kind, choice.origin) for kind, (_, _, choice) in sorted(best.items()))
    return Choice(named.get("app", ""), named.get("host", ""), named.get("net", "")), at


def _inputs(manifests: Iterable[Manifest], configuration: Configuration) -> tuple[str, ...]:
    """List the files that take part: manifests, what they read, templates, scripts."""
    files = [f for m in manifests for f in (m.file, *m.reads) if f]
    files += templates_and_scripts(configuration)
    return tuple(dict.fromkeys(files))


def _name(manifests: Sequence[Manifest], place: str) -> str:
    for m in reversed(manifests):
        if m.directory == place and m.workspace and m.workspace.name:
            return m.workspace.name
    for m in reversed(manifests):
        if m.directory == place and m.project:
            return m.project
    return os.path.basename(place) or "root"

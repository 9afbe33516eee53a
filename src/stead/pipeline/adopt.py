"""Taking up what was changed behind Stead's back: drift becomes entries of the manifest.

:func:`plan` decides, from values alone, what becomes of each drift; :func:`adopt` edits, locks and
writes. Packages are locked at the very version that was found, and written with it as a
lower bound, as ``stead add`` does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stead.config.references import escape
from stead.formats import edit
from stead.formats.private_names import is_private
from stead.pipeline import change
from stead.pipeline.limits import bounded, build_of
from stead.values.errors import NetworkError, SteadError, UsageError
from stead.values.frozen import dataclass, field, replace
from stead.values.names import DEFAULT, normalize_pypi

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from stead.pipeline.change import Changed
    from stead.pipeline.request import Request
    from stead.pipeline.steps import Composed
    from stead.store.copies import Copy
    from stead.values.context import Context
    from stead.values.drift import Drift, Installed
    from stead.values.requirement import Requirement, Source
    from stead.values.table import Entry, Table


@dataclass(frozen=True, slots=True)
class Refused:
    """What cannot be taken up: why, and what to do instead. ``lines`` are a difference to look at."""

    drift: Drift
    why: str
    mend: str = ""
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Edit:
    """One entry of a manifest to be. ``value`` None takes it out; one that ``follows`` is only
    locked, for what is written brings it along.
    """

    drift: Drift
    file: str
    ecosystem: str
    """Empty for a variable."""
    name: str
    value: Any
    exact: Any = None
    """What to lock with."""
    layer: str = ""
    follows: bool = False


@dataclass(frozen=True)
class Plan:
    """What becomes of each drift."""

    edits: tuple[Edit, ...] = ()
    refused: tuple[Refused, ...] = ()


@dataclass(frozen=True)
class Adopted:
    """What was taken up, and what it changed; ``changed`` is None where nothing could be."""

    plan: Plan
    changed: Changed | None = None
    texts: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Manifests before and after."""


def layer_for(composed: Composed, wanted: str) -> str:
    """Choose the layer to write into: the one wanted, else that of the environment.

    Raises UsageError for an environment of several layers, where nobody said which.
    """
    environment = composed.spec.environment
    if wanted or environment == DEFAULT:
        return wanted
    layers = composed.spec.layers
    if len(layers) > 1:
        raise UsageError(
            f"environment {environment} has several layers: {', '.join(layers)}",
            remedy=f"say which one takes it: --layer {layers[-1]}",
        )
    return layers[0] if layers else environment


def plan(
    drift: Iterable[Drift],
    composed: Composed,
    table: Table,
    copies: Sequence[Copy],
    *,
    layer: str = "",
    of_file: Callable[[Drift], tuple[Sequence[Drift], Refused | None]] | None = None,
) -> Plan:
    """Decide what becomes of each drift. ``of_file`` finds the variables in an edited file."""
    edits: list[Edit] = []
    refused: list[Refused] = []
    drift = list(drift)
    known = {c.directory: c for c in copies}
    for one in drift:
        made: Edit | Refused | None
        if one.kind == "package":
            made = _package(one, drift, composed, known.get(one.where), layer)
        elif one.kind == "variable":
            made = _variable(one, composed, table, layer)
        elif one.kind == "build":
            made = Refused(
                one,
                "a build follows from its lock alone",
                "`stead restore` makes it again; `stead build --writable` gives a copy to change",
            )
        else:
            values, made = of_file(one) if of_file else ((), None)
            for value in values:
                inner = _variable(value, composed, table, layer)
                if isinstance(inner, Refused):
                    refused.append(replace(inner, drift=one, why=f"{value.name}: {inner.why}"))
                else:
                    edits.append(replace(inner, drift=one))
        if isinstance(made, Edit):
            edits.append(made)
        elif isinstance(made, Refused):
            refused.append(made)
    edits, conflicts = _without_conflicts(edits)
    return Plan(tuple(edits), (*refused, *conflicts))


def _without_conflicts(edits: Sequence[Edit]) -> tuple[list[Edit], list[Refused]]:
    """Take out what two drifts want otherwise: two copies with two versions, say."""
    first: dict[tuple[str, str, str, str], Edit] = {}
    kept, refused = [], []
    for one in edits:
        key = (one.file, one.ecosystem, one.name, one.layer)
        other = first.setdefault(key, one)
        if other is one:
            kept.append(one)
        elif (other.value, other.exact) != (one.value, one.exact):
            why = f"{other.drift.where or 'another place'} says otherwise: {other.drift}"
            refused.append(Refused(one.drift, why, "name the one to take up, or restore the other"))
    return kept, refused


def _package(
    drift: Drift, every: Sequence[Drift], composed: Composed, copy: Copy | None, layer: str
) -> Edit | Refused:
    """Decide about a package."""
    asked = _asked(composed, drift)
    conda = _of_conda(drift, copy)
    if conda:
        return Refused(
            drift,
            f"conda brings it: {conda} is a package of [packages.conda]",
            f"`stead add conda:{conda}` with the version that is wanted",
        )
    if drift.what == "removed":
        return _removal(drift, asked, composed)
    new = drift.installed
    assert new is not None
    wanted = {
        name for d in every if d.where == drift.where and d.installed for name in d.installed.needs
    }
    value, exact = _wish(new, asked[0] if asked else None)
    if asked is not None:
        return Edit(drift, asked[1], drift.ecosystem, drift.name, value, exact, asked[2])
    file = change.file_for(composed, drift.ecosystem, layer)
    follows = not new.requested and new.name in wanted
    return Edit(drift, file, drift.ecosystem, drift.name, value, exact, layer, follows)


def _of_conda(drift: Drift, copy: Copy | None) -> str:
    """Give the conda package that a distribution of PyPI's kind is a part of; empty for none."""
    if drift.ecosystem != "pypi" or copy is None:
        return ""
    held = [one for _, one in copy.packages.values()]
    mine = {one.path for one in held if one.key == ("pypi", drift.name)}
    found = (one.name for one in held if one.ecosystem == "conda" and mine & set(one.brings))
    return next(found, "")


def _removal(
    drift: Drift, asked: tuple[Requirement, str, str] | None, composed: Composed
) -> Edit | Refused:
    if asked is not None:
        return Edit(drift, asked[1], drift.ecosystem, drift.name, None, layer=asked[2])
    inherited = [r for r in composed.spec.packages.of(drift.ecosystem) if r.name == drift.name]
    if inherited:
        return Refused(
            drift,
            f"it is asked for at {inherited[0].origin}",
            f"take it out there, or set {drift.name} = false here",
        )
    return Refused(
        drift,
        "nobody asks for it: another package needs it",
        f"`stead why {drift.name}` says which",
    )


def _asked(composed: Composed, drift: Drift) -> tuple[Requirement, str, str] | None:
    """Find the request for a package in a manifest of the place: it, the file, the layer."""
    layers = ("", *composed.spec.layers)
    for manifest in composed.found.manifests:
        if manifest.directory != composed.spec.place or not edit.format_of(manifest.file):
            continue
        for held in manifest.layers:
            for r in held.requirements:
                same = normalize_pypi(r.name) == normalize_pypi(drift.name)
                if same and r.ecosystem == drift.ecosystem and held.name in layers:
                    return r, manifest.file, held.name
    return None


def _wish(new: Installed, asked: Requirement | None) -> tuple[Any, Any]:
    """Give what to write for a package that was found, and what to lock it with."""
    if new.source is not None:
        value = _from(new.source)
        return value, value
    bound, exact = bounded(new.version, asked), f"=={new.version}"
    extra: dict[str, Any] = {}
    if asked is not None:
        also = {
            "extras": list(asked.extras),
            "marker": asked.marker,
            "channel" if asked.ecosystem == "conda" else "index": asked.index,
            "build": build_of(new.path, asked),
        }
        extra = {key: value for key, value in also.items() if value}
    if extra:
        return {"version": bound, **extra}, {"version": exact, **extra}
    return bound, exact


def _from(source: Source) -> dict[str, Any]:
    if source.kind == "path":
        return {"path": source.location, **({"editable": True} if source.editable else {})}
    inner = {"subdirectory": source.subdirectory} if source.subdirectory else {}
    if source.kind == "git":
        rev = {"rev": source.revision} if source.revision else {}
        return {"git": source.location, **rev, **inner}
    return {"url": source.location, **inner}


def _variable(drift: Drift, composed: Composed, table: Table, layer: str) -> Edit | Refused:
    """Decide about a variable."""
    from stead.pipeline.variables import own_manifest

    entry = table.entry(drift.name)
    why, mend = _why_not(drift, entry)
    if why:
        return Refused(drift, why, mend)
    assert entry is not None
    file = own_manifest(composed.found)
    first = entry.definitions[0] if entry.definitions else None
    if drift.what == "removed":
        if first is not None and first.origin.file != file:
            return Refused(drift, f"it is defined at {first.origin}", "take it out there")
        return Edit(drift, file, "", drift.name, None, layer=layer)
    return Edit(drift, file, "", drift.name, escape(drift.found), layer=layer)


def _why_not(drift: Drift, entry: Entry | None) -> tuple[str, str]:
    """Say why a variable cannot become an entry of [vars], and what to do; empty if it can."""
    name = drift.name
    if entry is None:
        return "packages of the environment set it", "`stead restore` brings it back"
    if entry.secret or entry.type.name == "secret" or is_private(name, drift.found):
        return (
            "it is private, or looks so, and a manifest is read by others",
            f"`stead set --private {name}` puts it into .env",
        )
    rank = entry.definitions[0].rank if entry.definitions else ""
    if rank == ".env":
        return "it stands in the place's .env", f"`stead set --private {name}=…` changes it there"
    if rank == "--set":
        return "it was given on the command line", ""
    if entry.refers:
        return f"it is made of {', '.join(entry.refers)}", "change these"
    if entry.where in ("prepend", "append") or entry.type.name == "paths":
        return "it is a list that the manifest adds to", "change the list in the manifest"
    return "", ""


def adopt(
    request: Request,
    context: Context,
    planned: Plan,
    *,
    layer: str = "",
    dry: bool = False,
) -> Adopted:
    """Write what was planned, and lock; what cannot be locked is refused, and the rest taken.

    Raises NetworkError, and what composing the result raises; nothing has changed then.
    """
    try:
        return _adopted(request, context, planned, layer, dry=dry)
    except NetworkError:
        raise
    except SteadError as exc:
        if len(planned.edits) == 1:
            return Adopted(_without(planned, [(planned.edits[0], exc)]))
    taken: list[Edit] = []
    failed: list[tuple[Edit, SteadError]] = []
    for one in planned.edits:
        try:
            _adopted(request, context, replace(planned, edits=(*taken, one)), layer, dry=True)
            taken.append(one)
        except SteadError as exc:
            failed.append((one, exc))
    rest = _without(planned, failed)
    return _adopted(request, context, rest, layer, dry=dry) if taken else Adopted(rest)


def _without(planned: Plan, failed: Sequence[tuple[Edit, SteadError]]) -> Plan:
    """Give a plan without edits that could not be made, with why."""
    refused = [Refused(one.drift, exc.message, exc.remedy, exc.details) for one, exc in failed]
    edits = tuple(e for e in planned.edits if not any(e is one for one, _ in failed))
    return replace(planned, edits=edits, refused=(*planned.refused, *refused))


def _adopted(
    request: Request, context: Context, planned: Plan, layer: str, *, dry: bool
) -> Adopted:
    if not planned.edits:
        return Adopted(planned)
    texts: dict[str, tuple[str, str]] = {}

    def edits(_: Composed, read: Callable[[str], str]) -> tuple[dict[str, str], dict[str, str]]:
        files = list(dict.fromkeys(e.file for e in planned.edits))
        before = {file: read(file) for file in files}
        locking = _edited(before, planned.edits, exact=True)
        written = _edited(before, planned.edits, exact=False)
        texts.update({file: (before[file], written[file]) for file in files})
        if any(not e.ecosystem for e in planned.edits):
            from stead.pipeline.variables import check

            check(request, written, context)
        return locking, written

    changed = change.rewrite(request, context, edits, layer=layer, dry=dry)
    return Adopted(planned, changed, texts)


def _edited(before: Mapping[str, str], edits: Iterable[Edit], *, exact: bool) -> dict[str, str]:
    texts = dict(before)
    for one in edits:
        file, text = one.file, texts[one.file]
        if one.follows and not exact:
            continue
        if not one.ecosystem:
            texts[file] = (
                edit.unset(file, text, one.name, layer=one.layer)
                if one.value is None
                else edit.set_variable(file, text, one.name, one.value, layer=one.layer)
            )
        elif one.value is None:
            texts[file] = edit.remove_requirement(
                file, text, one.ecosystem, one.name, layer=one.layer
            )
        else:
            value = one.exact if exact and one.exact is not None else one.value
            texts[file] = edit.add_requirement(
                file, text, one.ecosystem, one.name, change.near(value, file), layer=one.layer
            )
    return texts


def accept(copies: Iterable[Copy], build: str, context: Context) -> None:
    """Note in copies what of their drift a build now has as well; it is empty for one without
    packages. Raises StoreError.
    """
    from stead.store import copies as store

    there = {(one.key, one.version) for one in store.inventory(build)} if build else set()
    for copy in copies:
        store.save(context.home, store.accepted(copy, there, build))

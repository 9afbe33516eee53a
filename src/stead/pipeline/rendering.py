"""Files made from the table: which there are, what is in them, and which are private."""

from __future__ import annotations

import os.path
from typing import TYPE_CHECKING, Any

from stead.config.outcome import references
from stead.config.outcome import render as secret_text
from stead.config.types import value as typed
from stead.pipeline.files import load_text
from stead.values.errors import ManifestError, SteadError
from stead.values.frozen import dataclass, replace
from stead.values.table import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stead.values.kinds import RenderedFile
    from stead.values.platform import Platform
    from stead.values.secret import Secret, SecretReference
    from stead.values.table import LiteralSecret, Table

Resolved = "Mapping[SecretReference | LiteralSecret, Secret]"


@dataclass(frozen=True, slots=True)
class Planned:
    """A file that is asked for: its template's text, and which variables are in it."""

    file: RenderedFile
    template: str | None
    names: frozenset[str]
    secret: bool
    """Whether one of these is: the file is written when a process starts, and removed after."""
    reads: tuple[str, ...] = ()
    """Absolute paths of its templates."""

    @property
    def path(self) -> str:
        """Where it is asked for, absolute."""
        return os.path.normpath(os.path.join(self.file.base, self.file.path))


def planned(table: Table) -> tuple[Planned, ...]:
    """Look at the files that a table asks for. Nothing is rendered; raises nothing."""
    if not table.files:
        return ()
    from stead.config.render import included, used

    known = {e.name for e in table.entries}
    secret = {e.name for e in table.entries if e.secret}
    declared = _declared(table)
    result = []
    for file in table.files:
        main = os.path.normpath(os.path.join(file.base, file.template)) if file.template else ""
        text = _text(main, file.base) if main else None
        load = _Loader(os.path.dirname(main), file.base)
        names = used(file, text, known, declared=declared, load=load)
        others = included(file, text, load=load)
        reads = tuple(os.path.join(os.path.dirname(main), *o.split("/")) for o in others)
        result.append(
            Planned(file, text, names, bool(names & secret), (main, *reads) if main else ())
        )
    return tuple(result)


def content(
    plan: Planned,
    table: Table,
    platform: Platform,
    resolved: Mapping[SecretReference | LiteralSecret, Secret] | None = None,
) -> str:
    """Render a file. ``resolved`` holds the secrets that it needs.

    Raises ManifestError with template, line and variable; SecretError.
    """
    from stead.config.render import render
    from stead.formats import dotenv

    texts: dict[str, str] = {}
    variables: dict[str, Any] = {}
    for entry in table.entries:
        if entry.secret:
            if entry.name not in plan.names or resolved is None:
                continue
            text = secret_text(entry, resolved, platform=platform)
        elif entry.value is None:
            continue
        else:
            text = entry.value
        texts[entry.name] = text
        variables[entry.name] = typed(entry.type, text, platform)
    main = plan.reads[0] if plan.reads else ""
    if main and plan.template is None:
        _explain(plan, main)
    return render(
        plan.file,
        plan.template,
        variables,
        _paths(table),
        texts,
        declared=_declared(table),
        known={e.name for e in table.entries},
        load=_Loader(os.path.dirname(main), plan.file.base),
        dotenv_writer=dotenv.write,
    )


def with_reaches(table: Table, plans: tuple[Planned, ...]) -> Table:
    """Add to each variable the files that it is in."""
    if not plans:
        return table
    entries = tuple(
        replace(e, reaches=tuple(dict.fromkeys((*e.reaches, *_with(e.name, plans)))))
        for e in table.entries
    )
    return replace(table, entries=entries)


def _with(name: str, plans: tuple[Planned, ...]) -> list[str]:
    return [p.file.path for p in plans if name in p.names]


def is_private(plan: Planned, table: Table) -> bool:
    """Say whether a file holds what is one person's own: a value of ``.env`` or of the shell."""
    return any(
        e.name in plan.names
        and e.definitions
        and e.definitions[0].rank in (".env", "adopted", "--set")
        for e in table.entries
    )


def mistakes(table: Table, platform: Platform) -> tuple[Finding, ...]:
    """Find what is wrong with templates, without any secret: each stands for itself."""
    found = []
    for plan in planned(table):
        try:
            content(plan, _with_stand_ins(table), platform)
        except SteadError as exc:
            found.append(finding_of(exc))
    return tuple(found)


def finding_of(error: SteadError) -> Finding:
    """Turn an error into a finding."""
    from stead.values.origin import NOWHERE, Origin

    where = error.where if isinstance(error.where, Origin) else NOWHERE
    message = error.message
    if where == NOWHERE and error.where:
        message = f"{error.where}: {message}"
    return Finding(message, where, error.details, error.remedy)


def needed(plan: Planned, table: Table) -> tuple[SecretReference | LiteralSecret, ...]:
    """Name the secrets that a file needs."""
    return tuple(
        r for e in table.entries if e.secret and e.name in plan.names for r in references(e)
    )


def _with_stand_ins(table: Table) -> Table:
    from stead.values.kinds import TEXT
    from stead.values.secret import SHOWN

    entries = tuple(
        replace(e, secret=False, value=SHOWN, type=TEXT) if e.secret else e for e in table.entries
    )
    return replace(table, entries=entries)


def _declared(table: Table) -> frozenset[str]:
    """Name what a file holds that does not say: all that the tree knows of, not strangers' keys."""
    return frozenset(
        e.name
        for e in table.entries
        if e.declared is not None or any(d.rank != ".env" for d in e.definitions)
    )


def _paths(table: Table) -> dict[str, str]:
    return {
        p.name: os.path.normpath(os.path.join(p.base, p.path))
        for p in table.paths
        if p.path is not None
    }


def _explain(plan: Planned, main: str) -> None:
    """Raise ManifestError that says why a template has no text; not for one that is missing."""
    file = plan.file
    what = f"the template of {file.path}"
    if out := _leads_out(main, file.base):
        raise ManifestError(
            f"{what} leads out of the manifest's directory: {file.template} is at {out}",
            where=file.origin,
            remedy="put a copy beside the manifest",
        )
    try:
        load_text(main)
    except FileNotFoundError:
        return
    except IsADirectoryError as exc:
        raise ManifestError(
            f"{what} is a directory: {file.template}", where=file.origin, remedy="name a file"
        ) from exc
    except OSError as exc:
        raise ManifestError(
            f"{what} cannot be read: {file.template}: {exc.strerror or exc}",
            where=file.origin,
            remedy="look at its permissions",
        ) from exc


def _leads_out(path: str, base: str) -> str | None:
    """Give where links lead from a path, if that is not below ``base``."""
    real, inside = os.path.realpath(path), os.path.realpath(base)
    return None if real.startswith(os.path.join(inside, "")) else real


def all_contents(
    plans: Iterable[Planned],
    table: Table,
    platform: Platform,
    resolved: Mapping[SecretReference | LiteralSecret, Secret] | None = None,
) -> list[str]:
    """Render several files. Raises what :func:`content` does; of several faults, all at once."""
    from stead.pipeline.configure import lines_of

    texts, faults = [], []
    for plan in plans:
        try:
            texts.append(content(plan, table, platform, resolved))
        except ManifestError as exc:
            faults.append(exc)
    if not faults:
        return texts
    if len(faults) == 1:
        raise faults[0]
    raise ManifestError(
        f"{len(faults)} files cannot be rendered",
        details=[line for fault in faults for line in lines_of(finding_of(fault))],
        remedy="mend each of them; nothing was started",
    )


class _Loader:
    """Gives templates by their name, out of one directory."""

    def __init__(self, directory: str, base: str) -> None:
        self._directory = directory
        self._base = base

    def __call__(self, name: str) -> str | None:
        return _text(os.path.join(self._directory, *name.split("/")), self._base)


def _text(path: str, base: str) -> str | None:
    """Read a template that lies below ``base``, also where links lead."""
    try:
        return load_text(path) if _leads_out(path, base) is None else None
    except (OSError, UnicodeDecodeError, SteadError):
        return None

"""Import of settings: a ``stead.toml`` to review from where a project keeps its variables.

From a ``.env`` of any dialect, the environments of a docker compose file, or a settings
class of pydantic's. A value that looks secret never enters the manifest: it goes into a
``.env`` that only its owner can read. No file that is there is written over.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from stead.config.references import escape
from stead.formats import dotenv, settings_proposal
from stead.formats._dotenv_dialects import taken as taken_as
from stead.formats.private_names import is_private
from stead.formats.settings_proposal import Proposed, Section
from stead.pipeline import steps, variables, writing
from stead.pipeline.files import load_text
from stead.pipeline.unread import private_unread
from stead.values.errors import ManifestError, SteadError, UsageError
from stead.values.frozen import dataclass, replace

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from stead.pipeline.request import Request
    from stead.values.context import Context

MANIFEST = "stead.toml"
SECRET: Mapping[str, Any] = {"type": "secret", "required": True}
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Settings:
    """What was written, or would be: the manifest, and private values beside it."""

    manifest: str
    """Its path, empty where none was written."""
    text: str
    private: str
    """The path of the ``.env``, empty where there is nothing private."""
    names: tuple[str, ...]
    """The variables whose values it holds."""
    notes: tuple[str, ...]


def is_compose(file: str) -> bool:
    """Say whether a file's name is one that docker compose looks for."""
    name = os.path.basename(file)
    return bool(re.fullmatch(r"(docker-)?compose([.-][\w.-]+)?\.ya?ml", name))


def is_dotenv(file: str) -> bool:
    """Say whether a file's name is one that a ``.env`` has."""
    name = os.path.basename(file)
    return name == ".env" or name.startswith(".env.") or name.endswith(".env")


def from_dotenv(
    file: str, dialect: str, request: Request, context: Context, *, show: bool = False
) -> Settings:
    """Propose a manifest for the variables of a ``.env``, read as a dialect or strictly.

    ``show`` writes nothing. Raises ManifestError where the text cannot be read so, and
    UsageError where a manifest is there.
    """
    entries, notes = _entries(file, dialect)
    plain, private, said = _sorted((e.name, e.value) for e in entries)
    head = f"Made from {os.path.basename(file)} by `stead import`, to be reviewed."
    sections = [Section(("vars",), plain)] if plain else []
    text = settings_proposal.write(head, sections)
    return _placed(
        text, private, [*notes, *said], source=file, request=request, context=context, show=show
    )


def portable(file: str, dialect: str, request: Request, *, show: bool = False) -> Settings:
    """Write what a dialect reads as a ``.env`` that all read alike, mode 0600."""
    entries, notes = _entries(file, dialect)
    good: dict[str, str] = {}
    left = list(notes)
    for entry in entries:
        try:
            dotenv.line_for(entry.name, entry.value)
        except ManifestError as exc:
            left.append(f"left out: {exc.message}")
        else:
            good[entry.name] = entry.value
    text = dotenv.write(good.items())
    target = "" if show else _free(request.directory)
    if target:
        variables.write_new_private(target, text)
        left += _to_rename(target)
    return Settings("", text, target, tuple(good), tuple(left))


def _entries(file: str, dialect: str) -> tuple[tuple[dotenv.DotenvEntry, ...], tuple[str, ...]]:
    text = load_text(file) if os.path.basename(file) == ".env" else _exact(file)
    if not dialect:
        return dotenv.read(text, file), ()
    entries, notes = taken_as(text, file, dialect, {})
    refers = tuple(
        f"{e.origin}: {e.name} uses {name}, which {dialect} takes from the caller's shell; "
        "it is taken as empty"
        for e in entries
        for name in e.refers
    )
    return entries, notes + refers


def _exact(file: str) -> str:
    try:
        with open(file, encoding="utf-8", newline="") as opened:
            return opened.read()
    except UnicodeDecodeError:
        raise ManifestError(
            "the file is not UTF-8 text", where=file, remedy="save it as UTF-8"
        ) from None


def from_compose(file: str, request: Request, context: Context, *, show: bool = False) -> Settings:
    """Propose a manifest for the environments that a compose file gives its services.

    A variable that services share, with one value, stands in ``[vars]``; others in the
    table of the service's app.
    """
    from stead.formats import compose_yml

    services, said = compose_yml.read(load_text(file), file, _load)
    notes = list(said)
    shared = _shared(services)
    private: dict[str, str] = {}
    everywhere: dict[str, str | None] = {}
    sections = []
    for service in services:
        own: dict[str, str | None] = {}
        for name, value in service.variables:
            (everywhere if name in shared else own)[name] = value
        if not own:
            continue
        made, kept, left = _sorted(own.items())
        notes += [f"service {service.name}: {line}" for line in left]
        notes += _joined(private, kept, service.name)
        origin = f"Service {service.name}" + (
            f", of the image {service.image}" if service.image and not service.built else ""
        )
        sections.append(Section(("app", _app(service.name), "vars"), made, origin + "."))
    made, kept, left = _sorted(everywhere.items())
    notes += [*left, *_joined(private, kept, "what services share")]
    if made:
        sections.insert(0, Section(("vars",), made))
    head = f"Made from {os.path.basename(file)} by `stead import`, to be reviewed."
    return _placed(
        settings_proposal.write(head, sections),
        private,
        notes,
        source=file,
        request=request,
        context=context,
        show=show,
    )


def _shared(services: Sequence[Any]) -> set[str]:
    """Name the variables that belong into ``[vars]``: of the sole service, or of several alike."""
    with_some = [s for s in services if s.variables]
    if len(with_some) == 1:
        return {name for name, _ in with_some[0].variables}
    values: dict[str, list[str | None]] = {}
    for service in with_some:
        for name, value in service.variables:
            values.setdefault(name, []).append(value)
    return {name for name, held in values.items() if len(held) > 1 and len(set(held)) == 1}


def _app(service: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]", "-", service)


def _joined(private: dict[str, str], kept: Mapping[str, str], who: str) -> list[str]:
    """Add private values; of two for one name the first stays, and the other is named."""
    notes = []
    for name, value in kept.items():
        if private.setdefault(name, value) != value:
            notes.append(
                f"{name} has another secret value in {who}: left out, for a .env holds one; "
                "name it apart, or refer to it by `age:`"
            )
    return notes


def from_pydantic(spec: str, request: Request, context: Context, *, show: bool = False) -> Settings:
    """Propose a manifest that declares the variables of a settings class ``module:Class``.

    The class is imported by the place's own Python.
    """
    from stead.pipeline import taking_pydantic

    fields, reads = taking_pydantic.fields(spec, request, context)
    made, notes = taking_pydantic.proposed(fields)
    if reads:
        notes += (f"the class also reads {', '.join(reads)} itself; Stead gives it the same names",)
    head = f"Declares what {spec} reads. Made by `stead import`, to be reviewed."
    text = settings_proposal.write(head, [Section(("vars",), made)] if made else [])
    return _placed(text, {}, notes, source=spec, request=request, context=context, show=show)


def _sorted(
    entries: Iterable[tuple[str, str | None]],
) -> tuple[tuple[Proposed, ...], dict[str, str], list[str]]:
    """Part variables into what the manifest says and what is private, with notes."""
    made: list[Proposed] = []
    private: dict[str, str] = {}
    notes = []
    for name, value in entries:
        if not _NAME.fullmatch(name) or name.upper().startswith("STEAD_"):
            shown = name if _NAME.fullmatch(name) else "a name that a shell cannot set"
            notes.append(f"left out: {shown}")
        elif value is None:
            secret = is_private(name, "")
            made.append(
                Proposed(
                    name,
                    SECRET if secret else {"type": "str", "required": True},
                    "Taken from the caller's shell; give it in .env, or with `stead env fill`.",
                )
            )
        elif is_private(name, value):
            made.append(Proposed(name, SECRET))
            if not value:
                continue
            try:
                dotenv.line_for(name, value)
                private[name] = value
            except ManifestError as exc:
                notes.append(f"its value is left out: {exc.message}")
        elif "\0" in value:
            notes.append(f"left out: {name} holds a NUL byte")
        else:
            made.append(Proposed(name, escape(value)))
    return tuple(made), private, notes


def _load(path: str) -> str | None:
    return _exact(path) if os.path.isfile(path) else None


# -- putting it into the place


def _placed(
    text: str,
    private: Mapping[str, str],
    notes: Iterable[str],
    *,
    source: str,
    request: Request,
    context: Context,
    show: bool,
) -> Settings:
    """Check what was made by composing it, and write it."""
    target = os.path.join(request.directory, MANIFEST)
    left = list(dict.fromkeys(notes))
    kept = dotenv.write(private.items())
    if show:
        return Settings("", text, "", tuple(private), tuple(left))
    if os.path.lexists(target):
        raise UsageError(
            f"{target} exists",
            remedy="add --print to see what would be in it, and take over what you want",
        )
    overlay = {**private_unread(request), target: text}
    steps.composed_for(replace(request, overlay=overlay), context, fetch=False)
    beside = _free(request.directory) if private else ""
    if private:
        variables.write_new_private(beside, kept)
        left += _to_rename(beside)
    try:
        writing.write_files(
            {target: text.encode("utf-8")}, writing.layout_of(context), f"import {source}"
        )
    except SteadError:
        if beside:
            os.unlink(beside)
        raise
    return Settings(target, text, beside, tuple(private), tuple(left))


def _free(directory: str) -> str:
    """Choose a name for a new private file: ``.env``, or one beside it."""
    names = [".env", ".env.portable", *(f".env.portable-{n}" for n in range(2, 100))]
    for name in names:
        path = os.path.join(directory, name)
        if not os.path.lexists(path):
            return path
    raise UsageError(f"too many .env.portable-… in {directory}", remedy="remove some")


def _to_rename(path: str) -> list[str]:
    name = os.path.basename(path)
    if name == ".env":
        return []
    return [
        f"a .env is there and was left alone: look at {name}, then `mv {name} .env`; commit neither"
    ]

"""Reading specifications: conda's YAML, a lock file, or a ``stead.toml``.

A conda specification's JSON has the keys that the API answers, whether they were
given or not. The others have the same keys, so that lists show them alike, and one
of their own that holds what was handed in.
"""

from __future__ import annotations

import datetime as dt
import difflib
import math
import os
import tomllib
from typing import TYPE_CHECKING, Any

from stead.server.specs.checks import SpecError, check_name, check_size
from stead.server.values import Specification, SpecificationKind, canonical, sha256_of
from stead.values.errors import SteadError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stead.values.lock import Lock

KEYS = ("channels", "dependencies", "description", "name", "prefix", "variables")

FILES = {
    SpecificationKind.CONDA: "environment.yml",
    SpecificationKind.LOCK: "conda-lock.yml",
    SpecificationKind.STEAD: "stead.toml",
}
"""What a specification's text is called as a file."""

LOCK = "stead.lock"
"""Under which key a specification has the lock that it was handed in with."""

_YAML = "Unable to parse. Invalid YAML"

DEEPEST = 100
"""How many levels of tables and lists may be nested; no specification has ten."""

LARGEST = 2**63 - 1
"""The largest number that whoever reads JSON takes."""


def read(
    text: str,
    kind: SpecificationKind | str = SpecificationKind.CONDA,
    *,
    name: str = "",
    lock: str = "",
) -> Specification:
    """Read a text of a kind. Raises SpecError with what is wrong in it.

    ``name`` is for texts that name no environment: locks, and those of ``stead.toml``
    that have no name. ``lock`` is a ``stead.lock`` whose versions are taken wherever they are
    what is asked for. The digest is of what the text means, not of how it is laid out.
    """
    check_size(text)
    kind = SpecificationKind(kind)
    if kind is SpecificationKind.CONDA:
        spec = _conda(text, name)
    elif kind is SpecificationKind.LOCK:
        spec = _lock(text, name)
    else:
        spec = _stead(text, name)
    check_name(spec["name"], "environment's name")
    if lock:
        check_size(lock)
        lock_of(lock)
        spec[LOCK] = lock
    digest = sha256_of(canonical([kind.value, spec]))
    return Specification(kind, spec["name"], spec, text, digest)


def kind_of(text: str) -> SpecificationKind:
    """Guess what a text is written in: for files that are watched, whose names say nothing."""
    try:
        tomllib.loads(text)
    except (ValueError, RecursionError):
        pass
    else:
        return SpecificationKind.STEAD
    try:
        data = _yaml(text)
    except SpecError:
        return SpecificationKind.CONDA
    is_lock = isinstance(data, dict) and isinstance(data.get("package"), list)
    return SpecificationKind.LOCK if is_lock else SpecificationKind.CONDA


def lock_of(text: str) -> Lock:
    """Read a ``stead.lock`` that came with a specification. Raises SpecError."""
    from stead.formats import stead_lock

    try:
        return stead_lock.read(text, LOCK)
    except SteadError as exc:
        raise SpecError(f"{LOCK}: {exc.message}", remedy=exc.remedy) from exc
    except (ValueError, RecursionError) as exc:
        raise SpecError(f"{LOCK}: this is not valid TOML: {_short(exc)}") from exc


def text_of(specification: Specification) -> str:
    """Give the text that is built: its owner's, so that the lines that errors name are theirs.

    Where settings changed what it asks for, what they made of it is written anew. So are variables:
    YAML's ``yes`` is true to conda, and a text to whoever builds.
    """
    if not specification.spec.get("variables") and is_as_given(specification):
        return specification.text
    from stead.formats import _yaml

    spec = {key: value for key, value in specification.spec.items() if value}
    spec.pop("description", None)
    spec.pop(LOCK, None)
    return _yaml.dump(spec)


def is_as_given(specification: Specification) -> bool:
    """Say whether a specification asks for just what its text does."""
    if specification.kind is not SpecificationKind.CONDA:
        return True
    held = specification.spec
    try:
        given = read(
            specification.text,
            specification.kind,
            name=specification.name,
            lock=str(held.get(LOCK, "")),
        )
    except SpecError:  # kept by an older version, which took more
        return False
    return given.spec == held


def _conda(text: str, name: str) -> dict[str, Any]:
    data = _yaml(text)
    if not isinstance(data, dict):
        raise SpecError(_YAML, remedy="write lines of the form KEY: VALUE")
    for key in data:
        if key not in KEYS:
            close = difflib.get_close_matches(str(key), KEYS, n=1)
            raise SpecError(
                f"Extra inputs are not permitted (type=extra_forbidden, loc=({str(key)!r},))",
                remedy=f"did you mean {close[0]}?" if close else f"known are {', '.join(KEYS)}",
            )
    spec = _shape(
        data.get("name") or name,
        channels=_texts(data.get("channels"), "channels"),
        dependencies=_dependencies(data.get("dependencies")),
        description=_text(data.get("description"), "description") or "",
        prefix=_text(data.get("prefix"), "prefix"),
        variables=_variables(data.get("variables")),
    )
    _readable(text, SpecificationKind.CONDA)
    return spec


def _lock(text: str, name: str) -> dict[str, Any]:
    data = _yaml(text)
    if not isinstance(data, dict) or not isinstance(data.get("package"), list):
        raise SpecError(
            "this is not a lock of conda-lock: it has no packages",
            remedy="hand in a conda-lock.yml of version 1",
        )
    if data.get("version", 1) != 1:
        raise SpecError(f"the lock has version {data.get('version')!r}; version 1 can be read")
    metadata = data.get("metadata")
    channels = metadata.get("channels") if isinstance(metadata, dict) else None
    if not isinstance(channels or [], list):
        raise SpecError("the lock's channels are no list (loc=('metadata', 'channels'))")
    named = [c.get("url") if isinstance(c, dict) else c for c in channels or ()]
    return _shape(name, channels=_texts(named, "channels")) | {"lockfile": data}


def _stead(text: str, name: str) -> dict[str, Any]:
    try:
        data = tomllib.loads(text)
    except (ValueError, RecursionError) as exc:
        raise SpecError(f"the text is no TOML: {_short(exc)}") from exc
    manifest = _readable(text, SpecificationKind.STEAD)
    channels = [c.name for layer in manifest.layers for c in layer.channels]
    wanted = [
        f"{r.name} {r.spec}".strip()
        if r.ecosystem == "conda"
        else f"{r.ecosystem}:{r.name}{r.spec}"
        for layer in manifest.layers
        for r in layer.requirements
    ]
    written = data.get("name")
    spec = _shape(written if isinstance(written, str) else name, channels, wanted)
    # What TOML knows and JSON does not: dates.
    return spec | {"stead": _plain(data)}


def _shape(  # noqa: PLR0917
    name: object,
    channels: list[str] | None = None,
    dependencies: list[Any] | None = None,
    description: str = "",
    prefix: str | None = None,
    variables: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    if name in (None, ""):
        raise SpecError("Field required (type=missing, loc=('name',))", remedy="add `name:`")
    return {
        "channels": channels or [],
        "dependencies": dependencies or [],
        "description": description,
        "name": str(name),
        "prefix": prefix,
        "variables": variables,
    }


def _yaml(text: str) -> Any:
    import yaml

    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        # A few aliases of aliases become more than a machine holds.
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text, Loader=loader)):
            raise SpecError("aliases (`*name`) have no place here", remedy="write it out")
        data = yaml.load(text, Loader=loader)  # noqa: S506 (both are safe loaders)
    except (yaml.YAMLError, ValueError, RecursionError) as exc:
        raise SpecError(_YAML, details=str(exc).splitlines()) from exc
    return _plain(data)


def _plain(value: Any, depth: int = 0) -> Any:
    """Give what YAML or TOML holds as JSON can say it, dates as texts.

    Raises SpecError for what neither JSON nor a database takes.
    """
    if isinstance(value, str):
        if "\0" in value:
            raise SpecError("the character NUL has no place here", remedy="leave it out")
        return value
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int) and -LARGEST <= value <= LARGEST:
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, (dt.date, dt.time)):
        return value.isoformat()
    if depth == DEEPEST:
        raise SpecError(f"more than {DEEPEST} tables and lists are nested here")
    if isinstance(value, dict):
        return {_plain(str(key)): _plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item, depth + 1) for item in value]
    raise SpecError(
        f"{_short(value)} has no place here", remedy="write texts, whole numbers, lists, tables"
    )


def _short(value: object) -> str:
    try:
        return str(value)[:100]
    except ValueError:  # a whole number of thousands of digits
        return "a number that long"


def _text(value: object, where: str) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise SpecError(f"Input should be a valid string (type=string_type, loc=({where!r},))")


def _texts(value: object, where: str) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise SpecError(f"Input should be a valid list (type=list_type, loc=({where!r},))")
    for number, item in enumerate(value):
        if not isinstance(item, str):
            raise SpecError(
                f"Input should be a valid string (type=string_type, loc=({where!r}, {number}))"
            )
    return value


def _dependencies(value: object) -> list[Any]:
    if isinstance(value, list):
        found = [i for i in value if isinstance(i, dict)]
        if any(list(i) != ["pip"] for i in found) or len(found) > 1:
            raise SpecError(
                "only one `pip:` may stand among the dependencies (loc=('dependencies',))"
            )
        for pip in found:
            _refuse_files(_texts(pip["pip"], "pip"))
        _texts([i for i in value if not isinstance(i, dict)], "dependencies")
        return value
    return list(_texts(value, "dependencies"))


def _refuse_files(lines: list[str]) -> None:
    """Raise SpecError for what would read files of the machine that builds."""
    for line in lines:
        option = line.split()[0] if line.split() else ""
        options = ("-r", "-c", "-e", "-f", "--requirement", "--constraint", "--editable")
        if (
            option.startswith(options)
            or "file:" in line
            or line.lstrip().startswith((".", "/", "~"))
        ):
            raise SpecError(
                f"{line!r} names files, which the store does not have",
                remedy="name packages of an index",
            )


def _variables(value: object) -> dict[str, str] | None:
    if value is None:
        return None
    if not isinstance(value, dict):
        raise SpecError("Input should be a valid dictionary (type=dict_type, loc=('variables',))")
    found: dict[str, str] = {}
    for key, item in value.items():
        if isinstance(item, (dict, list)) or item is None:
            raise SpecError(
                f"Input should be a valid string (type=string_type, loc=('variables', {key!r}))"
            )
        found[str(key)] = str(item).lower() if isinstance(item, bool) else str(item)
    return found


def _readable(text: str, kind: SpecificationKind) -> Any:
    """Read as whoever builds it will. Raises SpecError with the file and line that are wrong."""
    from stead.formats import environment_yml, stead_toml

    reader: Any = stead_toml if kind is SpecificationKind.STEAD else environment_yml
    file = os.path.join(os.sep, "specification", FILES[kind])

    def load(path: str) -> str:
        if path != file:
            raise SpecError(f"{path} is no part of what was handed in")
        return text

    try:
        manifest = reader.read(file, load)
    except SpecError:
        raise
    except SteadError as exc:
        line = getattr(exc.where, "line", None)
        where = f"line {line}" if line else None
        raise SpecError(exc.message, where=where, remedy=exc.remedy, details=exc.details) from exc
    if manifest.uses or manifest.taken:
        raise SpecError(
            "modules and locks of other files have no place in a specification",
            remedy="write out what is asked",
        )
    for layer in manifest.layers:
        for requirement in layer.requirements:
            source = requirement.source
            if source is not None and source.kind == "path":
                raise SpecError(
                    f"{requirement.name} is asked for from a directory, which the store does "
                    "not have",
                    remedy="publish it to an index or channel, or name a git repository",
                )
    return manifest

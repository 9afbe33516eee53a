"""What a project says of its configuration, put into the packages that it makes.

A package's ``stead.toml`` says what its library accepts, its variables, paths and
checks. In a wheel it lies in the ``.dist-info`` directory, in a conda package without
one below ``share/stead``. :mod:`stead.pipeline.carried` reads it in any environment that
contains the package; everybody else has a file more. For conda's own activation, what is
plain text goes into ``etc/conda/env_vars.d`` as well.

Paths are rewritten to be relative to where the file lies. One that leads to nothing in
the package is left out, and named.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import os
import posixpath
import tomllib
from typing import TYPE_CHECKING, Any

from stead.values.errors import ArtifactError
from stead.values.frozen import dataclass

if TYPE_CHECKING:
    import zipfile
    from collections.abc import Callable, Iterable, Mapping

NAME = "stead.toml"
_TABLES = ("vars", "paths", "checks")
_FILES_OF_CHECKS = ("path", "at")


@dataclass(frozen=True, slots=True)
class Carried:
    """``text`` is the file to put into the package; ``left_out`` names what could not come along."""

    text: str
    left_out: tuple[str, ...] = ()


def declared(project: str) -> dict[str, Any]:
    """Read the tables that a package of a project carries; empty where it has none.

    ``project`` is the directory with ``stead.toml`` or ``pyproject.toml``. The files
    themselves are checked when they are read as manifests.
    """
    for name, prefix in ((NAME, ()), ("pyproject.toml", ("tool", "stead"))):
        try:
            with open(os.path.join(project, name), "rb") as file:
                table: Any = tomllib.load(file)
        except (OSError, tomllib.TOMLDecodeError):
            continue
        for key in prefix:
            table = table.get(key, {})
        kept = {key: table[key] for key in _TABLES if table.get(key)}
        if table.get("lib"):
            kept["lib"] = table["lib"]
        if kept:
            return kept
    return {}


def rewritten(tables: Mapping[str, Any], lies_in: str, find: Callable[[str], str]) -> Carried:
    """Write the tables with paths that hold where the file lies.

    ``lies_in`` is its directory within the package, ``find`` gives for a path of the
    project the one within the package (relative, with ``/``), an absolute one where it is
    used from there, or nothing where it is not in it.
    """
    left_out: list[str] = []

    def moved(path: Any, what: str) -> Any:
        if not isinstance(path, str) or not _is_relative(path):
            return path
        there = find(posixpath.normpath(path))
        if not there:
            left_out.append(f"{what} ({path}) is not in the package")
            return None
        return there if posixpath.isabs(there) else posixpath.relpath(there, lies_in)

    done: dict[str, Any] = {}
    for key, table in tables.items():
        entries = {
            name: value
            for name, entry in table.items()
            if (value := _entry(key, name, entry, moved)) is not None
        }
        if entries:
            done[key] = entries
    return Carried(_text(done), tuple(left_out))


def _text(tables: Mapping[str, Any]) -> str:
    from stead.config.render.embed import toml, toml_key

    lines: list[str] = []
    for key, table in sorted(tables.items()):
        parts = (
            [(f"lib.{toml_key(n)}", t) for n, t in table.items()]
            if key == "lib"
            else [(key, table)]
        )
        for header, entries in parts:
            lines += [
                f"[{header}]",
                *(f"{toml_key(n)} = {toml(v)}" for n, v in entries.items()),
                "",
            ]
    return "\n".join(lines)


def _entry(table: str, name: str, entry: Any, moved: Callable[[Any, str], Any]) -> Any:
    if table == "paths":
        return moved(entry, f"path {name}")
    if table == "lib":
        return _library(name, entry, moved)
    if table == "checks":
        return _with_paths(entry, _FILES_OF_CHECKS, f"check {name}", moved)
    if isinstance(entry, dict) and entry.get("type") == "path":
        return _with_paths(entry, ("value", "default"), f"variable {name}", moved)
    return entry


def _library(name: str, entry: Mapping[str, Any], moved: Callable[[Any, str], Any]) -> Any:
    kept = dict(entry)
    if "accepts" in entry:
        kept["accepts"] = {
            variable: accepted
            for variable, table in entry["accepts"].items()
            if (accepted := _entry("vars", f"{name}.{variable}", table, moved)) is not None
        }
    if "checks" in entry:
        kept["checks"] = {
            check: held
            for check, table in entry["checks"].items()
            if (held := _entry("checks", f"{name}.{check}", table, moved)) is not None
        }
    return kept


def _with_paths(
    entry: Mapping[str, Any], keys: Iterable[str], what: str, moved: Callable[[Any, str], Any]
) -> Any:
    kept = dict(entry)
    for key in keys:
        if key in entry:
            kept[key] = moved(entry[key], what)
            if kept[key] is None:
                return None
    return kept


def _is_relative(path: str) -> bool:
    """Say whether a text is a path within the project: neither absolute nor a reference."""
    return bool(path) and not (path.startswith(("/", "~", "\\")) or "{" in path or ":" in path[:3])


def finder(names: Iterable[str]) -> Callable[[str], str]:
    """Give what finds a path of the project among a package's files.

    What lies at ``src/orders/data`` in the tree is ``orders/data`` in the wheel: the
    longest ending of the path that is a file or directory of the package counts, if it
    has more than one part or stands at the top of both.
    """
    there = set()
    for name in names:
        parts = name.split("/")
        there |= {"/".join(parts[:i]) for i in range(1, len(parts) + 1)}

    def find(path: str) -> str:
        parts = path.split("/")
        if ".." in parts:
            return ""
        endings = ("/".join(parts[i:]) for i in range(len(parts)))
        return next(
            (e for i, e in enumerate(endings) if e in there and (i == 0 or i < len(parts) - 1)), ""
        )

    return find


def _in_tree(project: str) -> Callable[[str], str]:
    """Give what finds a path of the project where it lies."""

    def find(path: str) -> str:
        there = os.path.join(project, *path.split("/"))
        return there.replace(os.sep, "/") if os.path.exists(there) else ""

    return find


def into_wheel(wheel: str, project: str, *, editable: bool = False) -> tuple[str, ...]:
    """Put a project's configuration into a wheel just built, in place of the file.

    An ``editable`` one leads to the tree, and so do its paths. Gives a line for each thing that could not come along. A project that declares
    nothing leaves the wheel as it is, and so does one whose backend put a
    ``stead.toml`` there itself. Raises ArtifactError for what is no wheel.
    """
    tables = declared(project)
    if not tables:
        return ()
    import zipfile

    try:
        with zipfile.ZipFile(wheel) as archive:
            names = archive.namelist()
            record = next((n for n in names if _is_record(n)), None)
            if record is None:
                raise ArtifactError(f"{wheel} has no RECORD", remedy="mend the build backend")
            info = posixpath.dirname(record)
            if f"{info}/{NAME}" in names:
                return ()
            find = _in_tree(project) if editable else finder(names)
            made = rewritten(tables, info, find)
            if made.text:
                _with_file(archive, wheel, f"{info}/{NAME}", made.text.encode(), record)
    except zipfile.BadZipFile as exc:
        raise ArtifactError(
            f"{wheel} is not a wheel: {exc}", remedy="mend the build backend"
        ) from exc
    return made.left_out


def _is_record(name: str) -> bool:
    return name.count("/") == 1 and name.endswith(".dist-info/RECORD")


def _with_file(
    archive: zipfile.ZipFile, wheel: str, name: str, content: bytes, record: str
) -> None:
    import zipfile

    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow([name, f"sha256={digest}", len(content)])
    temporary = f"{wheel}.part"
    try:
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as made:
            for entry in archive.infolist():
                if entry.filename == record:
                    like = zipfile.ZipInfo(name, entry.date_time)
                    like.external_attr, like.compress_type = 0o644 << 16, zipfile.ZIP_DEFLATED
                    made.writestr(like, content)
                    made.writestr(
                        entry, archive.read(entry).rstrip() + b"\n" + line.getvalue().encode()
                    )
                else:
                    made.writestr(entry, archive.read(entry))
        os.replace(temporary, wheel)
    finally:
        if os.path.exists(temporary):
            os.unlink(temporary)


def plain_variables(tables: Mapping[str, Any]) -> dict[str, str]:
    """Give the variables whose values are plain text or numbers: what conda can set by itself."""
    plain = {}
    for name, entry in tables.get("vars", {}).items():
        declared_type = entry.get("type", "str") if isinstance(entry, dict) else "str"
        value = entry.get("value") if isinstance(entry, dict) else entry
        if declared_type in ("path", "paths", "secret", "data", "json") or value is None:
            continue
        if isinstance(value, bool):
            value = "true" if value else "false"
        text = str(value)
        if isinstance(value, str | int | float) and "{" not in text and not _is_secret(text):
            plain[name] = text
    return plain


def _is_secret(text: str) -> bool:
    return text.partition(":")[0] in ("age", "sops", "keyring", "env", "command")


def conda_files(
    name: str, project: str, names: Iterable[str], *, in_wheel: bool
) -> dict[str, bytes]:
    """Give the files to add to a conda package: path → content.

    ``names`` are the files that it has. With ``in_wheel`` the configuration lies in
    its ``.dist-info`` directory already.
    """
    tables = declared(project)
    files = {}
    if variables := plain_variables(tables):
        text = json.dumps(variables, indent=1, sort_keys=True) + "\n"
        files[f"etc/conda/env_vars.d/{name}.json"] = text.encode()
    if tables and not in_wheel:
        lies_in = f"share/stead/{name}"
        made = rewritten(tables, lies_in, finder(names))
        if made.text:
            files[f"{lies_in}/{NAME}"] = made.text.encode()
    return files

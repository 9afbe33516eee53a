"""What ``[tool.uv]`` in a ``pyproject.toml`` says about where packages come from."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from stead.formats import _pep508
from stead.formats._static_name import name_in_pyproject, text_or_none
from stead.values.errors import ManifestError
from stead.values.frozen import replace
from stead.values.names import normalize_pypi
from stead.values.requirement import Requirement, Source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from stead.values.manifest import Index
    from stead.values.origin import Origin

    Load = Callable[[str], str]
    At = Callable[..., Origin]

_KINDS = ("git", "url", "path", "index", "workspace")
_OPPOSITE = {
    "==": "!=",
    "!=": "==",
    "<": ">=",
    ">=": "<",
    ">": "<=",
    "<=": ">",
    "in": "not in",
    "not in": "in",
}


class Sources:
    """``[tool.uv.sources]``: from where the packages named there are taken."""

    def __init__(self, table: dict[str, Any], directory: str, load: Load, at: At) -> None:
        """``at`` gives the place of a key path below the table."""
        self._table = {normalize_pypi(name): (name, value) for name, value in table.items()}
        self._directory = directory
        self._load = load
        self._at = at

    def apply(
        self, requirement: Requirement, *, extra: str = "", group: str = ""
    ) -> Iterator[Requirement]:
        """Give the requirement with its source: one for each marker that a source is under.

        ``extra`` or ``group`` names the list that the requirement stands in.
        Raises ManifestError.
        """
        if requirement.source or requirement.name not in self._table:
            yield requirement
            return
        name, value = self._table[requirement.name]
        origin = self._at(name)
        entries = value if isinstance(value, list) else [value]
        markers: list[str] = []
        applied = False
        for entry in entries:
            if not isinstance(entry, dict) or sum(k in entry for k in _KINDS) != 1:
                raise ManifestError(
                    f"the source of {name} must be a table with one of {', '.join(_KINDS)}",
                    where=origin,
                    remedy="write, for instance, { path = '../lib', editable = true }",
                )
            wanted = entry.get("extra", ""), entry.get("group", "")
            if any(wanted) and wanted != (extra, group):
                continue
            found = self._sourced(requirement, entry, origin)
            marker = str(entry.get("marker", ""))
            if not marker:
                yield found
                return
            applied = True
            markers.append(marker)
            marker = _pep508.check_marker(marker, origin)
            yield replace(found, marker=_pep508.both_markers(requirement.marker, marker))
        # Where no marker holds, the package comes from the index like any other.
        elsewhere = " and ".join(_negated(m, origin) for m in markers) if applied else ""
        yield replace(requirement, marker=_pep508.both_markers(requirement.marker, elsewhere))

    def _sourced(
        self, requirement: Requirement, entry: dict[str, Any], origin: Origin
    ) -> Requirement:
        subdirectory = str(entry.get("subdirectory", "")).strip("/")
        if "index" in entry:
            return replace(requirement, index=str(entry["index"]))
        if "git" in entry:
            revision = next((entry[k] for k in ("rev", "tag", "branch") if k in entry), "")
            url = str(entry["git"])
            url = url if url.startswith("git+") else f"git+{url}"
            source, hashes = _pep508.source_of_url(url, self._directory, origin)
            revision = str(revision) or source.revision
            subdirectory = subdirectory or source.subdirectory
            source = replace(source, revision=revision, subdirectory=subdirectory)
        elif "url" in entry:
            source, hashes = _pep508.source_of_url(str(entry["url"]), self._directory, origin)
            source = replace(source, subdirectory=subdirectory or source.subdirectory)
        elif "path" in entry:
            location = _pep508.path_of(str(entry["path"]), self._directory)
            source, hashes = Source("path", location, editable=bool(entry.get("editable"))), ()
        elif entry["workspace"] is True:
            location = self._member(requirement.name, origin)
            editable = entry.get("editable") is not False
            source, hashes = Source("path", location, editable=editable), ()
        else:
            return requirement
        return replace(requirement, spec="", source=source, hashes=(*requirement.hashes, *hashes))

    def _member(self, name: str, origin: Origin) -> str:
        """Find the directory of the workspace's member with this name."""
        import tomllib

        root = self._directory
        while True:
            text = text_or_none(self._load, os.path.join(root, "pyproject.toml"))
            if text and "workspace" in text:
                try:
                    data = tomllib.loads(text)
                except tomllib.TOMLDecodeError:
                    data = {}
                workspace = data.get("tool", {}).get("uv", {}).get("workspace")
                if isinstance(workspace, dict):
                    break
            parent = os.path.dirname(root)
            if parent == root:
                raise ManifestError(
                    f"{name} is said to be a member of the workspace, but there is none",
                    where=origin,
                    remedy="add [tool.uv.workspace] with its members above, or give its path",
                )
            root = parent
        for directory in (root, *_members(root, workspace.get("members", []), name)):
            text = text_or_none(self._load, os.path.join(directory, "pyproject.toml"))
            try:
                found = name_in_pyproject(tomllib.loads(text or ""))
            except tomllib.TOMLDecodeError:
                continue
            if normalize_pypi(found) == name:
                return directory
        raise ManifestError(
            f"the workspace of {root} has no member {name}",
            where=origin,
            remedy="add its directory to the members, or give its path",
        )


def _members(root: str, patterns: list[Any], name: str) -> Iterator[str]:
    """Give directories that may be the member of a name: the likeliest first.

    Most members lie in a folder of their own name; only for the others are the
    directories that a pattern matches listed.
    """
    import glob

    texts = [p.strip("/") for p in patterns if isinstance(p, str)]
    for text in texts:
        if text.endswith("/*") and "*" not in text[:-2]:
            for folder in dict.fromkeys((name, name.replace("-", "_"))):
                yield os.path.normpath(os.path.join(root, text[:-1], folder))
    for text in texts:
        for found in sorted(glob.glob(os.path.join(glob.escape(root), text))):
            yield os.path.normpath(found)


def indexes(uv: dict[str, Any], directory: str, at: At) -> tuple[Index, ...]:
    """Give the indexes of ``[[tool.uv.index]]`` and of the older single keys."""
    from stead.formats.requirements_txt import index_of

    found = []
    for number, entry in enumerate(_list(uv, "index", at)):
        origin = at("index", number)
        if not isinstance(entry, dict) or not isinstance(entry.get("url"), str):
            raise ManifestError(
                "an index must be a table with a url", where=origin, remedy="add url = '…'"
            )
        by_url = index_of("--extra-index-url", entry["url"], directory, origin)
        found.append(
            replace(
                by_url,
                name=str(entry.get("name") or by_url.name),
                flat=entry.get("format") == "flat",
                explicit=bool(entry.get("explicit")),
                default=bool(entry.get("default")),
            )
        )
    if isinstance(uv.get("index-url"), str):
        found.append(index_of("--index-url", uv["index-url"], directory, at("index-url")))
    for key in ("extra-index-url", "find-links"):
        found += [index_of(f"--{key}", str(u), directory, at(key)) for u in _list(uv, key, at)]
    return tuple(found)


def _list(table: dict[str, Any], key: str, at: At) -> list[Any]:
    value = table.get(key, [])
    if isinstance(value, list):
        return value
    raise ManifestError(f"{key} must be a list", where=at(key), remedy="put it in brackets")


def _negated(marker: str, origin: Origin) -> str:
    """Give the marker that holds exactly where this one does not."""
    from packaging.markers import Marker

    def turn(part: Any) -> str:
        if isinstance(part, tuple):
            left, operator, right = part
            if operator.value not in _OPPOSITE:
                raise ManifestError(
                    f"a source cannot be under the marker {marker!r}: its opposite has no form",
                    where=origin,
                    remedy="use ==, !=, <, <=, > or >=",
                )
            return f"{left.serialize()} {_OPPOSITE[operator.value]} {right.serialize()}"
        swap = {"and": "or", "or": "and"}
        # `and` binds tighter than `or`, so each group of the result needs its brackets.
        groups: list[list[str]] = [[]]
        for piece in part:
            if piece == "or":
                groups.append([])
            elif piece != "and":
                groups[-1].append(turn(piece))
        inner = [f" {swap['and']} ".join(g) for g in groups]
        return (
            f" {swap['or']} ".join(f"({g})" for g in inner) if len(inner) > 1 else f"({inner[0]})"
        )

    return turn(Marker(marker)._markers)  # noqa: SLF001 (packaging offers no negation)

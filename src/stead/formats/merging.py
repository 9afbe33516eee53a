"""Merging three versions of a file so that whoever reads it still can.

Every file is merged line by line first. Of a data file the result must read as what a merge
of the values gives; where lines do not fit together, TOML and JSON are merged key by key.
What cannot be merged so is left to the caller: a data file never gets conflict markers.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from stead.formats import merging_text
from stead.formats.merging_text import Merged
from stead.formats.merging_values import DisagreementError, merged, same
from stead.values.patterns import regex

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_BY_NAME = {
    "package-lock.json": "json",
    ".env": "data",
    ".npmrc": "data",
    "go.sum": "data",
    "Pipfile": "toml",
}
_BY_ENDING = {
    "toml": "toml",
    "json": "json",
    "ipynb": "json",
    "geojson": "json",
    "webmanifest": "json",
    "yaml": "yaml",
    "yml": "yaml",
    "csv": "csv",
    "tsv": "csv",
    "ini": "ini",
    "cfg": "ini",
    "lock": "toml",
    "jsonl": "data",
    "ndjson": "data",
    "properties": "data",
    "xml": "data",
    "svg": "data",
}
_REQUIREMENTS = regex(r"(?:.*[-_.])?(?:requirements|constraints)(?:[-_.].*)?\.(?:txt|in)\Z")
_TOML_TOKEN = regex(
    r'''"""(?:[^"\\]|\\[\s\S]|"{1,2}(?!"))*"{3,5} | \'\'\'(?:[^']|'{1,2}(?!'))*'{3,5}
      | "(?:[^"\\\n]|\\.)*" | '[^'\n]*' | (\#[^\n]*)''',
    re.VERBOSE,
)
_LARGEST_TREE = 200_000


def merge(
    path: str, base: bytes, mine: bytes, theirs: bytes, *, names: tuple[str, str]
) -> Merged | None:
    """Bring what ``theirs`` changed in ``base`` into ``mine``.

    ``path`` says by its name what kind of file it is; ``names`` stand behind conflict markers.
    None for a file that is not text, and for a data file that was changed in two ways: no
    result would be valid and hold what both sides wrote.
    """
    if not all(map(merging_text.is_text, (base, mine, theirs))):
        return None
    done = merging_text.merge(base, mine, theirs, names=names)
    kind = kind_of(path)
    if not kind:
        return done
    if not done.markers and _valid(kind, base, mine, theirs, done.content):
        return done
    if kind == "toml":
        return _toml(base, mine, theirs, project=path.rpartition("/")[2] == "pyproject.toml")
    return _json(base, mine, theirs) if kind == "json" else None


def kind_of(path: str) -> str:
    """Say what a data file is read as: ``toml``, ``json``, ``yaml``, ``csv``, ``ini``, ``data``.

    Empty for other files.
    """
    name = path.rpartition("/")[2]
    if name in _BY_NAME:
        return _BY_NAME[name]
    if _REQUIREMENTS.match(name) or name.startswith(".env."):
        return "data"
    return _BY_ENDING.get(name.rpartition(".")[2].lower(), "") if "." in name else ""


def _valid(kind: str, base: bytes, mine: bytes, theirs: bytes, done: bytes) -> bool:
    """Say whether lines that were merged make a file that says what it should."""
    read = _READERS.get(kind)
    if read is None:
        return True
    try:
        own = read(_text(mine))
    except (ValueError, RecursionError):
        return True  # it was no valid file before
    try:
        result = read(_text(done))
    except (ValueError, RecursionError):
        return False
    try:
        wanted = merged(read(_text(base)), own, read(_text(theirs)))
    except DisagreementError:
        return False
    except (ValueError, RecursionError):
        return True  # nothing to compare with
    return same(result, wanted)


def _toml(base: bytes, mine: bytes, theirs: bytes, *, project: bool) -> Merged | None:
    from functools import partial

    from stead.formats.merging_keys import merge_keys

    by_key = partial(merge_keys, requirements=project)
    return _by_key(by_key, base, mine, theirs, _comments)


def _json(base: bytes, mine: bytes, theirs: bytes) -> Merged | None:
    from stead.formats.merging_json import merge_json

    return _by_key(merge_json, base, mine, theirs, None)


def _by_key(
    merge_texts: Callable[[str, str, str], str | None],
    base: bytes,
    mine: bytes,
    theirs: bytes,
    comments: Callable[[str], list[str]] | None,
) -> Merged | None:
    end = merging_text.end_of(base, mine, theirs)
    if end is None:
        return None
    try:
        was, own, then = (
            merging_text.with_ends(content, b"\n").decode() for content in (base, mine, theirs)
        )
        text = merge_texts(was, own, then)
    except (UnicodeDecodeError, RecursionError):
        return None
    if text is None or (comments is not None and _lost(comments, was, own, text)):
        return None
    return Merged(merging_text.with_ends(text.encode(), end))


def _lost(comments: Callable[[str], list[str]], base: str, mine: str, done: str) -> bool:
    """Say whether a comment of mine is gone that is not upstream's to change."""
    left = comments(done)
    theirs = comments(base)
    for comment in comments(mine):
        if comment in left:
            left.remove(comment)
        elif comment in theirs:
            theirs.remove(comment)
        else:
            return True
    return False


def _comments(text: str) -> list[str]:
    return [found[1].rstrip() for found in _TOML_TOKEN.finditer(text) if found[1]]


def _text(content: bytes) -> str:
    return content.decode()


def _read_toml(text: str) -> Any:
    import tomllib

    return tomllib.loads(text.replace("\r\n", "\n"))


def _read_json(text: str) -> Any:
    from stead.formats.merging_json import load

    return load(text)


def _read_yaml(text: str) -> Any:
    """Read the tree of a YAML text: what its tags stand for is not asked."""
    import yaml

    size = 0

    def plain(node: yaml.Node | None) -> Any:
        nonlocal size
        size += 1
        if size > _LARGEST_TREE:
            raise ValueError
        if isinstance(node, yaml.MappingNode):
            pairs = [(json_key(plain(k)), plain(v)) for k, v in node.value]
            found = dict(pairs)
            if len(found) != len(pairs):
                raise ValueError
            return found
        if isinstance(node, yaml.SequenceNode):
            return [plain(one) for one in node.value]
        return None if node is None else f"{node.tag} {node.value}"

    def json_key(value: Any) -> str:
        return value if isinstance(value, str) else repr(value)

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return [plain(document) for document in yaml.compose_all(text, Loader=loader)]
    except yaml.YAMLError as exc:
        raise ValueError from exc


def _read_csv(text: str) -> Any:
    """Read how many cells the rows of a table have; what they hold is lines to the merge."""
    import csv

    def rows() -> Iterator[list[str]]:
        try:
            yield from csv.reader(text.splitlines(keepends=True), delimiter=delimiter)
        except csv.Error as exc:
            raise ValueError from exc

    delimiter = "\t" if text.count("\t") > text.count(",") else ","
    return sorted({len(row) for row in rows() if row})


def _read_ini(text: str) -> Any:
    import configparser

    parser = configparser.ConfigParser(interpolation=None, allow_no_value=True)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    try:
        parser.read_string(text)
    except configparser.Error as exc:
        raise ValueError from exc
    return {name: dict(parser.items(name)) for name in parser.sections()}


_READERS: dict[str, Callable[[str], Any]] = {
    "toml": _read_toml,
    "json": _read_json,
    "yaml": _read_yaml,
    "csv": _read_csv,
    "ini": _read_ini,
}

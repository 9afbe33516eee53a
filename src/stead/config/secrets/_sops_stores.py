"""The forms that sops keeps its files in: text → documents and what it notes about them.

A document is an ordered tree: mappings are lists of pairs, since the order of
values takes part in the file's authentication; comments are left out, since they
do not. Read as sops itself reads (``stores/*`` of getsops/sops), which is not
always as others would: its YAML is that of Go's ``yaml.v3``, its dotenv has no
quotes, its JSON numbers are floats.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from stead.config.secrets.failure import UnopenedError

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_VALUES = 200_000
"""Values in one file; aliases of YAML could stand for far more than was written."""

METADATA = "sops"

Leaf = str | int | float | bool | None


class Table(NamedTuple):
    """A mapping: its pairs, in the order of the file."""

    pairs: tuple[tuple[str, Any], ...]

    def get(self, key: str) -> Any:
        return next((value for name, value in self.pairs if name == key), None)


class Stored(NamedTuple):
    """A file as it lies there: documents without the metadata, and that."""

    documents: tuple[Table, ...]
    metadata: dict[str, Any]


class Timestamp(str):
    """A date or time of YAML, in the form that it has in the authentication."""

    __slots__ = ()


def read(text: str, path: str) -> Stored:
    """Read a file by its name's end, or by how it begins. Raises UnopenedError."""
    name = path.lower()
    if name.endswith(".ini"):
        raise UnopenedError(
            f"{path} is kept as INI, which is not read here",
            remedy="keep it as dotenv, JSON or YAML (`sops --output-type yaml`)",
        )
    if name.endswith((".yaml", ".yml")):
        return _yaml(text, path)
    if name.endswith(".env") or (not name.endswith(".json") and re.search(r"(?m)^sops_mac=", text)):
        return _dotenv(text, path)
    return _json(text, path)


def _json(text: str, path: str) -> Stored:
    class _TwiceError(Exception):
        pass

    def table(pairs: list[tuple[str, Any]]) -> Table:
        if len({key for key, _ in pairs}) != len(pairs):
            raise _TwiceError
        return Table(tuple(pairs))

    document, problem = None, ""
    try:
        # Integers too become floats: so does sops read them.
        document = json.loads(text, object_pairs_hook=table, parse_int=float)
    except json.JSONDecodeError as error:
        problem = f"is not JSON, line {error.lineno}"
    except _TwiceError:
        problem = "has one key twice"
    except RecursionError:
        problem = "is nested too deeply"
    if problem:
        raise UnopenedError(f"{path} {problem}")
    if not isinstance(document, Table):
        raise UnopenedError(f"{path} is not a JSON object")
    return _parted((document,), path)


def _dotenv(text: str, path: str) -> Stored:
    if text.count("\r\n") == text.count("\n"):
        text = text.replace("\r\n", "\n")  # git's doing: sops writes none
    pairs, flat = [], {}
    for number, line in enumerate(text.split("\n"), 1):
        if not line or line.startswith("#"):
            continue
        key, equals, raw = line.partition("=")
        if not equals:
            raise UnopenedError(f"{path}, line {number}, is no NAME=VALUE")
        value = raw.replace("\\n", "\n")
        if key.startswith(f"{METADATA}_"):
            flat[key.removeprefix(f"{METADATA}_")] = value
        else:
            pairs.append((key, value))
    if not flat:
        raise _without_metadata(path)
    metadata = _unflattened(flat)
    metadata["mac_only_encrypted"] = flat.get("mac_only_encrypted") == "true"
    return Stored((Table(tuple(pairs)),), metadata)


def _unflattened(flat: dict[str, str]) -> dict[str, Any]:
    """Make ``age__list_0__map_enc`` and its like into lists of mappings again."""
    made: dict[str, Any] = {}
    for name, value in sorted(flat.items()):
        key, *steps = re.split(r"__(?=list_\d|map_)", name)
        if not steps:
            made[key] = value
            continue
        groups = made.setdefault(key, {})
        at = groups
        for step in steps[:-1]:
            at = at.setdefault(step, {}) if isinstance(at, dict) else {}
        if isinstance(at, dict):
            at[steps[-1]] = value
    return {key: _listed(value) for key, value in made.items()}


def _listed(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    items = {key: _listed(item) for key, item in value.items()}
    if all(key.startswith("list_") for key in items):
        order = sorted(items, key=lambda key: int(key.removeprefix("list_")))
        return [items[key] for key in order]
    return {key.removeprefix("map_"): item for key, item in items.items()}


def _yaml(text: str, path: str) -> Stored:
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    nodes: list[Any] = []
    line: int | None = None
    try:
        nodes = list(yaml.compose_all(text, Loader=loader))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark is not None else 0
    except RecursionError:
        line = 0
    if line is not None:
        raise UnopenedError(f"{path} is not YAML" + (f", line {line}" if line else ""))
    reader = _Nodes(path)
    documents = []
    for node in nodes:
        document = reader.value(node) if node is not None else Table(())
        if document is None:
            document = Table(())
        if not isinstance(document, Table):
            raise UnopenedError(f"{path} is no mapping of names to values")
        documents.append(document)
    return _parted(documents, path)


class _Nodes:
    """PyYAML's nodes → values, as Go's ``yaml.v3`` understands them."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._count = 0
        self._open: set[int] = set()

    def value(self, node: Any) -> Any:
        import yaml

        self._count += 1
        if self._count > MOST_VALUES:
            raise UnopenedError(f"{self._path} holds more than {MOST_VALUES} values")
        if isinstance(node, yaml.ScalarNode):
            plain = not node.style and node.tag != "tag:yaml.org,2002:binary"
            return scalar(node.value) if plain else node.value
        if id(node) in self._open or len(self._open) > 200:
            raise UnopenedError(f"{self._path} is nested too deeply, or within itself")
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.SequenceNode):
                return [self.value(item) for item in node.value]
            pairs = [(key.value, self.value(value)) for key, value in node.value]
        finally:
            self._open.discard(id(node))
        if any(not isinstance(key, str) for key, _ in pairs):
            raise UnopenedError(f"{self._path} has a key that is no text")
        if len({key for key, _ in pairs}) != len(pairs):
            raise UnopenedError(f"{self._path} has one key twice")
        return Table(tuple(pairs))


_INTEGER = re.compile(r"[-+]?(?:0[xX][0-9a-fA-F]+|0[oO]?[0-7]+|0[bB][01]+|0|[1-9][0-9]*)\Z")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_TIME = re.compile(
    r"(\d{4})-(\d\d?)-(\d\d?)(?:[Tt ]+(\d\d?:\d\d:\d\d(?:\.\d+)?)\s*(Z|[-+]\d\d:\d\d)?)?\Z"
)


def scalar(text: str) -> Leaf:
    """Give the meaning of a plain scalar: nothing, a truth, a number, a time, or text."""
    if text in ("", "~", "null", "Null", "NULL"):
        return None
    if text in ("true", "True", "TRUE"):
        return True
    if text in ("false", "False", "FALSE"):
        return False
    digits = text.replace("_", "")
    if _INTEGER.match(digits):
        sign, body = (digits[0], digits[1:]) if digits[0] in "+-" else ("", digits)
        octal = len(body) > 1 and body[0] == "0" and body[1].isdigit()
        number = int(sign + body, 8 if octal else 0)
        return number if -(2**63) <= number < 2**64 else float(number)
    if _FLOAT.match(digits):
        return float(digits)
    when = _TIME.match(text)
    if when:
        date = f"{when[1]}-{int(when[2]):02}-{int(when[3]):02}"
        clock, _, fraction = (when[4] or "00:00:00").rjust(8, "0").partition(".")
        fraction = fraction.rstrip("0")
        return Timestamp(f"{date}T{clock}{'.' + fraction if fraction else ''}{when[5] or 'Z'}")
    return text


def _parted(documents: Iterable[Table], path: str) -> Stored:
    """Part the metadata from the documents; every document of YAML repeats it."""
    every = tuple(documents)
    metadata = next((_plain(d.get(METADATA)) for d in every if d.get(METADATA) is not None), None)
    if not isinstance(metadata, dict):
        raise _without_metadata(path)
    rest = tuple(Table(tuple(p for p in d.pairs if p[0] != METADATA)) for d in every)
    return Stored(rest, metadata)


def _plain(value: Any) -> Any:
    if isinstance(value, Table):
        return {key: _plain(item) for key, item in value.pairs}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value


def _without_metadata(path: str) -> UnopenedError:
    return UnopenedError(
        f"{path} was not encrypted by sops: its section `{METADATA}` is missing",
        remedy="encrypt it (`sops encrypt --in-place FILE`)",
    )

"""YAML with line numbers: a thin layer over PyYAML's nodes.

Scalars are taken as the text that stands in the file: a version ``1.10`` is not
the number 1.1, and ``no`` is not false.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stead.values.errors import ManifestError
from stead.values.origin import Origin

if TYPE_CHECKING:
    from collections.abc import Iterator


def compose(text: str, file: str) -> Any:
    """Give the root node of a YAML text, None when it is empty. Raises ManifestError."""
    import yaml

    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return yaml.compose(text, Loader=loader)
    except yaml.YAMLError as exc:
        raise _translated(exc, file) from exc


def load(text: str, file: str) -> Any:
    """Give the plain value of a YAML text, for files whose lines nobody will ask about."""
    import yaml

    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return yaml.load(text, Loader=loader)  # noqa: S506 (both are safe loaders)
    except (yaml.YAMLError, ValueError) as exc:
        raise _translated(exc, file) from exc


def dump(value: Any) -> str:
    """Write a plain value as YAML, keys in the order given."""
    import yaml

    dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    text: str = yaml.dump(
        value, Dumper=dumper, sort_keys=False, allow_unicode=True, width=1_000_000
    )
    return text


def kind(node: Any) -> str:
    """Name a node's kind: ``mapping``, ``list``, ``nothing`` or ``text``."""
    if node is None or (node.id == "scalar" and node.tag == "tag:yaml.org,2002:null"):
        return "nothing"
    return {"mapping": "mapping", "sequence": "list"}.get(node.id, "text")


def line(node: Any) -> int:
    """Give the line a node begins at."""
    return int(node.start_mark.line) + 1


def pairs(node: Any, file: str, what: str) -> Iterator[tuple[str, Any, Origin]]:
    """Give the keys, value nodes and places of a mapping. Raises ManifestError.

    ``what`` names the mapping in the message. A key that comes twice is an error:
    which of the two would count differs from reader to reader.
    """
    if kind(node) == "nothing":
        return
    if kind(node) != "mapping":
        raise ManifestError(
            f"{what} must be a mapping, not a {kind(node)}",
            where=Origin(file, line(node)),
            remedy="write lines of the form KEY: VALUE",
        )
    seen: dict[str, int] = {}
    for key, value in node.value:
        origin = Origin(file, line(key))
        if kind(key) != "text":
            raise ManifestError(
                f"a key of {what} must be a plain word", where=origin, remedy="put it in quotes"
            )
        if key.value in seen:
            raise ManifestError(
                f"{key.value!r} stands twice in {what} (before in line {seen[key.value]})",
                where=origin,
                remedy="join the two",
            )
        seen[key.value] = origin.line
        yield key.value, value, origin


def items(node: Any, file: str, what: str) -> Iterator[tuple[Any, Origin]]:
    """Give the nodes of a list with their places. Raises ManifestError."""
    if kind(node) == "nothing":
        return
    if kind(node) != "list":
        raise ManifestError(
            f"{what} must be a list, not a {kind(node)}",
            where=Origin(file, line(node)),
            remedy="write one entry a line, each after '- '",
        )
    for item in node.value:
        yield item, Origin(file, line(item))


def text(node: Any, origin: Origin, what: str) -> str:
    """Give a scalar as it is written. Raises ManifestError for anything else."""
    if kind(node) != "text":
        raise ManifestError(
            f"{what} must be text, not {'nothing' if kind(node) == 'nothing' else 'a ' + kind(node)}",
            where=origin,
            remedy="write a value after the colon or dash",
        )
    return str(node.value)


def _translated(exc: Exception, file: str) -> ManifestError:
    mark = getattr(exc, "problem_mark", None) or getattr(exc, "context_mark", None)
    problem = getattr(exc, "problem", None) or str(exc).partition("\n")[0]
    return ManifestError(
        f"not YAML: {problem}",
        where=Origin(file, mark.line + 1 if mark else 0),
        remedy="correct the line; indent with spaces, and quote text with a colon or # in it",
    )

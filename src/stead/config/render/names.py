"""Which names a template uses, found in its syntax tree without rendering it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jinja2 import meta, nodes

from stead.values.frozen import dataclass, field

if TYPE_CHECKING:
    from collections.abc import Iterator

Used = tuple[tuple[str, int], ...]
"""Names, each with the first line it stands in."""


@dataclass(frozen=True)
class Scan:
    """What one template mentions."""

    names: Used
    """Every bare name that is read, bound in the template or not."""
    undeclared: Used
    """Those that must come from outside."""
    guarded: frozenset[str]
    """Bare names whose presence the template asks for (``is defined``, ``default``)."""
    guarded_entries: frozenset[str]
    """The same of ``vars.NAME``."""
    bound: frozenset[str]
    """Names that the template gives a value itself."""
    includes: tuple[tuple[str | None, int, bool], ...]
    """Templates that are included, imported or extended; None for a computed name.

    With the line, and whether the template may be missing.
    """
    entries: dict[str, Used] = field(default_factory=dict)
    """Entries asked of ``vars`` and of ``paths`` by a literal name."""
    lines: frozenset[tuple[str, int]] = frozenset()
    """Every variable, bare or of ``vars``, with every line it stands in."""
    whole: bool = False
    """Whether ``vars`` is used as a whole, so that any variable may show."""


def scan(tree: nodes.Template) -> Scan:
    """Look through a template. Raises jinja2's TemplateSyntaxError."""
    reads = [n for n in tree.find_all(nodes.Name) if n.ctx == "load"]
    outside = meta.find_undeclared_variables(tree)
    entries: dict[str, dict[str, int]] = {"vars": {}, "paths": {}}
    seen: dict[str, int] = {"vars": 0, "paths": 0}
    lines = {(n.name, n.lineno) for n in reads}
    called = {id(call.node) for call in tree.find_all(nodes.Call)}
    for node in tree.find_all((nodes.Getattr, nodes.Getitem)):
        entry = _entry(node)
        # `vars.items()` asks for no variable, but for all of them.
        if entry is not None and id(node) not in called:
            of, name = entry
            seen[of] += 1
            entries[of].setdefault(name, node.lineno)
            if of == "vars":
                lines.add((name, node.lineno))
    guarded, guarded_entries = _guarded(tree)
    return Scan(
        names=_first((n.name, n.lineno) for n in reads),
        undeclared=_first((n.name, n.lineno) for n in reads if n.name in outside),
        guarded=guarded,
        guarded_entries=guarded_entries,
        bound=frozenset(n.name for n in tree.find_all(nodes.Name) if n.ctx != "load")
        | frozenset(_other_bindings(tree)),
        includes=tuple(_includes(tree)),
        entries={of: tuple(sorted(names.items())) for of, names in entries.items()},
        lines=frozenset(lines),
        whole=sum(n.name == "vars" for n in reads) > seen["vars"],
    )


def _entry(node: nodes.Node) -> tuple[str, str] | None:
    """Give ``("vars", NAME)`` for ``vars.NAME`` and ``vars["NAME"]``, likewise for paths."""
    of: Any = getattr(node, "node", None)
    if not isinstance(of, nodes.Name) or of.name not in ("vars", "paths"):
        return None
    if isinstance(node, nodes.Getattr):
        return of.name, node.attr
    arg = getattr(node, "arg", None)
    if isinstance(arg, nodes.Const) and isinstance(arg.value, str):
        return of.name, arg.value
    return None


def _guarded(tree: nodes.Template) -> tuple[frozenset[str], frozenset[str]]:
    names: set[str] = set()
    entries: set[str] = set()
    asking: list[nodes.Node | None] = [
        t.node for t in tree.find_all(nodes.Test) if t.name in ("defined", "undefined")
    ]
    asking += [f.node for f in tree.find_all(nodes.Filter) if f.name in ("default", "d")]
    for node in asking:
        if isinstance(node, nodes.Name):
            names.add(node.name)
        elif node is not None:
            entry = _entry(node)
            if entry is not None:
                entries.add(entry[1])
    return frozenset(names), frozenset(entries)


def _other_bindings(tree: nodes.Template) -> Iterator[str]:
    for macro in tree.find_all(nodes.Macro):
        yield macro.name
    for imported in tree.find_all(nodes.Import):
        yield imported.target
    for chosen in tree.find_all(nodes.FromImport):
        for name in chosen.names:
            yield name[1] if isinstance(name, tuple) else name


def _includes(tree: nodes.Template) -> Iterator[tuple[str | None, int, bool]]:
    kinds = (nodes.Extends, nodes.FromImport, nodes.Import, nodes.Include)
    for node in tree.find_all(kinds):
        alone = nodes.Template([node], lineno=node.lineno)
        named: Any = getattr(node, "template", None)
        several = not isinstance(getattr(named, "value", None), str)
        optional = several or bool(getattr(node, "ignore_missing", False))
        for name in meta.find_referenced_templates(alone):
            yield name, node.lineno, optional


def _first(found: Iterator[tuple[str, int]]) -> Used:
    lines: dict[str, int] = {}
    for name, line in found:
        lines[name] = min(line, lines.get(name, line))
    return tuple(sorted(lines.items()))

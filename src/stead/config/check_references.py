"""References in checks: what is looked at may be named by a variable, a path or an endpoint.

A command's arguments are left as they are: it gets the variables in its environment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.config.nodes import Node
from stead.values.frozen import replace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stead.config.evaluate import Evaluator
    from stead.config.report import Report
    from stead.values.kinds import Check

_WITH_REFERENCES = frozenset(("path", "port", "space", "url"))


def add_nodes(checks: Sequence[Check], evaluator: Evaluator) -> tuple[str, ...]:
    """Make a node of what each check looks at; gives their keys in the evaluator."""
    keys = []
    for check in checks:
        if check.kind not in _WITH_REFERENCES or not ("$" in check.subject or "{" in check.subject):
            continue
        role = "address" if check.kind == "url" else ""
        node = Node(
            f"check {check.name}", check.subject, base=check.base, origin=check.origin,
            by=check.by or f"check {check.name}", role=role,
        )  # fmt: skip
        evaluator.nodes[_key(check)] = node
        keys.append(_key(check))
    return tuple(keys)


def with_values(checks: Sequence[Check], evaluator: Evaluator, report: Report) -> tuple[Check, ...]:
    """Put values where checks refer to something; leaves out those where that failed."""
    result = []
    for check in checks:
        key = _key(check)
        if key not in evaluator.nodes:
            result.append(check)
            continue
        value = evaluator.value(key)
        if value is None:
            continue
        if value.pieces:
            report.add(
                f"check {check.name} would show a secret: {check.subject}",
                check.origin,
                remedy='use a command of your own, which gets the variables: run = ["…"]',
            )
            continue
        result.append(replace(check, subject=value.text))
    return tuple(result)


def _key(check: Check) -> str:
    return f"check:{check.by}:{check.name}:{check.base}"

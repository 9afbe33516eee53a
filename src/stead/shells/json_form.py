"""JSON, for editors and other programs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stead.values.activation import Activation


def render(activation: Activation) -> str:
    """Give an object with the place, the environment, its build, and the changes in order.

    Bytes that are no UTF-8 come as lone surrogates, escaped.
    """
    changes = []
    for change in activation.changes:
        entry = {"kind": change.kind, "name": change.name}
        if change.kind != "unset":
            entry["value"] = change.value
        if change.kind in ("prepend", "append"):
            entry["separator"] = change.separator
        changes.append(entry)
    return json.dumps(
        {
            "place": activation.place,
            "environment": activation.environment,
            "build": activation.build,
            "changes": changes,
        },
        indent=2,
    )

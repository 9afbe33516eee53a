"""Whether a variable has a provider."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.config.checks.answer import Answer
from stead.values.names import nearest

if TYPE_CHECKING:
    from stead.config.checks.answer import World
    from stead.values.kinds import Check


def variable(check: Check, world: World, _seconds: float) -> Answer:
    """See whether something gives a variable its value, be it known only at run."""
    name = check.subject
    entry = world.table.entry(name)
    if entry is not None and (entry.value is not None or entry.parts):
        giver = entry.definitions[0].by if entry.definitions else ""
        return Answer(True, f"{name} comes from {giver}" if giver else f"{name} has a value")
    if entry is None and name in world.environ:
        return Answer(True, f"{name} is set")
    if entry is None:
        like = nearest(name, [e.name for e in world.table.entries])
        if like:
            return Answer(False, f"nothing provides {name}", f"did you mean {like}?")
    return Answer(
        False,
        f"nothing provides {name}",
        f"set it in a manifest (`stead set {name}=VALUE`), or privately "
        f"(`stead set --private {name}=VALUE`)",
    )

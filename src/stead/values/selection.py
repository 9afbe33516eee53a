"""What of a place's configuration was chosen for one command."""

from __future__ import annotations

from stead.values.frozen import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from stead.values.table import Definition


@dataclass(frozen=True, slots=True)
class Selection:
    """What the command line, a recipe or the place chose; empty for what is to be found."""

    app: str = ""
    recipe: str = ""
    target: str = ""
    host: str = ""
    net: str = ""
    settings: tuple[Definition, ...] = ()
    """``--set NAME=VALUE``, of rank ``--set``."""
    deploy: bool = False
    """For a machine elsewhere: the place's ``.env`` does not count."""
    instance: int = 1
    """Which of several of the app that run side by side: each has ports of its own."""
    taken: frozenset[int] = frozenset()
    """Ports that others have on the machine: what is dealt out is none of these."""

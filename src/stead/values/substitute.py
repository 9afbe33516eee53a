"""Stores that a project, or a person's settings, name: where builds are taken from, not made."""

from __future__ import annotations

from stead.values.frozen import dataclass, field
from stead.values.origin import NOWHERE, Origin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from stead.values.secret import SecretReference


@dataclass(frozen=True, slots=True)
class StoreAddress:
    """A store server. Of two stores, the one with the larger ``priority`` is asked first."""

    name: str
    url: str
    priority: int = 0
    token: SecretReference | None = None
    """Where the token for it is to be had."""
    origin: Origin = field(default=NOWHERE, compare=False)

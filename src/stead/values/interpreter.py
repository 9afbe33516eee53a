"""A Python interpreter that is there."""

from __future__ import annotations

from stead.values.frozen import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal


@dataclass(frozen=True, slots=True)
class Interpreter:
    """An interpreter outside the store.

    ``path`` is the real path of the executable; ``version`` full (``3.12.1``);
    ``tag`` the ABI tag of its extension modules (``cp312``, ``cp313t``);
    ``found`` says who brought it.
    """

    path: str
    version: str
    tag: str
    found: Literal["conda", "pyenv", "system", "uv", "stead"] = "system"

    @property
    def minor(self) -> str:
        return ".".join(self.version.split(".")[:2])

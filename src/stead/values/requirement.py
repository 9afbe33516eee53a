"""What is asked of an ecosystem."""

from __future__ import annotations

from stead.values.frozen import dataclass, field
from stead.values.origin import NOWHERE, Origin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

PYTHON = "python"
"""The ecosystem name of a request for an interpreter, wherever it comes from."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a package comes from when it comes from no index.

    ``location`` is an absolute path (``path``), or a URL without credentials
    (``url``, ``git``). ``revision`` is what was asked for; in a lock it is the
    commit that it meant.
    """

    kind: Literal["path", "url", "git"]
    location: str
    editable: bool = False
    revision: str = ""
    subdirectory: str = ""

    def __str__(self) -> str:
        text = self.location if self.kind != "git" else f"git+{self.location}"
        if self.revision:
            text += f"@{self.revision}"
        if self.subdirectory:
            text += f"#subdirectory={self.subdirectory}"
        return f"{text} (editable)" if self.editable else text


@dataclass(frozen=True, slots=True)
class Requirement:
    """One request: a name, the versions that will do, and who asked.

    ``name`` is normalised for its ecosystem. ``spec`` is in the ecosystem's own
    language: PEP 440 specifiers for ``pypi`` and ``python``, the part of a
    MatchSpec after the name for ``conda`` (``>=2,<3 py312*``). ``marker`` is a
    PEP 508 marker. ``index`` names the index or channel it must come from.
    """

    ecosystem: str
    name: str
    spec: str = ""
    extras: tuple[str, ...] = ()
    marker: str = ""
    source: Source | None = None
    hashes: tuple[str, ...] = ()
    index: str = ""
    origin: Origin = field(default=NOWHERE, compare=False)

    def __str__(self) -> str:
        text = f"{self.ecosystem} {self.name}"
        if self.ecosystem == PYTHON:
            text = PYTHON
        if self.extras:
            text += f"[{','.join(self.extras)}]"
        if self.source:
            text += f" @ {self.source}"
        elif self.spec:
            text += f" {self.spec}"
        if self.index:
            text += f" ({self.index})"
        if self.marker:
            text += f" ; {self.marker}"
        return text

"""What differs from what is declared, because somebody changed it by other means than Stead."""

from __future__ import annotations

from stead.values.frozen import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Literal

    from stead.values.requirement import Source

    Kind = Literal["package", "build", "variable", "file"]

    What = Literal["added", "removed", "changed"]


@dataclass(frozen=True, slots=True)
class Installed:
    """A package in a tree, as its own records have it.

    ``path`` is the record's, relative to the tree: ``conda-meta/NAME-VERSION-BUILD.json``, or a
    ``.dist-info`` directory. ``content`` tells two installations of one version apart;
    empty where that is not known.
    """

    ecosystem: str
    name: str
    """Normalised for its ecosystem."""
    version: str
    path: str
    content: str = ""
    source: Source | None = None
    """Where it came from, unless that was an index or channel."""
    requested: bool = False
    """Somebody asked for it by name; it came not only because another one needs it."""
    needs: tuple[str, ...] = ()
    """Names, in the same ecosystem."""
    brings: tuple[str, ...] = ()
    """Of a conda package: the ``.dist-info`` directories that are its own, relative to the tree."""

    @property
    def key(self) -> tuple[str, str]:
        return self.ecosystem, self.name


@dataclass(frozen=True, slots=True)
class Drift:
    """One thing that is not as declared.

    ==========  =================================  ====================================
    kind        ``name``                           ``where``
    ==========  =================================  ====================================
    package     its name                           the writable copy
    build       a path relative to the build       the build
    variable    its name                           nothing: the caller's environment
    file        a path relative to its manifest    the file
    ==========  =================================  ====================================
    """

    kind: Kind
    what: What
    name: str
    where: str = ""
    ecosystem: str = ""
    declared: str = ""
    """The version that should be there; of a variable, its text."""
    found: str = ""
    """What is there instead."""
    installed: Installed | None = None
    """Of a package that was added or changed: what is there."""

    def __str__(self) -> str:
        if self.kind == "package":
            if self.what == "removed":
                return f"{self.ecosystem} {self.name} {self.declared} was removed"
            if self.what == "added":
                return f"{self.ecosystem} {self.name} {self.found} was added"
            if self.declared == self.found:
                return f"{self.ecosystem} {self.name} {self.found} was installed anew"
            return f"{self.ecosystem} {self.name} {self.found} instead of {self.declared}"
        if self.kind == "variable":
            how = "is not set" if self.what == "removed" else "has another value"
            return f"{self.name} {how} in this shell"
        if self.kind == "file":
            how = "removed" if self.what == "removed" else "edited by hand"
            return f"{self.name} was {how}"
        return f"{self.name} was {self.what} in the build"

    def as_json(self) -> dict[str, Any]:
        """Give what a program may want to know. Values of variables are left out."""
        data: dict[str, Any] = {"kind": self.kind, "what": self.what, "name": self.name}
        data["text"] = str(self)
        if self.where:
            data["where"] = self.where
        if self.kind == "package":
            data |= {
                "ecosystem": self.ecosystem,
                "declared": self.declared or None,
                "found": self.found or None,
            }
            if self.installed and self.installed.source:
                data["source"] = str(self.installed.source)
        return data

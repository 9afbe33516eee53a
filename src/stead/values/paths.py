"""A path that names are joined to, without what else :mod:`pathlib` can do.

Stands in for :class:`pathlib.Path` where every command has one, and to readers and type
checkers it is that class. There, the module and what it imports for addresses of files
cost a tenth of the time in which a command that only reads is to answer.

Whatever else a path is asked for, a real one gives.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path as Directory
    from typing import Any

__all__ = ["Directory"]


class _Directory:
    """See above."""

    __slots__ = ("_text",)

    def __init__(self, path: str) -> None:
        self._text = path

    def __truediv__(self, name: str | os.PathLike[str]) -> _Directory:
        return _Directory(os.path.join(self._text, name))

    @property
    def name(self) -> str:
        return os.path.basename(self._text)

    def __fspath__(self) -> str:
        return self._text

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return repr(_real(self))

    def __eq__(self, other: object) -> bool:
        return bool(_real(self) == (_real(other) if isinstance(other, _Directory) else other))

    def __lt__(self, other: os.PathLike[str]) -> bool:
        return bool(_real(self) < _real(other))

    def __gt__(self, other: os.PathLike[str]) -> bool:
        return bool(_real(self) > _real(other))

    def __hash__(self) -> int:
        return hash(_real(self))

    def __reduce__(self) -> tuple[Any, ...]:
        return _real, (self._text,)

    def __getattr__(self, name: str) -> Any:
        return getattr(_real(self), name)


def _real(path: str | os.PathLike[str]) -> Any:
    import pathlib

    return pathlib.Path(path)


if not TYPE_CHECKING:
    Directory = _Directory

"""Tells an error where the value stands that it is about."""

from __future__ import annotations

from stead.formats.tox._substitute import Unfit
from stead.values.errors import ManifestError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from stead.values.origin import Origin


class Placed:
    """A context in which an error without a place gets one: the innermost wins."""

    def __init__(self, key: str, where: Origin | None) -> None:
        self._key = key
        self._where = where

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Unfit):
            raise ManifestError(
                f"{self._key}: {error}", where=self._where, remedy="mend this value"
            ) from error
        if isinstance(error, ManifestError) and error.where is None:
            error.where = self._where

"""PyPI's packages, on uv."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from stead.ecosystems.protocol import BuildTarget, LockRequest
    from stead.values.activation import Change
    from stead.values.context import Context
    from stead.values.errors import StoreError
    from stead.values.lock import Artifact

__all__ = ["PyPI"]


class PyPI:
    """Wheels and source distributions, resolved and linked by uv."""

    name = "pypi"

    def lock(self, request: LockRequest, context: Context) -> tuple[Artifact, ...]:
        """Choose artifacts; see :class:`stead.ecosystems.protocol.Ecosystem`."""
        from stead.ecosystems.pypi.lock import lock

        try:
            return lock(request, context)
        except OSError as exc:
            raise _store_error(exc) from exc

    def build(self, artifacts: Sequence[Artifact], target: BuildTarget, context: Context) -> None:
        """Make a virtual environment, or add to conda's tree, and install the artifacts."""
        from stead.ecosystems.pypi.build import build

        try:
            build(artifacts, target, context)
        except OSError as exc:
            raise _store_error(exc) from exc

    def activation(self, prefix: Path, context: Context) -> tuple[Change, ...]:
        """Say that this is a virtual environment, where it is one."""
        from stead.ecosystems.pypi.venv import activation

        return activation(prefix)

    def verify(self, prefix: Path, context: Context) -> tuple[str, ...]:
        """Name the files that installed distributions list and that are missing or changed."""
        from stead.ecosystems.pypi.records import verify

        return verify(prefix)


def _store_error(exc: OSError) -> StoreError:
    import errno

    from stead.values.errors import StoreError

    where = str(exc.filename) if exc.filename else None
    if exc.errno in (errno.ENOSPC, errno.EDQUOT):
        return StoreError("the disk is full", where=where, remedy="make room, then retry")
    return StoreError(f"the store cannot be used: {exc.strerror or exc}", where=where)

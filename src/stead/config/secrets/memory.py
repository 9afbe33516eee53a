"""Keeps this process's memory out of core dumps while it holds secrets."""

from __future__ import annotations

import sys

_PR_SET_DUMPABLE = 4


class _State:
    limits: tuple[int, int] | None = None
    kept = False


def keep_from_dumps() -> None:
    """Let this process leave no core dump, nor be looked into by another of the same user.

    On Linux by a flag that ends when the process becomes another program, so that
    what Stead starts is as it would be without; elsewhere by the limit on core
    files, which :func:`restore` gives back. Where neither is there (Windows),
    nothing is done.
    """
    if _State.kept:
        return
    _State.kept = True
    if sys.platform == "linux" and _undumpable():
        return
    try:
        import resource
    except ImportError:
        return
    former = resource.getrlimit(resource.RLIMIT_CORE)
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (0, former[1]))
    except (OSError, ValueError):
        return
    _State.limits = former


def limited() -> bool:
    """Say whether the caller's limit on core files is to be given back."""
    return _State.limits is not None


def restore() -> None:
    """Give back the caller's limit on core files: call it just before the process becomes another.

    The flag of Linux stays: the system takes it away with the memory it is about.
    """
    if _State.limits is None:
        return
    import resource

    former, _State.limits, _State.kept = _State.limits, None, False
    try:
        resource.setrlimit(resource.RLIMIT_CORE, former)
    except (OSError, ValueError):
        pass


def _undumpable() -> bool:
    try:
        import ctypes

        libc = ctypes.CDLL(None)
        return bool(libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) == 0)
    except (ImportError, OSError, AttributeError):
        return False

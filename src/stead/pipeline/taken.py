"""Artifacts of other tools' locks, taken as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.pipeline.discover import load_text
from stead.values.errors import LockError

if TYPE_CHECKING:
    from stead.values.interpreter import Interpreter
    from stead.values.lock import Artifact
    from stead.values.spec import Spec


def artifacts_of(spec: Spec, interpreter: Interpreter | None) -> tuple[Artifact, ...]:
    """Read the locks that a spec takes, for its platform.

    Raises LockError when none is for this platform, or two disagree.
    """
    from stead.formats import known

    python = interpreter.version if interpreter else ""
    taken = known.for_platform(spec.packages.taken, spec.platform.name)
    if spec.packages.taken and not taken:
        raise LockError(
            f"no lock here is for {spec.platform.name}",
            where=spec.packages.taken[0].file,
            remedy=f"write conda-{spec.platform.name}.lock beside it",
        )
    found: dict[tuple[str, str], tuple[Artifact, str]] = {}
    for lock in taken:
        text = load_text(lock.file)
        for a in known.artifacts(lock, text, spec.platform, python, root=spec.root):
            other, file = found.setdefault((a.ecosystem, a.name), (a, lock.file))
            if other != a:
                raise LockError(
                    f"two locks hold different {a.name}",
                    where=lock.file,
                    details=(f"{file}: {other.id}", f"{lock.file}: {a.id}"),
                    remedy="keep one of the locks, or write both anew",
                )
    return tuple(a for a, _ in found.values())

"""Artifacts of other tools' locks, taken as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.pipeline.discover import load_text

if TYPE_CHECKING:
    from stead.values.interpreter import Interpreter
    from stead.values.lock import Artifact
    from stead.values.spec import Spec


def artifacts_of(spec: Spec, interpreter: Interpreter | None) -> tuple[Artifact, ...]:
    """Read the locks that a spec takes, for its platform."""
    artifacts: list[Artifact] = []
    python = interpreter.version if interpreter else ""
    for taken in spec.packages.taken:
        if taken.format == "pylock":
            from stead.formats import pylock as reader
        elif taken.format == "conda-lock":
            from stead.formats import conda_lock as reader  # type: ignore[no-redef]
        else:
            from stead.formats import explicit as reader  # type: ignore[no-redef]
        text = load_text(taken.file)
        artifacts += reader.artifacts(taken.file, text, spec.platform, python)
    return tuple(artifacts)

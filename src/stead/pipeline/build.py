"""build: make the tree that a locked environment describes, or find it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stead.ecosystems import BUILT_IN
from stead.ecosystems.protocol import BuildTarget
from stead.pipeline import members
from stead.store.builds import Builds
from stead.store.layout import Layout
from stead.values.digest import short_key
from stead.values.errors import SteadError
from stead.values.frozen import dataclass, replace

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from stead.pipeline.lock import Plan
    from stead.values.context import Context
    from stead.values.interpreter import Interpreter
    from stead.values.lock import Artifact, LockedEnvironment
    from stead.values.platform import Platform
    from stead.values.spec import Spec

BUILDER_VERSION = 1
"""Part of every key: raise it when the same lock comes to give a different tree."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A build by its key, whether it is there or not."""

    key: str
    name: str
    artifacts: tuple[Artifact, ...]
    interpreter: Interpreter | None
    python: str
    kin: str = ""
    """The key of what differs in nothing but where its interpreter lies, and which patch release
    that is. Empty without an interpreter outside the store.
    """

    @property
    def empty(self) -> bool:
        """Nothing to build: no package, no interpreter."""
        return not self.artifacts and self.interpreter is None


def wanted(spec: Spec, locked: LockedEnvironment, interpreter: Interpreter | None) -> Wanted:
    """Compute the key of a build.

    The key follows from the locked files' hashes, the platform, the builder's
    version, the identity of an interpreter outside the store, the content of
    directories that are copied in, and the absolute paths of editable members, so
    that two clones never share a build that contains editables. It does not depend on where the store is.
    """
    artifacts = [_identity(a, spec.root) for a in locked.artifacts]
    key = _key(spec, locked.python, artifacts, _told(interpreter))
    kin = _key(spec, locked.python, artifacts, [interpreter.tag]) if interpreter else ""
    name = spec.name if locked.environment == "default" else f"{spec.name}-{locked.environment}"
    return Wanted(key, name, locked.artifacts, interpreter, locked.python, kin)


def key_with(want: Wanted, spec: Spec, interpreter: Interpreter | None) -> str:
    """Give the key that a build would have with another interpreter outside the store."""
    artifacts = [_identity(a, spec.root) for a in want.artifacts]
    return _key(spec, want.python, artifacts, _told(interpreter))


def _told(interpreter: Interpreter | None) -> list[str] | None:
    return [interpreter.path, interpreter.version, interpreter.tag] if interpreter else None


def _key(
    spec: Spec, python: str, artifacts: list[list[object]], interpreter: list[str] | None
) -> str:
    return short_key(
        {
            "builder": BUILDER_VERSION,
            "platform": spec.platform.name,
            "python": python,
            "interpreter": interpreter,
            "artifacts": artifacts,
        }
    )


def _identity(artifact: Artifact, root: str) -> list[object]:
    source, content = artifact.source, None
    if source is not None and source.kind == "path":
        path = os.path.normpath(os.path.join(root, source.location))
        if source.editable:
            source = replace(source, location=path)
        elif os.path.isdir(path):
            content = members.content_digest(path)
    hashes = sorted(f.sha256 for f in artifact.files)
    if "" in hashes:  # another tool's lock, which knows the md5 alone
        hashes.append(f"md5:{artifact.get('md5')}")
    return [
        artifact.id,
        hashes,
        source,
        artifact.get("metadata"),
        content,
    ]


def find(want: Wanted, home: Path, *, touch: bool = True) -> Path | None:
    """Give the build if it is whole and there; ``touch`` notes that it was asked for."""
    return Builds(Layout(home)).find(want.key, want.name, touch=touch)


def build(want: Wanted, spec: Spec, plan: Plan, context: Context) -> Path:
    """Give the build, making it first unless it is there.

    Raises what the ecosystems raise while building, and StoreError. A build for
    another platform than this one is refused.
    """
    from stead.ecosystems import ecosystem
    from stead.pipeline import substitutes
    from stead.store.survey import Survey

    names = [e for e in BUILT_IN if e == "pypi" or any(a.ecosystem == e for a in want.artifacts)]
    names += sorted({a.ecosystem for a in want.artifacts} - set(names))
    if want.interpreter is None and not any(a.ecosystem == "pypi" for a in want.artifacts):
        names.remove("pypi")

    survey = Survey()

    def make(temporary: Path, final: Path) -> Mapping[str, object]:
        taken = substitutes.build_for(want, spec, context, temporary, final)
        if taken is not None:
            return taken
        target = BuildTarget(
            prefix=temporary,
            final=final,
            platform=spec.platform,
            root=spec.root,
            channels=plan.channels,
            indexes=spec.packages.indexes,
            interpreter=want.interpreter,
            python=want.python,
            survey=survey,
        )
        for name in names:
            survey.doubt()
            ecosystem(name).build(
                [a for a in want.artifacts if a.ecosystem == name], target, context
            )
        return {
            "name": want.name,
            "platform": spec.platform.name,
            "python": want.python,
            **interpreter_meta(want),
            "ecosystems": names,
            "artifacts": [a.id for a in want.artifacts],
        }

    return Builds(Layout(context.home)).realise(
        want.key, want.name, make, note=context.progress.note, survey=survey
    )


def interpreter_meta(want: Wanted) -> dict[str, str]:
    """Give what is kept with a build of the interpreter outside the store that it uses."""
    found = want.interpreter
    return {
        "interpreter": found.path if found else "",
        "interpreter_version": found.version if found else "",
    }


def refuse_other_platform(spec: Spec, here: Platform) -> None:
    """Raise unless an environment of this platform can be built here."""
    if spec.platform != here:
        raise SteadError(
            f"an environment for {spec.platform} cannot be built on {here}",
            remedy="`stead lock --platform` locks for other platforms; build it there",
        )

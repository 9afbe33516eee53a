"""The conda ecosystem, as the protocol asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.values.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from stead.ecosystems.protocol import BuildTarget, LockRequest
    from stead.values.activation import Change
    from stead.values.context import Context
    from stead.values.lock import Artifact


@dataclass(frozen=True, slots=True)
class Conda:
    """Conda packages: solved, fetched and linked by py-rattler.

    ``link_scripts`` allows packages to run their post-link scripts, which may
    do anything; without it they are named and left alone.
    """

    name: str = "conda"
    link_scripts: bool = False

    def lock(self, request: LockRequest, context: Context) -> tuple[Artifact, ...]:
        from stead.ecosystems.conda.solve import lock

        return lock(request, context)

    def build(self, artifacts: Sequence[Artifact], target: BuildTarget, context: Context) -> None:
        from stead.ecosystems.conda.ready import install_cached

        mine = [a for a in artifacts if a.ecosystem == self.name]
        if not mine or (not self.link_scripts and install_cached(mine, target, context)):
            return
        from stead.ecosystems.conda.install import install

        install(mine, target, context, link_scripts=self.link_scripts)

    def activation(self, prefix: Path, context: Context) -> tuple[Change, ...]:
        from stead.ecosystems.conda.activation import activation

        return activation(prefix, context)

    def verify(self, prefix: Path, context: Context) -> tuple[str, ...]:
        from stead.ecosystems.conda.verify import verify

        return verify(prefix)


def python_identity(artifacts: Iterable[Artifact]) -> str:
    """Give the minor version of the locked conda Python (``3.12``), or nothing."""
    for artifact in artifacts:
        if artifact.ecosystem == "conda" and artifact.name == "python":
            return ".".join(artifact.version.split(".")[:2])
    return ""

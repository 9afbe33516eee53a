"""A place to lock and build in, with the session's channel."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest

from stead.ecosystems.conda import Conda
from stead.ecosystems.conda.specs import parse_spec
from stead.ecosystems.protocol import BuildTarget, LockRequest
from stead.testing.world import make_context
from stead.values.manifest import Channel
from stead.values.origin import Origin

if TYPE_CHECKING:
    from pathlib import Path

    from stead.values.context import Context
    from stead.values.lock import Artifact
    from stead.values.platform import Platform


@dataclass
class Place:
    """A directory with a manifest that asks one channel."""

    directory: Path
    platform: Platform
    channels: tuple[Channel, ...]
    context: Context

    @property
    def manifest(self) -> str:
        return str(self.directory / "environment.yml")

    def request(self, *specs: str, **changes: Any) -> LockRequest:
        asked = tuple(parse_spec(s, Origin(self.manifest, n)) for n, s in enumerate(specs, 1))
        request = LockRequest(asked, self.platform, str(self.directory), channels=self.channels)
        return replace(request, **changes)

    def lock(
        self, *specs: str, context: Context | None = None, **changes: Any
    ) -> tuple[Artifact, ...]:
        return Conda().lock(self.request(*specs, **changes), context or self.context)

    def build(
        self,
        artifacts: tuple[Artifact, ...],
        name: str = "build",
        ecosystem: Conda | None = None,
        context: Context | None = None,
    ) -> Path:
        final = self.directory / "store" / name
        temporary = self.directory / "store" / f"unfinished-{name}"
        temporary.mkdir(parents=True)
        target = BuildTarget(
            temporary, final, self.platform, str(self.directory), channels=self.channels
        )
        (ecosystem or Conda()).build(artifacts, target, context or self.context)
        temporary.rename(final)
        return final

    def make(self, *specs: str) -> Path:
        return self.build(self.lock(*specs))

    def asking(self, *channels: str | Path) -> Place:
        """Give the same place, asking other channels."""
        named = tuple(Channel(str(c), str(self.directory)) for c in channels)
        return replace(self, channels=named)


@pytest.fixture
def place(tmp_path: Path, conda_channel: Path, here: Platform) -> Place:
    directory = tmp_path / "place"
    directory.mkdir()
    (directory / "channel").symlink_to(conda_channel)
    return Place(
        directory,
        here,
        (Channel("./channel", str(directory)),),
        make_context(tmp_path / "home"),
    )

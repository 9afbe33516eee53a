"""The conda ecosystem passes the suite, from a channel over http and from a local one."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stead.ecosystems.conda import Conda
from stead.testing import make_channel, serve, text
from stead.testing.channel import Package
from stead.testing.conformance import Case, EcosystemSuite
from stead.testing.specimens import colliding, versions
from stead.values.manifest import Channel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stead.values.lock import Artifact
    from stead.values.platform import Platform


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory, here: Platform) -> Path:
    """The small world, made once; each test alters a copy."""
    uses = Package(
        "uses-tool",
        "3.0",
        depends=("tool >=1.1",),
        entries=(text("share/uses-tool/version", "3.0\n"),),
        noarch="generic",
    )
    clashing = (
        Package(p.name, p.version, entries=(*p.entries, text(f"share/{p.name}/version", "1.0\n")))
        for p in colliding()
    )
    tools = versions("tool", "1.0", "1.1", "2.0", "2.1")
    directory = tmp_path_factory.mktemp("small-world") / "channel"
    return make_channel(directory, [*tools, uses, *clashing], here.name)


def version(prefix: Path, name: str) -> str:
    file = prefix / "share" / name / "version"
    return file.read_text().strip() if file.exists() else ""


def case_of(channel: Path, name: str, platform: Platform) -> Case:
    def path(artifact: Artifact) -> Path:
        return channel / artifact.get("subdir") / artifact.files[0].name

    def replace_file(artifact: Artifact) -> None:
        other = next(p for p in channel.glob("noarch/tool-1.0-*.conda"))
        path(artifact).write_bytes(other.read_bytes())

    return Case(
        Conda(),
        platform,
        version,
        replace_file,
        lambda artifact: path(artifact).unlink(),
        channels=(Channel(name, str(channel.parent)),),
    )


class TestCondaOverHttp(EcosystemSuite):
    @pytest.fixture
    def case(self, tmp_path: Path, pristine: Path, here: Platform) -> Iterator[Case]:
        channel = Path(shutil.copytree(pristine, tmp_path / "channel"))
        with serve(channel) as served:
            yield case_of(channel, served.url, here)


class TestCondaFromADirectory(EcosystemSuite):
    @pytest.fixture
    def case(self, tmp_path: Path, pristine: Path, here: Platform) -> Case:
        channel = Path(shutil.copytree(pristine, tmp_path / "channel"))
        return case_of(channel, "./channel", here)

    # A local channel needs no network; there is nothing for it to refuse offline.
    test_offline_without_a_cache_is_an_error = None

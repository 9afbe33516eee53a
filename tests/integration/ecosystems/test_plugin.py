"""An ecosystem that an installed distribution brings, all the way from a manifest to a build."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from stead.pipeline.request import Request
from stead.pipeline.steps import prepare
from stead.testing.world import make_context
from stead.values.errors import ManifestError
from stead.values.platform import platform_of

PLUGIN = """
from stead.values.activation import Change
from stead.values.lock import Artifact


class Words:
    name = "words"

    def lock(self, request, context):
        return tuple(
            Artifact("words", r.name, r.spec or "1", f"words/{r.name}-{r.spec or 1}")
            for r in request.requirements
        )

    def build(self, artifacts, target, context):
        for artifact in artifacts:
            (target.prefix / artifact.name).write_text(artifact.version)

    def activation(self, prefix, context):
        return (Change("set", "WORDS", str(prefix)),)

    def verify(self, prefix, context):
        return ()
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place that asks for a plugin's package; the plugin lies in ``tmp_path/plugin``."""
    plugin = tmp_path / "plugin"
    info = plugin / "stead_words-1.0.dist-info"
    info.mkdir(parents=True)
    (plugin / "stead_words.py").write_text(PLUGIN)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: stead-words\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[stead.ecosystems]\nwords = stead_words:Words\n")
    root = tmp_path / "place"
    root.mkdir()
    (root / "stead.toml").write_text("[workspace]\n[packages.words]\nhello = '2'\n")
    return root


def prepared(place: Path, home: Path):
    here = platform_of(sys.platform, __import__("platform").machine())
    return prepare(Request(str(place), "default", here, here), make_context(home))


def test_its_packages_are_locked_built_and_activated(place, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path / "plugin"))
    done = prepared(place, tmp_path / "home")
    assert [a.id for a in done.locked.environment.artifacts] == ["words/hello-2"]
    build = Path(done.activation.build)
    assert (build / "hello").read_text() == "2"
    assert ("set", "WORDS", str(build)) in [
        (c.kind, c.name, c.value) for c in done.activation.changes
    ]
    assert "words/hello-2" in (place / "stead.lock").read_text()


def test_without_the_plugin_its_table_is_a_mistake(place, tmp_path):
    with pytest.raises(ManifestError, match="unknown ecosystem words"):
        prepared(place, tmp_path / "home")

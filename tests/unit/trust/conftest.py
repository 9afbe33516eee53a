"""A user with a home, and places in her tree, judged by the product's own steps."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from stead.pipeline import keep, trust
from stead.pipeline.request import Request
from stead.pipeline.steps import composed_for
from stead.store import trust as store
from stead.testing.world import make_context
from stead.values.context import Context  # noqa: TC001 (as above)
from stead.values.platform import Platform


@dataclass
class User:
    base: Path
    context: Context

    @property
    def tree(self) -> Path:
        return self.base / "tree"

    def write(self, name: str, text: str) -> Path:
        path = self.tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path.parent

    def own_edit(self, edits: dict[str, tuple[bytes | None, bytes | None]]) -> None:
        """Write what goes with an edit of Stead's own, but not the edit."""
        for path, content in store.carried_over(self.context.home, edits).items():
            Path(path).write_bytes(content)

    def request(self, place: Path | str, environment: str = "default") -> Request:
        platform = Platform("linux-64")
        return Request(str(place), environment, platform, platform, user_home=str(self.base))

    def composed(self, place: Path | str, environment: str = "default"):
        return composed_for(self.request(place, environment), self.context, fetch=False)

    def trust(self, place: Path | str, environment: str = "default") -> None:
        """What ``stead trust --yes`` does."""
        request = self.request(place, environment)
        trust.grant(
            self.composed(place, environment).spec.place,
            keep.all_participants(request, self.context),
            self.context,
            keep.snapshot_of(request, self.context),
        )

    def judge(self, place: Path | str, environment: str = "default") -> trust.Verdict:
        """What the hook's question does."""
        return keep.judged(self.composed(place, environment), self.context)

    def trusts(self, place: Path | str, environment: str = "default") -> bool:
        return self.judge(place, environment).trusted

    def says(self, place: Path | str, environment: str = "default") -> list[str]:
        return [m.text for m in self.judge(place, environment).meanings]


@pytest.fixture
def user(tmp_path: Path) -> User:
    (tmp_path / "tree").mkdir()
    environ = {
        "HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "PATH": os.environ["PATH"],
    }
    return User(tmp_path, make_context(tmp_path / "stead", environ=environ))


def configure(user: User, text: str) -> Path:
    path = user.base / "config" / "stead" / "config.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.fixture
def settings(user: User):
    return lambda text: configure(user, text)

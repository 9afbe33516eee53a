"""What every ecosystem must do, as a test suite: subclass it and supply a ``case``.

    class TestMine(EcosystemSuite):
        @pytest.fixture
        def case(self, tmp_path):
            return Case(MyEcosystem(), …)

The suite knows a small world of packages, which the case's channels or indexes
must serve: ``tool`` in versions 1.0, 1.1, 2.0 and 2.1; ``uses-tool`` 3.0, which
needs ``tool`` 1.1 or newer; ``clash-a`` and ``clash-b``, which bring one file
with different content. Every version of ``tool`` can be told from its files.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from stead.ecosystems.protocol import BuildTarget, LockRequest
from stead.testing.world import make_context, recorder
from stead.values.digest import canonical
from stead.values.errors import (
    ArtifactError,
    CollisionError,
    HashMismatchError,
    NetworkError,
    UnsatisfiableError,
)
from stead.values.origin import Origin
from stead.values.requirement import Requirement

if TYPE_CHECKING:
    from collections.abc import Callable

    from stead.ecosystems.protocol import Ecosystem
    from stead.values.context import Context
    from stead.values.interpreter import Interpreter
    from stead.values.lock import Artifact
    from stead.values.manifest import Channel, Index
    from stead.values.platform import Platform


@dataclass(frozen=True)
class Case:
    """One ecosystem, and the small world of packages as it knows it.

    ``version`` reads the version of a package from the files of a prefix (empty
    when it is not there). ``replace_file`` puts other content in place of the
    served file of an artifact; ``remove_file`` takes it away. ``served`` is
    false where packages come from local directories, which need no network.
    """

    ecosystem: Ecosystem
    platform: Platform
    version: Callable[[Path, str], str]
    replace_file: Callable[[Artifact], None]
    remove_file: Callable[[Artifact], None]
    channels: tuple[Channel, ...] = ()
    indexes: tuple[Index, ...] = ()
    python: str = ""
    interpreter: Interpreter | None = None
    served: bool = True


class EcosystemSuite:
    """Tests that hold an ecosystem to the protocol."""

    @pytest.fixture
    def case(self) -> Case:
        raise NotImplementedError("supply a case")

    @pytest.fixture
    def context(self, tmp_path: Path) -> Context:
        return make_context(tmp_path / "home")

    @pytest.fixture
    def world(self, case: Case, context: Context, tmp_path: Path) -> World:
        return World(case, context, tmp_path)

    def test_the_newest_version_is_chosen(self, world: World) -> None:
        assert world.versions(world.lock("tool")) == {"tool": "2.1"}

    def test_a_limit_is_kept(self, world: World) -> None:
        assert world.versions(world.lock("tool<2")) == {"tool": "1.1"}

    def test_dependencies_come_along_and_are_recorded(self, world: World) -> None:
        locked = world.lock("uses-tool")
        assert world.versions(locked) == {"tool": "2.1", "uses-tool": "3.0"}
        [dependent] = [a for a in locked if a.name == "uses-tool"]
        assert any(d.startswith("tool") for d in dependent.depends)

    def test_no_request_gives_no_artifact(self, world: World) -> None:
        assert world.lock() == ()

    def test_artifacts_are_sorted_hashed_and_printable(self, world: World) -> None:
        locked = world.lock("uses-tool")
        assert [a.name for a in locked] == sorted(a.name for a in locked)
        assert all(a.ecosystem == world.case.ecosystem.name for a in locked)
        assert all(len(f.sha256) == 64 for a in locked for f in a.files)
        assert canonical(locked)

    def test_a_lock_names_no_place_on_this_machine(self, world: World) -> None:
        text = canonical(world.lock("uses-tool")).decode()
        assert str(world.directory) not in text
        assert "127.0.0.1" not in text or any("127.0.0.1" in c.name for c in world.case.channels)

    def test_locking_twice_gives_the_same(self, world: World) -> None:
        assert world.lock("uses-tool") == world.lock("uses-tool")

    def test_what_still_satisfies_is_kept(self, world: World) -> None:
        old = world.lock("tool<2")
        assert world.versions(world.lock("tool", old=old)) == {"tool": "1.1"}

    def test_what_no_longer_satisfies_is_replaced(self, world: World) -> None:
        old = world.lock("tool<2")
        assert world.versions(world.lock("tool>=2", old=old)) == {"tool": "2.1"}

    @pytest.mark.parametrize("names", [{"tool"}, {"*"}])
    def test_an_upgrade_takes_the_newest(self, world: World, names: set[str]) -> None:
        old = world.lock("tool<2")
        context = replace(world.context, upgrade=frozenset(names))
        assert world.versions(world.lock("tool", old=old, context=context)) == {"tool": "2.1"}

    def test_an_upgrade_of_another_name_changes_nothing(self, world: World) -> None:
        old = world.lock("tool<2")
        context = replace(world.context, upgrade=frozenset({"other"}))
        assert world.lock("tool", old=old, context=context) == old

    def test_a_constraint_limits_without_asking(self, world: World) -> None:
        limited = world.lock("uses-tool", constraints=("tool<2", "clash-a<1"))
        assert world.versions(limited) == {"tool": "1.1", "uses-tool": "3.0"}

    def test_a_contradiction_is_explained(self, world: World) -> None:
        with pytest.raises(UnsatisfiableError) as caught:
            world.lock("uses-tool", "tool<1.1")
        assert "tool" in str(caught.value)
        assert caught.value.remedy

    def test_an_unknown_name_is_named(self, world: World) -> None:
        with pytest.raises(UnsatisfiableError, match="no-such-package"):
            world.lock("no-such-package")

    def test_a_version_that_is_not_there_is_named(self, world: World) -> None:
        with pytest.raises(UnsatisfiableError, match="tool"):
            world.lock("tool>=5")

    def test_a_build_holds_what_was_locked(self, world: World) -> None:
        prefix = world.build(world.lock("uses-tool", "tool<2"))
        assert world.case.version(prefix, "tool") == "1.1"
        assert world.case.version(prefix, "uses-tool") == "3.0"

    def test_no_file_of_a_build_names_where_it_was_made(self, world: World) -> None:
        prefix = world.build(world.lock("uses-tool"))
        made_at = os.fsencode(world.temporary(prefix))
        for base, _, files in os.walk(prefix):
            for name in files:
                path = os.path.join(base, name)
                if os.path.islink(path):
                    assert made_at not in os.fsencode(os.readlink(path))
                    continue
                with open(path, "rb") as stream:
                    assert made_at not in stream.read(), path

    def test_a_second_build_needs_no_network(self, world: World) -> None:
        locked = world.lock("uses-tool")
        world.build(locked)
        offline = replace(world.context, offline=True)
        for artifact in locked:
            world.case.remove_file(artifact)
        prefix = world.build(locked, context=offline, name="second")
        assert world.case.version(prefix, "tool") == "2.1"

    def test_offline_without_a_cache_is_an_error(self, world: World) -> None:
        locked = world.lock("tool")
        if not world.case.served:
            pytest.fail("the case must serve its packages for this to mean anything")
        with pytest.raises((NetworkError, ArtifactError)):
            world.build(locked, context=replace(world.context, offline=True))

    def test_a_changed_file_is_refused_and_named(self, world: World) -> None:
        [locked] = world.lock("tool")
        world.case.replace_file(locked)
        with pytest.raises(HashMismatchError) as caught:
            world.build((locked,))
        assert "tool" in str(caught.value)

    def test_a_file_that_is_gone_is_named(self, world: World) -> None:
        [locked] = world.lock("tool")
        world.case.remove_file(locked)
        with pytest.raises((ArtifactError, NetworkError), match="tool"):
            world.build((locked,))

    def test_colliding_files_are_refused_before_anything_is_linked(self, world: World) -> None:
        locked = world.lock("clash-a", "clash-b")
        with pytest.raises(CollisionError) as caught:
            world.build(locked)
        assert "clash-a" in str(caught.value)
        assert "clash-b" in str(caught.value)
        left = world.temporary(world.final("build"))
        assert world.case.version(left, "clash-a") == ""

    def test_a_whole_build_verifies(self, world: World) -> None:
        prefix = world.build(world.lock("uses-tool"))
        assert world.case.ecosystem.verify(prefix, world.context) == ()

    def test_missing_and_changed_files_are_found(self, world: World) -> None:
        prefix = world.build(world.lock("uses-tool"))
        changed, missing = world.files_about(prefix, "tool")[:2]
        content = Path(changed).read_bytes()
        os.unlink(changed)
        with open(changed, "wb") as stream:
            stream.write(content[::-1] + b"!")
        os.unlink(missing)
        lines = "\n".join(world.case.ecosystem.verify(prefix, world.context))
        assert os.path.relpath(changed, prefix) in lines
        assert os.path.relpath(missing, prefix) in lines

    def test_activation_names_the_final_place_only(self, world: World) -> None:
        prefix = world.build(world.lock("tool"))
        changes = world.case.ecosystem.activation(prefix, world.context)
        assert os.fspath(world.temporary(prefix)) not in canonical(changes).decode()

    def test_long_work_is_reported(self, world: World) -> None:
        world.build(world.lock("uses-tool"))
        assert [t for t in recorder(world.context).tasks if t.title]


@dataclass(frozen=True)
class World:
    """A case, with a directory to work in."""

    case: Case
    context: Context
    directory: Path

    def lock(
        self,
        *asked: str,
        constraints: tuple[str, ...] = (),
        old: tuple[Artifact, ...] = (),
        context: Context | None = None,
    ) -> tuple[Artifact, ...]:
        """Lock requests written as ``name`` followed by a version limit."""
        request = LockRequest(
            requirements=tuple(self._requirement(text) for text in asked),
            constraints=tuple(self._requirement(text) for text in constraints),
            old=old,
            platform=self.case.platform,
            root=str(self.directory),
            channels=self.case.channels,
            indexes=self.case.indexes,
            python=self.case.python,
            interpreter=self.case.interpreter,
        )
        return self.case.ecosystem.lock(request, context or self.context)

    def build(
        self,
        artifacts: tuple[Artifact, ...],
        *,
        context: Context | None = None,
        name: str = "build",
        **changes: Any,
    ) -> Path:
        """Build, and put the tree to its final place as the store does."""
        final = self.final(name)
        temporary = self.temporary(final)
        temporary.mkdir(parents=True)
        target = BuildTarget(
            temporary,
            final,
            self.case.platform,
            str(self.directory),
            channels=self.case.channels,
            indexes=self.case.indexes,
            interpreter=self.case.interpreter,
            python=self.case.interpreter.path if self.case.interpreter else "",
        )
        self.case.ecosystem.build(artifacts, replace(target, **changes), context or self.context)
        temporary.rename(final)
        return final

    def final(self, name: str) -> Path:
        return self.directory / "store" / name

    def temporary(self, final: Path) -> Path:
        return final.with_name(f"unfinished-{final.name}")

    @staticmethod
    def versions(artifacts: tuple[Artifact, ...]) -> dict[str, str]:
        return {a.name: a.version for a in artifacts}

    @staticmethod
    def files_about(prefix: Path, name: str) -> list[str]:
        """Give regular files of a package, by having its name in their path; sorted."""
        found = []
        for base, _, files in os.walk(prefix):
            inside = os.path.relpath(base, prefix)
            for file in files:
                path = os.path.join(base, file)
                about = name in inside or name in file
                if about and not os.path.islink(path) and "conda-meta" not in inside:
                    found.append(path)
        return sorted(p for p in found if not p.endswith(("RECORD", ".pyc")))

    def _requirement(self, text: str) -> Requirement:
        at = next((i for i, c in enumerate(text) if c in "<>=!~"), len(text))
        origin = Origin(str(self.directory / "manifest"), 1)
        return Requirement(self.case.ecosystem.name, text[:at], text[at:], origin=origin)

"""Commands that turn out to change their environment: no other one notices."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stead.matrix import contents
from stead.store.builds import release_leases
from stead.values.frozen import replace
from stead.values.requirement import Requirement
from stead.values.suite import Contents, Environment, Work

if TYPE_CHECKING:
    from stead.values.context import Context
    from stead.values.interpreter import Interpreter
    from stead.values.spec import PackagesSpec


@pytest.fixture
def environment(tmp_path: Path, interpreter: Interpreter, packages: PackagesSpec) -> Environment:
    asked = replace(packages, requirements=(Requirement("pypi", "dep"),))
    prefix = str(tmp_path / "project" / ".tox" / "py")
    return Environment("py", interpreter=interpreter, prefix=prefix, contents=Contents(asked))


@pytest.fixture
def root(tmp_path: Path) -> str:
    return str(tmp_path / "project")


def install(tree: str) -> None:
    """Do what an installer does, as a user to whom nothing is refused."""
    [site] = Path(tree).glob("lib/python3*/site-packages")
    site.chmod(0o755)
    (site / "came-1.0.dist-info").mkdir()


def test_a_build_that_commands_change_is_not_used_again(
    environment: Environment, root: str, context: Context
) -> None:
    ready = contents.ready(environment, None, root, context)
    with contents.entered(ready, Work(), context):
        install(ready.store)
    release_leases()
    own = contents.ready(environment, None, root, context)
    other = contents.ready(replace(environment, name="x", prefix=""), None, root, context)
    assert own.store == own.prefix == environment.prefix
    assert own.key != ready.key
    assert other.store == ready.store
    for tree in (own.store, other.store):
        [site] = Path(tree).glob("lib/python3*/site-packages")
        assert sorted(p.name for p in site.glob("*.dist-info")) == ["dep-2.0.dist-info"]


def test_what_commands_change_in_their_own_directory_stays(
    environment: Environment, root: str, context: Context
) -> None:
    mine = replace(environment, contents=replace(environment.contents, own=True))
    ready = contents.ready(mine, None, root, context)
    with contents.entered(ready, Work(), context):
        install(ready.store)
    again = contents.ready(mine, None, root, context)
    assert again.reused
    assert list(Path(again.store).glob("lib/python3*/site-packages/came-1.0.dist-info"))


def test_commands_that_were_refused_to_write_have_a_directory_of_their_own_next_time(
    environment: Environment, root: str, tmp_path: Path, context: Context
) -> None:
    ready = contents.ready(environment, None, root, context)
    log = tmp_path / "log"
    log.write_text(f"PermissionError: [Errno 13] Permission denied: '{root}/else'\n")
    assert contents.refused(ready, str(log), context) == ""
    assert contents.ready(environment, None, root, context).reused
    log.write_text(f"Permission denied: '{ready.prefix}/lib/python3/site-packages/x'\n")
    assert "of its own" in contents.refused(ready, str(log), context)
    own = contents.ready(environment, None, root, context)
    assert own.store == own.prefix
    assert os.access(os.path.join(own.store, "lib"), os.W_OK)

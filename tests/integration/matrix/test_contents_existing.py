"""Environments that exist: used as they are, and changed only where that is said."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stead.matrix import contents, existing
from stead.testing.index import Wheel
from stead.testing.world import recorder
from stead.values.errors import ArtifactError, InterpreterError
from stead.values.frozen import replace
from stead.values.suite import Contents, Environment, Product, Work
from stead.values.testenv import TestCommand

if TYPE_CHECKING:
    from stead.values.context import Context
    from stead.values.interpreter import Interpreter
    from stead.values.spec import PackagesSpec


@pytest.fixture
def prefix(tmp_path: Path, interpreter: Interpreter) -> str:
    where = tmp_path / "by hand"
    subprocess.run([interpreter.path, "-m", "venv", "--without-pip", str(where)], check=True)
    return str(where)


@pytest.fixture
def root(tmp_path: Path) -> str:
    path = tmp_path / "project"
    path.mkdir()
    (path / "pyproject.toml").write_text('[project]\nname = "demo"\nversion = "0.2"\n')
    return str(path)


@pytest.fixture
def environment(prefix: str, packages: PackagesSpec) -> Environment:
    return Environment("py", kind="existing", prefix=prefix, contents=Contents(packages))


def built(tmp_path: Path, version: str) -> Product:
    wheel = Wheel("demo", version, requires=("dep<2",))
    path = tmp_path / wheel.filename
    path.write_bytes(wheel.content())
    return Product("wheel", "wheel", str(path), version, "demo", version, wheel.requires)


def tree(directory: str) -> dict[str, int]:
    return {
        os.path.join(parent, name): os.lstat(os.path.join(parent, name)).st_mtime_ns
        for parent, _, names in os.walk(directory)
        for name in names
    }


def test_nothing_in_it_changes(
    environment: Environment, root: str, prefix: str, context: Context
) -> None:
    before = tree(prefix)
    ready = contents.ready(environment, None, root, context)
    contents.ready(environment, None, root, context, recreate=True)
    assert ready.prefix == ready.store == prefix
    assert dict(ready.environ)["VIRTUAL_ENV"] == prefix
    assert tree(prefix) == before


def test_a_package_that_is_not_there_is_reported(
    environment: Environment, root: str, tmp_path: Path, context: Context
) -> None:
    expecting = replace(environment, contents=replace(environment.contents, expects=True))
    for asked, product in ((environment, built(tmp_path, "0.1")), (expecting, None)):
        with pytest.raises(ArtifactError, match="demo is not installed") as caught:
            contents.ready(asked, product, root, context)
        assert "--install" in (caught.value.remedy or "")


def test_where_that_is_said_the_package_is_put_there_with_what_it_needs(
    environment: Environment, root: str, prefix: str, tmp_path: Path, context: Context
) -> None:
    asked = replace(environment, contents=replace(environment.contents, install=True))
    ready = contents.ready(asked, built(tmp_path, "0.1"), root, context)
    code = "import demo, dep; print(demo.__version__, dep.__version__)"
    done = subprocess.run(
        [f"{prefix}/bin/python", "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["0.1", "1.0"]
    assert contents.ready(environment, built(tmp_path, "0.1"), root, context).reused
    assert ready.key == contents.key(asked, built(tmp_path, "0.1"), root, context)


def test_another_version_is_reported_and_tested(
    environment: Environment, root: str, tmp_path: Path, context: Context
) -> None:
    asked = replace(environment, contents=replace(environment.contents, install=True))
    contents.ready(asked, built(tmp_path, "0.1"), root, context)
    expecting = replace(environment, contents=replace(environment.contents, expects=True))
    assert contents.ready(expecting, None, root, context).prefix == environment.prefix
    assert any("demo 0.1, and this is 0.2" in note for note in recorder(context).notes)


def test_what_is_installed_there_makes_another_key(
    environment: Environment, root: str, prefix: str, context: Context
) -> None:
    before = contents.key(environment, None, root, context)
    assert contents.key(environment, None, root, context) == before
    [site] = Path(prefix).glob("lib/python3*/site-packages")
    (site / "other-1.0.dist-info").mkdir()
    assert contents.key(environment, None, root, context) != before


@pytest.mark.parametrize("missing", ["nowhere", "nothing in it"])
def test_what_is_no_environment_is_said_to_be_none(
    environment: Environment, root: str, tmp_path: Path, context: Context, missing: str
) -> None:
    (tmp_path / "nothing in it").mkdir()
    gone = replace(environment, prefix=str(tmp_path / missing))
    with pytest.raises(InterpreterError, match=missing):
        contents.ready(gone, None, root, context)


def test_condas_environments_are_activated_as_conda_has_it(
    tmp_path: Path, root: str, context: Context
) -> None:
    prefix = tmp_path / "conda's"
    for name in ("bin", "conda-meta"):
        (prefix / name).mkdir(parents=True)
    os.symlink("/bin/true", prefix / "bin" / "python")
    ready = contents.ready(
        Environment("c", kind="existing", prefix=str(prefix)), None, root, context
    )
    assert dict(ready.environ)["CONDA_PREFIX"] == str(prefix)


def test_in_place_of_one_that_would_be_made_commands_name_the_other_directory(
    prefix: str, interpreter: Interpreter
) -> None:
    words = (
        "/p/.tox/py/bin/python",
        "/p/.tox/py/tmp/x",
        "/p/.tox/py-other/bin",
        "--cov=/p/.tox/py/lib",
    )
    work = Work(commands=(TestCommand(words),), set_env=(("HERE", "/p/.tox/py"),))
    made = Environment("py", prefix="/p/.tox/py", packages=("wheel",), missing="py39", work=work)
    found = existing.instead(made, prefix, lambda _: interpreter, install=False)
    assert found.work.commands[0].arguments == (
        f"{prefix}/bin/python", "/p/.tox/py/tmp/x", "/p/.tox/py-other/bin", f"--cov={prefix}/lib",
    )  # fmt: skip
    assert found.work.set_env == (("HERE", prefix),)
    assert (found.kind, found.packages, found.missing) == ("existing", (), "")
    assert found.contents.expects
    assert existing.instead(made, prefix, lambda _: interpreter, install=True).packages == (
        "wheel",
    )

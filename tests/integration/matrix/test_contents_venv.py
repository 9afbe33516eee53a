"""Virtual environments of a suite: found or made, with the package under test in them."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stead.matrix import contents
from stead.testing.index import Wheel
from stead.values.errors import InterpreterError, StoreError, UnsatisfiableError, UsageError
from stead.values.frozen import replace
from stead.values.requirement import Requirement, Source
from stead.values.suite import Contents, Environment, Product

if TYPE_CHECKING:
    from stead.values.context import Context
    from stead.values.interpreter import Interpreter
    from stead.values.spec import PackagesSpec
    from stead.values.suite import Ready


def built(wheel: Wheel, directory: Path, content: str = "") -> Product:
    """Write a wheel, and say what a build would have said of it."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / wheel.filename
    path.write_bytes(wheel.content())
    return Product(
        "wheel",
        "wheel",
        str(path),
        content or hashlib.sha256(wheel.content()).hexdigest(),
        wheel.name,
        wheel.version,
        wheel.requires,
    )


@pytest.fixture
def root(tmp_path: Path) -> str:
    path = tmp_path / "a project"
    path.mkdir()
    return str(path)


@pytest.fixture
def environment(root: str, interpreter: Interpreter, packages: PackagesSpec) -> Environment:
    where = f"{root}/.tox/py"
    return Environment(
        "py",
        interpreter=interpreter,
        prefix=where,
        temporary=f"{where}/tmp",
        logs=f"{where}/log",
        contents=Contents(packages),
    )


@pytest.fixture
def demo(tmp_path: Path) -> Product:
    return built(
        Wheel("demo", "0.1", requires=("dep", "who ; extra == 'all'"), extras=("all",)),
        tmp_path / "dist",
    )


def asking(environment: Environment, *requirements: str, **changes: object) -> Environment:
    asked = tuple(Requirement("pypi", name) for name in requirements)
    packages = replace(environment.contents.packages, requirements=asked)
    return replace(
        environment, contents=replace(environment.contents, packages=packages, **changes)
    )


def output(ready: Ready, *command: str) -> str:
    program = os.path.join(ready.programs[0], command[0])
    environ = {"PATH": "/usr/bin:/bin", **dict(ready.environ)}
    done = subprocess.run(
        [program, *command[1:]], env=environ, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def version(ready: Ready, module: str) -> str:
    return output(ready, "python", "-c", f"import {module}; print({module}.__version__)")


def test_a_wheel_is_installed_with_what_it_needs(
    environment: Environment, demo: Product, root: str, context: Context
) -> None:
    ready = contents.ready(environment, demo, root, context)
    assert not ready.reused
    assert (version(ready, "demo"), version(ready, "dep")) == ("0.1", "2.0")


def test_a_second_time_it_is_found_and_nothing_is_started(
    environment: Environment, demo: Product, root: str, context: Context
) -> None:
    first = contents.ready(environment, demo, root, context)

    def refuse(*_: object, **__: object) -> None:
        pytest.fail("a program was started")

    again = contents.ready(environment, demo, root, replace(context, run=refuse))
    assert again == replace(first, reused=True)


@pytest.mark.parametrize("below", ["", "x" * 90, "x" * 200])
def test_the_directory_is_the_prefix_of_python_and_of_programs(
    environment: Environment, root: str, context: Context, below: str
) -> None:
    root = os.path.join(root, below) if below else root
    environment = replace(environment, prefix=f"{root}/.tox/py", temporary="", logs="")
    ready = contents.ready(asking(environment, "who"), None, root, context)
    assert ready.prefix == environment.prefix
    assert output(ready, "python", "-c", "import sys; print(sys.prefix)") == environment.prefix
    assert output(ready, "who") == environment.prefix
    assert dict(ready.environ)["VIRTUAL_ENV"] == environment.prefix
    assert (Path(root) / ".tox/.gitignore").read_text() == "*\n"


def test_files_of_the_package_lie_in_the_directory_and_others_are_links(
    environment: Environment, root: str, tmp_path: Path, context: Context
) -> None:
    files = {"demo/__init__.py": "", "demo/deep/er.py": "", "single.py": ""}
    product = built(Wheel("demo", "0.1", files=files), tmp_path / "dist")
    ready = contents.ready(asking(environment, "dep"), product, root, context)
    for module in ("demo.deep.er", "single"):
        code = f"import {module} as m, os; print(os.path.realpath(m.__file__))"
        assert output(ready, "python", "-c", code).startswith(environment.prefix)
    code = "import dep, os; print(os.path.realpath(dep.__file__)); print(dep.__file__)"
    assert output(ready, "python", "-c", code).split("\n")[0].startswith(ready.store)
    code = "import importlib.metadata as m; print(*sorted(d.name for d in m.distributions()))"
    assert output(ready, "python", "-c", code) == "demo dep"


def test_without_a_directory_the_build_is_the_prefix(
    environment: Environment, root: str, context: Context
) -> None:
    bare = replace(asking(environment, "who"), prefix="", temporary="", logs="")
    ready = contents.ready(bare, None, root, context)
    assert ready.prefix == ready.store == output(ready, "who")
    assert os.listdir(root) == []


def test_identical_environments_are_one(
    environment: Environment, demo: Product, root: str, context: Context
) -> None:
    other = replace(environment, name="other", prefix=f"{root}/.tox/other")
    first = contents.ready(environment, demo, root, context)
    second = contents.ready(other, demo, root, context)
    assert first.store == second.store
    assert second.prefix == other.prefix


def test_many_are_linked_at_once_where_nothing_was(
    environment: Environment, root: str, context: Context
) -> None:
    from concurrent.futures import ThreadPoolExecutor

    many = [replace(environment, name=f"e{n}", prefix=f"{root}/.tox/e{n}") for n in range(24)]
    for _ in range(3):
        shutil.rmtree(f"{root}/.tox", ignore_errors=True)
        with ThreadPoolExecutor(8) as pool:
            made = list(pool.map(lambda e: contents.ready(e, None, root, context), many))
        assert {one.key for one in made} == {made[0].key}


def test_extras_are_those_of_the_environment(
    environment: Environment, demo: Product, root: str, context: Context
) -> None:
    with_all = asking(environment, extras=("all",))
    assert output(contents.ready(with_all, demo, root, context), "who") == environment.prefix


def test_new_content_is_installed_without_resolving_anew(
    environment: Environment, demo: Product, root: str, tmp_path: Path, context: Context
) -> None:
    first = contents.ready(environment, demo, root, context)
    changed = Wheel(
        "demo",
        "0.1",
        requires=demo.requires,
        extras=("all",),
        files={"demo.py": "__version__ = 'new'\n"},
    )
    said: list[str] = []
    ready = contents.ready(
        environment, built(changed, tmp_path / "new"), root, context, said.append
    )
    assert version(ready, "demo") == "new"
    assert ready.key != first.key
    assert not any("resolving" in line for line in said)


def test_code_of_the_same_size_and_time_as_before_is_compiled_anew_and_no_other(
    environment: Environment, root: str, tmp_path: Path, context: Context
) -> None:
    asked = asking(environment, "dep")
    cache = Path(f"{context.home}/pycache{environment.prefix}")

    def compiled(name: str) -> int:
        [path] = cache.glob(f"lib/python3*/site-packages/{name}")
        return path.stat().st_mtime_ns

    times = []
    for text in ("one", "two"):
        files = {"demo.py": f"__version__ = '{text}'\n", "pack/__init__.py": f"x = '{text}'\n"}
        product = built(Wheel("demo", "0.1", files=files), tmp_path / text)
        ready = contents.ready(asked, product, root, context)
        assert version(ready, "demo") == text
        assert output(ready, "python", "-c", "import pack; print(pack.x)") == text
        assert version(ready, "dep") == "2.0"
        times.append(compiled("dep/__init__.*.pyc"))
        compiled("demo.*.pyc")
    assert times[0] == times[1]


def test_the_same_content_in_another_file_is_the_same_environment(
    environment: Environment, root: str, tmp_path: Path, context: Context
) -> None:
    wheel = Wheel("demo", "0.1")
    first = contents.ready(environment, built(wheel, tmp_path / "a", "same"), root, context)
    other = contents.ready(environment, built(wheel, tmp_path / "b", "same"), root, context)
    assert other == replace(first, reused=True)


def test_an_environment_that_asks_for_something_else_is_made_anew(
    environment: Environment, root: str, context: Context
) -> None:
    first = contents.ready(asking(environment, "who"), None, root, context)
    second = contents.ready(asking(environment, "dep"), None, root, context)
    assert second.key != first.key
    assert version(second, "dep") == "2.0"
    assert not os.path.exists(os.path.join(second.prefix, "bin", "who"))


def test_the_key_is_known_without_making_and_is_the_same_after(
    environment: Environment, demo: Product, root: str, context: Context
) -> None:
    before = contents.key(environment, demo, root, context)
    assert not os.path.exists(environment.prefix)
    ready = contents.ready(environment, demo, root, context)
    assert contents.key(environment, demo, root, context) == ready.key != before


def test_the_temporary_directory_is_empty_at_the_start(
    environment: Environment, root: str, context: Context
) -> None:
    contents.ready(environment, None, root, context)
    Path(environment.temporary, "left").mkdir()
    Path(environment.logs, "kept").touch()
    contents.ready(environment, None, root, context)
    assert os.listdir(environment.temporary) == []
    assert os.listdir(environment.logs) == ["kept"]


def test_offline_it_is_made_of_what_is_cached(
    environment: Environment, demo: Product, root: str, context: Context
) -> None:
    contents.ready(environment, demo, root, context)
    offline = replace(context, offline=True)
    other = replace(environment, prefix=f"{root}/.tox/other")
    assert version(contents.ready(other, demo, root, offline), "dep") == "2.0"


def test_a_wheel_that_is_asked_for_by_its_path_is_taken_as_it_is_now(
    environment: Environment, root: str, tmp_path: Path, context: Context
) -> None:
    for text in ("one", "two"):
        wheel = Wheel("near", "1.0", files={"near.py": f"__version__ = '{text}'\n"})
        path = tmp_path / wheel.filename
        path.write_bytes(wheel.content())
        near = Requirement("pypi", "near", source=Source("path", str(path)))
        packages = replace(environment.contents.packages, requirements=(near,))
        asked = replace(environment, contents=replace(environment.contents, packages=packages))
        assert version(contents.ready(asked, None, root, context), "near") == text
        assert contents.ready(asked, None, root, context).reused


def test_a_directory_of_another_tool_is_replaced(
    environment: Environment, root: str, context: Context
) -> None:
    stray = Path(environment.prefix) / "lib" / "python" / "site-packages"
    stray.mkdir(parents=True)
    Path(environment.prefix, "pyvenv.cfg").touch()
    ready = contents.ready(asking(environment, "dep"), None, root, context)
    assert version(ready, "dep") == "2.0"
    assert not stray.exists()


def test_a_directory_of_something_else_is_left_alone(
    environment: Environment, root: str, context: Context
) -> None:
    mine = Path(root) / "thesis.tex"
    mine.touch()
    with pytest.raises(StoreError, match="something else"):
        contents.ready(replace(environment, prefix=root), None, root, context)
    for temporary in (root, os.path.dirname(root)):
        with pytest.raises(StoreError, match="the project itself"):
            contents.ready(replace(environment, temporary=temporary), None, root, context)
    assert mine.exists()


def test_what_cannot_be_met_is_explained_and_leaves_nothing(
    environment: Environment, root: str, context: Context
) -> None:
    with pytest.raises(UnsatisfiableError, match="nowhere"):
        contents.ready(asking(environment, "nowhere"), None, root, context)
    assert not os.path.exists(environment.prefix)


def test_a_missing_interpreter_is_named(
    environment: Environment, root: str, context: Context
) -> None:
    gone = replace(environment, interpreter=None, missing="py39")
    with pytest.raises(InterpreterError, match="py39"):
        contents.ready(gone, None, root, context)


def test_an_unknown_kind_is_named_with_the_nearest(
    environment: Environment, root: str, context: Context
) -> None:
    with pytest.raises(UsageError, match="vnev") as caught:
        contents.ready(replace(environment, kind="vnev"), None, root, context)
    assert "venv" in (caught.value.remedy or "")

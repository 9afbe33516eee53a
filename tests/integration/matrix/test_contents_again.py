"""What a project wants done in an environment before it is made again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from stead.matrix import contents
from stead.testing.index import Wheel
from stead.values.errors import TaskError
from stead.values.frozen import replace
from stead.values.origin import Origin
from stead.values.requirement import Requirement
from stead.values.suite import Contents, Environment, Product, Work
from stead.values.testenv import TestCommand

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from stead.values.context import Context
    from stead.values.interpreter import Interpreter
    from stead.values.spec import PackagesSpec

NOTE = "import os, sys; open('said', 'a').write(sys.prefix + ' ' + os.environ['WHO'] + chr(10))"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "project").mkdir()
    return tmp_path / "project"


@pytest.fixture
def environment(root: Path, interpreter: Interpreter, packages: PackagesSpec) -> Environment:
    fails = TestCommand(("python", "-c", "raise SystemExit(3)"))
    return Environment(
        "py",
        interpreter=interpreter,
        prefix=f"{root}/.tox/py",
        contents=Contents(packages, recreating=(fails, TestCommand(("python", "-c", NOTE)))),
        work=Work(directory=f"{root}/deep", set_env=(("WHO", "me"),), pass_env=()),
    )


@pytest.fixture
def said(root: Path, context: Context) -> Callable[..., int]:
    """Have an environment made; says how often its commands have run since the last time."""

    def ready(one: Environment, product: Product | None = None, *, afresh: bool = False) -> int:
        contents.ready(one, product, str(root), context, recreate=afresh)
        note = root / "deep" / "said"
        lines = note.read_text().splitlines() if note.exists() else []
        note.unlink(missing_ok=True)
        assert set(lines) <= {f"{root}/.tox/py me"}
        return len(lines)

    return ready


def test_commands_run_in_what_is_replaced(
    environment: Environment, said: Callable[..., int]
) -> None:
    assert said(environment) == 0
    assert said(environment) == 0
    assert said(environment, afresh=True) == 1
    packages = replace(
        environment.contents.packages, requirements=(Requirement("pypi", "dep", "==1.0"),)
    )
    other = replace(environment, contents=replace(environment.contents, packages=packages))
    assert said(other) == 1
    assert said(other) == 0


def test_another_package_under_test_makes_nothing_again(
    environment: Environment, said: Callable[..., int], tmp_path: Path
) -> None:
    def product(version: str) -> Product:
        wheel = Wheel("spam", "1.0", files={"spam.py": version})
        path = tmp_path / version / wheel.filename
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(wheel.content())
        return Product("wheel", "wheel", str(path), version, "spam", "1.0")

    assert said(environment, product("a")) == 0
    assert said(environment, product("b")) == 0
    assert said(environment, product("b"), afresh=True) == 1


def test_what_is_not_allowed_does_not_run(
    environment: Environment, root: Path, context: Context
) -> None:
    outside = TestCommand(("sh", "-c", "echo > said"), origin=Origin("/w/tox.ini", 7))
    work = replace(environment.work, allowlist=("make",))
    held = replace(environment.contents, recreating=(outside,))
    one = replace(environment, work=work, contents=held)
    lines: list[str] = []
    for _ in range(2):
        contents.ready(one, None, str(root), context, lines.append, recreate=True)
    assert any("sh (/usr/bin/sh) is not of this environment" in line for line in lines)
    assert not (root / "deep" / "said").exists()
    setup = replace(one, contents=replace(held, recreating=(), setup=(outside,)))
    with pytest.raises(TaskError, match="not allowed") as caught:
        contents.ready(setup, None, str(root), context)
    assert str(caught.value.where) == "/w/tox.ini:7"

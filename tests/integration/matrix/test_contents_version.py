"""A package under test whose version contradicts what the other packages ask of it."""

from __future__ import annotations

import hashlib
import subprocess
from typing import TYPE_CHECKING

import pytest

from stead.matrix import contents, under_test
from stead.matrix.kinds import Asked
from stead.testing.index import Wheel, make_index
from stead.values.errors import UnsatisfiableError
from stead.values.frozen import replace
from stead.values.manifest import Index
from stead.values.requirement import Requirement
from stead.values.spec import PackagesSpec
from stead.values.suite import Contents, Environment, Product

if TYPE_CHECKING:
    from pathlib import Path

    from stead.values.context import Context
    from stead.values.interpreter import Interpreter

RELEASED = [
    Wheel("plugin", "3.0", requires=("demo>=7",)),
    Wheel("demo", "8.0", requires=("old",)),
    *(Wheel("old"), Wheel("dep", "1.0"), Wheel("dep", "2.0"), Wheel("more"), Wheel("most")),
]
NEEDS = (
    *("dep<2", "never ; python_version < '3'", "demo[more,most] ; extra == 'all'"),
    *("more ; extra == 'more'", "most ; extra == 'most'", "nothing ; extra == 'other'"),
)


@pytest.fixture
def product(tmp_path: Path) -> Product:
    extras = ("all", "more", "most", "other")
    wheel = Wheel("demo", "0.1.dev1", requires=NEEDS, extras=extras)
    path = tmp_path / wheel.filename
    path.write_bytes(wheel.content())
    content = hashlib.sha256(wheel.content()).hexdigest()
    return Product("wheel", "wheel", str(path), content, "demo", "0.1.dev1", NEEDS)


@pytest.fixture
def environment(tmp_path: Path, interpreter: Interpreter) -> Environment:
    index = make_index(tmp_path / "index", RELEASED)
    packages = PackagesSpec(
        requirements=(Requirement("pypi", "plugin"),),
        indexes=(Index("main", (index / "simple").as_uri(), default=True),),
    )
    held = Contents(packages, extras=("all",))
    return Environment("py", interpreter=interpreter, contents=held)


def test_it_takes_the_place_of_the_one_that_others_ask_for(
    environment: Environment, product: Product, tmp_path: Path, context: Context
) -> None:
    lines: list[str] = []
    ready = contents.ready(environment, product, str(tmp_path), context, lines.append)
    assert "demo 0.1.dev1 takes the place of what others ask for" in lines
    code = "from importlib.metadata import *; print(*sorted(f'{d.name}={d.version}' for d in distributions()))"
    python = f"{ready.programs[0]}/python"
    found = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout
    # The released one's own needs are there as well, as they are where tox has replaced it.
    assert found.split() == [
        *("demo=0.1.dev1", "dep=1.0", "more=1.0", "most=1.0", "old=1.0", "plugin=3.0"),
    ]
    assert contents.ready(environment, product, str(tmp_path), context).reused


def test_what_nothing_satisfies_is_said_as_ever(
    environment: Environment, product: Product, tmp_path: Path, context: Context
) -> None:
    packages = environment.contents.packages
    more = (*packages.requirements, Requirement("pypi", "dep", ">=2"))
    held = replace(environment.contents, packages=replace(packages, requirements=more))
    with pytest.raises(UnsatisfiableError, match="satisf"):
        contents.ready(replace(environment, contents=held), product, str(tmp_path), context)


def test_what_it_needs_follows_extras_of_its_own(
    environment: Environment, product: Product, tmp_path: Path
) -> None:
    assert under_test.needed(Asked(environment, product, str(tmp_path))) == (
        "dep<2",
        "more",
        "most",
    )
    bare = replace(environment, contents=replace(environment.contents, extras=()))
    assert under_test.needed(Asked(bare, product, str(tmp_path))) == ("dep<2",)

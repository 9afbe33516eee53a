"""Environments of layers: the place's lock holds, and its configuration reaches them."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from stead.matrix import contents, describe
from stead.matrix.asking import Asked, Wanted
from stead.pipeline import answering, steps
from stead.pipeline.request import Request
from stead.testing.index import Wheel
from stead.values.activation import apply
from stead.values.errors import CheckError, ConfigurationError, SecretError
from stead.values.frozen import replace
from stead.values.suite import Product

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from stead.values.context import Context
    from stead.values.platform import Platform
    from stead.values.suite import Environment, Ready

TESTS = '[layer.t]\ncommands = [["true"]]\n'


class Place:
    def __init__(self, root: Path, index: Path, here: Platform, context: Context) -> None:
        self.root, self._index, self._here, self.context = root, index, here, context

    def write(self, text: str, *requirements: str) -> None:
        address = (self._index / "simple").as_uri()
        asked = "".join(f"{line}\n" for line in requirements)
        (self.root / "stead.toml").write_text(
            f'[packages.pypi]\nindexes = [{{ name = "main", url = "{address}", default = true }}]\n'
            f"{asked}{text}"
        )

    def lock(self, environment: str) -> None:
        request = Request(str(self.root), environment, self._here, self._here)
        composed, _ = steps.read_together(request, self.context)
        answering.locked_for(composed, self.context)

    def environment(self, name: str = "t") -> Environment:
        asked = Asked(str(self.root), self._here, wanted=Wanted((name,)))
        suite = describe.suite(asked, self.context)
        return next(one for one in suite.environments if one.name == name)

    def ready(self, product: Product | None = None) -> Ready:
        return contents.ready(self.environment(), product, str(self.root), self.context)

    def with_variables(self, **variables: str) -> None:
        environ = {**self.context.environ, **variables}
        self.context = replace(self.context, environ=environ)


@pytest.fixture
def place(tmp_path: Path, index: Path, here: Platform, context: Context) -> Place:
    root = tmp_path / "a place"
    root.mkdir()
    return Place(root, index, here, context)


def environ(ready: Ready, before: Mapping[str, str]) -> dict[str, str]:
    return apply(ready.changes, before)


def python(ready: Ready, code: str) -> str:
    program = os.path.join(ready.programs[0], "python")
    done = subprocess.run([program, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_versions_that_the_lock_pins_hold(place: Place) -> None:
    place.write(TESTS, 'dep = "==1.0"')
    place.lock("t")
    place.write(TESTS, 'dep = ">=1.0"')
    assert python(place.ready(), "import dep; print(dep.__version__)") == "1.0"
    os.unlink(place.root / "stead.lock")
    assert python(place.ready(), "import dep; print(dep.__version__)") == "2.0"


def test_the_package_under_test_is_there_though_the_lock_knows_nothing_of_it(
    place: Place, tmp_path: Path
) -> None:
    place.write(TESTS, 'dep = "==1.0"')
    place.lock("t")
    held = (place.root / "stead.lock").read_bytes()
    wheel = Wheel("demo", "0.1", requires=("dep",))
    path = tmp_path / wheel.filename
    path.write_bytes(wheel.content())
    product = Product("wheel", "wheel", str(path), "c", "demo", "0.1", ("dep",))
    ready = place.ready(product)
    assert python(ready, "import demo, dep; print(dep.__version__)") == "1.0"
    assert (place.root / "stead.lock").read_bytes() == held


def test_variables_of_the_place_and_its_layers_are_set(place: Place) -> None:
    place.write(f'[vars]\nGREETING = "hi"\n{TESTS}vars = {{ NUMBER = "7" }}\n', 'dep = "*"')
    ready = place.ready()
    made = environ(ready, {"PATH": "/usr/bin", "VIRTUAL_ENV": "/other", "PYTHONPATH": "/x"})
    assert (made["GREETING"], made["NUMBER"]) == ("hi", "7")
    assert made["VIRTUAL_ENV"] == ready.prefix
    assert made["PATH"] == f"{ready.prefix}/bin:/usr/bin"
    assert "/x" not in made.get("PYTHONPATH", "")
    assert place.ready().reused


def test_a_mistake_in_the_configuration_is_said(place: Place) -> None:
    place.write(f'[vars]\nNUMBER = {{ type = "int", value = "many" }}\n{TESTS}', 'dep = "*"')
    with pytest.raises(ConfigurationError, match="NUMBER"):
        place.ready()


SECRET = '[vars]\nTOKEN = { type = "secret", value = "env:MY_TOKEN" }\n'


def test_a_secret_is_there_for_the_time_of_a_run_alone(place: Place) -> None:
    place.write(SECRET + TESTS, 'dep = "*"')
    place.with_variables(MY_TOKEN="sesame")
    ready = place.ready()
    assert "sesame" not in repr((ready.changes, ready.environ))
    with contents.entered(ready, place.environment().work, place.context) as entered:
        assert environ(entered, {})["TOKEN"] == "sesame"
        assert [secret.reveal() for secret in entered.hidden] == ["sesame"]
    assert "TOKEN" not in environ(ready, {})
    for parent, _, files in os.walk(place.context.home / "places"):
        for name in files:
            with open(os.path.join(parent, name), "rb") as file:
                assert b"sesame" not in file.read(), name


def test_a_secret_that_cannot_be_had_stops_the_run(place: Place) -> None:
    place.write(SECRET + TESTS, 'dep = "*"')
    ready = place.ready()
    with pytest.raises(SecretError, match="MY_TOKEN"):  # noqa: SIM117
        with contents.entered(ready, place.environment().work, place.context):
            pytest.fail("it was entered")


def test_what_must_hold_at_a_start_is_checked(place: Place) -> None:
    place.write(f'[checks]\nthere = {{ path = "/nowhere/at/all" }}\n{TESTS}', 'dep = "*"')
    ready = place.ready()
    with pytest.raises(CheckError, match="there"):  # noqa: SIM117
        with contents.entered(ready, place.environment().work, place.context):
            pytest.fail("it was entered")


def test_commands_that_install_have_a_directory_of_their_own(place: Place) -> None:
    text = '[layer.t]\ncommands = [["pip", "install", "x"]]\n'
    place.write(text, 'dep = "*"')
    ready = place.ready()
    assert ready.prefix == ready.store
    assert "/tests/" in ready.prefix
    made = environ(ready, {})
    assert made["VIRTUAL_ENV"] == ready.prefix
    assert python(ready, "import dep; print(dep.__version__)") == "2.0"

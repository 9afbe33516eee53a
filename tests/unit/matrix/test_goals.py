"""Goals: layers that say something of testing, joined by an environment's name."""

from __future__ import annotations

import pytest

from stead.formats import stead_toml
from stead.matrix.goals import default_environments, definitions, goal
from stead.pipeline.compose import compose
from stead.values.errors import ManifestError
from stead.values.platform import Platform
from stead.values.testenv import TestCommand


def manifest(text, directory="/w"):
    return stead_toml.read(f"{directory}/stead.toml", lambda _: text)


BOTH = manifest("""
[package.wheel]
[test]
environments = "py3{11,12}-{unit,lint}"
[layer.unit]
commands = [["pytest"]]
resources = ["db"]
timeout = "5min"
package = "wheel"
[layer.lint]
inherits = ["base"]
commands = [["ruff", "check"]]
package = false
labels = ["quick"]
[layer.base]
commands = [["echo", "first"]]
labels = ["all"]
retries = 1
""")


def test_a_layer_with_commands_makes_an_environment_a_goal():
    made = goal([BOTH], "py312-unit")
    assert made.commands == (TestCommand(("pytest",)),)
    assert (made.resources, made.timeout, made.packages) == (("db",), 300, ("wheel",))
    assert (made.origin.file, made.origin.line) == ("/w/stead.toml", 6)
    assert goal([BOTH], "py312") is None
    assert goal([BOTH], "default") is None


def test_layers_are_joined_in_the_order_of_the_name():
    made = goal([BOTH], "unit-lint")
    assert [c.arguments[0] for c in made.commands] == ["pytest", "echo", "ruff"]
    assert made.labels == ("all", "quick")
    assert (made.packages, made.timeout, made.retries) == ((), 300, 1)


def test_the_nearest_manifest_counts():
    near = manifest(
        "[package.wheel]\nuniversal = true\n[package.sdist]\n[layer.unit]\ncommands = [['nose']]\n",
        "/w/a",
    )
    assert goal([BOTH, near], "unit").commands == (TestCommand(("nose",)),)
    assert [(d.name, d.universal) for d in definitions([BOTH, near])] == [
        *(("wheel", True), ("sdist", False))
    ]
    assert default_environments([BOTH, near]) == (
        *("py311-unit", "py311-lint", "py312-unit", "py312-lint"),
    )
    assert default_environments([near]) == ()


def composed(environment):
    return compose(
        [BOTH],
        place="/w",
        root="/w",
        environment=environment,
        platform=Platform("linux-64"),
        module=lambda _: (),
    )


def test_an_environment_may_have_the_name_of_a_package_in_its_name():
    assert composed("py312-wheel-unit").layers == ("py312", "wheel", "unit")
    with pytest.raises(ManifestError, match="whale"):
        composed("py312-whale")

"""The guide shows the plugin that passes the suite, and a layer can ask for its environments."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stead.matrix import contents, describe, kinds, products
from stead.matrix.asking import Asked, Wanted
from stead.store.atomic import remove_tree
from stead.store.builds import release_leases
from stead.testing.world import make_context
from stead.values.errors import ManifestError
from stead.values.suite import Environment

if TYPE_CHECKING:
    from stead.values.interpreter import Interpreter
    from stead.values.platform import Platform

ROOT = Path(__file__).parents[3]
PLUGIN = Path(__file__).parent / "plugin"


@pytest.mark.parametrize(
    "name",
    ["pyproject.toml", "src/stead_plain/__init__.py", "src/stead_plain/builder.py"],
)
def test_the_guide_shows_the_plugin_as_it_is(name: str) -> None:
    guide = (ROOT / "docs/how-to/environment-kind-plugin.md").read_text("utf-8")
    assert (PLUGIN / name).read_text("utf-8").strip() in guide


def test_an_installed_kind_is_listed(installed_plugin: None) -> None:
    assert "plain" in kinds.names()


def test_a_plugins_builder_makes_a_package_that_is_installed(
    installed_plugin: None, tmp_path: Path, here: Platform, interpreter: Interpreter
) -> None:
    root = tmp_path / "project"
    (root / "src").mkdir(parents=True)
    (root / "src" / "demo.py").write_text("__version__ = 'zipped'\n")
    (root / "pyproject.toml").write_text('[project]\nname = "demo"\nversion = "1.5"\n')
    (root / "stead.toml").write_text(
        '[package.w]\nbuilder = "zipped"\nformat = "wheel"\n[layer.p]\ncommands = [["true"]]\n'
    )
    context = make_context(tmp_path / "home")
    asked = Asked(str(root), here, wanted=Wanted(("p",)))
    suite = describe.suite(asked, context)
    [definition] = suite.definitions
    said: list[str] = []
    product = products.make(definition, suite.root, interpreter, context, said.append)
    assert (product.name, product.version, product.format) == ("demo", "1.5", "wheel")
    assert any("zipping" in line for line in said)
    assert products.make(definition, suite.root, interpreter, context).reused
    environment = Environment("p", kind="plain", interpreter=interpreter)
    ready = contents.ready(environment, product, suite.root, context)
    code = "import demo; print(demo.__version__)"
    program = os.path.join(ready.programs[0], "python")
    done = subprocess.run([program, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "zipped"
    release_leases()
    remove_tree(context.home)


def test_a_builder_that_nobody_brings_is_an_error_with_the_nearest(
    tmp_path: Path, here: Platform
) -> None:
    (tmp_path / "stead.toml").write_text(
        '[package.w]\nbuilder = "whel"\n[layer.p]\ncommands = [["true"]]\n'
    )
    asked = Asked(str(tmp_path), here, wanted=Wanted(("p",)))
    with pytest.raises(ManifestError, match="unknown builder whel") as caught:
        describe.suite(asked, make_context(tmp_path / "home"))
    assert "wheel" in (caught.value.remedy or "")


def suite_of(tmp_path: Path, here: Platform, kind: str):
    (tmp_path / "stead.toml").write_text(
        f'[layer.p]\nkind = "{kind}"\ncommands = [["true"]]\n'
        '[package.wheel]\n[package.conda]\nbuilder = "conda"\n'
    )
    asked = Asked(str(tmp_path), here, wanted=Wanted(("p",)))
    suite = describe.suite(asked, make_context(tmp_path / "home"))
    return suite, describe.plan(suite, asked)


def test_a_layer_asks_for_it_and_is_tested_against_what_it_installs(
    installed_plugin: None, tmp_path: Path, here: Platform
) -> None:
    suite, plan = suite_of(tmp_path, here, "plain")
    assert [one.kind for one in suite.environments] == ["plain"]
    assert [cell.label for cell in plan.cells] == ["(wheel) p"]


def test_a_kind_that_nobody_brings_is_an_error_with_its_place(
    tmp_path: Path, here: Platform
) -> None:
    with pytest.raises(ManifestError, match="unknown kind of environment 'plian'") as caught:
        suite_of(tmp_path, here, "plian")
    assert str(caught.value.where).endswith("stead.toml:3")

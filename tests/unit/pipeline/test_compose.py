"""Manifests and an environment's name give one spec."""

from __future__ import annotations

import itertools

import pytest

from stead.pipeline.compose import compose, layer_candidates
from stead.pipeline.configure import configure, require
from stead.values.errors import ConfigurationError, ContradictionError, CycleError, ManifestError
from stead.values.platform import platform_named
from stead.values.selection import Selection

ROOT = """\
[workspace]
name = "scans"

[packages.pypi]
requests = ">=2"

[vars]
LEVEL = "info"
KEPT = "root"

[layer.test.packages.pypi]
pytest = ">=8"

[layer.dev-tools.packages.pypi]
ruff = "*"

[layer.prod.vars]
LEVEL = "error"
"""


def variables(spec):
    table = configure(spec, Selection(), caller={})
    return {e.name: e.value for e in table.entries if e.value is not None}


def test_parents_and_child_are_conjoined(tree):
    tree.write("stead.toml", ROOT)
    tree.write("a/stead.toml", "[packages.pypi]\nrequests = '<3'\n")
    assert tree.asked("a") == ["pypi requests <3", "pypi requests >=2"]


def test_layer_adds_to_the_default(tree):
    tree.write("stead.toml", ROOT)
    assert tree.asked(environment="test") == ["pypi pytest >=8", "pypi requests >=2"]


def test_longest_declared_layer_wins(tree):
    tree.write("stead.toml", ROOT)
    spec = tree.compose(environment="dev-tools-test")
    assert spec.layers == ("dev-tools", "test")


def test_unknown_layer_names_the_nearest(tree):
    tree.write("stead.toml", ROOT)
    with pytest.raises(ManifestError, match="did you mean 'test'"):
        tree.compose(environment="tset")


def test_implicit_interpreter_layer(tree):
    tree.write("stead.toml", ROOT)
    assert "python ==3.12.*" in tree.asked(environment="py312")


def test_platform_layer_applies_on_its_platform_only(tree):
    tree.write("stead.toml", ROOT + "[layer.linux.packages.pypi]\npyinotify = '*'\n")
    assert any("pyinotify" in r for r in tree.asked())
    assert not any("pyinotify" in r for r in tree.asked(on="win-64"))


@pytest.mark.parametrize("name", ["windows", "win32", "osx", "darwin"])
def test_environment_of_another_platform_is_refused(tree, name):
    tree.write("stead.toml", ROOT)
    with pytest.raises(ManifestError, match="is for"):
        tree.compose(environment=name)


def test_python_comes_from_where_a_layer_says(tree):
    tree.write("stead.toml", ROOT)
    assert tree.compose(environment="conda").packages.python_from == "conda"
    with pytest.raises(ContradictionError):
        tree.compose(environment="conda-venv")


def test_layer_outranks_default_even_from_a_parent(tree):
    tree.write("stead.toml", ROOT)
    tree.write("a/stead.toml", "[vars]\nLEVEL = 'debug'\n")
    assert variables(tree.compose("a"))["LEVEL"] == "debug"
    assert variables(tree.compose("a", "prod"))["LEVEL"] == "error"


def test_child_takes_an_inherited_entry_away(tree):
    tree.write("stead.toml", ROOT)
    tree.write("a/stead.toml", "[vars]\nKEPT = false\n\n[packages.pypi]\nrequests = false\n")
    spec = tree.compose("a")
    assert "KEPT" not in variables(spec)
    assert spec.packages.requirements == ()


def test_different_values_of_equal_rank_contradict_with_both_places(tree):
    root = "[layer.a.vars]\nX = '1'\n\n[layer.b.vars]\nX = '2'\n"
    path = tree.write("stead.toml", root)
    table = configure(tree.compose(environment="a-b"), Selection(), caller={})
    with pytest.raises(ConfigurationError) as caught:
        require(table)
    text = str(caught.value)
    assert f"{path}:2" in text or "stead.toml:2" in text
    assert f"{path}:5" in text or "stead.toml:5" in text
    assert caught.value.remedy


def test_equal_values_unify(tree):
    tree.write("stead.toml", "[layer.a.vars]\nX = '1'\n\n[layer.b.vars]\nX = '1'\n")
    assert variables(tree.compose(environment="a-b")) == {"X": "1"}


def test_two_sources_for_one_package_contradict(tree):
    tree.write("stead.toml", "[workspace]\n[packages.pypi]\nlib = { path = 'one' }\n")
    tree.write("a/stead.toml", "[packages.pypi]\nlib = { path = 'two' }\n")
    with pytest.raises(ContradictionError, match="two sources"):
        tree.compose("a")


def test_order_of_files_does_not_matter(tree):
    tree.write("requirements.txt", "six\nattrs>=20\n")
    tree.write("environment.yml", "channels: [c]\ndependencies: [numpy, pip: [six]]\n")
    tree.write("stead.toml", ROOT)
    found = tree.discover()

    def spec(manifests):
        return compose(
            manifests,
            place=found.place,
            root=found.root,
            environment="test",
            platform=platform_named("linux-64"),
            module=lambda use: (),
        )

    digests = {spec(order).digest for order in itertools.permutations(found.manifests)}
    assert len(digests) == 1


def test_origin_takes_no_part_in_the_digest(tree):
    tree.write("stead.toml", ROOT)
    before = tree.compose().digest
    tree.write("stead.toml", "\n\n# moved\n" + ROOT)
    assert tree.compose().digest == before


def test_every_requirement_says_where_it_stands(tree):
    path = tree.write("stead.toml", ROOT)
    (requirement,) = tree.compose().packages.requirements
    assert str(requirement.origin) == f"{path}:5"


def test_used_module_brings_packages_and_paths(tree):
    tree.write("stead.toml", "[uses]\nlib = { path = 'lib' }\n")
    tree.write("lib/stead.toml", "[packages.pypi]\nsix = '*'\n\n[paths]\ndata = 'data'\n")
    spec = tree.compose()
    assert [r.name for r in spec.packages.requirements] == ["six"]
    assert [p.name for p in spec.configuration.paths] == ["data"]
    assert any(f.endswith("lib/stead.toml") for f in spec.inputs)


def test_modules_that_use_each_other_are_a_cycle(tree):
    tree.write("stead.toml", "[uses]\na = { path = 'a' }\n")
    tree.write("a/stead.toml", "[uses]\nb = { path = '../b' }\n")
    tree.write("b/stead.toml", "[uses]\na = { path = '../a' }\n")
    with pytest.raises(CycleError, match="a → b → a"):
        tree.compose()


def test_one_module_by_two_names_is_refused_with_both_lines(tree):
    tree.write("lib/stead.toml", "[vars]\nA = '1'\n")
    path = tree.write("stead.toml", "[workspace]\n[uses]\none = { path = 'lib' }\n")
    inner = tree.write("in/stead.toml", "[uses]\ntwo = { path = '../lib' }\n")
    with pytest.raises(ContradictionError, match="one and two are the same module") as said:
        tree.compose("in")
    text = "\n".join(said.value.details)
    assert f"{path}:3: one is lib" in text
    assert f"{inner}:2: two is ../lib" in text


def test_another_hand_may_call_a_module_otherwise(tree):
    """What a used module calls another one is not the place's to say."""
    tree.write("lib/stead.toml", "[vars]\nA = '1'\n")
    tree.write("mid/stead.toml", "[uses]\nbase = { path = '../lib' }\n")
    tree.write("stead.toml", "[uses]\nlib = { path = 'lib' }\nmid = { path = 'mid' }\n")
    assert {d.name for d in tree.compose().configuration.definitions} == {"A"}


def test_layer_candidates_cover_joined_names():
    assert set(layer_candidates("a-b-c")) == {"a", "b", "c", "a-b", "b-c", "a-b-c"}
    assert layer_candidates("default") == ()

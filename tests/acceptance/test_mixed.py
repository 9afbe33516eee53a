"""Conda and PyPI in one environment, through the whole program.

Each test holds an answer that another way of mixing them gets wrong.
"""

from __future__ import annotations

import pytest

from stead.testing.channel import Package, make_channel, text
from stead.testing.index import Wheel, make_index
from stead.testing.python import MINOR, cpython
from stead.testing.specimens import dist_info


def provided(name, version, *requires, distribution="", extras=(), depends=()):
    """A conda package that brings a distribution, with a module that says where it came from."""
    module = (distribution or name).replace("-", "_")
    entries = list(dist_info(distribution or name, version, *requires))
    if extras:
        metadata = entries[0].content.decode() + "".join(f"Provides-Extra: {e}\n" for e in extras)
        entries[0] = text(entries[0].path, metadata)
    code = f"__version__ = {version!r}\norigin = 'conda'\n"
    return Package(
        name,
        version,
        depends=(f"python >={MINOR.split('.')[0]}", *depends),
        entries=(text(f"site-packages/{module}.py", code), *entries),
        noarch="python",
    )


@pytest.fixture(scope="module")
def channel(tmp_path_factory, here):
    return make_channel(
        tmp_path_factory.mktemp("mixed") / "channel",
        [
            cpython(),
            provided("base", "1.0"),
            provided("base", "1.5"),
            provided("conda-named", "3.0", distribution="pip-named"),
            provided("rich-extra", "1.0", 'plugin>=1; extra == "plugin"', extras=("plugin",)),
        ],
        here.name,
    )


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    def module(name, version):
        return {f"{name.replace('-', '_')}.py": f"__version__ = {version!r}\norigin = 'pypi'\n"}

    def wheel(name, version, *requires, extras=()):
        return Wheel(name, version, requires=requires, extras=extras, files=module(name, version))

    return make_index(
        tmp_path_factory.mktemp("mixed") / "index",
        [
            wheel("base", "1.0"),
            wheel("base", "2.0"),
            wheel("pip-named", "9.0"),
            wheel("plugin", "1.2", "base"),
            wheel("consumer", "1.0", "base", "pip-named"),
            wheel("picky", "1.0", "base<2"),
            wheel("picky", "2.0", "base>=2"),
            wheel("newest", "1.0", "base>=2"),
            wheel("rich-extra", "5.0"),
        ],
    )


@pytest.fixture
def mixed(machine, project, channel, wheels):
    """Write a place that asks conda and PyPI; gives its root."""
    machine.environ["UV_DEFAULT_INDEX"] = f"{wheels.as_uri()}/simple"

    def make(conda: str, pypi: str):
        return project(
            {
                "stead.toml": f"[packages.conda]\nchannels = ['{channel.as_uri()}']\n{conda}\n"
                f"[packages.pypi]\n{pypi}\n"
            }
        )

    return make


def says(machine, root, *modules):
    """Import modules in the environment: name → (version, where it came from)."""
    code = (
        f"import {', '.join(modules)}\n"
        f"for m in ({', '.join(modules)},): print(m.__name__, m.__version__, m.origin)"
    )
    out = machine.ok("run", "python", "-c", code, cwd=root)
    return {line.split()[0]: tuple(line.split()[1:]) for line in out.splitlines()}


def artifacts(machine, root):
    """List what is locked: ecosystem and name."""
    shown = machine.json("env", "show", cwd=root)
    return {(p["ecosystem"], p["name"]): p["version"] for p in shown["packages"]}


def test_what_conda_has_satisfies_what_pypi_asks(machine, mixed):
    root = mixed("base = '*'", "consumer = '*'")
    found = says(machine, root, "base", "consumer")
    assert found == {"base": ("1.5", "conda"), "consumer": ("1.0", "pypi")}
    names = artifacts(machine, root)
    assert ("pypi", "base") not in names
    assert names["pypi", "pip-named"] == "9.0"


def test_distribution_of_another_name(machine, mixed):
    """The conda package's name says nothing: its dist-info does."""
    root = mixed("base = '*'\nconda-named = '*'", "consumer = '*'")
    assert says(machine, root, "pip_named") == {"pip_named": ("3.0", "conda")}
    assert ("pypi", "pip-named") not in artifacts(machine, root)


def test_request_to_pypi_for_what_conda_has(machine, mixed):
    """Both manifests' tables ask for it: one is installed, and it is conda's."""
    root = mixed("base = '*'", "base = '>=1'\nconsumer = '*'")
    assert says(machine, root, "base") == {"base": ("1.5", "conda")}
    assert ("pypi", "base") not in artifacts(machine, root)


def test_pypi_backtracks_to_what_fits_conda(machine, mixed):
    """An override would have taken picky 2.0 and left it broken."""
    root = mixed("base = '*'", "picky = '*'")
    found = says(machine, root, "base", "picky")
    assert found == {"base": ("1.5", "conda"), "picky": ("1.0", "pypi")}


def test_extra_of_what_conda_has_brings_its_packages(machine, mixed):
    """Excluding conda's names would have lost what their extras ask for."""
    root = mixed("rich-extra = '*'", "rich-extra = { extras = ['plugin'] }")
    found = says(machine, root, "rich_extra", "plugin", "base")
    assert found["rich_extra"] == ("1.0", "conda")
    assert found["plugin"] == ("1.2", "pypi")


@pytest.mark.parametrize("asked", ["newest = '*'", "base = '>=2'"])
def test_mix_without_solution_says_why(machine, mixed, asked):
    root = mixed("base = '<2'", asked)
    message = machine.fails("lock", cwd=root)
    assert "base" in message
    assert "1.5" in message or "conda" in message
    assert "stead.toml:3" in message
    assert "stead.toml:5" in message
    assert "→" in message
    assert not (root / "stead.lock").exists()


def test_direct_address_for_what_conda_has_is_refused(machine, mixed, wheels):
    url = (wheels / "files" / "base-1.0-py3-none-any.whl").as_uri()
    root = mixed("base = '*'", f"base = {{ url = '{url}' }}")
    message = machine.fails("lock", cwd=root)
    assert "base" in message
    assert "conda" in message
    assert "stead.toml:5" in message
    assert not (root / "stead.lock").exists()


def test_lock_of_a_mix_is_stable_and_keeps_both(machine, mixed):
    root = mixed("base = '1.0'", "consumer = '*'")
    machine.ok("lock", cwd=root)
    before = (root / "stead.lock").read_bytes()
    for words in (["lock"], ["run", "--locked", "true"], ["lock", "--upgrade"]):
        machine.ok(*words, cwd=root)
    assert (root / "stead.lock").read_bytes() == before
    mixed("base = '*'", "consumer = '*'")
    assert says(machine, root, "base") == {"base": ("1.0", "conda")}
    machine.ok("lock", "--upgrade", "base", cwd=root)
    assert says(machine, root, "base") == {"base": ("1.5", "conda")}


def test_package_that_moves_from_pypi_to_conda(machine, mixed):
    root = mixed("python = '*'", "base = '*'")
    assert says(machine, root, "base") == {"base": ("2.0", "pypi")}
    mixed("base = '*'", "consumer = '*'")
    assert says(machine, root, "base") == {"base": ("1.5", "conda")}
    assert [n for n in artifacts(machine, root) if n[1] == "base"] == [("conda", "base")]


def test_why_and_tree_cross_the_border(machine, mixed):
    root = mixed("base = '*'", "consumer = '*'")
    machine.ok("lock", cwd=root)
    ways = machine.json("why", "base", cwd=root)
    assert [[name.rsplit("-", 1)[0] for name in way["way"]] for way in ways]
    tree = {p["name"]: p for p in machine.json("tree", cwd=root)["packages"]}
    assert any(need.startswith("conda/base-1.5") for need in tree["consumer"]["depends"])

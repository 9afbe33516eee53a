"""PyPI's packages beside conda's: each test is an answer that another way would get wrong."""

from __future__ import annotations

import json
import os

import pytest

from stead.ecosystems.pypi import PyPI
from stead.testing.index import Sdist, Wheel, make_index, make_project
from stead.values.distribution import Distribution
from stead.values.errors import CollisionError, UnsatisfiableError
from stead.values.manifest import Index
from stead.values.origin import Origin
from stead.values.platform import Platform
from stead.values.requirement import Requirement, Source


def ask(name, spec="", **fields):
    return Requirement("pypi", name, spec, **fields)


def conda(name, version, *requires, extras=(), package="") -> Distribution:
    text = Wheel(name, version, requires=requires, extras=extras).metadata()
    return Distribution(name, version, text, f"conda/{package or name}-{version}-0")


NUMPY = conda("numpy", "2.1.0")
APPS = (
    Wheel("app", "1.0", requires=("numpy>=1",)),
    Wheel("app", "2.0", requires=("numpy>=3",)),
    Wheel("numpy", "3.0"),
)


def test_what_conda_provides_satisfies_and_is_not_installed(world):
    world.publish(Wheel("app", requires=("numpy>=1",)), Wheel("numpy", "3.0"))
    [app] = world.lock("app", "numpy", distributions=(NUMPY,))
    assert app.name == "app"
    assert app.depends == ("numpy>=1",)
    assert world.lock("numpy", distributions=(NUMPY,)) == ()


def test_a_version_that_needs_another_than_condas_is_passed_over(world):
    # An override would put app 2.0 beside the numpy it does not work with, an exclusion likewise.
    world.publish(*APPS)
    assert world.versions("app", distributions=(NUMPY,)) == {"app": "1.0"}


def test_what_cannot_be_is_explained_with_condas_part_in_it(world):
    # Overrides and exclusions would answer; a constraint would blame the user's own file.
    world.publish(*APPS)
    with pytest.raises(UnsatisfiableError) as caught:
        world.lock(ask("app", ">=2"), distributions=(NUMPY,))
    text = str(caught.value)
    assert "numpy>=3" in text
    assert "conda provides numpy 2.1.0 (conda/numpy-2.1.0-0)" in text
    assert str(world.home) not in text


def test_a_version_that_only_conda_has_will_do(world):
    # A constraint would look for numpy 2.1.0 among PyPI's versions and find none.
    world.publish(*APPS)
    assert world.versions("app", "numpy", distributions=(NUMPY,)) == {"app": "1.0"}


def test_what_pypis_copy_would_need_is_not_installed(world):
    # A constraint would read the needs of PyPI's own numpy 2.1.0.
    world.publish(
        Wheel("app", requires=("numpy",)),
        Wheel("numpy", "2.1.0", requires=("bundled-blas",)),
        Wheel("bundled-blas"),
    )
    assert world.versions("app", distributions=(NUMPY,)) == {"app": "1.0"}


def test_extras_of_condas_packages_bring_what_conda_lacks(world):
    # An exclusion or an override would forget the extra.
    world.publish(
        Wheel("app", requires=("dask[fast]",)), Wheel("accel", "1.0"), Wheel("accel", "2.0")
    )
    dask = conda("dask", "2026.1", "accel<2 ; extra == 'fast'", extras=("fast",))
    assert world.versions("app", distributions=(dask,)) == {"app": "1.0", "accel": "1.0"}
    asked = ask("dask", extras=("fast",))
    assert world.versions(asked, distributions=(dask,)) == {"accel": "1.0"}


def test_an_extra_that_needs_another_version_of_condas_is_explained(world):
    dask = conda("dask", "2026.1", "numpy>=3 ; extra == 'fast'", extras=("fast",))
    with pytest.raises(UnsatisfiableError, match="numpy"):
        world.lock(ask("dask", extras=("fast",)), distributions=(NUMPY, dask))


def test_what_other_platforms_need_does_not_count_here(world):
    # A universal resolution would hold this platform's numpy against the other one's need.
    world.publish(
        Wheel("app", "1.0"), Wheel("app", "2.0", requires=("numpy>=3 ; sys_platform == 'win32'",))
    )
    linux, windows = Platform("linux-64"), Platform("win-64")
    assert world.versions("app", distributions=(NUMPY,), platform=linux) == {"app": "2.0"}
    assert world.versions("app", distributions=(NUMPY,), platform=windows) == {"app": "1.0"}


def test_what_condas_packages_need_of_each_other_is_condas_matter(world):
    # Recipes loosen what metadata asks: conda's solver has the last word on its own packages.
    world.publish(Wheel("app", requires=("pandas",)), Wheel("numpy", "3.0"))
    pandas = conda("pandas", "3.0", "numpy>=3", "pandas-native>=1")
    assert world.versions("app", distributions=(NUMPY, pandas)) == {"app": "1.0"}


def test_what_is_installed_may_not_break_condas_packages(world):
    world.publish(Wheel("tzdata", "2020.1"), Wheel("tzdata", "2026.1"))
    pandas = conda("pandas", "3.0", "tzdata>=2022.7")
    assert world.versions("tzdata", distributions=(pandas,)) == {"tzdata": "2026.1"}
    with pytest.raises(UnsatisfiableError) as caught:
        world.lock(ask("tzdata", "<2021"), distributions=(pandas,))
    assert "conda's pandas 3.0 needs tzdata>=2022.7" in str(caught.value)


def test_a_conda_package_of_another_name_provides_its_distribution(world):
    world.publish(Wheel("app", requires=("Torch.Audio>=2",)), Wheel("torch-audio", "9.0"))
    torch = conda("torch_audio", "2.5.0+cpu", package="pytorch-audio")
    assert world.versions("app", distributions=(torch,)) == {"app": "1.0"}


def test_flat_indexes_of_the_manifest_do_not_outdo_conda(world, tmp_path):
    make_index(tmp_path / "flat", [Wheel("numpy", "3.0"), Wheel("numpy", "2.1.0")])
    world.publish(*APPS)
    # The flat index is what lets app 2.0 have its numpy, were it to count.
    world.indexes += (Index("flat", str(tmp_path / "flat/files"), flat=True),)
    assert world.versions("app", "numpy", distributions=(NUMPY,)) == {"app": "1.0"}


@pytest.mark.parametrize("kind", ["url", "path", "git"])
def test_a_direct_address_of_what_conda_provides_is_refused_with_its_line(world, tmp_path, kind):
    project = make_project(tmp_path / "numpy", Sdist("numpy", "3.0"))
    wheel = (
        make_index(tmp_path / "x", [Wheel("numpy", "3.0")]) / "files" / "numpy-3.0-py3-none-any.whl"
    )
    location = {"url": wheel.as_uri(), "path": str(project), "git": project.as_uri()}[kind]
    if kind == "git":
        import subprocess

        for words in (["init"], ["add", "."], ["commit", "-m", "x"]):
            subprocess.run(
                ["git", "-c", "user.name=x", "-c", "user.email=x", "-C", str(project), *words],
                check=True,
                capture_output=True,
            )
    asked = ask("numpy", source=Source(kind, location), origin=Origin("stead.toml", 9))
    with pytest.raises(UnsatisfiableError, match=r"stead\.toml:9: numpy is to come from") as caught:
        world.lock(asked, distributions=(NUMPY,))
    assert "conda/numpy-2.1.0-0" in str(caught.value)


def test_a_release_date_limit_does_not_hide_what_conda_provides(world):
    assert world.lock("numpy", distributions=(NUMPY,), exclude_newer="2020-01-01") == ()


def test_a_distribution_without_a_proper_version_is_no_obstacle(world):
    world.publish(Wheel("app"))
    odd = conda("odd", "not a version")
    assert world.versions("app", distributions=(odd, NUMPY)) == {"app": "1.0"}


def test_the_next_lock_keeps_its_pins_beside_conda(world):
    world.publish(*APPS, Wheel("lib", "1.0"))
    old = world.lock("app", "lib", distributions=(NUMPY,))
    world.publish(Wheel("lib", "2.0"))
    assert world.lock("app", "lib", distributions=(NUMPY,), old=old) == old


@pytest.fixture
def conda_prefix(world):
    """A tree as conda would have made it: Python, a package with its record, a namespace."""
    target = world.target(interpreter=None)
    prefix = target.prefix
    import sys

    site = prefix / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    (site / "numpy").mkdir(parents=True)
    (site / "numpy" / "core.py").write_text("by = 'conda'\n", "utf-8")
    (site / "numpy-2.1.0.dist-info").mkdir()
    (site / "numpy-2.1.0.dist-info" / "RECORD").write_text("numpy/core.py,,\n", "utf-8")
    (prefix / "bin").mkdir()
    os.symlink(os.path.realpath(sys.executable), prefix / "bin" / "python")
    (prefix / "bin" / "f2py").write_text("", "utf-8")
    meta = prefix / "conda-meta"
    meta.mkdir()
    where = site.relative_to(prefix)
    record = {"name": "numpy", "files": [f"{where}/numpy/core.py", "bin/f2py", "share/doc/numpy"]}
    (meta / "numpy-2.1.0-0.json").write_text(json.dumps(record), "utf-8")
    return target, site


def test_packages_go_into_condas_tree(world, conda_prefix):
    target, site = conda_prefix
    world.publish(Wheel("app", scripts={"app": "app:main"}))
    PyPI().build(world.lock("app"), target, world.context())
    assert (site / "app" / "__init__.py").exists()
    assert (site / "numpy" / "core.py").exists()
    assert not (target.prefix / "pyvenv.cfg").exists()
    script = (target.prefix / "bin" / "app").read_text("utf-8")
    assert script.startswith(f"#!{target.final}/bin/python\n")
    assert PyPI().activation(target.prefix, world.context()) == ()
    assert PyPI().verify(target.prefix, world.context()) == ()


@pytest.mark.parametrize(
    "path", ["numpy/core.py", "app-1.0.data/data/share/doc/numpy", "app-1.0.data/scripts/f2py"]
)
def test_a_file_that_conda_brought_is_not_overwritten(world, conda_prefix, path):
    target, _ = conda_prefix
    world.publish(Wheel("app", files={path: "by = 'pypi'\n"}))
    with pytest.raises(CollisionError, match="numpy and app"):
        PyPI().build(world.lock("app"), target, world.context())


def test_a_new_file_in_a_directory_of_condas_is_welcome(world, conda_prefix):
    target, site = conda_prefix
    world.publish(
        Wheel("plugin", files={"numpy/plugin.py": "", "plugin-1.0.data/data/share/x": ""})
    )
    PyPI().build(world.lock("plugin"), target, world.context())
    assert (site / "numpy" / "plugin.py").exists()


def test_a_distribution_that_conda_installed_is_not_replaced(world, conda_prefix):
    target, site = conda_prefix
    world.publish(Wheel("numpy", "3.0"))
    with pytest.raises(CollisionError, match="numpy is installed already"):
        PyPI().build(world.lock("numpy"), target, world.context())
    assert (site / "numpy" / "core.py").read_text("utf-8") == "by = 'conda'\n"

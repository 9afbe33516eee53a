"""Each way to come by a package, with real tools."""

from __future__ import annotations

import os
import shutil
import subprocess
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stead.ecosystems import interpreters
from stead.matrix import products
from stead.testing.index import Sdist, Wheel, make_index
from stead.testing.world import make_context
from stead.values.errors import (
    ArtifactError,
    HashMismatchError,
    ManifestError,
    TaskError,
    UnsatisfiableError,
)
from stead.values.manifest import Index
from stead.values.origin import Origin
from stead.values.package import FORMAT_OF, PackageDefinition
from stead.values.suite import Ready
from stead.values.testenv import PackageSettings, TestCommand

if TYPE_CHECKING:
    from stead.values.context import Context
    from stead.values.package import Builder


def definition(builder: Builder, **values: object) -> PackageDefinition:
    values.setdefault("format", FORMAT_OF.get(builder, "wheel"))
    return PackageDefinition(builder, builder, **values)


def names(wheel: str) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return {*archive.namelist()}


# -- of source distributions


def test_a_wheel_from_the_source_distribution_is_that_of_the_tree(
    project: Path, context: Context
) -> None:
    direct = products.make(definition("wheel"), str(project), None, context)
    through = products.make(definition("sdist-wheel"), str(project), None, context)
    assert through.format == "wheel"
    assert through.content == direct.content
    assert products.make(definition("sdist-wheel"), str(project), None, context).reused


def test_the_wheel_of_a_source_distribution_is_built_once_per_interpreter(
    project: Path, context: Context
) -> None:
    sdist = products.make(definition("sdist"), str(project), None, context)
    python = interpreters.find("", context=context)
    first = products.wheel_of(sdist, str(project), python, context)
    assert (first.format, first.definition, first.reused) == ("wheel", "sdist", False)
    # What the tree holds meanwhile is of no matter.
    (project / "src" / "spam" / "__init__.py").write_text("broken =\n")
    second = products.wheel_of(sdist, str(project), python, context)
    assert second.reused
    assert second.path == first.path


# -- editable


def test_an_editable_wheel_leads_to_the_tree(project: Path, context: Context) -> None:
    made = products.make(definition("editable"), str(project), None, context)
    with zipfile.ZipFile(made.path) as archive:
        assert archive.read("_spam.pth").decode().strip() == str(project / "src")


def test_editable_wheels_of_two_clones_are_two(
    project: Path, tmp_path: Path, context: Context
) -> None:
    shutil.copytree(project, tmp_path / "clone" / "spam")
    first = products.make(definition("editable"), str(project), None, context)
    second = products.make(definition("editable"), str(tmp_path / "clone" / "spam"), None, context)
    assert first.content != second.content


def test_a_back_end_without_editable_says_what_to_do(project: Path, context: Context) -> None:
    text = (project / "backend.py").read_text()
    (project / "backend.py").write_text(text.replace("build_editable", "no_such"))
    with pytest.raises(ManifestError, match="has no hook build_editable") as raised:
        products.make(definition("editable"), str(project), None, context)
    assert "setuptools>=64" in raised.value.remedy


def test_a_tree_to_install_editable_is_the_tree_itself(project: Path, context: Context) -> None:
    made = products.make(definition("editable-legacy"), str(project), None, context)
    assert (made.format, made.path) == ("tree", str(project))
    assert made.requires == ("ham>=1",)
    (project / "src" / "spam" / "__init__.py").write_text("x = 2\n")
    again = products.make(definition("editable-legacy"), str(project), None, context)
    assert again.content == made.content


def test_metadata_alone_says_what_a_wheel_would(project: Path, context: Context) -> None:
    made = products.make(definition("metadata"), str(project), None, context)
    assert (made.format, made.name, made.version) == ("metadata", "spam", "1.5")
    assert made.requires == ("ham>=1",)
    assert "Requires-Dist: ham>=1" in Path(made.path).read_text()


# -- commands


BUILD = """
import sys, zipfile
version = sys.argv[2] if len(sys.argv) > 2 else '1.5'
with zipfile.ZipFile(f'{sys.argv[1]}/spam-{version}-py3-none-any.whl', 'w') as z:
    z.writestr(f'spam-{version}.dist-info/METADATA', f'Name: spam\\nVersion: {version}\\n')
print('built with', sys.prefix)
"""


@pytest.fixture
def commanded(project: Path) -> Path:
    (project / "make.py").write_text(BUILD)
    (project / "dist").mkdir()
    (project / "dist" / "README").write_text("kept in the tree")
    return project


def by_command(*command: str, **values: object) -> PackageDefinition:
    values.setdefault("outputs", ("dist/*.whl",))
    return definition("command", command=command, **values)


def test_a_command_builds_in_a_copy(commanded: Path, context: Context) -> None:
    lines: list[str] = []
    asked = by_command("python", "make.py", "dist")
    made = products.make(asked, str(commanded), None, context, lines.append)
    assert (made.name, made.version) == ("spam", "1.5")
    assert os.listdir(commanded / "dist") == ["README"]
    assert any(line.startswith("built with") for line in lines)
    assert products.make(asked, str(commanded), None, context).reused


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (("python", "-c", "pass"), r"left nothing that is dist/\*\.whl"),
        (
            ("sh", "-c", "python make.py dist 1.5 && touch dist/eggs-1-py3-none-any.whl"),
            "left several packages: eggs-1-py3-none-any.whl, spam-1.5-py3-none-any.whl",
        ),
        (("python", "make.py", "dist", "3.0"), "the project's version is 1.5"),
        (("python", "-c", "import sys; sys.exit(4)"), "ended with 4"),
    ],
)
def test_a_command_that_goes_wrong_is_named(
    commanded: Path, context: Context, command: tuple[str, ...], says: str
) -> None:
    with pytest.raises(ArtifactError, match=says):
        products.make(by_command(*command), str(commanded), None, context)


def test_a_program_that_is_not_there_is_named(commanded: Path, context: Context) -> None:
    asked = by_command("no-such-program", origin=Origin("stead.toml", 3))
    with pytest.raises(TaskError, match="no-such-program was not found") as raised:
        products.make(asked, str(commanded), None, context)
    assert str(raised.value.where) == "stead.toml:3"


def test_the_commands_of_a_tox_environment_build_in_the_tree(
    commanded: Path, context: Context
) -> None:
    settings = PackageSettings(
        ".pkg_external",
        set_env=(("VERSION", "1.5"),),
        commands=(TestCommand(("sh", "-c", "python make.py dist $VERSION")),),
        allowlist_externals=("sh",),
    )
    asked = by_command(settings=settings, outputs=(str(commanded / "dist" / "*.whl"),))
    made = products.make(asked, str(commanded), None, context)
    assert made.version == "1.5"
    assert (commanded / "dist" / "spam-1.5-py3-none-any.whl").exists()
    refused = by_command(
        settings=PackageSettings(".pkg", commands=settings.commands), outputs=asked.outputs
    )
    with pytest.raises(TaskError, match="outside of the environment"):
        products.make(refused, str(commanded), None, context)


def test_an_environment_that_is_there_builds(commanded: Path, context: Context) -> None:
    prefix = commanded.parent / "env"
    subprocess.run(["python3", "-m", "venv", "--without-pip", str(prefix)], check=True)
    ready = Ready("abc", str(prefix), str(prefix), (str(prefix / "bin"),))
    lines: list[str] = []
    asked = by_command("python", "make.py", "dist", environment="env")
    products.make(asked, str(commanded), None, context, lines.append, ready=ready)
    assert f"built with {prefix}" in lines
    wheel = definition("wheel", environment="env")
    assert products.make(wheel, str(commanded), None, context, ready=ready).name == "spam"


# -- files and releases


def test_a_file_is_taken_as_it_is_and_read_once(tmp_path: Path, context: Context) -> None:
    wheel = Wheel("spam", "2.0", requires=("ham",))
    path = tmp_path / wheel.filename
    path.write_bytes(wheel.content())
    asked = definition("file", file=str(path))
    first = products.make(asked, str(tmp_path), None, context)
    assert (first.path, first.name, first.requires) == (str(path), "spam", ("ham",))
    assert products.key(asked, str(tmp_path), None, context) == products.key(
        asked, str(tmp_path), None, context
    )
    path.write_bytes(Wheel("spam", "2.0").content())
    assert products.make(asked, str(tmp_path), None, context).requires == ()


def test_a_file_that_is_not_there_is_named(tmp_path: Path, context: Context) -> None:
    asked = definition("file", file=str(tmp_path / "x.whl"), origin=Origin("stead.toml", 9))
    with pytest.raises(ManifestError, match="is not there") as raised:
        products.make(asked, str(tmp_path), None, context)
    assert str(raised.value.where) == "stead.toml:9"


@pytest.fixture
def index(tmp_path: Path) -> Path:
    return make_index(
        tmp_path / "index",
        [Wheel("spam", "1.0"), Wheel("spam", "2.0"), Wheel("spam", "2.0", tag="cp36-cp36m-any"),
         Sdist("spam", "2.0")],
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["wheel", "sdist"])
def test_a_released_version_is_fetched_once(
    index: Path, tmp_path: Path, context: Context, kind: str
) -> None:
    asked = definition(
        "release",
        format=kind,
        version="2.0",
        distribution="Spam",
        indexes=(Index("own", f"{index.as_uri()}/simple", default=True),),
    )
    made = products.make(asked, str(tmp_path), None, context)
    assert (made.name, made.version, made.format) == ("spam", "2.0", kind)
    if kind == "wheel":
        assert made.tags == ("py3-none-any",)
    shutil.rmtree(index)
    offline = make_context(context.home, offline=True)
    assert products.make(asked, str(tmp_path), None, offline).path == made.path


def test_a_version_that_was_not_released_is_an_error(
    index: Path, tmp_path: Path, context: Context
) -> None:
    asked = definition(
        "release",
        version="9.0",
        distribution="spam",
        indexes=(Index("own", f"{index.as_uri()}/simple", default=True),),
    )
    with pytest.raises(UnsatisfiableError):
        products.make(asked, str(tmp_path), None, context)
    nameless = definition("release", version="9.0", origin=Origin("stead.toml", 2))
    with pytest.raises(ManifestError, match="what the released package release is called"):
        products.make(nameless, str(tmp_path), None, context)


def test_a_release_that_is_not_what_its_index_says_is_refused(
    index: Path, tmp_path: Path, context: Context
) -> None:
    asked = definition(
        "release",
        version="1.0",
        distribution="spam",
        indexes=(Index("own", f"{index.as_uri()}/simple", default=True),),
    )
    (index / "files" / "spam-1.0-py3-none-any.whl").write_bytes(b"other")
    with pytest.raises((HashMismatchError, ArtifactError)):
        products.make(asked, str(tmp_path), None, context)
    assert not [p for p in (context.home / "store").iterdir() if "spam" in p.name]


# -- requirements


def test_requirements_of_a_build_are_locked_and_kept(
    project: Path, tmp_path: Path, context: Context
) -> None:
    index = make_index(tmp_path / "index", [Wheel("helper", "1.0")])
    text = (project / "pyproject.toml").read_text()
    (project / "pyproject.toml").write_text(
        text.replace("requires = []", 'requires = ["helper"]').replace('["."]', '["."]')
    )
    source = (project / "backend.py").read_text()
    (project / "backend.py").write_text(
        f"import helper\nprint('helper', helper.__version__)\n{source}"
    )
    indexes = (Index("own", f"{index.as_uri()}/simple", default=True),)
    asked = definition("wheel", indexes=indexes)
    lines: list[str] = []
    products.make(asked, str(project), None, context, lines.append)
    assert "helper 1.0" in lines
    make_index(index, [Wheel("helper", "2.0")])
    before = products.key(asked, str(project), None, context)
    (project / "new.txt").write_text("")
    lines.clear()
    products.make(asked, str(project), None, context, lines.append)
    assert "helper 1.0" in lines
    afresh = make_context(context.home, upgrade=frozenset({"*"}))
    lines.clear()
    products.make(asked, str(project), None, afresh, lines.append)
    assert "helper 2.0" in lines
    assert products.key(asked, str(project), None, context) != before


def test_what_the_back_end_asks_for_besides_is_given(
    project: Path, tmp_path: Path, context: Context
) -> None:
    index = make_index(tmp_path / "index", [Wheel("helper", "1.0")])
    source = (project / "backend.py").read_text()
    (project / "backend.py").write_text(
        source
        + "\ndef get_requires_for_build_wheel(settings=None):\n    return ['helper']\n"
        + "own = build_wheel\n"
        + "def build_wheel(*args):\n    import helper\n    return own(*args)\n"
    )
    indexes = (Index("own", f"{index.as_uri()}/simple", default=True),)
    made = products.make(definition("wheel", indexes=indexes), str(project), None, context)
    assert made.name == "spam"


@pytest.mark.parametrize("builder", ["wheel", "sdist-wheel"])
def test_what_the_back_end_asks_for_besides_is_locked_and_part_of_the_key(
    project: Path, tmp_path: Path, context: Context, builder: Builder
) -> None:
    index = make_index(tmp_path / "index", [Wheel("helper", "1.0"), Wheel("further")])
    source = (project / "backend.py").read_text()
    (project / "backend.py").write_text(
        source
        + "\ndef get_requires_for_build_wheel(settings=None):\n"
        + "    try:\n        import helper\n    except ImportError:\n        return ['helper']\n"
        + "    return ['helper', 'further']\n"
        + "own = build_wheel\n"
        + "def build_wheel(*args):\n    import helper, further\n"
        + "    print('helper', helper.__version__)\n    return own(*args)\n"
    )
    indexes = (Index("own", f"{index.as_uri()}/simple", default=True),)
    asked = definition(builder, indexes=indexes)
    lines: list[str] = []

    def make(world: Context = context) -> bool:
        lines.clear()
        return products.make(asked, str(project), None, world, lines.append).reused

    assert not make()
    assert lines.count("helper 1.0") == 1
    key, product = products.found(asked, str(project), None, context)
    assert product is not None
    assert make()
    make_index(index, [Wheel("helper", "2.0")])
    assert make()
    assert not make(make_context(context.home, upgrade=frozenset({"*"})))
    assert lines.count("helper 2.0") == 1
    assert products.key(asked, str(project), None, context) != key
    assert make()


def test_deps_and_settings_of_a_tox_environment_reach_the_build(
    project: Path, tmp_path: Path, context: Context
) -> None:
    index = make_index(tmp_path / "index", [Wheel("helper", "1.0")])
    (project / "build-needs.txt").write_text("helper\n")
    source = (project / "backend.py").read_text()
    (project / "backend.py").write_text(
        source + "\nown = build_wheel\n"
        "def build_wheel(directory, settings=None, metadata=None):\n"
        "    import helper\n"
        "    print(settings, os.environ['LEVEL'], os.environ.get('HIDDEN'))\n"
        "    return own(directory)\n"
    )
    settings = PackageSettings(
        ".pkg",
        deps=("-r build-needs.txt",),
        set_env=(("LEVEL", "3"),),
        pass_env=("HID*",),
        disallow_pass_env=("HIDDEN",),
        config_settings=(("build_wheel", (("quick", "yes"),)),),
        origins=(("deps", Origin(str(project / "tox.ini"), 4)),),
    )
    indexes = (Index("own", f"{index.as_uri()}/simple", default=True),)
    lines: list[str] = []
    world = make_context(context.home, environ={**context.environ, "HIDDEN": "1"})
    asked = definition("wheel", indexes=indexes, settings=settings)
    products.make(asked, str(project), None, world, lines.append)
    assert "{'quick': 'yes'} 3 None" in lines

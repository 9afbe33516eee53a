"""Activation scripts of packages, replayed as data and compared with the real thing."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from stead.ecosystems.conda import Conda
from stead.testing import Package, make_channel, text
from stead.testing.world import recorder
from stead.values.activation import Change, apply

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Place


def replayed(place: Place, prefix: Path) -> dict[str, Change]:
    changes = Conda().activation(prefix, place.context)
    return {c.name: c for c in changes}


def scripted(place: Place, tmp_path: Path, script: str, name: str = "scripted") -> Path:
    package = Package(name, entries=(text(f"etc/conda/activate.d/{name}.sh", script),))
    make_channel(tmp_path / "scripted", [package], place.platform.name)
    return place.asking(tmp_path / "scripted").make(name)


def test_what_real_compilers_and_libraries_do(place: Place) -> None:
    prefix = place.make("toolchain")
    changes = replayed(place, prefix)
    assert changes == {
        "CONDA_PREFIX": Change("set", "CONDA_PREFIX", str(prefix)),
        "CONDA_DEFAULT_ENV": Change("set", "CONDA_DEFAULT_ENV", str(prefix)),
        "TOOLCHAIN_LEVEL": Change("set", "TOOLCHAIN_LEVEL", "3"),
        "TOOLCHAIN_QUOTED": Change("set", "TOOLCHAIN_QUOTED", 'it\'s "so" $HOME `x`\nline'),
        "CC_TOOLCHAIN": Change("set", "CC_TOOLCHAIN", f"{prefix}/bin/cc"),
        "CFLAGS": Change("prepend", "CFLAGS", "-O2", " "),
        "GDAL_DATA": Change("set", "GDAL_DATA", f"{prefix}/share/gdal"),
        "JAVA_TOOL_OPTIONS": Change("unset", "JAVA_TOOL_OPTIONS"),
        "PKG_CONFIG_PATH": Change("prepend", "PKG_CONFIG_PATH", f"{prefix}/lib/pkgconfig"),
        "PROJ_NETWORK": Change("default", "PROJ_NETWORK", "ON"),
        "TOOL_WORDS": Change("set", "TOOL_WORDS", "one two"),
        "XDG_DATA_DIRS": Change("append", "XDG_DATA_DIRS", f"{prefix}/share"),
    }
    assert any("function_of_toolchain" in note for note in recorder(place.context).notes)


@pytest.mark.parametrize(
    "caller",
    [
        {},
        {"CFLAGS": "-g", "PKG_CONFIG_PATH": "/a:/b", "XDG_DATA_DIRS": "/usr/share"},
        {"PROJ_NETWORK": "OFF", "JAVA_TOOL_OPTIONS": "-X", "TOOL_WORDS": "mine"},
    ],
)
def test_replaying_gives_what_sourcing_gives(place: Place, caller: dict[str, str]) -> None:
    prefix = place.make("toolchain")
    start = {"PATH": "/usr/bin:/bin", **caller}
    scripts = sorted((prefix / "etc/conda/activate.d").glob("*.sh"))
    command = "; ".join(f". {s}" for s in scripts) + "; env -0"
    given = {**start, "CONDA_PREFIX": str(prefix)}
    real = subprocess.run(
        ["bash", "--norc", "-c", command], env=given, capture_output=True, text=True, check=True
    )
    sourced = dict(e.split("=", 1) for e in real.stdout.split("\0") if e)
    mine = apply(Conda().activation(prefix, place.context), start)
    for name in ("CC_TOOLCHAIN", "CFLAGS", "GDAL_DATA", "PKG_CONFIG_PATH", "XDG_DATA_DIRS",
                 "PROJ_NETWORK", "TOOL_WORDS", "JAVA_TOOL_OPTIONS"):  # fmt: skip
        assert mine.get(name, "").strip() == sourced.get(name, "").strip(), name


def test_replaying_twice_changes_nothing_more(place: Place) -> None:
    changes = Conda().activation(place.make("toolchain"), place.context)
    once = apply(changes, {"CFLAGS": "-g", "XDG_DATA_DIRS": "/x"})
    assert apply(changes, once) == once


def test_what_cannot_be_replayed_is_said_and_undone(place: Place) -> None:
    prefix = place.make("restless")
    changes = replayed(place, prefix)
    assert "RESTLESS" not in changes
    notes = "\n".join(recorder(place.context).notes)
    assert "RESTLESS differs each time" in notes
    assert "restless.txt" in notes
    assert not (prefix / "restless.txt").exists()


def test_a_prefix_without_scripts_starts_no_process(place: Place) -> None:
    prefix = place.make("tool")

    def forbidden(*_: object, **__: object) -> None:
        raise AssertionError("a process was started")

    changes = Conda().activation(prefix, replace(place.context, run=forbidden))
    assert {c.name for c in changes} == {"CONDA_PREFIX", "CONDA_DEFAULT_ENV"}


def test_a_prefix_without_conda_packages_needs_nothing(place: Place, tmp_path: Path) -> None:
    assert Conda().activation(tmp_path, place.context) == ()


@pytest.mark.parametrize(
    ("script", "change"),
    [
        ('export PATH="$CONDA_PREFIX/extra/bin:$PATH"', ("prepend", "PATH", "{p}/extra/bin", ":")),
        ('export PATH="$PATH:$CONDA_PREFIX/x"', ("append", "PATH", "{p}/x", ":")),
        ('export X="${X:-/usr/share}:/mine"', ("append", "X", "/mine", ":")),
        ('export X="/mine;$X"', ("prepend", "X", "/mine", ";")),
        ("unset X", ("unset", "X", "", ":")),
        ('[ -n "${X+x}" ] || export X=1', ("default", "X", "1", ":")),
        ("export X=1; exit 3", ("set", "X", "1", ":")),
        ("set -eu; export X=1; false", ("set", "X", "1", ":")),
        ('for n in X; do eval "export $n=computed"; done', ("set", "X", "computed", ":")),
        ('export X="$HOME/data"', ("set", "X", "{home}/data", ":")),
    ],
)
def test_each_shape_is_understood(
    place: Place, tmp_path: Path, script: str, change: tuple[str, str, str, str]
) -> None:
    prefix = scripted(place, tmp_path, script)
    kind, name, value, separator = change
    home = place.context.environ["HOME"]
    value = value.format(p=prefix, home=home)
    assert replayed(place, prefix)[name] == Change(kind, name, value, separator)  # type: ignore[arg-type]


def test_a_list_with_a_default_keeps_it(place: Place, tmp_path: Path) -> None:
    prefix = scripted(place, tmp_path, 'export X="${X:-/usr/share}:/mine"')
    changes = Conda().activation(prefix, place.context)
    assert apply(changes, {})["X"] == "/usr/share:/mine"
    assert apply(changes, {"X": "/own"})["X"] == "/own:/mine"


@pytest.mark.parametrize(
    "script",
    [
        "scratch=1",
        "tmp=$(pwd); export tmp; unset tmp",
        'export CONDA_BACKUP_X="${X:-}"',
        "true",
    ],
)
def test_scratch_paper_leaves_no_trace(place: Place, tmp_path: Path, script: str) -> None:
    prefix = scripted(place, tmp_path, script)
    assert set(replayed(place, prefix)) == {"CONDA_PREFIX", "CONDA_DEFAULT_ENV"}
    assert recorder(place.context).notes == []


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ('export X="$Y/lib"', "X depends on what Y was"),
        ('export X="<$X>"', "X depends on what it was"),
        ("export PATH=/only", "PATH is replaced"),
        ("alias ll='ls -l'; greet() { :; }", "greet"),
        ('echo hello > "$HOME/.toolrc"', ".toolrc"),
        ("kill -9 $$", "nothing to see"),
    ],
)
def test_each_thing_that_is_lost_is_said(
    place: Place, tmp_path: Path, script: str, said: str
) -> None:
    prefix = scripted(place, tmp_path, script)
    Conda().activation(prefix, place.context)
    assert said in "\n".join(recorder(place.context).notes)
    assert not os.path.exists(os.path.join(place.context.environ["HOME"], ".toolrc"))


def test_variables_of_conda_env_config_are_set(place: Place) -> None:
    prefix = place.make("tool")
    (prefix / "conda-meta" / "state").write_text('{"env_vars": {"FROM_STATE": "yes"}}')
    assert replayed(place, prefix)["FROM_STATE"].value == "yes"


def test_broken_variable_files_are_named(place: Place, tmp_path: Path) -> None:
    package = Package("broken", entries=(text("etc/conda/env_vars.d/broken.json", "{"),))
    make_channel(tmp_path / "broken", [package], place.platform.name)
    prefix = place.asking(tmp_path / "broken").make("broken")
    Conda().activation(prefix, place.context)
    assert any("broken.json" in note for note in recorder(place.context).notes)

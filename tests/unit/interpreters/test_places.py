"""Where interpreters may lie, on any system."""

from __future__ import annotations

import os

import pytest

from stead.ecosystems.interpreters.places import (
    candidates,
    conda_roots,
    in_virtual_environment,
    is_shims,
    is_stand_in,
    layout_of,
    path_directories,
    version_directories,
)

LINUX, MACOS, WINDOWS = map(layout_of, ("linux", "darwin", "win32"))


def directories(environ, layout=LINUX):
    return list(path_directories(environ, layout))


def test_path_without_relative_entries_shims_and_repetition():
    path = "/a/bin/:.::bin:/home/u/.pyenv/shims:/a/bin:../x:/usr/bin"
    assert directories({"PATH": path}) == ["/a/bin", "/usr/bin", "/usr/local/bin"]


def test_the_usual_directories_count_without_path():
    assert directories({}) == ["/usr/local/bin", "/usr/bin"]


def test_path_of_windows():
    path = (
        r"C:\Python312\;tools;"
        r"C:\Users\u\AppData\Local\Microsoft\WindowsApps;C:\Users\u\.pyenv\pyenv-win\shims"
    )
    assert directories({"PATH": path}, WINDOWS) == [r"C:\Python312"]


@pytest.mark.parametrize(
    ("directory", "shims"),
    [
        ("/home/u/.pyenv/shims", True),
        ("/home/u/.local/share/mise/shims", True),
        ("/opt/shims/bin", False),
        ("/usr/bin", False),
    ],
)
def test_shims(directory, shims):
    assert is_shims(directory) is shims


def test_versions_follow_the_variables_of_each_tool():
    environ = {
        "HOME": "/h",
        "PYENV_ROOT": "/p",
        "UV_PYTHON_INSTALL_DIR": "/u",
        "ASDF_DATA_DIR": "/a",
        "MISE_DATA_DIR": "/m",
    }
    assert list(version_directories(environ, LINUX)) == [
        ("pyenv", "/p/versions"),
        ("uv", "/u"),
        ("system", "/a/installs/python"),
        ("system", "/m/installs/python"),
    ]


def test_versions_have_their_usual_places():
    assert list(version_directories({"HOME": "/h"}, LINUX)) == [
        ("pyenv", "/h/.pyenv/versions"),
        ("uv", "/h/.local/share/uv/python"),
        ("system", "/h/.asdf/installs/python"),
        ("system", "/h/.local/share/mise/installs/python"),
    ]
    assert ("uv", "/x/uv/python") in version_directories({"XDG_DATA_HOME": "/x"}, LINUX)
    assert ("system", "/Library/Frameworks/Python.framework/Versions") in version_directories(
        {"HOME": "/h"}, MACOS
    )


def test_without_a_home_nothing_is_guessed():
    assert list(version_directories({}, LINUX)) == []
    assert list(conda_roots({}, LINUX)) == [
        "/opt/conda", "/opt/miniforge3", "/opt/miniconda3", "/opt/anaconda3", "/opt/mambaforge",
    ]  # fmt: skip


def test_versions_of_windows():
    environ = {
        "USERPROFILE": r"C:\Users\u",
        "APPDATA": r"C:\Users\u\AppData\Roaming",
        "LOCALAPPDATA": r"C:\Users\u\AppData\Local",
        "PROGRAMFILES": r"C:\Program Files",
        "SYSTEMDRIVE": "C:",
    }
    assert list(version_directories(environ, WINDOWS)) == [
        ("pyenv", r"C:\Users\u\.pyenv\pyenv-win\versions"),
        ("uv", r"C:\Users\u\AppData\Roaming\uv\data\python"),
        ("system", r"C:\Users\u\AppData\Local\Programs\Python"),
        ("system", r"C:\Program Files"),
        ("system", "C:\\"),
    ]
    assert WINDOWS.executables(r"C:\Python312")[0] == r"C:\Python312\python.exe"


def test_conda_is_found_by_its_program_and_in_its_usual_places():
    roots = list(conda_roots({"CONDA_EXE": "/x/conda/bin/conda", "MAMBA_ROOT_PREFIX": "/m"}, LINUX))
    assert roots[:2] == ["/x/conda", "/m"]
    assert "/h/miniforge3" in conda_roots({"HOME": "/h"}, MACOS)
    roots = list(
        conda_roots(
            {"CONDA_EXE": r"C:\m\Scripts\conda.exe", "PROGRAMDATA": r"C:\ProgramData"}, WINDOWS
        )
    )
    assert roots[0] == r"C:\m"
    assert r"C:\ProgramData\miniforge3" in roots


def test_who_brought_an_interpreter_knows_it_before_path_does(tmp_path):
    (tmp_path / "pyenv" / "versions" / "3.12.1").mkdir(parents=True)
    (tmp_path / "home" / "interpreters" / "cpython-3.13").mkdir(parents=True)
    (tmp_path / "home" / "interpreters" / ".temp").mkdir()
    environ = {
        "PYENV_ROOT": str(tmp_path / "pyenv"),
        "PATH": f"{tmp_path}/pyenv/versions/3.12.1/bin",
    }
    given = list(candidates(str(tmp_path / "home"), environ, LINUX, own="/own/python"))
    python = f"{tmp_path}/pyenv/versions/3.12.1/bin/python3"
    assert next(kind for path, kind in given if path == python) == "pyenv"
    assert given[0] == (f"{tmp_path}/home/interpreters/cpython-3.13/bin/python3", "stead")
    assert not any(".temp" in path for path, _ in given)
    assert given[-1] == ("/own/python", "system")


def test_free_threaded_names_are_looked_for():
    names = LINUX.names()
    assert {"python3", "python3.6", "python3.13t", "python3.14"} <= set(names)
    assert "python3.12t" not in names


def test_macos_own_python_is_left_alone_without_its_tools():
    assert is_stand_in("/usr/bin/python3", MACOS) is not os.path.isdir(
        "/Library/Developer/CommandLineTools"
    )
    assert not is_stand_in("/usr/local/bin/python3", MACOS)
    assert not is_stand_in("/usr/bin/python3", LINUX)


def test_virtual_environments(tmp_path):
    (tmp_path / "pyvenv.cfg").touch()
    assert in_virtual_environment(str(tmp_path / "bin" / "python"))
    assert not in_virtual_environment(str(tmp_path.parent / "other" / "bin" / "python"))

from __future__ import annotations

import pytest

from stead.formats import known, package_dir, python_version, setup_py
from stead.values.errors import ManifestError
from stead.values.manifest import TakenLock


def read(files, *layers, directory="/p"):
    return known.read_directory(directory, files.exists, layers, files.load)


def formats(manifests):
    return [m.format for m in manifests]


def test_every_name_has_a_reader():
    for name in known.NAMES:
        assert callable(known.reader_for(name)), name
    for name in known.layer_files("dev"):
        assert callable(known.reader_for(name)), name
    assert known.reader_for("README.md") is None


@pytest.mark.parametrize("layer", ["", "../up", "a/b", "-x"])
def test_a_layer_name_that_is_no_name_has_no_files(layer):
    assert known.layer_files(layer) == ()


def test_files_come_in_the_order_of_precedence(tree):
    files = tree(
        {
            ".python-version": "3.12",
            "requirements.txt": "a",
            "environment.yml": "dependencies: [b]",
            "pyproject.toml": '[project]\nname = "c"\n',
            "stead.toml": "",
            "conda-linux-64.lock": "@EXPLICIT\n",
        }
    )
    assert formats(read(files)) == [
        "stead.toml",
        "pyproject.toml",
        "environment.yml",
        "requirements.txt",
        "explicit",
        ".python-version",
    ]


def test_one_of_two_spellings_counts(tree):
    files = tree({"environment.yml": "dependencies: [a]", "environment.yaml": "dependencies: [b]"})
    (manifest,) = read(files)
    assert manifest.file == "/p/environment.yml"
    (manifest,) = read(tree({"environment.yaml": "dependencies: [b]"}))
    assert manifest.layers[0].requirements[0].name == "b"


def test_setup_py_counts_where_pyproject_describes_no_project(tree):
    setup = "from setuptools import setup\nsetup(name='s')"
    build = '[build-system]\nrequires = ["setuptools"]\n'
    assert formats(read(tree({"setup.py": setup, "pyproject.toml": build}))) == ["pyproject.toml"]
    (manifest,) = read(tree({"setup.py": setup, "pyproject.toml": "[tool.ruff]\n"}))
    assert (manifest.format, manifest.project) == ("setup.py", "s")
    assert "/p/pyproject.toml" in manifest.reads


def test_settings_of_other_tools_make_no_place(tree):
    assert read(tree({"pyproject.toml": "[tool.ruff]\nline-length = 100\n"})) == ()
    files = tree({"pyproject.toml": "[tool.ruff]\n", "__main__.py": "", "__init__.py": ""})
    assert formats(read(files)) == ["package"]


def test_code_beside_foreign_manifests_is_importable(tree):
    (manifest,) = read(tree({"requirements.txt": "a", "main.py": ""}))
    assert manifest.modules == ("/p",)
    (manifest,) = read(tree({"environment.yml": "dependencies: [a]", "src/x.py": ""}))
    assert manifest.modules == ("/p", "/p/src")
    installed = read(tree({"requirements.txt": "a", "setup.py": "", "src/x.py": ""}))
    assert all(m.modules == () for m in installed)
    (manifest,) = read(tree({"stead.toml": ""}))
    assert manifest.modules == ()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("requirements-dev.txt", "x"),
        ("requirements_dev.txt", "x"),
        ("requirements/dev.txt", "x"),
        ("environment-dev.yml", "dependencies: [x]"),
    ],
)
def test_files_of_layers(tree, name, text):
    files = tree({"requirements.txt": "a", name: text})
    assert len(read(files)) == 1
    _, manifest = read(files, "dev", "other", "dev")
    assert manifest.file == f"/p/{name}"
    assert [r.name for r in manifest.layer("dev").requirements] == ["x"]


def test_a_pylock_of_a_layer(tree):
    files = tree({"pylock.dev.toml": 'lock-version = "1.0"\n'})
    (manifest,) = read(files, "dev")
    assert manifest.taken == (TakenLock("/p/pylock.dev.toml", "pylock", "dev"),)


def test_nothing_is_loaded_that_is_not_there(tree):
    files = tree({})
    assert read(files, "dev") == ()
    assert files.loaded == []


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("3.12\n", "==3.12.*"),
        ("3.12.1", "==3.12.1"),
        ("3", "==3.*"),
        ("3.14.0rc2", "==3.14.0rc2"),
        ("cpython-3.12", "==3.12.*"),
        ("python3.12", "==3.12.*"),
        ("cpython@3.12.4", "==3.12.4"),
        ("# ours\n\n  3.11  # why\n3.10\n", "==3.11.*"),
        (">=3.11, <3.13", ">=3.11,<3.13"),
    ],
)
def test_python_version(tree, text, spec):
    manifest = python_version.read("/p/.python-version", tree({".python-version": text}).load)
    (found,) = manifest.layers[0].requirements
    assert (found.ecosystem, found.name, found.spec) == ("python", "python", spec)


@pytest.mark.parametrize("text", ["", "system\n", "# nothing\n"])
def test_a_python_version_that_asks_for_nothing(tree, text):
    manifest = python_version.read("/p/.python-version", tree({".python-version": text}).load)
    assert manifest.layers[0].requirements == ()


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("\npypy3.10-7.3.12", 2, "asks for pypy"),
        ("miniconda3-latest", 1, "asks for miniconda"),
        ("my-virtualenv", 1, "is not a version"),
        ("3.13tt", 1, "is not a version"),
        ("3.12-dev", 1, "is not a version"),
        (">=three", 1, "is not a version request"),
    ],
)
def test_bad_python_versions(tree, text, line, message):
    with pytest.raises(ManifestError, match=message) as caught:
        python_version.read("/p/.python-version", tree({".python-version": text}).load)
    assert str(caught.value.where) == f"/p/.python-version:{line}"
    assert "3.12" in caught.value.remedy


def test_setup_py_is_not_run(tree, tmp_path):
    marker = tmp_path / "ran"
    text = f"open({str(marker)!r}, 'w')\nfrom setuptools import setup\nsetup(name='Proj_Ect')\n"
    manifest = setup_py.read("/p/setup.py", tree({"setup.py": text}).load)
    (found,) = manifest.layers[0].requirements
    assert str(found) == "pypi proj-ect @ /p (editable)"
    assert manifest.project == "proj-ect"
    assert not marker.exists()


@pytest.mark.parametrize("text", ["this is not python (", "setup(name=name())", "\0"])
def test_setup_py_whose_name_cannot_be_read(tree, text):
    manifest = setup_py.read("/p/setup.py", tree({"setup.py": text}).load)
    assert manifest.layers[0].requirements[0].name == ""
    assert manifest.project == "p"


def test_a_bare_package(tree):
    files = tree({"__main__.py": "", "__init__.py": ""}, "/w/tool")
    (manifest,) = read(files, directory="/w/tool")
    (task,) = manifest.layers[0].tasks
    assert (task.name, task.command, task.cwd) == ("tool", ("python", "-m", "tool"), "")
    assert manifest.modules == ("/w",)


def test_a_bare_package_within_packages(tree):
    files = tree({"a/__init__.py": "", "a/b/__init__.py": "", "a/b/__main__.py": ""}, "/w")
    manifest = package_dir.read("/w/a/b/__main__.py", files.load)
    assert manifest.layers[0].tasks[0].command == ("python", "-m", "a.b")
    assert manifest.modules == ("/w",)


def test_a_bare_folder_of_scripts(tree):
    manifest = package_dir.read("/w/x/__main__.py", tree({"__main__.py": ""}, "/w/x").load)
    assert manifest.layers[0].tasks[0].command == ("python", "/w/x")
    assert manifest.modules == ("/w/x",)


def test_locks_for_other_platforms_are_left_out():
    taken = [
        TakenLock(f"/p/{name}", "explicit")
        for name in ("conda-linux-64.lock", "conda-osx-arm64.lock", "explicit.txt")
    ]
    assert [t.file for t in known.for_platform(taken, "linux-64")] == [
        "/p/conda-linux-64.lock",
        "/p/explicit.txt",
    ]

"""Which Python an environment gets: by layer, by file, by request; found or fetched."""

from __future__ import annotations

import os
import shutil
import sys
import tarfile

import pytest

from stead.testing.mirror import make_interpreter_mirror

MINOR = f"{sys.version_info[0]}.{sys.version_info[1]}"
LAYER = f"py{MINOR.replace('.', '')}"
CLAIMED = f"{MINOR}.98"
"""A version that no machine has."""

WHO = "import sys; print('%d.%d.%d' % sys.version_info[:3], sys.base_prefix)"


@pytest.fixture(scope="module")
def mirror(tmp_path_factory):
    directory = tmp_path_factory.mktemp("mirror")
    make_interpreter_mirror(directory, patch=98)
    return directory


@pytest.fixture
def install(mirror):
    """Put a whole interpreter of the claimed version at a prefix."""

    def make(prefix):
        (archive,) = mirror.glob("*.tar.gz")
        unpacked = prefix.with_name(prefix.name + ".new")
        with tarfile.open(archive) as tar:
            tar.extractall(unpacked, filter="fully_trusted")
        prefix.parent.mkdir(parents=True, exist_ok=True)
        (unpacked / "python").rename(prefix)
        unpacked.rmdir()
        return prefix

    return make


def who(machine, root, *options):
    """Say version and home of the Python that an environment runs."""
    return machine.ok("run", *options, "python", "-c", WHO, cwd=root).split()


def builds(machine):
    return {p.name for p in (machine.stead_home / "store").glob("[!.]*")}


def test_layers_choose_among_the_interpreters_found(machine, project):
    """py3X for each minor version at hand; the others are named, and refused in order."""
    machine.environ["PYENV_ROOT"] = os.environ.get("PYENV_ROOT", os.path.expanduser("~/.pyenv"))
    root = project({"stead.toml": "[packages.pypi]\nleaf = '*'\n"})
    listed = machine.json("env", "list", "--interpreters", cwd=root)
    found = {".".join(i["version"].split(".")[:2]) for i in listed}
    wanted = [f"3.{minor}" for minor in range(8, 15)]
    print("not found here:", ", ".join(v for v in wanted if v not in found) or "none")
    assert MINOR in found
    for version in wanted:
        layer = f"py{version.replace('.', '')}"
        words = ("run", "--no-python-downloads", "-e", layer, "python", "-c", WHO)
        if version in found:
            said = machine.ok(*words, cwd=root).split()[0]
            assert said.rsplit(".", 1)[0] == version
        else:
            message = machine.fails(*words, cwd=root)
            assert version in message
            assert MINOR in message
    assert len(builds(machine)) == len(found & set(wanted))


def test_layer_that_contradicts_the_manifest(machine, project):
    root = project({"stead.toml": f"[packages]\npython = '=={MINOR}.*'\n"})
    message = machine.fails("run", "-e", "py399", "true", cwd=root)
    assert "3.99" in message
    assert "→" in message


def test_error_lists_what_was_found(machine, project):
    root = project({"stead.toml": "[packages]\npython = '>=3.90'\n"})
    message = machine.fails("run", "--no-python-downloads", "true", cwd=root)
    assert ">=3.90" in message
    found = machine.json("env", "list", "--interpreters", cwd=root)
    assert found
    assert all(i["path"] in message for i in found)
    assert "--no-python-downloads" in message
    assert not (root / "stead.lock").exists()


def test_pyenv_layer(machine, project, install, tmp_path):
    root = project({"stead.toml": "[packages.pypi]\nleaf = '*'\n"})
    machine.environ["PYENV_ROOT"] = str(tmp_path / "pyenv")
    message = machine.fails("run", "-e", "pyenv", "true", cwd=root)
    assert "pyenv" in message
    prefix = install(tmp_path / "pyenv" / "versions" / CLAIMED)
    assert who(machine, root, "-e", "pyenv") == [CLAIMED, str(prefix)]
    assert who(machine, root, "-e", f"pyenv-{LAYER}") == [CLAIMED, str(prefix)]


def test_python_version_file(machine, project, install, tmp_path):
    prefix = install(tmp_path / "pyenv" / "versions" / CLAIMED)
    machine.environ["PYENV_ROOT"] = str(tmp_path / "pyenv")
    root = project({".python-version": f"{CLAIMED}\n", "requirements.txt": "leaf\n", "a/b": ""})
    for cwd in (root, root / "a"):
        assert who(machine, cwd) == [CLAIMED, str(prefix)]
    (root / ".python-version").write_text("3.90\n", encoding="utf-8")
    message = machine.fails("run", "--no-python-downloads", "true", cwd=root)
    assert "3.90" in message


def test_fetched_where_none_fits(machine, project, mirror):
    machine.environ["UV_PYTHON_DOWNLOADS_JSON_URL"] = str(mirror / "downloads.json")
    root = project(
        {"stead.toml": f"[packages]\npython = '=={CLAIMED}'\n[packages.pypi]\nleaf='*'\n"}
    )
    for words in (["--no-python-downloads"], ["--offline"]):
        message = machine.fails("run", *words, "true", cwd=root)
        assert CLAIMED in message
        assert words[0] in message
        assert not (root / "stead.lock").exists()
        assert not list(machine.stead_home.glob("interpreters/c*"))
    version, prefix = who(machine, root)
    assert version == CLAIMED
    assert prefix.startswith(f"{machine.stead_home}/interpreters/")
    # Now it is one of those found.
    assert who(machine, root, "--no-python-downloads", "--") == [version, prefix]
    assert not [p for p in machine.home.iterdir() if p.name not in ("stead", "gitconfig")]


def test_interpreter_that_vanished(machine, project, install, tmp_path):
    prefix = install(tmp_path / "pyenv" / "versions" / CLAIMED)
    machine.environ["PYENV_ROOT"] = str(tmp_path / "pyenv")
    root = project(
        {"stead.toml": f"[packages]\npython = '=={CLAIMED}'\n[packages.pypi]\nleaf='*'\n"}
    )
    assert who(machine, root) == [CLAIMED, str(prefix)]
    before = (root / "stead.lock").read_bytes()
    aside = tmp_path / "aside"
    prefix.rename(aside)
    message = machine.fails("run", "--no-python-downloads", "python", "-c", WHO, cwd=root)
    assert CLAIMED in message
    assert "→" in message
    report = machine.json("status", cwd=root)
    assert any(CLAIMED in p["what"] for p in report["problems"])
    assert (root / "stead.lock").read_bytes() == before
    aside.rename(prefix)
    assert who(machine, root) == [CLAIMED, str(prefix)]
    assert len(builds(machine)) == 1


def test_interpreter_of_the_same_minor_version_takes_over(machine, project, install, tmp_path):
    """What is locked for a minor version serves every interpreter of it."""
    prefix = install(tmp_path / "pyenv" / "versions" / CLAIMED)
    machine.environ["PYENV_ROOT"] = str(tmp_path / "pyenv")
    root = project(
        {"stead.toml": f"[packages]\npython = '=={MINOR}.*'\n[packages.pypi]\nleaf='*'\n"}
    )
    assert who(machine, root) == [CLAIMED, str(prefix)]
    before = (root / "stead.lock").read_bytes()
    shutil.rmtree(prefix)
    version, other = who(machine, root, "--locked", "--")
    assert version.startswith(f"{MINOR}.")
    assert other != str(prefix)
    assert (root / "stead.lock").read_bytes() == before
    assert len(builds(machine)) == 2


def test_changed_interpreter_is_another_build(machine, project, install, tmp_path):
    """The same version somewhere else: a build names its interpreter's path."""
    first = install(tmp_path / "pyenv" / "versions" / CLAIMED)
    machine.environ["PYENV_ROOT"] = str(tmp_path / "pyenv")
    root = project(
        {"stead.toml": f"[packages]\npython = '=={CLAIMED}'\n[packages.pypi]\nleaf='*'\n"}
    )
    assert who(machine, root) == [CLAIMED, str(first)]
    second = tmp_path / "elsewhere" / "versions" / CLAIMED
    second.parent.mkdir(parents=True)
    first.rename(second)
    machine.environ["PYENV_ROOT"] = str(tmp_path / "elsewhere")
    assert who(machine, root) == [CLAIMED, str(second)]
    assert len(builds(machine)) == 2

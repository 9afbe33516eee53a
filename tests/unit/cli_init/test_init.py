"""`stead init` proposes from what stands there and overwrites nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib

import pytest

from stead.formats import stead_toml


@pytest.fixture
def place(tmp_path):
    directory = tmp_path / "scan data"
    directory.mkdir()
    return directory


def init(place, *arguments):
    environ = {**os.environ, "STEAD_HOME": str(place.parent / "home"), "HOME": "/nobody"}
    return subprocess.run(
        [sys.executable, "-m", "stead", "init", *arguments],
        cwd=place,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )


def manifest(place):
    text = (place / "stead.toml").read_text(encoding="utf-8")
    return tomllib.loads(text), stead_toml.read(str(place / "stead.toml"), lambda _: text), text


def test_an_empty_directory_gets_a_manifest_for_pypi(place):
    done = init(place)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{place / 'stead.toml'}\n{place / '.gitignore'}\n"
    data, read, _ = manifest(place)
    assert data["workspace"] == {"name": "scan data"}
    assert data["packages"]["pypi"] == {}
    assert read.layer("").requirements[0].name == "python"
    assert sorted(p.name for p in place.iterdir()) == [".gitignore", "stead.toml"]


def test_the_name_and_the_ecosystem_can_be_said(place):
    assert init(place, "--conda", 'sc"ans').returncode == 0
    data, _, _ = manifest(place)
    assert data["workspace"]["name"] == 'sc"ans'
    assert data["packages"]["conda"] == {"channels": ["conda-forge"]}


def test_what_stands_there_decides(place):
    (place / "environment.yml").write_text("dependencies:\n  - python=3.12\n")
    (place / "main.py").write_text("")
    assert init(place).returncode == 0
    data, _, text = manifest(place)
    assert data["packages"] == {"conda": {}}
    assert data["tasks"] == {"main": ["python", "main.py"]}
    assert text.startswith("# Read here as well: environment.yml.")


def test_a_directory_of_a_workspace_becomes_a_part_of_it(place):
    assert init(place).returncode == 0
    inner = place / "service"
    inner.mkdir()
    assert init(inner).returncode == 0
    data, _, _ = manifest(inner)
    assert "workspace" not in data
    assert "python" not in data["packages"]


@pytest.mark.parametrize("kind", ["file", "dangling link"])
def test_a_manifest_that_is_there_is_never_overwritten(place, kind):
    if kind == "file":
        (place / "stead.toml").write_text("# mine\n")
    else:
        (place / "stead.toml").symlink_to("nowhere")
    done = init(place)
    assert done.returncode == 1
    assert "there is a stead.toml already" in done.stderr
    assert "stead add" in done.stderr
    if kind == "file":
        assert (place / "stead.toml").read_text() == "# mine\n"
    assert not (place / "nowhere").exists()


def test_a_manifest_that_cannot_be_read_is_named_and_nothing_is_written(place):
    (place / "pyproject.toml").write_text("[project]\nname = \n")
    done = init(place)
    assert done.returncode == 1
    assert "pyproject.toml:2" in done.stderr
    assert not (place / "stead.toml").exists()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, ".stead/\n.env\n"),
        ("build\n", "build\n.stead/\n.env\n"),
        ("build", "build\n.stead/\n.env\n"),
        ("a\r\n", "a\r\n.stead/\r\n.env\r\n"),
        ("/.stead\n", "/.stead\n.env\n"),
        ("/.env\n", "/.env\n.stead/\n"),
        (".env.local\n", ".env.local\n.stead/\n.env\n"),
        (".env*\n!.env.example\n.stead/\n", ".env*\n!.env.example\n.stead/\n"),
        ("# .env\n", "# .env\n.stead/\n.env\n"),
    ],
)
def test_git_is_told_to_pass_over_what_is_private(place, before, after):
    subprocess.run(["git", "init", "-q", str(place)], check=True)
    ignore = place / ".gitignore"
    if before is not None:
        ignore.write_bytes(before.encode())
    assert init(place).returncode == 0
    assert ignore.read_bytes() == after.encode()
    (place / ".stead").mkdir()
    (place / ".stead" / "x").write_text("")
    (place / ".env").write_text("A=1\n")
    status = subprocess.run(
        ["git", "status", "--porcelain"], cwd=place, capture_output=True, text=True, check=True
    ).stdout
    assert ".stead/" not in status
    assert ".env" not in status


def test_a_repository_that_ignores_it_already_is_left_alone(place):
    subprocess.run(["git", "init", "-q", str(place)], check=True)
    (place / ".gitignore").write_text(".env\n.stead/\n")
    inner = place / "inner"
    inner.mkdir()
    assert init(inner).returncode == 0
    assert not (inner / ".gitignore").exists()


def test_what_is_private_is_ignored_before_there_is_a_repository(place):
    """Who runs ``git init`` afterwards, and adds all there is, commits no private value."""
    (place.parent / ".gitignore").write_text(
        ".env\n.stead/\n"
    )  # of no concern to a repository here
    assert f"{place}/.gitignore" in init(place).stdout
    (place / ".env").write_text("A=1\n")
    subprocess.run(["git", "init", "-q", str(place)], check=True)
    subprocess.run(["git", "add", "."], cwd=place, check=True)
    added = subprocess.run(
        ["git", "ls-files"], cwd=place, capture_output=True, text=True, check=True
    ).stdout
    assert added.split() == [".gitignore", "stead.toml"]


def test_a_member_leaves_it_to_its_workspace(place):
    assert init(place).returncode == 0
    inner = place / "inner"
    inner.mkdir()
    assert init(inner).returncode == 0
    assert not (inner / ".gitignore").exists()


def test_both_ecosystems_at_once_are_a_wrong_command_line(place):
    assert init(place, "--conda", "--pypi").returncode == 2


@pytest.mark.skipif(os.name == "nt", reason="permissions are another matter there")
def test_a_directory_that_cannot_be_written_is_an_error(place):
    """Root may write anywhere but into what the kernel provides."""
    done = subprocess.run(
        [sys.executable, "-m", "stead", "-C", "/proc/self", "init"],
        env={**os.environ, "STEAD_HOME": str(place.parent / "home")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "stead.toml" in done.stderr
    assert "Traceback" not in done.stderr

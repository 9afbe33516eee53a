"""Which files describe a place, and which do not."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from stead.pipeline.discover import discover
from stead.values.errors import ManifestError

OWN = "[vars]\nA = '1'\n"


def files(found):
    return [os.path.relpath(m.file, found.root) for m in found.manifests]


def test_nearest_directory_with_a_manifest_is_the_place(tree):
    tree.write("stead.toml", OWN)
    found = tree.discover("a/b/c")
    assert found.place == tree.at()
    assert files(found) == ["stead.toml"]


@pytest.mark.parametrize("name", ["pixi.toml", "pixi.lock"])
def test_where_only_another_tools_file_is_the_error_says_how_to_take_it_in(tree, name):
    tree.write(f"a/{name}", "")
    with pytest.raises(ManifestError, match="no manifest in") as caught:
        tree.discover("a")
    assert f"stead import {name}" in caught.value.remedy
    # Above or below it nothing is guessed.
    for other in ("", "a/b"):
        tree.write(f"{other}/x" if other else "x", "")
        with pytest.raises(ManifestError) as caught:
            tree.discover(other)
        assert "stead init" in caught.value.remedy


def test_parents_up_to_the_workspace_root_take_part_root_first(tree):
    tree.write("stead.toml", "[workspace]\nname = 'w'\n")
    tree.write("a/stead.toml", OWN)
    tree.write("a/b/stead.toml", OWN)
    found = tree.discover("a/b")
    assert found.root == tree.at()
    assert files(found) == ["stead.toml", "a/stead.toml", "a/b/stead.toml"]


def test_repository_root_bounds_the_workspace(tree):
    tree.write("stead.toml", OWN)
    tree.write("repo/.git/HEAD", "ref: refs/heads/main\n")
    tree.write("repo/a/stead.toml", OWN)
    found = tree.discover("repo/a")
    assert found.root == tree.at("repo")
    assert files(found) == ["a/stead.toml"]


def test_without_workspace_or_repository_the_topmost_stead_toml_is_the_root(tree):
    tree.write("stead.toml", OWN)
    tree.write("a/b/stead.toml", OWN)
    assert tree.discover("a/b").root == tree.at()


def test_inherit_false_ends_the_chain(tree):
    tree.write("stead.toml", "[workspace]\n")
    tree.write("a/stead.toml", "inherit = false\n")
    tree.write("a/b/stead.toml", OWN)
    assert files(tree.discover("a/b")) == ["a/stead.toml", "a/b/stead.toml"]


def test_foreign_manifest_in_a_subdirectory_is_a_place_of_its_own(tree):
    tree.write("stead.toml", "[workspace]\n")
    tree.write("a/requirements.txt", "six\n")
    assert files(tree.discover("a")) == ["a/requirements.txt"]


def test_foreign_manifest_inherits_beside_a_stead_toml(tree):
    tree.write("stead.toml", "[workspace]\n")
    tree.write("a/requirements.txt", "six\n")
    tree.write("a/stead.toml", OWN)
    assert files(tree.discover("a")) == ["stead.toml", "a/stead.toml", "a/requirements.txt"]


def test_foreign_manifest_inherits_as_a_member(tree):
    tree.write("stead.toml", "[workspace]\nmembers = ['libs/*']\n")
    tree.write("libs/a/requirements.txt", "six\n")
    assert files(tree.discover("libs/a")) == ["stead.toml", "libs/a/requirements.txt"]


def test_home_is_never_a_workspace(tree):
    tree.write("stead.toml", OWN)
    tree.write("a/stead.toml", OWN)
    found = discover(tree.at("a"), home=tree.at())
    assert found.root == tree.at("a")
    with pytest.raises(ManifestError, match="no manifest"):
        discover(tree.at("b"), home=tree.at())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_manifest_of_another_user_does_not_count(tree):
    path = tree.write("stead.toml", OWN)
    os.chown(path, 12345, 12345)
    with pytest.raises(ManifestError, match="another user") as caught:
        tree.discover()
    assert path in caught.value.details


def test_names_that_would_take_part_are_listed_as_absent(tree):
    tree.write("stead.toml", "[workspace]\n")
    tree.write("a/stead.toml", OWN)
    found = tree.discover("a/b", "test")
    absent = found.absent
    for name in (
        "a/pyproject.toml",
        "a/requirements-test.txt",
        "environment.yml",
    ):
        assert os.path.join(tree.at(), name) in absent
    assert os.path.join(tree.at(), "a/stead.toml") not in absent
    assert {"stead.toml", "requirements.txt", "requirements-test.txt"} <= set(found.below)


def test_manifests_above_a_repository_are_watched(tree):
    above = tree.write("stead.toml", OWN)
    tree.write("repo/.git/HEAD", "ref: refs/heads/main\n")
    tree.write("repo/stead.toml", OWN)
    found = tree.discover("repo")
    assert found.watched == (above,)
    assert found.repository == os.path.join(tree.at("repo"), ".git")


def test_bare_package_folder_is_a_place(tree):
    tree.write("tool/__main__.py", "print('hi')\n")
    found = tree.discover("tool")
    assert [m.format for m in found.manifests] == ["package"]


def test_package_folder_within_a_project_is_not_a_place(tree):
    tree.write("stead.toml", OWN)
    tree.write("src/tool/__main__.py", "print('hi')\n")
    found = tree.discover("src/tool")
    assert found.place == tree.at()
    assert not any(path.endswith("__main__.py") for path in found.absent)


def test_several_files_of_one_directory_all_count(tree):
    tree.write("requirements.txt", "six\n")
    tree.write("environment.yml", "dependencies: [numpy]\n")
    tree.write(".python-version", "3.12\n")
    found = tree.discover()
    assert {m.format for m in found.manifests} == {
        "requirements.txt",
        "environment.yml",
        ".python-version",
    }


def test_text_that_is_not_utf8_names_file_and_line(tree):
    path = tree.write("stead.toml")
    with open(path, "wb") as file:
        file.write(b"[vars]\nA = '\xff'\n")
    with pytest.raises(ManifestError) as caught:
        tree.discover()
    assert str(caught.value.where) == f"{path}:2"


def test_cost_follows_depth_not_the_size_of_the_tree(tree):
    """No directory but those on the way up is opened or listed."""
    tree.write("stead.toml", "[workspace]\nmembers = ['m*']\n")
    for i in range(30):
        tree.write(f"m{i}/stead.toml", OWN)
    code = (
        "import sys, os\n"
        "seen = []\n"
        "sys.addaudithook(lambda e, a: seen.append((e, a)) "
        "if e in ('open', 'os.listdir', 'os.scandir') else None)\n"
        "from stead.pipeline.discover import discover\n"
        "seen.clear()\n"
        f"discover({tree.at('m0')!r}, home={str(tree.root.parent)!r})\n"
        f"print(sum(str(a[0]).startswith({tree.at()!r}) for e, a in seen))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) == 2


def test_pipe_named_like_a_manifest_is_none(tree):
    """A read of it would never end, and the prompt with it."""
    tree.write("stead.toml", OWN)
    os.mkfifo(tree.root / "requirements.txt")
    assert files(tree.discover()) == ["stead.toml"]


def test_pipe_that_a_manifest_names_is_an_error(tree):
    tree.write("requirements.txt", "-r more.txt\n")
    os.mkfifo(tree.root / "more.txt")
    with pytest.raises(ManifestError, match="regular file"):
        tree.discover()


def test_directory_named_like_a_manifest_is_none(tree):
    tree.write("stead.toml", OWN)
    tree.at("requirements.txt")
    assert files(tree.discover()) == ["stead.toml"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_repository_and_link_of_another_user_do_not_count(tree):
    tree.write("stead.toml", OWN)
    marks = tree.write("sub/.git/HEAD")
    tree.write("sub/stead.toml", OWN)
    os.chown(os.path.dirname(marks), 12345, 12345)
    assert tree.discover("sub").root == tree.at()
    os.symlink("stead.toml", tree.root / "sub" / "pyproject.toml")
    os.chown(tree.root / "sub" / "pyproject.toml", 12345, 12345, follow_symlinks=False)
    assert tree.root / "sub" / "pyproject.toml" not in tree.discover("sub").manifests
    assert len(tree.discover("sub").foreign_owned) == 1

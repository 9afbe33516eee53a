"""The link that editors look for, and the private copy to tinker with."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest
from uv import find_uv_bin

LINKED = 'link = ".venv"\n[packages.pypi]\nleaf = "<2"\n[layer.test.packages.pypi]\ntool = "*"\n'

IMPORT = "import leaf, sys; print(leaf.__version__, sys.prefix)"


def python(directory, code):
    done = subprocess.run(
        [directory / "bin" / "python", "-c", code], capture_output=True, text=True, check=True
    )
    return done.stdout.split()


@pytest.fixture
def linked(machine, project):
    root = project({"stead.toml": LINKED})
    machine.ok("build", cwd=root)
    return root


def test_link_leads_to_the_build(machine, linked):
    link = linked / ".venv"
    assert os.readlink(link) == machine.ok("env", "path", cwd=linked).strip()
    assert python(link, IMPORT)[0] == "1.0"
    assert (link / "pyvenv.cfg").exists()


def test_link_follows_the_build(machine, linked):
    link = linked / ".venv"
    before = os.readlink(link)
    (linked / "stead.toml").write_text(LINKED.replace("<2", ">=2"), encoding="utf-8")
    machine.ok("run", "true", cwd=linked)
    assert os.readlink(link) != before
    assert python(link, IMPORT)[0] == "2.0"
    assert sorted(os.listdir(linked)) == [".venv", "stead.lock", "stead.toml"]


def test_link_is_the_default_environments(machine, linked):
    before = os.readlink(linked / ".venv")
    machine.ok("run", "-e", "test", "tool", cwd=linked)
    assert os.readlink(linked / ".venv") == before


def test_link_that_was_deleted_comes_back(machine, linked):
    (linked / ".venv").unlink()
    machine.ok("build", cwd=linked)
    assert python(linked / ".venv", IMPORT)[0] == "1.0"


def test_link_after_the_build_was_collected(machine, linked):
    before = os.readlink(linked / ".venv")
    subprocess.run(["chmod", "-R", "u+w", before], check=True)
    shutil.rmtree(before)
    machine.ok("run", "true", cwd=linked)
    assert python(linked / ".venv", IMPORT)[0] == "1.0"


def test_link_below_a_directory(machine, project):
    root = project({"stead.toml": LINKED.replace(".venv", "envs/dev")})
    machine.ok("build", cwd=root)
    assert python(root / "envs" / "dev", IMPORT)[0] == "1.0"


@pytest.mark.parametrize("kind", ["directory", "file", "foreign link", "dangling link"])
def test_what_is_not_steads_stays(machine, project, tmp_path, kind):
    root = project({"stead.toml": LINKED})
    link = root / ".venv"
    other = tmp_path / "other"
    other.mkdir()
    if kind == "directory":
        link.mkdir()
        (link / "mine").write_text("mine", encoding="utf-8")
    elif kind == "file":
        link.write_text("mine", encoding="utf-8")
    else:
        link.symlink_to(other if kind == "foreign link" else tmp_path / "nowhere")
    before = os.lstat(link).st_ino, os.lstat(link).st_mtime_ns
    done = machine.run("run", "true", cwd=root)
    assert done.returncode == 0
    assert f"{link} is not Stead's" in done.stderr
    assert (os.lstat(link).st_ino, os.lstat(link).st_mtime_ns) == before
    assert os.listdir(other) == []


@pytest.mark.parametrize("name", ["../out", "/tmp/stead-out", "a/../../out"])
def test_link_stays_inside_the_place(machine, project, name):
    root = project({"stead.toml": LINKED.replace(".venv", name)})
    message = machine.fails("run", "true", cwd=root)
    assert "stead.toml:1" in message
    assert not os.path.lexists("/tmp/stead-out")
    assert not os.path.lexists(root.parent / "out")


def test_link_through_a_link_that_leads_out(machine, project, tmp_path):
    """A repository may ship the directory as a link to somewhere else."""
    root = project({"stead.toml": LINKED.replace(".venv", "out/here")})
    (tmp_path / "victim").mkdir()
    (root / "out").symlink_to(tmp_path / "victim")
    done = machine.run("run", "true", cwd=root)
    assert "leaves the place" in done.stderr
    assert os.listdir(tmp_path / "victim") == []


def contents(directory):
    found = {}
    for base, _, names in os.walk(directory):
        for name in names:
            path = os.path.join(base, name)
            info = os.lstat(path)
            if os.path.islink(path):
                found[path] = os.readlink(path)
            elif not path.endswith("/.stead/use"):  # when it was last asked for
                with open(path, "rb") as file:
                    found[path] = (info.st_mode, info.st_mtime_ns, file.read())
    return found


@pytest.fixture
def copied(machine, project, tmp_path):
    """A writable copy of an environment with a program; gives the place and the copy."""
    root = project({"stead.toml": "[packages.pypi]\nleaf = '<2'\ntool = '*'\n"})
    machine.ok("build", cwd=root)
    before = contents(machine.stead_home / "store")
    where = machine.ok("build", "--writable", "../my copy", cwd=root).strip()
    assert where == str(tmp_path / "my copy")
    yield root, tmp_path / "my copy"
    assert contents(machine.stead_home / "store") == before
    machine.ok("store", "verify", cwd=root)


def test_copy_runs_from_its_own_paths(machine, copied):
    _, copy = copied
    assert python(copy, "import leaf, sys; print(leaf.__version__)") == ["1.0"]
    prefix = subprocess.run(
        [
            copy / "bin" / "python",
            "-c",
            "import sys, leaf; print(sys.prefix); print(leaf.__file__)",
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert prefix[0] == str(copy)
    assert prefix[1].startswith(str(copy))
    done = subprocess.run([copy / "bin" / "tool"], capture_output=True, text=True, check=True)
    assert done.stdout == "tool ran\n"
    store = str(machine.stead_home / "store").encode()
    assert [p for p in copy.rglob("*") if p.is_file() and store in p.read_bytes()] == []


def test_copy_can_be_changed(copied, index):
    _, copy = copied
    (copied_file,) = copy.glob("lib/python*/site-packages/leaf/__init__.py")
    copied_file.write_text("__version__ = 'edited'\n", encoding="utf-8")
    assert python(copy, "import leaf; print(leaf.__version__)") == ["edited"]
    subprocess.run(
        [find_uv_bin(), "pip", "install", "--quiet", "--no-cache", "--python", copy / "bin" / "python",
         "--index-url", f"{index.as_uri()}/simple", "branch==2.0"],
        check=True, capture_output=True,
    )  # fmt: skip
    code = "import branch, leaf; print(branch.__version__, leaf.__version__)"
    assert python(copy, code) == ["2.0", "2.0"]


def test_copy_of_conda_packages(machine, project, conda_channel, tmp_path):
    root = project(
        {
            "stead.toml": f"[packages.conda]\nchannels = ['{conda_channel.as_uri()}']\n"
            "python = '*'\nwith-text = '*'\ngreeter = '*'\n"
        }
    )
    machine.ok("build", cwd=root)
    before = contents(machine.stead_home / "store")
    copy = tmp_path / "copy"
    machine.ok("build", "--writable", str(copy), cwd=root)
    for program, says in (("with-text", str(copy)), ("greeter", f"hello from {copy}")):
        done = subprocess.run([copy / "bin" / program], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == says
    (copy / "etc" / "with-text.conf").write_text("mine", encoding="utf-8")
    assert contents(machine.stead_home / "store") == before


def test_copy_goes_over_nothing(machine, copied, tmp_path):
    root, copy = copied
    before = contents(copy)
    message = machine.fails("build", "--writable", str(copy), cwd=root)
    assert str(copy) in message
    assert "→" in message
    assert contents(copy) == before
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    machine.fails("build", "--writable", str(tmp_path / "file"), cwd=root)
    assert (tmp_path / "file").read_text(encoding="utf-8") == "mine"


def test_nothing_to_copy(machine, project):
    root = project({"stead.toml": "[vars]\nA = '1'\n"})
    machine.fails("build", "--writable", "../copy", cwd=root, code=2)
    assert not (root.parent / "copy").exists()

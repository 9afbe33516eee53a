"""What is changed behind Stead's back is told, taken up, or taken back."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from stead.store.atomic import remove_tree
from stead.testing.index import Sdist, Wheel, make_project

MANIFEST = (
    "[packages.pypi]\nleaf = '<2'\ntool = '*'\n[layer.test.packages.pypi]\nneeds-new-leaf = '*'\n"
)


@pytest.fixture
def copied(machine, project, tmp_path):
    """A place, and a writable copy of its environment."""
    root = project({"stead.toml": MANIFEST})
    machine.ok("build", "--writable", "../my copy", cwd=root)
    return root, tmp_path / "my copy"


@pytest.fixture(scope="session")
def pip_wheel():
    """The wheel of pip that comes with Python."""
    import ensurepip

    (wheel,) = (Path(ensurepip.__file__).parent / "_bundled").glob("pip-*.whl")
    return wheel


@pytest.fixture
def pip(pip_wheel, index, tmp_path):
    """Run real pip in a copy, out of its wheel: the copy itself has none."""

    def run(copy, *words):
        environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "PYTHONPATH": str(pip_wheel),
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_NO_CACHE_DIR": "1",
        }
        where = ["--index-url", f"{index.as_uri()}/simple"] if words[0] == "install" else []
        argv = [str(copy / "bin" / "python"), "-m", "pip", "--quiet", words[0], *where, *words[1:]]
        done = subprocess.run(argv, env=environ, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    return run


def drift(machine, root, *words):
    """Give what `stead status` tells: (kind, what, name, found) of each."""
    found = machine.json("status", *words, cwd=root)["drift"]
    return [(d["kind"], d["what"], d["name"], d.get("found")) for d in found]


def version(copy, name):
    code = f"import {name}; print({name}.__version__)"
    done = subprocess.run(
        [copy / "bin" / "python", "-c", code], capture_output=True, text=True, check=False
    )
    return done.stdout.strip() if done.returncode == 0 else None


class TestStatus:
    def test_copy_as_it_was_made_has_no_drift(self, machine, copied):
        root, copy = copied
        assert drift(machine, root) == []
        assert machine.json("status", cwd=root)["copies"] == [
            {"directory": str(copy), "current": True}
        ]

    def test_packages_that_pip_changed_are_named(self, machine, copied, pip):
        root, copy = copied
        pip(copy, "install", "branch==2.0")
        pip(copy, "uninstall", "-y", "tool")
        assert drift(machine, root) == [
            ("package", "added", "branch", "2.0"),
            ("package", "changed", "leaf", "2.0"),
            ("package", "removed", "tool", None),
        ]
        said = machine.ok("status", cwd=root)
        assert "pypi leaf 2.0 instead of 1.0" in said
        assert "my copy" in said
        assert drift(machine, root, "-e", "test") == []

    def test_what_was_put_back_by_hand_is_no_drift(self, machine, copied, pip):
        root, copy = copied
        pip(copy, "install", "leaf==2.0")
        pip(copy, "install", "leaf==1.0")
        assert drift(machine, root) == []

    def test_copy_that_is_gone_is_no_drift(self, machine, copied):
        root, copy = copied
        subprocess.run(["rm", "-r", copy], check=True)
        assert machine.json("status", cwd=root)["copies"] == []
        assert drift(machine, root) == []

    def test_files_of_a_build_that_root_changed_are_named(self, machine, copied):
        root, _ = copied
        site = edited_build(machine, root)
        prefix = site.relative_to(machine.ok("env", "path", cwd=root).strip())
        assert drift(machine, root) == [
            ("build", "changed", f"{prefix}/leaf/__init__.py", None),
            ("build", "added", f"{prefix}/mine.py", None),
            ("build", "removed", f"{prefix}/tool.py", None),
        ]

    def test_a_build_that_reuses_unpacked_wheels_is_compared(self, machine, project, pip, tmp_path):
        root = project({"stead.toml": "[workspace]\n"})
        machine.ok("add", "tool", "leaf<2", cwd=root)
        machine.ok("remove", "tool", cwd=root)  # leaf is linked from where it was unpacked
        machine.ok("add", "tool", "branch<2", cwd=root)
        machine.ok("store", "verify", cwd=root)
        said = machine.ok("status", cwd=root)
        assert "not compared" not in said
        assert drift(machine, root) == []
        edited_build(machine, root)
        assert [(what, Path(name).name) for _, what, name, _ in drift(machine, root)] == [
            ("changed", "__init__.py"),
            ("added", "mine.py"),
            ("removed", "tool.py"),
        ]
        machine.ok("store", "verify", "--repair", cwd=root)
        machine.ok("build", "--writable", "../copy", cwd=root)
        pip(tmp_path / "copy", "install", "tool", "leaf==2.0", "--no-deps")
        assert drift(machine, root) == [("package", "changed", "leaf", "2.0")]

    def test_a_damaged_list_of_files_is_said_as_such(self, machine, copied):
        root, _ = copied
        build = Path(machine.ok("env", "path", cwd=root).strip())
        listed = build / ".stead" / "files.json.z"
        listed.chmod(0o644)
        listed.write_bytes(b"no list")
        assert machine.json("status", cwd=root)["damaged"] == [str(build)]
        said = machine.ok("status", cwd=root)
        assert "its list of files is damaged; `stead store verify --repair`" in said
        assert "too many" not in said
        machine.run("store", "verify", "--repair", cwd=root)
        machine.ok("build", cwd=root)
        assert "not compared" not in machine.ok("status", cwd=root)

    def test_bytecode_that_root_leaves_in_a_build_is_no_drift(self, machine, copied):
        root, _ = copied
        build = machine.ok("env", "path", cwd=root).strip()
        subprocess.run(["chmod", "-R", "u+w", build], check=True)
        site = next(Path(build).glob("lib/python*/site-packages"))
        (site / "leaf" / "__pycache__").mkdir()
        (site / "leaf" / "__pycache__" / "x.pyc").write_bytes(b"")
        assert not [d for d in drift(machine, root) if "pycache" in d[2]]

    def test_what_is_declared_by_now_is_no_drift(self, machine, copied, pip):
        root, copy = copied
        pip(copy, "install", "leaf==2.0")
        pip(copy, "uninstall", "-y", "tool")
        machine.ok("add", "--no-build", "leaf>=2", cwd=root)
        assert drift(machine, root) == [("package", "removed", "tool", None)]
        machine.ok("remove", "--no-build", "tool", cwd=root)
        assert drift(machine, root) == []


def edited_build(machine, root):
    """Change, add and remove a file in a sealed build, as root can; gives its site-packages."""
    site = next(Path(machine.ok("env", "path", cwd=root).strip()).glob("lib/python*/site-packages"))
    modes = {d: d.stat().st_mode for d in (site, site / "leaf")}
    for directory in modes:
        directory.chmod(0o755)
    changed = site / "leaf" / "__init__.py"
    changed.chmod(0o644)
    changed.write_text("__version__ = 'edited'\n", encoding="utf-8")
    changed.chmod(0o444)
    (site / "mine.py").write_text("", encoding="utf-8")
    (site / "tool.py").unlink()
    for directory, mode in modes.items():
        directory.chmod(mode)
    return site


class TestAdopt:
    def test_what_pip_installed_is_asked_for_and_locked(self, machine, copied, pip):
        root, copy = copied
        pip(copy, "install", "branch==1.0")
        pip(copy, "uninstall", "-y", "tool")
        planned = machine.ok("adopt", "--dry-run", cwd=root)
        assert '+branch = ">=1.0"' in planned
        assert (root / "stead.toml").read_text() == MANIFEST
        assert len(machine.json("log", cwd=root)) == 1
        said = machine.ok("adopt", cwd=root)
        assert "changed stead.toml" in said
        assert drift(machine, root) == []
        text = (root / "stead.toml").read_text()
        assert 'branch = ">=1.0"' in text
        assert "tool" not in text
        # Not the newest one: the one that was found.
        assert "pypi:branch 1.0" in said
        code = "import branch, leaf; print(branch.__version__, leaf.__version__)"
        assert machine.ok("run", "python", "-c", code, cwd=root) == "1.0 1.0\n"
        latest = machine.json("log", cwd=root)[0]
        assert latest["command"] == ["adopt"]
        assert latest["reason"] == "adopted branch 1.0, tool"
        machine.ok("undo", cwd=root)
        assert (root / "stead.toml").read_text() == MANIFEST

    def test_what_came_along_is_locked_and_not_asked_for(self, machine, copied, pip):
        root, copy = copied
        pip(copy, "uninstall", "-y", "leaf", "tool")
        machine.ok("adopt", cwd=root)
        pip(copy, "install", "branch==1.0")
        machine.ok("adopt", cwd=root)
        assert "leaf" not in (root / "stead.toml").read_text().split("[layer")[0]
        assert drift(machine, root) == []
        assert "leaf" in (root / "stead.lock").read_text()

    def test_only_what_is_named(self, machine, copied, pip):
        root, copy = copied
        pip(copy, "install", "branch==1.0")
        pip(copy, "uninstall", "-y", "tool")
        machine.ok("adopt", "branch", cwd=root)
        assert drift(machine, root) == [("package", "removed", "tool", None)]
        assert "tool = " in (root / "stead.toml").read_text()
        assert "has not drifted" in machine.fails("adopt", "nothing", cwd=root, code=2)

    def test_a_limit_that_still_fits_stays(self, machine, project, pip, tmp_path):
        root = project({"stead.toml": "[packages.pypi]\nleaf = '<3,!=1.5,>=2'\n"})
        machine.ok("build", "--writable", "../copy", cwd=root)
        pip(tmp_path / "copy", "install", "leaf==1.0")
        machine.ok("adopt", cwd=root)
        assert 'leaf = ">=1.0,!=1.5,<3"' in (root / "stead.toml").read_text()
        assert 'name = "leaf"\nversion = "1.0"' in (root / "stead.lock").read_text()

    def test_into_the_layer_of_an_environment(self, machine, project, pip, tmp_path):
        root = project({"stead.toml": MANIFEST.replace("leaf = '<2'", "leaf = '*'")})
        machine.ok("build", "-e", "test", "--writable", "../test copy", cwd=root)
        pip(tmp_path / "test copy", "install", "branch==2.0")
        assert drift(machine, root) == []
        assert drift(machine, root, "-e", "test") == [("package", "added", "branch", "2.0")]
        machine.ok("adopt", "-e", "test", cwd=root)
        assert (
            (root / "stead.toml")
            .read_text()
            .endswith("[layer.test.packages.pypi]\nneeds-new-leaf = '*'\nbranch = \">=2.0\"\n")
        )
        assert drift(machine, root, "-e", "test") == []
        assert machine.json("log", "-e", "test", cwd=root)[0]["command"] == ["adopt", "-e", "test"]

    def test_from_a_path(self, machine, copied, pip, tmp_path):
        root, copy = copied
        make_project(tmp_path / "own lib", Sdist("own-lib", "0.3"))
        pip(copy, "install", "--no-build-isolation", "-e", str(tmp_path / "own lib"))
        (found,) = machine.json("status", cwd=root)["drift"]
        assert found["source"] == f"{tmp_path / 'own lib'} (editable)"
        machine.ok("adopt", cwd=root)
        text = (root / "stead.toml").read_text()
        assert 'own-lib = { path = "../own lib", editable = true }' in text
        assert drift(machine, root) == []

    def test_from_a_repository(self, machine, copied, pip, tmp_path):
        root, copy = copied
        lib = make_project(tmp_path / "lib", Sdist("own-lib", "0.3"))
        git = ["git", "-C", str(lib), "-c", "user.name=T", "-c", "user.email=t@example.invalid"]
        for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "x"], ["tag", "v3"]):
            subprocess.run([*git, *words], check=True)
        pip(copy, "install", "--no-build-isolation", f"git+{lib.as_uri()}@v3#egg=own-lib")
        machine.ok("adopt", cwd=root)
        text = (root / "stead.toml").read_text()
        assert f'own-lib = {{ git = "{lib.as_uri()}", rev = "v3" }}' in text
        assert drift(machine, root) == []

    def test_what_was_adopted_and_undone_has_drifted_again(self, machine, copied, pip):
        root, copy = copied
        pip(copy, "install", "branch==1.0")
        pip(copy, "uninstall", "-y", "tool")
        before = drift(machine, root)
        assert len(before) == 2
        machine.ok("adopt", cwd=root)
        assert drift(machine, root) == []
        machine.ok("undo", cwd=root)
        assert drift(machine, root) == before
        machine.ok("redo", cwd=root)
        assert drift(machine, root) == []
        machine.ok("undo", cwd=root)
        machine.ok("restore", "--yes", cwd=root)
        assert drift(machine, root) == []
        assert (version(copy, "branch"), version(copy, "leaf")) == (None, "1.0")
        machine.ok("redo", cwd=root)  # the copy is as before it, and can be brought along again
        assert {d[1:3] for d in drift(machine, root)} == {("removed", "branch"), ("added", "tool")}

    def test_undo_leaves_a_copy_of_another_build_which_can_be_made_anew(self, machine, copied):
        root, copy = copied
        machine.ok("add", "branch<2", cwd=root)
        machine.ok("restore", "../my copy", cwd=root)
        assert version(copy, "branch") == "1.0"
        assert machine.json("status", cwd=root)["copies"][0]["current"]
        machine.ok("undo", cwd=root)
        said = machine.ok("status", cwd=root)
        assert "of another build than this one" in said
        assert f"→ `stead restore '{copy}'` makes it anew" in said
        machine.ok("restore", "../my copy", cwd=root)
        assert "of another build" not in machine.ok("status", cwd=root)
        assert version(copy, "branch") is None

    def test_what_cannot_be_locked_is_named_and_the_rest_taken(self, machine, copied, pip):
        root, copy = copied
        wheel = Wheel("nowhere", "7.0").content()
        (root.parent / "nowhere-7.0-py3-none-any.whl").write_bytes(wheel)
        pip(copy, "install", "--find-links", str(root.parent), "nowhere")
        pip(copy, "uninstall", "-y", "tool")
        done = machine.run("adopt", cwd=root)
        assert done.returncode == 1
        assert "not adopted: pypi nowhere 7.0 was added: " in done.stderr
        assert "tool =" not in (root / "stead.toml").read_text()
        assert drift(machine, root) == [("package", "added", "nowhere", "7.0")]

    def test_what_only_others_need_cannot_be_given_up(self, machine, project, pip, tmp_path):
        root = project({"stead.toml": "[packages.pypi]\nbranch = '<2'\n"})
        machine.ok("build", "--writable", "../my copy", cwd=root)
        pip(tmp_path / "my copy", "uninstall", "-y", "leaf")
        message = machine.fails("adopt", cwd=root)
        assert "another package needs it" in message
        assert "stead why leaf" in message

    def test_a_build_cannot_be_adopted(self, machine, copied):
        root, _ = copied
        edited_build(machine, root)
        assert "a build follows from its lock alone" in machine.fails("adopt", cwd=root)

    def test_outside_of_a_place(self, machine, tmp_path):
        for word in ("adopt", "restore"):
            message = machine.fails(word, cwd=tmp_path)
            assert "no manifest" in message
            assert "→" in message


class TestRestore:
    def test_packages_of_a_copy_one_by_one(self, machine, copied, pip):
        root, copy = copied
        before = tree(copy)
        (copy / "notes.txt").write_text("mine", encoding="utf-8")
        pip(copy, "install", "branch==2.0")
        pip(copy, "uninstall", "-y", "tool")
        message = machine.fails("restore", cwd=root, code=2)
        assert "--yes" in message
        assert len(drift(machine, root)) == 3
        assert "would restore" in machine.ok("restore", "--dry-run", cwd=root)
        machine.ok("restore", "--yes", cwd=root)
        assert drift(machine, root) == []
        (copy / "notes.txt").unlink()
        assert tree(copy) == before
        done = subprocess.run([copy / "bin" / "tool"], capture_output=True, text=True, check=True)
        assert done.stdout == "tool ran\n"
        latest = machine.json("log", cwd=root)[0]
        assert (latest["kind"], latest["reason"]) == ("restore", "restored branch, leaf, tool")

    def test_undo_goes_past_it(self, machine, copied, pip):
        root, copy = copied
        machine.ok("set", "A=1", cwd=root)
        pip(copy, "uninstall", "-y", "tool")
        machine.ok("restore", cwd=root)
        machine.ok("undo", cwd=root)
        assert (root / "stead.toml").read_text() == MANIFEST
        machine.ok("redo", cwd=root)
        assert "A = " in (root / "stead.toml").read_text()

    def test_only_what_is_named(self, machine, copied, pip):
        root, copy = copied
        pip(copy, "install", "leaf==2.0")
        pip(copy, "uninstall", "-y", "tool")
        machine.ok("restore", "tool", cwd=root)
        assert drift(machine, root) == [("package", "changed", "leaf", "2.0")]
        assert version(copy, "leaf") == "2.0"

    @pytest.mark.slow
    def test_killed_while_it_puts_back(self, machine, copied, pip):
        """Whenever it ends, what is not as it should be is told, and the next one mends it."""
        root, copy = copied
        before = tree(copy)
        pip(copy, "install", "branch==2.0")
        pip(copy, "uninstall", "-y", "tool")
        changed = copy.with_name("changed")
        subprocess.run(["cp", "-a", copy, changed], check=True)
        started = time.monotonic()
        machine.ok("restore", "--yes", cwd=root)
        took = time.monotonic() - started
        for fraction in (0.5, 0.7, 0.85):
            remove_tree(copy)
            subprocess.run(["cp", "-a", changed, copy], check=True)
            assert drift(machine, root) != []
            child = subprocess.Popen(
                [machine.program, "restore", "--yes"],
                cwd=root,
                env={**machine.environ, "PWD": str(root)},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            time.sleep(took * fraction)
            child.kill()
            child.wait()
            if drift(machine, root):
                machine.ok("restore", "--yes", cwd=root)
            assert drift(machine, root) == []
            assert version(copy, "leaf") == "1.0"
            found = {p: c for p, c in tree(copy).items() if not p.startswith(".stead/")}
            assert found == before

    def test_whole_copy_anew(self, machine, copied, pip):
        root, copy = copied
        before = tree(copy)
        pip(copy, "install", "branch==2.0")
        (copy / "notes.txt").write_text("mine", encoding="utf-8")
        machine.ok("restore", "../my copy", cwd=root)
        assert tree(copy) == before
        assert drift(machine, root) == []
        assert (root.parent / "my copy.before-1" / "notes.txt").read_text() == "mine"

    def test_edited_build_is_made_again(self, machine, copied):
        root, _ = copied
        site = edited_build(machine, root)
        said = machine.ok("restore", cwd=root)
        assert "kept: " in said
        assert drift(machine, root) == []
        assert (site / "leaf" / "__init__.py").read_text().startswith("__version__ = '1.0'")
        assert not (site / "mine.py").exists()
        machine.ok("store", "verify", cwd=root)

    def test_times_alone_are_set_right(self, machine, copied):
        root, _ = copied
        build = machine.ok("env", "path", cwd=root).strip()
        file = next(Path(build).glob("lib/python*/site-packages/tool.py"))
        inode = file.stat().st_ino
        os.utime(file, (1, 1))
        assert len(drift(machine, root)) == 1
        machine.ok("restore", cwd=root)
        assert drift(machine, root) == []
        assert file.stat().st_ino == inode

    def test_nothing_to_do(self, machine, copied):
        root, _ = copied
        assert "nothing to restore" in machine.ok("restore", cwd=root)
        assert "nothing to adopt" in machine.ok("adopt", cwd=root)
        assert len(machine.json("log", cwd=root)) == 1


def tree(top):
    """Everything in a tree but bytecode: path → content."""
    found = {}
    for parent, _, names in os.walk(top):
        for name in names:
            path = Path(parent, name)
            if "__pycache__" not in path.parts and path.name != "copy.json":
                content = os.readlink(path) if path.is_symlink() else path.read_bytes()
                found[str(path.relative_to(top))] = content
    return found

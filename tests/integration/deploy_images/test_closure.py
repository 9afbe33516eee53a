"""Trees of builds: they run where their interpreter is not, and stay the same where nothing changed."""

from __future__ import annotations

import os
import py_compile
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stead.deploy import cache, tar
from stead.deploy.closure import needs_of, tree_of_files, trees_of_build, write_tar
from stead.deploy.interpreter import tree_of_interpreter
from stead.testing.roots import bare_root
from stead.values.deployment import PLACEHOLDER
from stead.values.errors import StoreError

if TYPE_CHECKING:
    from stead.values.deployment import Tree

MINOR = f"{sys.version_info[0]}.{sys.version_info[1]}"


def assemble(trees: tuple[Tree, ...], root: Path) -> list[Path]:
    """Do what a node does: unpack the parts with tar, and write the key where it belongs."""
    made = []
    for tree in trees:
        directory = root / "trees" / tree.key
        directory.mkdir(parents=True)
        for part in tree.parts:
            file = root / f"{part.digest}.tar"
            with file.open("wb") as out:
                write_tar(part, out)
            subprocess.run(["tar", "-xf", str(file), "-C", str(directory)], check=True)
            file.unlink()
            for member in part.members:
                for at in member.keyed:
                    with (directory / member.path).open("r+b") as opened:
                        opened.seek(at)
                        assert opened.read(len(PLACEHOLDER)) == PLACEHOLDER.encode()
                        opened.seek(at)
                        opened.write(tree.key.encode())
        made.append(directory)
    return made


def run(*words: object) -> str:
    done = subprocess.run(
        [str(w) for w in words],
        env={"PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def standing(environment: Path, shared, tmp_path_factory):
    root = tmp_path_factory.mktemp("node") / "root"
    trees = trees_of_build(environment, str(root), shared.home)
    return trees, assemble(trees, root)


def test_programs_run_from_the_assembled_trees(standing) -> None:
    _, (tree, python) = standing
    said = run(tree / "bin/python", "-c", "import sys, leaf; print(sys.prefix, sys.base_prefix)")
    assert said.split() == [str(tree), str(python)]
    site = f"lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"
    assert run(tree / "bin/tool") == f"hello from {tree / site / 'tool.py'}\n"


def test_nothing_names_the_build_or_the_interpreter_of_this_machine(standing, environment) -> None:
    _trees, directories = standing
    outside = os.path.dirname(os.path.dirname(os.path.realpath(environment / "bin/python")))
    needles = [os.fsencode(environment), PLACEHOLDER.encode()]
    for directory in directories:
        for path in directory.rglob("*"):
            if path.is_symlink():
                assert not os.path.isabs(os.readlink(path))
            elif path.is_file() and path.suffix != ".pyc":
                data = path.read_bytes()
                if path.name == "data.txt":  # the package's own text, which looks like one
                    assert data == b"x" * 5000
                    continue
                assert not any(n in data for n in needles), path
                if outside not in ("/usr", "/usr/local") and b"\0" not in data:
                    assert outside.encode() not in data, path


def test_compiled_python_of_the_interpreter_still_holds(standing) -> None:
    _, (tree, _) = standing
    program = (
        "import os, sys, json, importlib.util as u;"
        "said = u.find_spec('json').loader;"
        "p = json.__cached__;"
        "print(open(p, 'rb').read(8)[4:] if os.path.exists(p) else 'none')"
    )
    assert run(tree / "bin/python", "-c", program).strip() in (
        "none",
        str(b"\x01\x00\x00\x00"),
    )


def test_a_record_has_no_hash_where_the_key_is_written_and_right_ones_elsewhere(standing) -> None:
    _, (tree, _) = standing
    program = """
import base64, hashlib, importlib.metadata as m
for d in m.distributions():
    for f in d.files:
        data = f.locate().read_bytes()
        if f.hash:
            told = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b'=').decode()
            assert told == f.hash.value, f
            print('right')
        else:
            print('none', f)
"""
    said = run(tree / "bin/python", "-c", program).splitlines()
    without = [line for line in said if line.startswith("none")]
    assert said.count("right") > 10
    assert all(re.search(r"RECORD$|bin/tool$", line) for line in without)
    assert any(line.endswith("bin/tool") for line in without)


@pytest.fixture
def installation(tmp_path):
    """An interpreter with a standard library of three modules; gives what compiles one."""
    library = tmp_path / "python" / "lib" / f"python{MINOR}"
    (tmp_path / "python" / "bin").mkdir(parents=True)
    (tmp_path / "python" / "bin" / f"python{MINOR}").write_bytes(b"no ELF")
    for name in ("os.py", "json/__init__.py", "json/decoder.py"):
        (library / name).parent.mkdir(parents=True, exist_ok=True)
        (library / name).write_text(f"name = {name!r}\n")

    def compiled(name: str) -> Path:
        return Path(py_compile.compile(str(library / name), doraise=True))

    return str(tmp_path / "python" / "bin" / f"python{MINOR}"), compiled


def test_what_was_imported_so_far_does_not_change_an_interpreters_tree(
    installation, tmp_path
) -> None:
    python, compiled = installation
    first = tree_of_interpreter(python, "/opt/stead", tmp_path / "home")
    one = compiled("json/decoder.py")
    # So it is called while it is written.
    one.with_name(f"{one.name}.140321").write_bytes(b"half")
    assert tree_of_interpreter(python, "/opt/stead", tmp_path / "other").key == first.key
    # All are compiled where whoever installed it did so: they come along.
    for name in ("os.py", "json/__init__.py"):
        compiled(name)
    (whole,) = tree_of_interpreter(python, "/opt/stead", tmp_path / "home").parts
    assert sum(member.path.endswith(".pyc") for member in whole.members) == 3
    assert not any("140321" in member.path for member in whole.members)


def test_what_was_imported_so_far_does_not_change_a_build_s_tree(shared) -> None:
    build = shared.pypi("branch", "twig", name="imported")
    before = trees_of_build(build, "/opt/stead", shared.home)
    site = build / f"lib/python{MINOR}/site-packages"
    for module in ("branch", "twig"):
        # As Python does for whoever may write there.
        (found,) = [p for p in site.rglob("*.py") if p.parent.name == module or p.stem == module]
        found.parent.chmod(0o755)
        py_compile.compile(str(found), doraise=True)
        found.parent.chmod(0o555)
    assert [p for p in build.rglob("*.pyc") if p.is_file()]
    again = trees_of_build(build, "/opt/stead", shared.home)
    assert [part.digest for tree in again for part in tree.parts] == [
        part.digest for tree in before for part in tree.parts
    ]


def test_an_unchanged_build_is_not_read_again(environment, shared, tmp_path, monkeypatch) -> None:
    # It may have been made a moment ago, and then nothing would be kept.
    monkeypatch.setattr(cache, "UNSETTLED", 0)
    first = trees_of_build(environment, "/opt/stead", tmp_path / "home")
    read: list[str] = []
    monkeypatch.setattr(tar, "_read", lambda member: read.append(member.path) or iter(()))
    again = trees_of_build(environment, "/opt/stead", tmp_path / "home")
    assert read == []
    assert again == first
    assert [p.members for t in again for p in t.parts] == [
        p.members for t in first for p in t.parts
    ]


def test_a_part_changes_only_with_its_package(shared) -> None:
    def parts(build: Path) -> dict[str, str]:
        tree, python = trees_of_build(build, "/opt/stead", shared.home)
        return {p.name: p.digest for p in (*tree.parts, *python.parts)}

    one = parts(shared.pypi("branch", "leaf==1.0", "tool", "twig", name="one"))
    two = parts(shared.pypi("branch", "leaf==2.0", "tool", "twig", name="two"))
    assert set(one) ^ set(two) == {"leaf 1.0", "leaf 2.0"}
    assert {n for n in one if n in two and one[n] != two[n]} == set()


def test_other_directories_become_what_they_are_on_the_node(shared, tmp_path) -> None:
    place = shared.places / "editable"
    (place / "lib" / "src" / "mine").mkdir(parents=True)
    (place / "lib" / "src" / "mine" / "__init__.py").write_text("ANSWER = 42\n", encoding="utf-8")
    (place / "lib" / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["backend"]\nbuild-backend = "backend"\n'
        'backend-path = ["."]\n[project]\nname = "mine"\nversion = "1.0"\n',
        encoding="utf-8",
    )
    (place / "lib" / "backend.py").write_text(BACKEND, encoding="utf-8")
    (place / "lib" / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        '[project]\nname = "mine"\nversion = "1.0"\n',
        encoding="utf-8",
    )
    minor = f"{sys.version_info[0]}.{sys.version_info[1]}"
    build = shared.build(
        f'[workspace]\nname = "editable"\n[packages]\npython = "{minor}"\n[packages.pypi]\n'
        'mine = { path = "lib", editable = true }\n',
        "editable",
    )
    files = {"lib/src/mine/__init__.py": str(place / "lib" / "src" / "mine" / "__init__.py")}
    code = tree_of_files(files, "code", shared.home)
    root = tmp_path / "root"
    moved = {str(place): f"{root}/trees/{code.key}"}
    trees = (*trees_of_build(build, str(root), shared.home, moved), code)
    tree = assemble(trees, root)[0]
    said = run(tree / "bin/python", "-c", "import mine; print(mine.__file__, mine.ANSWER)")
    assert said.split() == [f"{root}/trees/{code.key}/lib/src/mine/__init__.py", "42"]


BACKEND = """
import base64, hashlib, os, zipfile

def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    here = os.path.join(os.getcwd(), "src")
    files = {
        "mine.pth": here + "\\n",
        "mine-1.0.dist-info/METADATA": "Metadata-Version: 2.1\\nName: mine\\nVersion: 1.0\\n",
        "mine-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    }
    record = "".join(f"{n},,\\n" for n in files) + "mine-1.0.dist-info/RECORD,,\\n"
    name = "mine-1.0-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(wheel_directory, name), "w") as out:
        for path, text in files.items():
            out.writestr(path, text)
        out.writestr("mine-1.0.dist-info/RECORD", record)
    return name

build_wheel = build_editable
"""


def test_a_conda_build_brings_its_own_python(shared, conda_channel, tmp_path) -> None:
    minor = f"{sys.version_info[0]}.{sys.version_info[1]}"
    build = shared.build(
        f'[workspace]\nname = "conda"\n[packages.conda]\nchannels = ["{conda_channel.as_uri()}"]\n'
        f'python = "{minor}.*"\npackaging = "*"\ngreeter = "*"\nwith-text = "*"\nwith-binary = "*"\n',
        "conda",
    )
    root = tmp_path / ("a-rather-long-root" * 4)
    (tree,) = trees_of_build(build, str(root), shared.home)
    names = {part.name.split()[0] for part in tree.parts}
    assert {"python", "packaging", "greeter", "with-text", "with-binary"} <= names
    (directory,) = assemble((tree,), root)
    program = "import sys, ssl, packaging; print(sys.prefix, packaging.__file__)"
    prefix, file = run(directory / "bin/python", "-c", program).split()
    assert prefix == str(directory)
    assert file.startswith(prefix)
    for path in directory.rglob("*"):
        if path.is_file() and not path.is_symlink() and path.suffix != ".pyc":
            assert os.fsencode(build) not in path.read_bytes(), path


def test_what_the_trees_need_of_a_machine_is_said(environment, shared) -> None:
    needs = needs_of(trees_of_build(environment, "/opt/stead", shared.home))
    assert re.fullmatch(r"2\.\d+", needs.glibc)
    assert "libc.so.6" not in needs.libraries
    assert dict(needs.wanted_by)["glibc"]


def test_a_program_is_sent_with_its_links_and_never_from_outside(tmp_path) -> None:
    (tmp_path / "a").write_text("a", encoding="utf-8")
    (tmp_path / "inside").symlink_to("a")
    (tmp_path / "outside").symlink_to("/etc/hostname")
    files = {name: str(tmp_path / name) for name in ("a", "inside", "outside")}
    tree = tree_of_files(files, "code", tmp_path / "home")
    kinds = {m.path: m.kind for m in tree.parts[0].members}
    assert kinds == {"a": "file", "inside": "link", "outside": "file"}
    for bad in ("../a", "/a", "x/../../a", ""):
        with pytest.raises(StoreError):
            tree_of_files({bad: str(tmp_path / "a")}, "code", tmp_path / "home")


def test_code_that_changed_within_the_clock_s_grain_is_read_again(tmp_path) -> None:
    file = tmp_path / "main.py"
    file.write_text("one", encoding="utf-8")
    before = os.stat(file)
    first = tree_of_files({"main.py": str(file)}, "code", tmp_path / "home")
    file.write_text("two", encoding="utf-8")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert tree_of_files({"main.py": str(file)}, "code", tmp_path / "home").key != first.key


@pytest.mark.slow
@pytest.mark.network
@pytest.mark.needs("mmdebstrap")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may enter another root directory")
def test_it_runs_in_a_bare_system(environment, shared, tmp_path) -> None:
    bare = tmp_path / "bare"
    bare_root(str(bare))
    trees = trees_of_build(environment, "/opt/stead", shared.home)
    tree, python = assemble(trees, bare / "opt/stead")
    program = (
        "import bz2, ctypes, hashlib, lzma, readline, sqlite3, ssl, sys, uuid, zlib, leaf;"
        "ssl.create_default_context(); print(sys.prefix)"
    )
    done = subprocess.run(
        ["/usr/sbin/chroot", bare, f"/opt/stead/trees/{tree.name}/bin/python", "-c", program],
        # Nobody mounted /proc there, which would say where the program lies.
        env={"PATH": "/usr/bin:/bin", "LD_ORIGIN_PATH": f"/opt/stead/trees/{python.name}/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == (f"/opt/stead/trees/{tree.name}\n", "")

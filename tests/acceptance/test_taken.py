"""Places that hold another tool's lock: exactly its packages, and nothing solved."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from stead.testing.index import Sdist, project_files
from stead.testing.server import serve

NOWHERE = {"UV_DEFAULT_INDEX": "file:///nowhere/simple"}
"""An index that cannot answer: whoever asks it fails."""


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def wheel(index: Path, stem: str) -> Path:
    (found,) = (index / "files").glob(f"{stem}-py3*.whl")
    return found


def entry(index: Path, stem: str, *, address: str = "", digest: str = "") -> str:
    path = wheel(index, stem)
    name, version = stem.split("-")
    where = f'url = "{address or path.as_uri()}"'
    return (
        f'[[packages]]\nname = "{name}"\nversion = "{version}"\nwheels = [{{ '
        f'name = "{path.name}", {where}, hashes = {{ sha256 = "{digest or sha256(path)}" }} }}]\n'
    )


HEAD = 'lock-version = "1.0"\ncreated-by = "someone"\n'
SHOW = "import branch, leaf; print(branch.__version__, leaf.__version__)"


def packages(channel: Path, *names: str) -> list[Path]:
    """Find the newest file of each package in a channel."""
    found = []
    for name in names:
        files = [p for p in channel.glob(f"*/{name}-[0-9]*") if p.suffix in (".conda", ".bz2")]
        found.append(max(files))
    return found


def md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


def test_pylock_alone(machine, project, index):
    # leaf 1.0 does not satisfy branch 2.0: only a lock that is taken as it is gives both.
    text = (
        HEAD + 'requires-python = ">=3.8"\n' + entry(index, "leaf-1.0") + entry(index, "branch-2.0")
    )
    root = project({"pylock.toml": text, "mine/__init__.py": "", "deep/x": ""})
    code = f"import mine; {SHOW}"
    out = machine.ok("run", "python", "-c", code, cwd=root / "deep", env=NOWHERE)
    assert out == "2.0 1.0\n"
    assert not (root / "stead.lock").exists()
    out = machine.ok("run", "--offline", "--locked", "python", "-c", code, cwd=root, env=NOWHERE)
    assert out == "2.0 1.0\n"
    report = machine.json("status", cwd=root)
    assert report["problems"] == []
    (root / "pylock.toml").write_text(
        HEAD + entry(index, "leaf-2.0") + entry(index, "branch-2.0"), encoding="utf-8"
    )
    assert machine.ok("run", "python", "-c", SHOW, cwd=root, env=NOWHERE) == "2.0 2.0\n"


def test_pylock_of_files_and_projects_in_the_tree(machine, project, index):
    path = wheel(index, "leaf-1.0")
    text = (
        HEAD
        + f'[[packages]]\nname = "leaf"\nversion = "1.0"\nwheels = [{{ path = "wheels/{path.name}", '
        f'hashes = {{ sha256 = "{sha256(path)}" }} }}]\n'
        + '[[packages]]\nname = "mine"\ndirectory = { path = "lib", editable = true }\n'
    )
    files = {f"lib/{k}": v for k, v in project_files(Sdist("mine", "1.0")).items()}
    root = project({"pylock.toml": text, "wheels/x": "", **files})
    (root / "wheels" / path.name).write_bytes(path.read_bytes())
    code = "import leaf, mine; print(leaf.__version__, mine.__file__)"
    out = machine.ok("run", "python", "-c", code, cwd=root, env=NOWHERE)
    assert out.startswith("1.0 ")
    assert str(root / "lib") in out
    machine.ok("run", "--locked", "true", cwd=root, env=NOWHERE)
    machine.ok("lock", cwd=root, env=NOWHERE)
    assert str(root) not in (root / "stead.lock").read_text(encoding="utf-8")


def test_pylock_layer_files_and_groups(machine, project, index):
    text = (
        HEAD
        + 'dependency-groups = ["dev"]\n'
        + entry(index, "leaf-2.0")
        + entry(index, "branch-2.0").replace(
            'version = "2.0"\n', 'version = "2.0"\nmarker = "\'dev\' in dependency_groups"\n'
        )
    )
    root = project({"pylock.toml": text})
    assert machine.ok("run", "-e", "dev", "python", "-c", SHOW, cwd=root, env=NOWHERE)
    assert machine.run("run", "python", "-c", SHOW, cwd=root, env=NOWHERE).returncode == 1


def test_pylock_whose_file_is_another_one(machine, project, index):
    root = project({"pylock.toml": HEAD + entry(index, "leaf-1.0", digest="0" * 64)})
    message = machine.fails("run", "true", cwd=root)
    assert "leaf" in message
    assert "0" * 64 in message
    assert sha256(wheel(index, "leaf-1.0")) in message


def test_pylock_beside_the_project_that_it_is_for(machine, project, index):
    lines = project_files(Sdist("mine", "1.0", requires=("leaf",)))
    root = project({**lines, "pylock.toml": HEAD + entry(index, "leaf-1.0"), "deep/x": ""})
    code = "import leaf, mine; print(leaf.__version__, mine.__file__)"
    out = machine.ok("run", "python", "-c", code, cwd=root / "deep", env=NOWHERE)
    assert out.startswith("1.0 ")
    assert str(root) in out
    machine.ok("run", "--locked", "true", cwd=root, env=NOWHERE)


def test_a_lock_that_lacks_what_a_manifest_asks_is_named(machine, project, index):
    root = project(
        {"requirements.txt": "leaf\n\nbranch\n", "pylock.toml": HEAD + entry(index, "leaf-1.0")}
    )
    message = machine.fails("run", "true", cwd=root)
    assert "requirements.txt:3" in message
    assert "pylock.toml" in message
    (root / "requirements.txt").write_text("leaf>=2\n", encoding="utf-8")
    message = machine.fails("run", "true", cwd=root)
    assert "it holds 1.0" in message
    (root / "requirements.txt").write_text("leaf\nbranch; python_version < '3'\n", encoding="utf-8")
    machine.ok("run", "true", cwd=root, env=NOWHERE)


def test_a_stead_toml_that_asks_for_packages_has_its_own_lock(machine, project, index):
    root = project(
        {"stead.toml": "[vars]\nMODE = 'x'\n", "pylock.toml": HEAD + entry(index, "leaf-1.0")}
    )
    code = "import os, leaf; print(os.environ['MODE'], leaf.__version__)"
    assert machine.ok("run", "python", "-c", code, cwd=root, env=NOWHERE) == "x 1.0\n"
    (root / "stead.toml").write_text(
        "[vars]\nMODE = 'y'\n[packages.pypi]\nleaf = '>=2'\n", encoding="utf-8"
    )
    assert machine.ok("run", "python", "-c", code, cwd=root) == "y 2.0\n"
    report = machine.json("status", cwd=root)
    assert [r["format"] for r in report["read"]] == ["stead.toml"]


def test_pylock_from_a_server_is_fetched_once(machine, project, index):
    with serve(index) as served:
        name = wheel(index, "leaf-1.0").name
        text = HEAD + entry(index, "leaf-1.0", address=f"{served.url}/files/{name}")
        root = project({"pylock.toml": text, "other/pylock.toml": text})
        failed = machine.fails("run", "--offline", "true", cwd=root)
        assert "offline" in failed
        machine.ok("run", "true", cwd=root)
        asked = len(served.requests)
        assert not any("/simple" in r for r in served.requests)
    machine.ok("run", "--offline", "python", "-c", "import leaf", cwd=root / "other")
    assert len(served.requests) == asked


@pytest.mark.parametrize("kind", ["md5", "sha256"])
def test_explicit_list_alone(machine, project, conda_channel, kind):
    digest = {"md5": md5, "sha256": lambda p: f"sha256:{sha256(p)}"}[kind]
    lines = [f"{p.as_uri()}#{digest(p)}" for p in packages(conda_channel, "python", "packaging")]
    root = project(
        {"conda-linux-64.lock": "\n".join(["@EXPLICIT", *lines, ""]), "mine.py": "", "deep/x": ""}
    )
    code = "import mine, packaging, sys; print(packaging.__file__.startswith(sys.prefix))"
    assert machine.ok("run", "python", "-c", code, cwd=root / "deep") == "True\n"
    out = machine.ok("run", "--offline", "--locked", "python", "-c", code, cwd=root)
    assert out == "True\n"
    report = machine.json("status", cwd=root)
    assert report["problems"] == []
    assert report["build"]


def test_an_md5_is_part_of_what_is_built(machine, project, conda_channel, tmp_path):
    """Two archives of one name, known by their md5 alone, never share a build."""
    import shutil

    from stead.testing.channel import Entry, Package, make_channel

    python = packages(conda_channel, "python")[0]
    prefixes = []
    root = project({})
    for word in ("first", "second"):
        entries = (Entry("share/word", word.encode()),)
        made = make_channel(tmp_path / word, [Package("word", entries=entries)], "linux-64")
        (path,) = (p for p in made.glob("linux-64/word-*") if p.suffix in (".conda", ".bz2"))
        lines = [f"{p.as_uri()}#{md5(p)}" for p in (python, path)]
        text = "\n".join(["@EXPLICIT", *lines, ""])
        (root / "explicit.txt").write_text(text, encoding="utf-8")
        code = "import sys; print(open(sys.prefix + '/share/word').read())"
        prefixes.append(machine.ok("run", "python", "-c", code, cwd=root).strip())
        shutil.rmtree(made)
    assert prefixes == ["first", "second"]


def test_explicit_list_whose_file_is_another_one(machine, project, conda_channel):
    python, packaging = packages(conda_channel, "python", "packaging")
    lines = [f"{python.as_uri()}#{md5(python)}", f"{packaging.as_uri()}#{'0' * 32}"]
    root = project({"explicit.txt": "\n".join(["@EXPLICIT", *lines, ""])})
    message = machine.fails("run", "true", cwd=root)
    assert packaging.name in message
    assert "0" * 32 in message


def conda_lock(conda_channel: Path, index: Path, address=Path.as_uri) -> str:
    text = (
        "version: 1\nmetadata:\n  channels: []\n  platforms: [linux-64]\n  sources: []\npackage:\n"
    )
    for path in packages(conda_channel, "python", "packaging", "iniconfig"):
        name, version, _ = path.name.rsplit("-", 2)
        category = "dev" if name == "iniconfig" else "main"
        text += (
            f"- name: {name}\n  version: '{version}'\n  manager: conda\n  platform: linux-64\n"
            f"  dependencies: {{}}\n  url: '{address(path)}'\n  hash:\n    md5: {md5(path)}\n"
            f"  category: {category}\n  optional: {str(category == 'dev').lower()}\n"
        )
    for stem in ("leaf-1.0", "branch-2.0"):
        path = wheel(index, stem)
        name, version = stem.split("-")
        text += (
            f"- name: {name}\n  version: '{version}'\n  manager: pip\n  platform: linux-64\n"
            f"  dependencies: {{}}\n  url: '{path.as_uri()}'\n  hash:\n    sha256: {sha256(path)}\n"
            f"  category: main\n  optional: false\n"
        )
    return text


def test_conda_lock_with_pip_packages(machine, project, conda_channel, index):
    root = project({"conda-lock.yml": conda_lock(conda_channel, index), "mine.py": ""})
    code = f"import mine, packaging, sys; print(sys.prefix in packaging.__file__); {SHOW}"
    assert machine.ok("run", "python", "-c", code, cwd=root, env=NOWHERE) == "True\n2.0 1.0\n"
    assert machine.run("run", "python", "-c", "import iniconfig", cwd=root).returncode == 1
    machine.ok("run", "-e", "dev", "python", "-c", f"import iniconfig; {code}", cwd=root)
    message = machine.fails("lock", "--platform", "osx-arm64", cwd=root)
    assert "osx-arm64" in message


def test_conda_lock_from_a_server_is_fetched_once(machine, project, conda_channel, index):
    with serve(conda_channel) as served:

        def address(path: Path) -> str:
            return f"{served.url}/{path.parent.name}/{path.name}"

        text = conda_lock(conda_channel, index, address)
        root = project({"conda-lock.yml": text, "other/conda-lock.yml": text})
        machine.ok("run", "true", cwd=root)
        assert not any("repodata" in r for r in served.requests)
        asked = len(served.requests)
        machine.ok("run", "--offline", "python", "-c", "import packaging", cwd=root / "other")
        assert len(served.requests) == asked


def test_environment_yml_beside_its_conda_lock(machine, project, conda_channel, index):
    asked = f"channels: ['{conda_channel.as_uri()}']\ndependencies: [python, packaging>=20]\n"
    files = {"conda-lock.yml": conda_lock(conda_channel, index), "environment.yml": asked}
    root = project(files)
    machine.ok("run", "python", "-c", "import packaging", cwd=root, env=NOWHERE)
    (root / "environment.yml").write_text(
        asked.replace("packaging>=20", "pluggy"), encoding="utf-8"
    )
    message = machine.fails("run", "true", cwd=root)
    assert "pluggy" in message
    assert "environment.yml:2" in message

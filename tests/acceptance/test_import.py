"""`stead import`: a stead.toml from other tools' files, and what they locked as it was."""

from __future__ import annotations

import tomllib

import pytest

from stead.formats import stead_lock

NOWHERE = {"UV_DEFAULT_INDEX": "file:///nowhere/simple"}
"""An index that cannot answer: whoever solves anew fails."""


@pytest.fixture
def there(tmp_path):
    directory = tmp_path / "there"
    directory.mkdir()
    return directory


@pytest.fixture
def mixed(project, conda_channel):
    """A place with packages of both kinds."""
    return project(
        {
            "stead.toml": f"""\
[packages.conda]
channels = ["{conda_channel.as_uri()}"]
python = "*"
packaging = "*"
[packages.pypi]
branch = "*"
"""
        }
    )


def artifacts(directory, environment="default", platform="linux-64"):
    """Give what identifies each locked package."""
    text = (directory / "stead.lock").read_text(encoding="utf-8")
    found = stead_lock.read(text, str(directory / "stead.lock"))
    env = found.find(".", environment, platform)
    assert env is not None
    return {
        (a.ecosystem, a.name, a.version, tuple(f.sha256 for f in a.files)) for a in env.artifacts
    }


def manifest(directory):
    return tomllib.loads((directory / "stead.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", ["conda-linux-64.lock", "conda-lock.yml", "pixi.lock"])
def test_a_lock_comes_back_as_it_was(machine, mixed, there, name):
    machine.ok("export", "-o", str(there / name), cwd=mixed)
    machine.ok("import", name, cwd=there, env=NOWHERE)
    assert artifacts(there) == artifacts(mixed)
    assert manifest(there)["packages"]["conda"]["packaging"] == "*"
    code = "import branch, packaging; print(branch.__version__)"
    for _ in range(2):  # the lock answers with the imported file beside it, and without it
        out = machine.ok("run", "--locked", "python", "-c", code, cwd=there, env=NOWHERE)
        assert out == "2.0\n"
        (there / name).unlink(missing_ok=True)


def test_a_pylock_comes_back_as_it_was(machine, project, there):
    root = project({"stead.toml": "[packages.pypi]\nbranch = '*'\nfrom-source = '*'\n"})
    machine.ok("export", "-o", str(there / "pylock.toml"), cwd=root)
    machine.ok("import", "pylock.toml", cwd=there, env=NOWHERE)
    assert artifacts(there) == artifacts(root)
    (there / "pylock.toml").unlink()
    machine.ok("run", "--locked", "python", "-c", "import branch, from_source", cwd=there)


def test_a_lock_of_another_tool_gives_way_to_what_was_made_of_it(machine, project, index):
    """Not one that Stead exported: it is no longer read beside the stead.toml made from it."""
    import hashlib

    (wheel,) = (index / "files").glob("leaf-1.0-*.whl")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    text = (
        'lock-version = "1.0"\ncreated-by = "someone"\n[[packages]]\nname = "leaf"\n'
        f'version = "1.0"\nwheels = [{{ name = "{wheel.name}", url = "{wheel.as_uri()}", '
        f'hashes = {{ sha256 = "{digest}" }} }}]\n'
    )
    root = project({"pylock.toml": text})
    machine.ok("import", "pylock.toml", cwd=root, env=NOWHERE)
    machine.ok("run", "--locked", "python", "-c", "import leaf", cwd=root, env=NOWHERE)
    (root / "pylock.toml").unlink()
    machine.ok("run", "--locked", "python", "-c", "import leaf", cwd=root, env=NOWHERE)
    # A later request keeps what is locked, for it still satisfies.
    (root / "stead.toml").write_text(
        (root / "stead.toml").read_text(encoding="utf-8") + 'tool = "*"\n', encoding="utf-8"
    )
    code = "import leaf, tool; print(leaf.__version__)"
    assert machine.ok("run", "python", "-c", code, cwd=root) == "1.0\n"


def test_environment_yml(machine, project, conda_channel, there):
    root = project(
        {
            "environment.yml": f"""\
channels: ['{conda_channel.as_uri()}', ./own]
dependencies:
  - python
  - packaging>=20,<99
  - pip:
      - branch==2.0
      - -e ./lib
variables:
  MODE: "it's"
""",
            "lib/pyproject.toml": "[project]\nname = 'mine'\nversion = '1'\n",
        }
    )
    machine.ok("import", str(root / "environment.yml"), cwd=there)
    made = manifest(there)
    assert made["packages"]["conda"] == {
        "channels": [conda_channel.as_uri(), "../project/own"],
        "python": "*",
        "packaging": ">=20,<99",
    }
    assert made["packages"]["pypi"] == {
        "branch": "==2.0",
        "mine": {"path": "../project/lib", "editable": True},
    }
    assert made["vars"] == {"MODE": "it's"}
    assert not (there / "stead.lock").exists()


def test_requirements_txt(machine, project):
    root = project(
        {
            "requirements.txt": "-r more.txt\n-c limits.txt\nleaf[extra]>=1\n"
            "tool==1.0 ; python_version >= '3'\ntool==0.1 ; python_version < '3'\n",
            "more.txt": "branch\n",
            "limits.txt": "leaf<3\nunasked<1\n",
        }
    )
    done = machine.run("import", "requirements.txt", cwd=root)
    assert done.returncode == 0, done.stderr
    assert "unasked" in done.stderr
    assert "tool" in done.stderr
    assert "requirements.txt is still read" in done.stderr
    assert manifest(root)["packages"]["pypi"] == {
        "branch": "*",
        "leaf": {"version": ">=1,<3", "extras": ["extra"]},
        "tool": {"version": "==1.0", "marker": "python_version >= '3'"},
    }
    for name in ("requirements.txt", "more.txt", "limits.txt"):
        (root / name).unlink()
    code = "import branch, leaf, tool; print(leaf.__version__)"
    assert machine.ok("run", "python", "-c", code, cwd=root) == "2.0\n"


def test_pyproject_toml(machine, project, there):
    root = project(
        {
            "pyproject.toml": """\
[project]
name = "plain"
version = "1.0"
requires-python = ">=3.8"
dependencies = ["leaf<2"]
[dependency-groups]
dev = ["branch", {include-group = "base"}]
base = ["needs-old-leaf"]
"""
        }
    )
    machine.ok("import", str(root / "pyproject.toml"), cwd=there)
    made = manifest(there)
    assert made["packages"]["python"] == ">=3.8"
    assert made["packages"]["pypi"]["leaf"] == "<2"
    assert made["layer"]["dev"]["inherits"] == ["base"]
    code = "import branch, needs_old_leaf; print(branch.__version__)"
    assert machine.ok("run", "-e", "dev", "python", "-c", code, cwd=there) == "1.0\n"


PIXI = """\
[workspace]
name = "old"
channels = ["{channel}"]
platforms = ["linux-64"]

[dependencies]
python = "*"
packaging = {{ version = ">=20" }}

[pypi-dependencies]
branch = "*"

[tasks]
show = "python -c 'import branch'"
both = {{ cmd = "echo a && echo b", depends-on = ["show"] }}

[feature.test.dependencies]
iniconfig = "*"

[environments]
test = ["test"]

[activation.env]
MODE = "x"
"""


def test_pixi_manifest_and_its_lock(machine, mixed, there, conda_channel):
    machine.ok("export", "-o", str(there / "pixi.lock"), cwd=mixed)
    (there / "pixi.toml").write_text(PIXI.format(channel=conda_channel.as_uri()), encoding="utf-8")
    machine.ok("import", "pixi.toml", cwd=there, env=NOWHERE)
    assert artifacts(there) == artifacts(mixed)
    made = manifest(there)
    assert made["tasks"]["show"] == ["python", "-c", "import branch"]
    assert made["tasks"]["both"] == {
        "run": ["sh", "-c", "echo a && echo b"],
        "depends": ["show"],
    }
    assert machine.ok("run", "--locked", "both", cwd=there, env=NOWHERE).endswith("a\nb\n")
    machine.ok("run", "-e", "test", "python", "-c", "import iniconfig, branch", cwd=there)


def test_pixi_lock_with_environments_and_platforms(machine, project, there):
    root = project(
        {
            "stead.toml": "[workspace]\nplatforms = ['osx-arm64']\n"
            "[packages.pypi]\nleaf = '*'\n[layer.test.packages.pypi]\ntool = '*'\n"
        }
    )
    machine.ok("export", "-e", "test", "-o", str(there / "pixi.lock"), cwd=root)
    out = machine.ok("import", "pixi.lock", cwd=there, env=NOWHERE)
    assert "osx-arm64" in out
    made = manifest(there)
    assert made["workspace"]["platforms"] == ["linux-64", "osx-arm64"]
    assert made["layer"]["test"]["packages"]["pypi"] == {"leaf": "*", "tool": "*"}
    for platform in ("linux-64", "osx-arm64"):
        assert artifacts(there, "test", platform) == artifacts(root, "test", platform)


def test_a_stead_toml_is_never_lost(machine, project):
    text = "# mine\n[vars]\nA = 'b'\n"
    root = project({"requirements.txt": "leaf\n", "stead.toml": text})
    message = machine.fails("import", "requirements.txt", cwd=root, code=2)
    assert str(root / "stead.toml") in message
    assert "--force" in message
    assert (root / "stead.toml").read_text(encoding="utf-8") == text
    machine.ok("import", "requirements.txt", "--force", cwd=root)
    assert manifest(root)["packages"]["pypi"] == {"leaf": "*"}


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("strange.xyz", "", ["strange.xyz", "--format"]),
        ("conda-lock.yml", "version: 1\n", ["conda-lock.yml"]),
        ("pixi.lock", "version: 99\nenvironments: {default: {packages: {linux-64: []}}}\n", ["99"]),
        ("pylock.toml", 'lock-version = "2.0"\n', ["2.0", "pylock.toml:1"]),
        ("explicit.txt", "@EXPLICIT\nfile:///x/linux-64/a-1-0.conda\n", ["explicit.txt:2", "hash"]),
        ("requirements.txt", "leaf\nleaf >>1\n", ["requirements.txt:2"]),
        ("pixi.toml", "[package]\n", ["pixi.toml", "[workspace]"]),
        ("environment.yml", "dependencies: {a: 1}\n", ["environment.yml:1"]),
        ("missing.txt", None, ["missing.txt"]),
    ],
)
def test_what_cannot_be_read_writes_nothing(machine, project, there, name, text, words):
    if text is not None:
        (there / name).write_text(text, encoding="utf-8")
    before = sorted(p.name for p in there.iterdir())
    done = machine.run("import", name, cwd=there)
    assert done.returncode in (1, 2), done.stdout + done.stderr
    assert "a fault in Stead" not in done.stderr
    for word in words:
        assert word in done.stderr
    assert sorted(p.name for p in there.iterdir()) == before


def test_a_lock_for_another_platform_is_refused(machine, mixed, there):
    machine.ok("export", "-o", str(there / "pixi.lock"), cwd=mixed)
    message = machine.fails("import", "pixi.lock", "--platform", "win-64", cwd=there)
    assert "win-64" in message
    assert not (there / "stead.toml").exists()


def test_requests_of_other_files_are_not_forgotten(machine, mixed, there):
    machine.ok("export", "-o", str(there / "pixi.lock"), cwd=mixed)
    (there / "requirements.txt").write_text("tool\n", encoding="utf-8")
    done = machine.run("import", "pixi.lock", cwd=there)
    assert "nothing is locked yet" in done.stderr
    assert not (there / "stead.lock").exists()
    assert machine.ok("run", "tool", cwd=there) == "tool ran\n"


def test_json(machine, project, there):
    (there / "requirements.txt").write_text("leaf\n", encoding="utf-8")
    told = machine.json("import", "requirements.txt", cwd=there)
    assert told["manifest"] == str(there / "stead.toml")
    assert told["environments"] == []

"""Projects of all kinds, handed in by one environment each: the server builds what is locked."""

from __future__ import annotations

import shutil

import pytest

from stead.testing.index import Wheel, make_index
from stead.testing.server import serve

pytestmark = pytest.mark.slow

SAY = "def main():\n    print('leaf', {version!r})\n"


def leaf(version: str) -> Wheel:
    return Wheel(
        "leaf",
        version,
        files={"leaf.py": SAY.format(version=version)},
        scripts={"leaf": "leaf:main"},
    )


LAYERS = """\
[packages.conda]
channels = ["CHANNEL"]
tiny = "<2"

[vars]
MODE = "work"

[layer.test.packages.conda]
more = "*"
"""
PYPROJECT = """\
[project]
name = "demo"
version = "1"
dependencies = []

[project.optional-dependencies]
docs = []

[dependency-groups]
test = ["leaf"]

[tool.stead.packages.pypi]
indexes = [{ url = "INDEX", default = true }]
"""
PROJECTS = {
    # files, the environment, and what runs in it
    "layers": (
        {"stead.toml": LAYERS},
        "test",
        ("sh", "-c", "cat $CONDA_PREFIX/share/*.txt"),
        "more\ntiny one\n",
    ),
    "requirements": (
        {
            "requirements.txt": "--index-url INDEX\nleaf\n",
            "requirements-test.txt": "branch\n",
        },
        "test",
        ("sh", "-c", "leaf; python -c 'import branch'"),
        "leaf 1.0\n",
    ),
    "pyproject": (
        {"pyproject.toml": PYPROJECT},
        "test",
        ("leaf",),
        "leaf 1.0\n",
    ),
    "several": (
        {
            "environment.yml": "channels: [CHANNEL]\ndependencies: [tiny <2]\n",
            "stead.toml": '[packages.conda]\nmore = "*"\n',
        },
        "",
        ("sh", "-c", "cat $CONDA_PREFIX/share/*.txt"),
        "more\ntiny one\n",
    ),
}


@pytest.fixture
def world(team_channel, tmp_path):
    """A channel and an index, which can be taken away; gives words to put into files."""
    channel = tmp_path / "channel"
    shutil.copytree(team_channel.removeprefix("file://"), channel)
    index = make_index(tmp_path / "index", [leaf("1.0"), Wheel("branch", requires=("leaf",))])
    with serve(index) as server:
        yield channel, index, {"CHANNEL": channel.as_uri(), "INDEX": f"{server.url}/simple"}


def write(account, files, words):
    for name, template in files.items():
        text = template.replace("CHANNEL", words["CHANNEL"]).replace("INDEX", words["INDEX"])
        (account.work / name).write_text(text)


@pytest.mark.parametrize("kind", PROJECTS)
def test_an_environment_of_a_project_comes_to_another_machine(serving, accounts, world, kind):
    files, environment, command, output = PROJECTS[kind]
    channel, index, words = world
    ann, bob = accounts("ann", serving), accounts("bob", serving)
    ann.log_in()
    ann.ok("remote", "namespace", "create", kind)
    write(ann, files, words)
    chosen = ("-e", environment) if environment else ()
    # What is not locked is not pushed: the server would choose something else.
    assert "nothing is locked here" in ann.fails("push", f"{kind}/web", *chosen)
    ann.ok("lock", *chosen)
    # Newer versions that have come since are not taken.
    if kind in ("requirements", "pyproject"):
        make_index(index, [leaf("1.0"), leaf("2.0"), Wheel("branch", requires=("leaf",))])
    before = {p.name: p.read_bytes() for p in ann.work.iterdir()}
    assert ann.ok("push", f"{kind}/web", *chosen).endswith("is COMPLETED\n")
    assert {p.name: p.read_bytes() for p in ann.work.iterdir()} == before

    # Another machine has the server alone.
    channel.rename(channel.with_name("away"))
    shutil.rmtree(index / "files")
    bob.log_in()
    came = bob.run("pull", f"{kind}/web")
    assert came.returncode == 0, came.stderr
    assert "from the store 127.0.0.1" in came.stderr
    assert bob.ok("run", "--", *command) == output
    bob.ok("lock", "--locked", "--offline")
    # It goes back as it came, and is there already.
    assert "asked for before" in bob.ok("push", f"{kind}/web")


def test_what_is_of_this_machine_is_named_and_stays(serving, accounts, world):
    _, _, words = world
    ann, bob = accounts("ann", serving), accounts("bob", serving)
    ann.log_in()
    ann.ok("remote", "namespace", "create", "own")
    lib = ann.work / "lib"
    (lib / "src" / "lib").mkdir(parents=True)
    (lib / "src" / "lib" / "__init__.py").touch()
    build = '[build-system]\nrequires = []\nbuild-backend = "none"\n'
    (lib / "pyproject.toml").write_text(
        f'[project]\nname = "lib"\nversion = "1"\ndependencies = ["leaf"]\n{build}'
    )
    write(
        ann,
        {
            "stead.toml": '[packages.pypi]\nindexes = [{ url = "INDEX", default = true }]\n'
            'branch = "*"\nlib = { path = "lib", editable = true }\n'
        },
        words,
    )
    ann.ok("lock")
    refused = ann.fails("push", "own/web", code=2)
    assert "stead.toml:4: lib lies on this machine (editable, lib)" in refused
    assert "`--no-local` pushes" in refused
    pushed = ann.run("push", "own/web", "--no-local")
    assert pushed.returncode == 0, pushed.stderr
    assert "not pushed: lib, of this machine" in pushed.stderr
    bob.log_in()
    bob.ok("pull", "own/web")
    assert bob.ok("run", "leaf") == "leaf 1.0\n"

    # Logins and secrets, and channels beside it: all that is wrong, at once.
    write(
        ann,
        {
            "stead.toml": "[vars]\n"
            'PASSWORD = { type = "secret", value = "xyzzy" }\n'
            '[layer.prod.vars]\nPASSWORD = "plugh"\n'
            '[packages.conda]\nchannels = ["./here"]\ntiny = "*"\n'
        },
        words,
    )
    refused = ann.fails("push", "own/other", code=2)
    assert "stead.toml:2: PASSWORD is a secret, and stands in the file" in refused
    assert "stead.toml:4: PASSWORD is a secret" in refused
    assert "stead.toml:6: the channel ./here lies on this machine" in refused
    assert "xyzzy" not in refused + ann.fails("push", "own/other", code=2)
    (ann.work / "stead.toml").unlink()
    (ann.work / "stead.lock").unlink()
    login = words["INDEX"].replace("://", "://ann:sesame@")
    (ann.work / "requirements.txt").write_text(f"--index-url {login}\nleaf\n")
    ann.ok("lock")
    refused = ann.fails("push", "own/other", code=2)
    assert "holds a login, which stays here" in refused
    assert "sesame" not in refused
    assert "own/other" not in ann.ok("remote", "env", "list", "own")
    # A file goes as it stands, and has no environments.
    assert "goes as it stands" in ann.fails(
        "push", "own/web", "requirements.txt", "-e", "test", code=2
    )


def test_what_another_tool_has_locked_is_what_is_built(serving, accounts, world):
    _, _, words = world
    ann, bob = accounts("ann", serving), accounts("bob", serving)
    ann.log_in()
    ann.ok("remote", "namespace", "create", "locked")
    write(ann, {"environment.yml": "channels: [CHANNEL]\ndependencies: [tiny]\n"}, words)
    older = {"stead.toml": '[packages.conda]\nchannels = ["CHANNEL"]\ntiny = "<2"\n'}
    write(bob, older, words)
    bob.ok("lock")
    bob.ok("export", "-o", str(ann.work / "conda-lock.yml"))
    lock = (ann.work / "conda-lock.yml").read_text()
    # Of another tool, as far as anybody sees.
    (ann.work / "conda-lock.yml").write_text(lock.split("\n", 1)[1])
    ann.ok("lock")
    assert 'version = "1.0"' in (ann.work / "stead.lock").read_text()
    ann.ok("push", "locked/tiny")
    shutil.rmtree(bob.work)
    bob.work.mkdir()
    bob.log_in()
    bob.ok("pull", "locked/tiny")
    assert 'tiny = { version = "==1.0"' in (bob.work / "stead.toml").read_text()
    assert bob.ok("run", "--", "sh", "-c", "cat $CONDA_PREFIX/share/tiny.txt") == "tiny one\n"

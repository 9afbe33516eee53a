"""Builds that stand on an interpreter outside the store, on machines that have another one."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tarfile
import time
from typing import TYPE_CHECKING

import pytest

from stead.server.blobs.store import open_blobs
from stead.server.directories import kept
from stead.server.specs.reading import read
from stead.server.values import BuildStatus
from stead.store.atomic import remove_tree
from stead.testing.index import Wheel, make_index
from stead.testing.mirror import make_interpreter_mirror
from stead.testing.server import serve
from stead.testing.world import make_context

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stead.server.directories import Change

MINOR = f"{sys.version_info[0]}.{sys.version_info[1]}"
PATCH = 98
SAYS = "import sys\ndef main():\n    print(sys._base_executable, sys.prefix)\n"
MANIFEST = '[packages]\npython = "{python}"\n\n[packages.pypi]\nsaying = "*"\n'


@pytest.fixture(scope="module")
def mirror(tmp_path_factory) -> Path:
    """Interpreters that no machine has: patch 98 of the running minor version."""
    made = tmp_path_factory.mktemp("mirror")
    make_interpreter_mirror(made, patch=PATCH)
    return made


def installed(mirror: Path, root: Path) -> Path:
    """Install the mirror's interpreter in a directory; gives that of its programs."""
    (archive,) = mirror.glob("*.tar.gz")
    with tarfile.open(archive) as file:
        file.extractall(root, filter="fully_trusted")
    return root / "python" / "bin"


@pytest.fixture(scope="module")
def store(store_of, mirror, tmp_path_factory):
    """A store whose worker finds that interpreter, and no other machine does where it lies."""
    there = installed(mirror, tmp_path_factory.mktemp("servers"))
    with store_of(tmp_path_factory.mktemp("store")) as made:
        with pytest.MonkeyPatch.context() as patched:
            patched.setenv("PATH", f"{there}{os.pathsep}{os.environ['PATH']}")
            made.worker()
        yield made


@pytest.fixture
def built(store, tmp_path, request):
    """Build a manifest; its index is gone then. Gives what laptops ask with."""

    return lambda python: build_on(store, tmp_path, python)


def build_on(store, directory: Path, python: str) -> tuple[str, str]:
    """Let a store build a manifest that asks for an interpreter; gives that, and the build."""
    index = make_index(
        directory / "index",
        [Wheel("saying", files={"saying.py": SAYS}, scripts={"say": "saying:main"})],
    )
    manifest = MANIFEST.format(python=python)
    with serve(index) as server:
        named = f'indexes = [{{ url = "{server.url}/simple", default = true }}]\n'
        manifest = manifest.replace("[packages.pypi]\n", f"[packages.pypi]\n{named}")
        made = store.ask(read(manifest, "stead", name="says"))
        done = store.ended(made)
    assert done.status is BuildStatus.COMPLETED, store.log(made)
    return manifest, str(store.root / "home" / "store" / done.store_key)


@pytest.mark.parametrize("where", ["PYENV_ROOT", "HOME", "UV_PYTHON_DOWNLOADS_JSON_URL"])
def test_interpreters_are_found_where_those_of_the_workers_machine_are(
    store_of, mirror, tmp_path, where
):
    home, pyenv = tmp_path / "home", tmp_path / ("home/.pyenv" if where == "HOME" else "pyenv")
    home.mkdir()
    (tmp_path / "store").mkdir()
    if where != "UV_PYTHON_DOWNLOADS_JSON_URL":
        (pyenv / "versions").mkdir(parents=True)
        there = installed(mirror, tmp_path).parent
        there.rename(pyenv / "versions" / f"{MINOR}.{PATCH}")
    value = {"PYENV_ROOT": pyenv, "HOME": home}.get(where, mirror / "downloads.json")
    with store_of(tmp_path / "store") as made:
        with pytest.MonkeyPatch.context() as patched:
            for name in ("PYENV_ROOT", "UV_PYTHON_INSTALL_DIR"):
                patched.delenv(name, raising=False)
            patched.setenv("HOME", str(home))
            patched.setenv(where, str(value))
            made.worker()
        _, built = build_on(made, tmp_path, f"=={MINOR}.{PATCH}")
        python = os.readlink(f"{built}/bin/python")
        assert str(tmp_path / "store" if "DOWNLOADS" in where else pyenv) in python


def test_an_equal_interpreter_of_this_machine_is_used(store, answering, built, make_laptop, mirror):
    manifest, there = built(MINOR)
    assert "servers" in os.readlink(f"{there}/bin/python")
    with answering(store) as served:
        laptop = make_laptop(STEAD_TEAM_TOKEN=served.token)
        versions = laptop.root / ".pyenv" / "versions"
        versions.mkdir(parents=True)
        (installed(mirror, laptop.root) / "..").resolve().rename(versions / f"{MINOR}.{PATCH}")
        stores = f'[stores.team]\nurl = "{served.url}"\ntoken = "env:STEAD_TEAM_TOKEN"\n\n'
        laptop.write("stead.toml", stores + manifest)
        lock = _lock(store, served)
        laptop.write("stead.lock", lock)
        done = laptop.stead("run", "say")
        assert done.returncode == 0, done.stderr
        assert "from the store team" in done.stderr
        executable, prefix = done.stdout.split()
        assert executable.startswith(str(versions)), done.stdout
        (build,) = laptop.builds
        assert prefix == str(laptop.root / "stead" / "store" / build)
        assert build != os.path.basename(there)
        # All is as its packages say; nothing in it names the server's machine.
        verified = laptop.stead("store", "verify")
        assert verified.returncode == 0, verified.stdout + verified.stderr
        config = (laptop.root / "stead" / "store" / build / "pyvenv.cfg").read_text()
        assert f"home = {versions}" in config
        assert "servers" not in config
        assert laptop.stead("run", "say").stdout == done.stdout


def test_one_that_is_missing_is_provided_or_named(store, answering, built, make_laptop, mirror):
    built(f"=={MINOR}.{PATCH}")
    with answering(store) as served:
        laptop = make_laptop(STEAD_REMOTE=served.url, STEAD_REMOTE_TOKEN=served.token)
        nothing = {"UV_PYTHON_DOWNLOADS_JSON_URL": "http://127.0.0.1:9/none.json"}
        came = laptop.stead("pull", "team/says", **nothing)
        assert came.returncode == 0, came.stderr
        assert "the environment is not made yet" in came.stderr
        assert f"{MINOR}.{PATCH}" in came.stderr
        assert "install one" in came.stderr
        assert laptop.builds == []
        provided = {"UV_PYTHON_DOWNLOADS_JSON_URL": str(mirror / "downloads.json")}
        again = laptop.stead("pull", "team/says", **provided)
        assert again.returncode == 0, again.stderr
        assert "from the store" in again.stderr
        said = laptop.stead("run", "say")
        assert said.returncode == 0, said.stderr
        assert said.stdout.startswith(str(laptop.root / "stead" / "interpreters"))


@contextlib.contextmanager
def elsewhere(build: str) -> Iterator[None]:
    """Let this be another machine: what the build was made with does not lie where it lay."""
    python = os.path.dirname(os.path.dirname(os.readlink(f"{build}/bin/python")))
    assert "servers" in python
    os.rename(python, f"{python}-gone")
    try:
        yield
    finally:
        os.rename(f"{python}-gone", python)


def says(directory: Path) -> list[str]:
    argv = [directory / "team" / "says" / "bin" / "say"]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split()


def test_a_kept_directory_stands_on_an_equal_interpreter(store, built, mirror, tmp_path):
    _, there = built(MINOR)
    versions = tmp_path / "home" / ".pyenv" / "versions"
    versions.mkdir(parents=True)
    (installed(mirror, tmp_path / "home") / "..").resolve().rename(versions / f"{MINOR}.{PATCH}")
    root = tmp_path / "envs"
    argv = [
        *(sys.executable, "-m", "stead", "worker", "--only-publish", "--publish", str(root)),
        *("--database", store.url, "--blobs", f"file://{store.root}/blobs"),
        *("--data", str(tmp_path / "data")),
    ]
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYENV")}
    env |= {"HOME": str(tmp_path / "home"), "STEAD_HOME": str(tmp_path / "stead")}
    with elsewhere(there), (tmp_path / "log").open("w+") as log:
        with subprocess.Popen(argv, env=env, stderr=log) as process:
            try:
                end = time.monotonic() + 120
                while not (root / "team" / "says").exists():
                    log.seek(0)
                    assert process.poll() is None, log.read()
                    assert time.monotonic() < end, log.read()
                    time.sleep(0.05)
                executable, prefix = says(root)
            finally:
                process.terminate()
        assert executable.startswith(str(versions))
        place = os.path.realpath(root / "team" / "says")
        assert prefix == place
        config = (root / "team" / "says" / "pyvenv.cfg").read_text()
        assert f"home = {versions}" in config
        assert "servers" not in config


def test_in_a_kept_directory_one_that_is_missing_is_provided_or_named(
    store, built, mirror, tmp_path
):
    _, there = built(f"=={MINOR}.{PATCH}")
    root = tmp_path / "envs"
    blobs = open_blobs(f"file://{store.root}/blobs")

    def settled(source: str) -> list[Change]:
        environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "UV_PYTHON_DOWNLOADS_JSON_URL": source,
        }
        context = make_context(tmp_path / "home", environ=environ)
        with kept(str(root), store.database, blobs, context=context) as directories:
            return [one for one in directories.settle() if one.subject == "team/says"]

    with elsewhere(there):
        # One of another patch release is here, and not what the specification asks for.
        [failed] = settled("http://127.0.0.1:9/none.json")
        assert failed.failed
        assert f"{MINOR}.{PATCH}" in failed.told
        assert "install one" in failed.told
        assert not (root / "team").exists()
        [done] = settled(str(mirror / "downloads.json"))
        assert not done.failed, done.told
        executable, _ = says(root)
        assert executable.startswith(str(tmp_path / "home" / "interpreters"))
        # The check of a store, which brings a directory up to date, finds one as well.
        other = tmp_path / "checked"
        other.mkdir()
        argv = [sys.executable, "-m", "stead", "serve", "--check", "--data", str(tmp_path / "data")]
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "STEAD_HOME": str(tmp_path / "stead"),
            "UV_PYTHON_DOWNLOADS_JSON_URL": str(mirror / "downloads.json"),
            "STEAD_SERVER_PUBLISH": str(other),
            "STEAD_SERVER_DATABASE": store.url,
            "STEAD_SERVER_BLOBS": f"file://{store.root}/blobs",
        }
        checked = subprocess.run(argv, env=env, capture_output=True, text=True, check=False)
        assert "mended  directories: team/says: is build" in checked.stdout, checked.stderr
        executable, _ = says(other)
        assert executable.startswith(str(tmp_path / "data" / "builds" / "interpreters"))


def test_a_kept_directory_whose_interpreter_is_gone_is_made_anew(store, built, mirror, tmp_path):
    _, there = built(f"=={MINOR}.{PATCH}")
    root, home = tmp_path / "envs", tmp_path / "home"
    blobs = open_blobs(f"file://{store.root}/blobs")

    def settled(source: str) -> list[Change]:
        environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "UV_PYTHON_DOWNLOADS_JSON_URL": source,
        }
        with kept(
            str(root), store.database, blobs, context=make_context(home, environ=environ)
        ) as directories:
            return [one for one in directories.settle() if one.subject.endswith("says")]

    with elsewhere(there):
        settled(str(mirror / "downloads.json"))
        executable, _ = says(root)
        assert settled(str(mirror / "downloads.json")) == []
        # Room to work in was cleared away.
        remove_tree(home)
        assert not os.path.exists(executable)
        [failed] = settled("http://127.0.0.1:9/none.json")
        assert failed.failed
        assert (root / "team" / "says" / "bin" / "say").is_file()
        [done] = settled(str(mirror / "downloads.json"))
        assert "its interpreter was gone" in done.told
        assert says(root)[0].startswith(str(home / "interpreters"))
        assert [name for name in os.listdir(root) if "gone" in name] == []


def _lock(store, served) -> str:
    from stead.server.database import packages

    with store.database.read() as connection:
        key = packages.artifacts(connection, store.submitted[-1], "STEAD_LOCK")[-1].key
    return served.services.blobs.get(key).decode()

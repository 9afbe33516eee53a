"""History of an environment from conda and PyPI: what changed is told, and gone back to offline."""

from __future__ import annotations

import os

import pytest

from stead.testing.channel import Package, make_channel, text
from stead.testing.index import Wheel, make_index
from stead.testing.python import MINOR, cpython
from stead.testing.server import serve
from stead.testing.specimens import dist_info

pytestmark = pytest.mark.slow


def conda(name, version, *depends):
    """A conda package with a module that says its version."""
    code = f"__version__ = {version!r}\n"
    entries = (text(f"site-packages/{name}.py", code), *dist_info(name, version))
    depends = (f"python >={MINOR.split('.')[0]}", *depends)
    return Package(name, version, depends=depends, entries=entries, noarch="python")


@pytest.fixture(scope="module")
def sources(tmp_path_factory, here):
    """A directory with a channel and an index in it."""
    top = tmp_path_factory.mktemp("sources")
    packages = [
        cpython(),
        conda("deep", "1.0"),
        conda("deep", "2.0"),
        conda("wide", "1.0", "deep <2"),
        conda("wide", "1.5", "deep >=2"),
    ]
    make_channel(top / "channel", packages, here.name)
    wheels = [Wheel("leaf", "1.0"), Wheel("leaf", "2.0"), Wheel("stem", "1.0", requires=("leaf",))]
    make_index(top / "index", wheels)
    return top


@pytest.fixture
def place(machine, project, sources):
    """A place whose history holds an addition, an upgrade and a removal from both.

    The server is gone when a test begins, and so is the way to any other.
    """
    with serve(sources) as server:
        machine.environ["UV_DEFAULT_INDEX"] = f"{server.url}/index/simple"
        root = project(
            {
                "stead.toml": f"[packages.conda]\nchannels = ['{server.url}/channel']\n"
                "python = '*'\n\n[packages.pypi]\n\n[vars]\nLEVEL = '1'\n"
            }
        )
        machine.ok("lock", "-m", "the beginning", cwd=root)
        machine.ok("add", "conda:wide==1.0", "pypi:stem", "pypi:leaf<2", cwd=root)
        machine.ok("add", "conda:wide==1.5", "pypi:leaf>=2", cwd=root)
        machine.ok("set", "LEVEL=2", cwd=root)
        machine.ok("remove", "conda:wide", "pypi:stem", cwd=root)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        machine.environ[name] = machine.environ[name.lower()] = "http://127.0.0.1:9"
    return root


def says(machine, root):
    """What a process finds: versions of what can be imported, and the variable."""
    code = (
        "import importlib, os\n"
        "for name in ('wide', 'deep', 'stem', 'leaf'):\n"
        "    try: print(name, importlib.import_module(name).__version__)\n"
        "    except ImportError: pass\n"
        "print(os.environ['LEVEL'])"
    )
    return machine.ok("run", "python", "-c", code, cwd=root).splitlines()


ADDED = ["wide 1.0", "deep 1.0", "stem 1.0", "leaf 1.0", "1"]
UPGRADED = ["wide 1.5", "deep 2.0", "stem 1.0", "leaf 2.0", "1"]
REMOVED = ["leaf 2.0", "2"]


def number(machine, root, *command):
    """The generation that a command made."""
    for entry in machine.json("log", "-n", "100", cwd=root):
        if entry["command"][: len(command)] == list(command):
            return entry["number"]
    raise AssertionError(command)


def store(machine):
    """The builds, each with what tells one from another that was made anew."""
    found = {}
    for entry in os.scandir(machine.stead_home / "store"):
        seen = entry.stat()
        found[entry.name] = (seen.st_ino, seen.st_ctime_ns)
    return found


def collect(machine, root, *options):
    """Remove every build but the one in use; it came into use long ago."""
    for pointer in machine.stead_home.glob("places/at/**/current"):
        os.utime(pointer, (1e9, 1e9), follow_symlinks=False)
    machine.ok("gc", "--no-history", "--older-than", "0s", *options, cwd=root)


def test_diff_says_what_came_went_and_was_upgraded(machine, place):
    def packages(old, new):
        lines = machine.ok("diff", str(old), str(new), cwd=place).splitlines()
        told = [line for line in lines if line[:2] in ("+ ", "- ", "~ ")]
        found = machine.json("diff", str(old), str(new), cwd=place)
        assert len(told) == len(found["packages"]) + len(found["variables"])
        return told

    first, upgraded = (
        number(machine, place, "lock"),
        number(machine, place, "add", "conda:wide==1.5"),
    )
    added, last = number(machine, place, "add", "conda:wide==1.0"), number(machine, place, "remove")
    assert packages(first, added) == [
        "+ conda:deep 1.0",
        "+ conda:wide 1.0",
        "+ pypi:leaf 1.0",
        "+ pypi:stem 1.0",
    ]
    assert packages(added, upgraded) == [
        "~ conda:deep 1.0 → 2.0",
        "~ conda:wide 1.0 → 1.5",
        "~ pypi:leaf 1.0 → 2.0",
    ]
    assert packages(upgraded, last) == [
        "- conda:deep 2.0",
        "- conda:wide 1.5",
        "- pypi:stem 1.0",
        "~ LEVEL=1 → 2",
    ]
    assert packages(last, added) == [
        "+ conda:deep 1.0",
        "+ conda:wide 1.0",
        "~ pypi:leaf 2.0 → 1.0",
        "+ pypi:stem 1.0",
        "~ LEVEL=2 → 1",
    ]
    assert packages(last, last) == []


def test_builds_are_switched_offline_and_none_is_made(machine, place):
    before = store(machine)
    assert says(machine, place) == REMOVED
    machine.ok("undo", cwd=place)
    assert says(machine, place) == [*UPGRADED[:-1], "2"]
    machine.ok("undo", cwd=place)
    assert says(machine, place) == UPGRADED
    machine.ok("undo", cwd=place)
    assert says(machine, place) == ADDED
    for _ in range(3):
        machine.ok("redo", cwd=place)
    assert says(machine, place) == REMOVED
    machine.ok("rollback", str(number(machine, place, "add", "conda:wide==1.0")), cwd=place)
    assert says(machine, place) == ADDED
    machine.ok("undo", cwd=place)
    assert says(machine, place) == REMOVED
    assert store(machine) == before
    # What was restored is what was asked: nothing is left to lock.
    machine.ok("lock", "--check", "--offline", cwd=place)


def test_a_collected_build_is_made_again_from_the_caches(machine, place):
    added = number(machine, place, "add", "conda:wide==1.0")
    gone = next(e["build"] for e in machine.json("log", cwd=place) if e["number"] == added)
    machine.ok("gc", cwd=place)
    assert gone in store(machine)  # within the retention
    collect(machine, place)
    assert gone not in store(machine)
    marked = [e["number"] for e in machine.json("log", cwd=place) if e["rebuild"]]
    assert added in marked
    (line,) = (t for t in machine.ok("log", cwd=place).splitlines() if t.split()[0] == str(added))
    assert "to be rebuilt" in line
    machine.ok("rollback", str(added), cwd=place)
    assert gone in store(machine)
    assert says(machine, place) == ADDED
    machine.ok("undo", cwd=place)
    assert says(machine, place) == REMOVED


def test_without_caches_it_says_what_is_gone_and_changes_nothing(machine, place):
    added = number(machine, place, "add", "conda:wide==1.0")
    collect(machine, place, "--caches")
    files = ("stead.toml", "stead.lock")
    before = {name: (place / name).read_bytes() for name in files}
    message = machine.fails("rollback", str(added), cwd=place)
    assert f"generation {added} cannot be made again" in message
    assert "→" in message
    assert {name: (place / name).read_bytes() for name in files} == before
    assert says(machine, place) == REMOVED

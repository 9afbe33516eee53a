"""`stead test` that is killed at any moment, or runs several times at once: the next run is right.

A few moments are tried here; by ``nox -s soak`` a tenth of what ``STEAD_SOAK`` says: a run takes
seconds, a command of which others try as many a moment.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stead.store.atomic import remove_tree
from stead.testing.index import Sdist, Wheel, make_index, make_project

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.acceptance.conftest import Machine

TOX = """\
[tox]
env_list = wheel, more, sdist
[testenv]
package = wheel
deps = leaf
commands =
    python check.py {envname} {envdir}
[testenv:more]
deps = branch
[testenv:sdist]
package = sdist
"""

CHECK = '''\
"""Look at every file of every package here, and do something for a while."""

import base64, csv, hashlib, os, subprocess, sys, time
import spam

name, where = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else sys.prefix
assert sys.prefix == where, (sys.prefix, where)
assert spam.__file__.startswith(os.path.join(where, "lib")), spam.__file__
site = os.path.dirname(os.path.dirname(spam.__file__))
infos = sorted(i for i in os.listdir(site) if i.endswith(".dist-info"))
for info in infos:
    with open(os.path.join(site, info, "RECORD"), newline="") as file:
        for path, digest, _ in csv.reader(file):
            if digest:
                with open(os.path.join(site, path), "rb") as content:
                    found = hashlib.sha256(content.read()).digest()
                found = base64.urlsafe_b64encode(found).rstrip(b"=").decode()
                assert digest == "sha256=" + found, (info, path)
subprocess.run(["sleep", "0.2"], check=True)
print("checked", name, spam.WORD, *(i.split("-")[0] for i in infos))
'''

NOTING = """

def _noted(build):
    def noting(*words, **more):
        import os, time
        time.sleep(0.3)
        whence = "sdist" if os.path.exists("PKG-INFO") else "tree"
        with open({builds!r}, "a") as file:
            file.write(f"{{build.__name__}} of {{whence}}\\n")
        return build(*words, **more)
    return noting


build_wheel, build_sdist = _noted(build_wheel), _noted(build_sdist)
"""

LAYERS = """\
[packages]
[packages.conda]
channels = ["{channel}"]
python = "*"
[package.wheel]
builder = "wheel"
[layer.check]
commands = [["python", "check.py", "conda"]]
[test]
environments = ["check-conda"]
"""

EXPECTED = {
    "wheel": "checked wheel first leaf pip spam",
    "more": "checked more first branch leaf pip spam",
    "sdist": "checked sdist first leaf pip spam",
}
BUILDS = ["build_wheel of tree", "build_sdist of tree", "build_wheel of sdist"]


@pytest.fixture(scope="session")
def tries() -> Callable[[int], int]:
    """Give how many of something to try: few, or as many as a soak can bear."""
    return lambda few: max(few, int(os.environ.get("STEAD_SOAK") or 0) // 10)


@dataclass
class Spam:
    """A project with an own home, and the file to which its back end notes each build."""

    root: Path
    environ: Mapping[str, str]
    builds: Path
    home: Path

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["stead", "test", *words],
            cwd=self.root,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def forget(self) -> None:
        """Go back to where nothing has been made."""
        remove_tree(self.home)
        shutil.rmtree(self.root / ".tox", ignore_errors=True)
        self.builds.unlink(missing_ok=True)

    def running(self) -> list[str]:
        """Give the processes that have to do with the project or its home."""
        base = os.fsencode(self.root.parent)
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) == os.getpid():
                continue
            try:
                command = (entry / "cmdline").read_bytes()
                facts = [command, (entry / "environ").read_bytes()]
                facts.append(os.fsencode(os.readlink(entry / "cwd")))
            except OSError:
                continue
            if any(base in fact for fact in facts):
                found.append(f"{entry.name} {os.fsdecode(command.replace(bytes(1), b' '))}")
        return found

    def ends(self) -> None:
        """Wait until nothing of the project runs any more."""
        until = time.monotonic() + 90
        while left := self.running():
            assert time.monotonic() < until, left
            time.sleep(0.02)


@pytest.fixture
def spam(machine: Machine, tmp_path: Path) -> Spam:
    """A tox project with three environments, which need its package in two formats."""
    packages = [
        Wheel("leaf"),
        Wheel("branch", requires=("leaf",)),
        Wheel("pip", "25.0"),
    ]
    index = make_index(tmp_path / "own", packages)
    machine.environ["UV_DEFAULT_INDEX"] = f"{index.as_uri()}/simple"
    root = make_project(tmp_path / "spam", Sdist("spam", "1.5", requires=("leaf",)))
    builds = tmp_path / "builds"
    backend = root / "backend.py"
    backend.write_text(backend.read_text() + NOTING.format(builds=str(builds)))
    (root / "src" / "spam" / "__init__.py").write_text("WORD = 'first'\n")
    (root / "tox.ini").write_text(TOX)
    (root / "check.py").write_text(CHECK)
    return Spam(root, machine.environ, builds, machine.stead_home)


def right(machine: Machine, spam: Spam, said: str, expected: Mapping[str, str]) -> None:
    """Check what a run said, and that all it left is whole."""
    for line in expected.values():
        assert line in said, said
    assert machine.ok("store", "verify", cwd=spam.root).endswith("0 findings\n")


def links(spam: Spam, names: Mapping[str, str]) -> None:
    """Check that the directories of environments lead to whole builds of the store."""
    for name in names:
        directory = spam.root / ".tox" / name
        note = json.loads((directory / ".stead-environment.json").read_text())
        build = Path(note["build"])
        assert build.parent == spam.home / "store"
        assert build.is_dir()
        (site,) = (build / "lib").glob("python*/site-packages")
        mine = directory / site.relative_to(build)
        assert sorted(os.listdir(mine)) == sorted(os.listdir(site))
        # The package under test lies there itself, as the same files; all else is links.
        for parent, folders, files in os.walk(directory / "lib"):
            for path in (Path(parent, name) for name in (*folders, *files)):
                there = build / path.relative_to(directory)
                if path.is_symlink() or path.is_file():
                    assert path.samefile(there), path
        assert (directory / "bin" / "python").exists()
        assert not [n for n in os.listdir(directory) if ".tmp" in n]


def nothing_half_made(machine: Machine, spam: Spam) -> None:
    machine.ok("gc", cwd=spam.root)
    assert not [name for name in os.listdir(spam.home / "store") if name.startswith(".")]
    scratch = spam.home / "scratch"
    assert not scratch.exists() or not os.listdir(scratch)


def killed(spam: Spam, words: tuple[str, ...], whom: str, at: int, after: float) -> int:
    """Start a run and kill it some time after a line of it; gives its exit code."""
    child = spam.start(*words)
    assert child.stdout is not None
    for _ in range(at):
        child.stdout.readline()
    time.sleep(after)
    with contextlib.suppress(ProcessLookupError):
        (os.killpg if whom == "group" else os.kill)(child.pid, signal.SIGKILL)
    child.communicate()
    return child.returncode


@pytest.mark.slow
@pytest.mark.parametrize("whom", ["group", "alone"])
def test_killed_at_any_moment_the_next_run_is_right(
    machine: Machine, spam: Spam, chance, tries, whom: str
) -> None:
    words = ("-p", "2")
    lines = len(machine.ok("test", *words, cwd=spam.root).splitlines())
    codes = set()
    for count in range(tries(4)):
        if count % 2:  # what the one before has made is there, and is to be made again
            at, again = chance.randrange(lines // 2), ("-r",)
        else:
            spam.forget()
            at, again = chance.randrange(lines - 6), ()
        codes.add(killed(spam, words + again, whom, at, chance.random() * 0.5))
        spam.ends()
        right(machine, spam, machine.ok("test", *words, cwd=spam.root), EXPECTED)
        links(spam, EXPECTED)
        assert not spam.running()
        nothing_half_made(machine, spam)
    assert codes <= {0, -signal.SIGKILL}
    assert -signal.SIGKILL in codes


@pytest.mark.parametrize("whom", ["group", "alone"])
def test_commands_end_with_a_run_that_is_killed(machine: Machine, project, whom: str) -> None:
    command = "trap '' INT TERM HUP; (trap '' INT TERM HUP; sleep 1000)& echo $$ $! >pids; wait"
    root = project({"stead.toml": f'[layer.a]\ncommands = [["sh", "-c", "{command}"]]\n'})
    child = subprocess.Popen(
        ["stead", "test"],
        cwd=root,
        env=machine.environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    until = time.monotonic() + 60
    while not ((root / "pids").exists() and (root / "pids").read_text()):
        assert child.poll() is None
        assert time.monotonic() < until
        time.sleep(0.02)
    (os.killpg if whom == "group" else os.kill)(child.pid, signal.SIGKILL)
    child.wait()
    for number in (root / "pids").read_text().split():
        while alive(int(number)):
            assert time.monotonic() < until
            time.sleep(0.02)


def alive(number: int) -> bool:
    """Say whether a process runs: who has ended may wait for a parent to notice."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.slow
@pytest.mark.parametrize("whom", ["group", "alone"])
def test_killed_while_conda_is_at_work_the_next_run_is_right(
    machine: Machine, spam: Spam, conda_channel: Path, chance, tries, whom: str
) -> None:
    (spam.root / "stead.toml").write_text(LAYERS.format(channel=conda_channel))
    expected = {"check-conda": "checked conda first leaf spam"}
    lines = len(machine.ok("test", cwd=spam.root).splitlines())
    codes = set()
    for _ in range(tries(2)):
        spam.forget()
        at = chance.randrange(lines - 3)
        codes.add(killed(spam, (), whom, at, chance.random() * 0.5))
        spam.ends()
        right(machine, spam, machine.ok("test", cwd=spam.root), expected)
        nothing_half_made(machine, spam)
    assert codes <= {0, -signal.SIGKILL}


@pytest.mark.slow
@pytest.mark.parametrize("many", [2, 4])
@pytest.mark.parametrize("how", ["same", "different"])
def test_runs_at_once_share_what_they_make(
    machine: Machine, spam: Spam, tries, many: int, how: str
) -> None:
    for _ in range(tries(1)):
        spam.forget()
        names = list(EXPECTED)
        asked = [[] if how == "same" else [names[n % len(names)]] for n in range(many)]
        running = [spam.start("-p", "2", *words) for words in asked]
        for words, one in zip(asked, running, strict=True):
            said, _ = one.communicate()
            assert one.returncode == 0, said
            for name in words or names:
                assert EXPECTED[name] in said, said
        builds = BUILDS[:1] if how == "different" and many == 2 else BUILDS
        assert sorted(spam.builds.read_text().splitlines()) == sorted(builds)
        made = {name for words in asked for name in words or names}
        links(spam, {name: EXPECTED[name] for name in made})
        assert machine.ok("store", "verify", cwd=spam.root).endswith("0 findings\n")
        spam.ends()
        nothing_half_made(machine, spam)


LATER = """\
import os, sys, time
open("begun", "w").close()
open(os.path.join(sys.prefix, "tmp", "mine"), "w").close()
while not os.path.exists("go"):
    time.sleep(0.02)
import spam
assert os.path.exists(os.path.join(sys.prefix, "tmp", "mine"))
print("later", spam.WORD)
"""


@pytest.mark.parametrize("again", [(), ("-r",), ("edit",)], ids=["found", "recreated", "changed"])
def test_what_is_tested_in_is_not_made_anew_meanwhile(
    machine: Machine, spam: Spam, again: tuple[str, ...]
) -> None:
    (spam.root / "check.py").write_text(LATER)
    child = spam.start("-e", "wheel")
    until = time.monotonic() + 60
    while not (spam.root / "begun").exists():
        assert child.poll() is None
        assert time.monotonic() < until
        time.sleep(0.02)
    words: tuple[str, ...] = again
    if again == ("edit",):
        (spam.root / "src" / "spam" / "__init__.py").write_text("WORD = 'second'\n")
        words = ()
    other = spam.start("-e", "wheel", *words)
    said = ""
    while ("waiting for process" if again else "wheel > python") not in said:
        assert other.stdout is not None
        said += (line := other.stdout.readline())
        assert line, said
    (spam.root / "go").touch()
    out, _ = child.communicate()
    assert child.returncode == 0, out
    assert "later first" in out
    more, _ = other.communicate()
    assert other.returncode == 0, said + more
    assert ("later second" if again == ("edit",) else "later first") in more
    assert not list((spam.home / "locks").glob("prefix-*"))


@pytest.mark.slow
@pytest.mark.parametrize("beside", ["afresh", "killed", "gc"])
def test_a_run_is_right_whatever_goes_on_beside_it(
    machine: Machine, spam: Spam, chance, tries, beside: str
) -> None:
    """Beside another one: one that makes all afresh, some that are killed, collections."""
    machine.ok("test", "-p", "2", cwd=spam.root)
    for _ in range(tries(2)):
        spam.forget()
        if beside == "afresh":  # what is there is made again, under the feet of the other
            machine.ok("test", cwd=spam.root)
        first = spam.start("-p", "2")
        others = []
        for _ in range(3):
            time.sleep(chance.random())
            if beside == "gc":
                machine.ok("gc", "--caches", "--no-history", cwd=spam.root)
                continue
            others.append(spam.start("-p", "2", *(["-r"] if beside == "afresh" else [])))
            if beside == "killed":
                time.sleep(chance.random())
                (chance.choice([os.kill, os.killpg]))(others[-1].pid, signal.SIGKILL)
        for one in (first, *others):
            said, _ = one.communicate()
            ended = beside == "killed" and one is not first
            assert one.returncode in ((0, -signal.SIGKILL) if ended else (0,)), said
        right(machine, spam, machine.ok("test", "-p", "2", cwd=spam.root), EXPECTED)
        links(spam, EXPECTED)
        spam.ends()
        nothing_half_made(machine, spam)


@pytest.mark.slow
def test_a_tree_that_changes_during_a_run_is_tested_as_it_then_is(
    machine: Machine, spam: Spam, chance, tries
) -> None:
    module = spam.root / "src" / "spam" / "__init__.py"
    lines = len(machine.ok("test", cwd=spam.root).splitlines())
    for count in range(tries(2)):
        word = f"word{count}"
        child = spam.start()
        assert child.stdout is not None
        for _ in range(chance.randrange(lines // 2)):
            child.stdout.readline()
        module.write_text(f"WORD = {word!r}\n")
        child.communicate()
        assert child.returncode == 0
        expected = {k: v.replace("first", word) for k, v in EXPECTED.items()}
        right(machine, spam, machine.ok("test", cwd=spam.root), expected)

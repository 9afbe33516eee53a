"""Directories that are kept current: made of parts, switched by a rename, gone when they should be."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from stead.server.blobs.store import open_blobs
from stead.server.checking import check
from stead.server.checks.values import Checked
from stead.server.database import builds, environments, namespaces, workers
from stead.server.directories import BusyError, kept
from stead.server.directories_running import keeping
from stead.server.specs.reading import read
from stead.server.values import BuildStatus, ServerError
from stead.testing.index import Wheel, make_index
from stead.testing.server import serve

OTHER = """
import sys, threading
from stead.server.blobs.store import open_blobs
from stead.server.database.opening import open_database
from stead.server.directories_running import keep
url, blobs, root = sys.argv[1:]
with open_database(url) as database:
    keep(root, database, open_blobs(blobs), threading.Event(), lambda: print("ready", flush=True))
"""


@pytest.fixture
def blobs(running):
    return open_blobs(f"file://{running.root}/blobs")


@pytest.fixture
def team(running, request):
    """A namespace of this test's own; what others made is not in it."""
    name = request.node.name.split("[")[0][5:40].strip("_")
    with running.database.begin() as connection:
        namespaces.create(connection, name, running.database.now())
    yield name
    with running.database.begin() as connection:
        namespaces.delete(connection, name, running.database.now())


def build(running, team, name, *wanted, force=""):
    """Have an environment built; gives the build's id."""
    from stead.server.database import admission

    packages = "".join(f"  - {one}\n" for one in wanted)
    spec = f"name: {name}\nchannels:\n  - {running.channel}\ndependencies:\n{packages}"
    order = admission.Order(who="ann", force=force)
    made = admission.submit(
        running.database, running.queue, team, name, read(spec), order=order
    ).build_id
    running.submitted.append(made)
    done = running.ended(made)
    assert done.status is BuildStatus.COMPLETED, running.log(made)
    return made


def go_back(running, team, name, build_id):
    database = running.database
    with database.begin() as connection:
        environment = environments.get(connection, team, name)
        environments.set_current(connection, environment.id, build_id, database.now())


def delete(running, team, name):
    database = running.database
    with database.begin() as connection:
        environment = environments.get(connection, team, name)
        environments.delete(connection, environment.id, database.now())


def directory_of(running, build_id, name):
    return f"{running.get(build_id).store_key.partition('-')[0]}-{name}"


def trees(root):
    """Name the builds' directories, and all that is hidden but what belongs there."""
    known = (".stead-published", ".stead-former")
    return {n for n in os.listdir(root) if n not in known and (n.startswith(".") or "-" in n)}


def speak(root, team, name):
    """Run the environment's own program, as others would; gives where it says that it is."""
    argv = [root / team / name / "bin" / "speak"]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()


def test_an_environment_is_a_directory_that_follows_it(running, blobs, team, tmp_path):
    root = tmp_path / "envs"
    first = build(running, team, "web", "speaking")
    with keeping(str(root), running.database, blobs, threading.Event()):
        one = directory_of(running, first, "web")
        assert os.readlink(root / team / "web") == f"../{one}"
        assert speak(root, team, "web") == f"I am at {root / one}"
        # What is published next is there next, and what it replaced stays for those that run from it.
        second = build(running, team, "web", "speaking", "other")
        two = directory_of(running, second, "web")
        running.eventually(lambda: os.readlink(root / team / "web") == f"../{two}")
        assert (root / team / "web" / "share" / "other.txt").read_text() == "hello"
        assert (root / one / "bin" / "speak").is_file()
        # Going back is a rename.
        go_back(running, team, "web", first)
        running.eventually(lambda: os.readlink(root / team / "web") == f"../{one}")
        # An environment that is deleted goes with all it had.
        delete(running, team, "web")
        running.eventually(lambda: not (root / team).exists())
        running.eventually(lambda: not {one, two} & trees(root))


def test_what_was_replaced_goes_after_a_while(running, blobs, team, tmp_path):
    first = build(running, team, "web", "tiny")
    with kept(str(tmp_path / "envs"), running.database, blobs, stays=0) as directories:
        directories.settle()
        second = build(running, team, "web", "tiny", "other")
        directories.settle()
        left = trees(tmp_path / "envs")
        assert directory_of(running, second, "web") in left
        assert directory_of(running, first, "web") not in left
        # A directory holds what the database says, however it was left.
        assert directories.settle() == []


def test_what_was_replaced_stays_for_those_who_run_from_it(running, blobs, team, tmp_path):
    root = tmp_path / "envs"
    with kept(str(root), running.database, blobs) as directories:
        first = directory_of(running, build(running, team, "web", "tiny"), "web")
        directories.settle()
        second = directory_of(running, build(running, team, "web", "other"), "web")
        directories.settle()
        assert {first, second} <= trees(root)
        assert (root / first / "share" / "tiny.txt").is_file()
    # Since when, the next worker knows too.
    with kept(str(root), running.database, blobs) as directories:
        assert directories.settle() == []
        assert {first, second} <= trees(root)
    with kept(str(root), running.database, blobs, stays=0) as directories:
        assert [one.subject for one in directories.settle()] == [first]
        assert (first in trees(root), second in trees(root)) == (False, True)


def test_a_link_is_never_missing_while_it_is_switched(running, blobs, team, tmp_path):
    built = [build(running, team, "web", "tiny"), build(running, team, "web", "other")]
    files = ("tiny.txt", "other.txt")
    root = tmp_path / "envs"
    stop, missing = threading.Event(), []

    def watch():
        while not stop.is_set():
            # One look through the link: the one build's file or the other's.
            with_link = os.open(root / team / "web", os.O_RDONLY | os.O_DIRECTORY)
            try:
                found = os.listdir(f"/proc/self/fd/{with_link}/share")
            finally:
                os.close(with_link)
            if not set(files) & set(found):
                missing.append(found)

    with kept(str(root), running.database, blobs) as directories:
        directories.settle()
        watcher = threading.Thread(target=watch)
        watcher.start()
        for number in range(20):
            go_back(running, team, "web", built[number % 2])
            directories.settle()
        stop.set()
        watcher.join()
    assert missing == []


def test_what_a_killed_worker_leaves_is_cleared_by_the_next(running, blobs, team, tmp_path):
    made = build(running, team, "web", "speaking")
    root = tmp_path / "envs"
    argv = [sys.executable, "-c", OTHER, running.url, f"file://{running.root}/blobs", str(root)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        # Nobody else may keep it at the same time.
        with pytest.raises(BusyError), kept(str(root), running.database, blobs):
            pass
        checked = Checked(running.database, running.queue, blobs, publish=str(root))
        assert [f for f in check(checked).found if f.kind == "directories"] == []
        process.send_signal(signal.SIGKILL)
    # As it may look in the middle of anything.
    (root / ".half.0123.stead-tmp" / "bin").mkdir(parents=True)
    (root / ".stead-gone-1" / "lib").mkdir(parents=True)
    (root / f"{'z' * 20}-old").mkdir()
    (root / team / "ghost").symlink_to("../nowhere")
    (root / team / ".stead-new").symlink_to("../nowhere")
    (root / team / "web").unlink()
    with kept(str(root), running.database, blobs) as directories:
        told = {one.subject for one in directories.settle()}
    assert {f"{team}/ghost", f"{team}/web", f"{'z' * 20}-old"} <= told
    assert sorted(os.listdir(root / team)) == ["web"]
    assert not [name for name in trees(root) if name.startswith(".")]
    one = directory_of(running, made, "web")
    assert speak(root, team, "web") == f"I am at {root / one}"


def test_the_check_of_a_store_brings_a_directory_up_to_date(running, blobs, team, tmp_path):
    build(running, team, "web", "tiny")
    root = tmp_path / "envs"
    with kept(str(root), running.database, blobs) as directories:
        directories.settle()
    (root / team / "web").unlink()
    (root / team / "web").symlink_to("../gone")
    checked = Checked(running.database, running.queue, blobs, publish=str(root))

    def found():
        every = check(checked).found
        return [(f.subject, f.repaired) for f in every if f.kind == "directories"]

    assert found() == [(f"{team}/web", True)]
    assert found() == []


def test_one_that_cannot_be_made_is_told_and_the_others_are(running, blobs, team, tmp_path):
    made = build(running, team, "web", "tiny")
    build(running, team, "jobs", "other")
    from stead.server.database import packages
    from stead.server.engine.publishing import CLOSURE

    with running.database.read() as connection:
        (closure,) = packages.artifacts(connection, made, CLOSURE)
    whole = blobs.get(closure.key)
    blobs.delete(closure.key)
    root = tmp_path / "envs"
    with kept(str(root), running.database, blobs) as directories:
        failed = [one for one in directories.settle() if one.failed]
        assert [one.subject for one in failed] == [f"{team}/web"]
        assert (root / team / "jobs" / "share" / "other.txt").is_file()
        assert not (root / team / "web").exists()
        blobs.put(closure.key, whole)
        assert not [one for one in directories.settle() if one.failed]
        assert (root / team / "web" / "share" / "tiny.txt").is_file()


def test_a_directory_of_somebody_elses_is_not_touched(running, blobs, tmp_path):
    (tmp_path / "mine").write_text("mine")
    refused = pytest.raises(ServerError, match="holds something else")
    with refused, kept(str(tmp_path), running.database, blobs):
        pass
    assert os.listdir(tmp_path) == ["mine"]


def test_the_command_keeps_a_directory_and_builds_nothing(running, blobs, team, tmp_path):
    made = build(running, team, "web", "speaking")
    root = tmp_path / "envs"
    argv = [
        *(sys.executable, "-m", "stead", "worker", "--only-publish", "--publish", str(root)),
        *("--database", running.url, "--blobs", f"file://{running.root}/blobs"),
        *("--data", str(tmp_path / "data")),
    ]
    env = os.environ | {"STEAD_HOME": str(tmp_path / "home")}
    with subprocess.Popen(argv, env=env, stderr=subprocess.PIPE, text=True) as process:
        try:
            end = time.monotonic() + 120
            while not (root / team / "web").exists():
                assert process.poll() is None, process.stderr.read()
                assert time.monotonic() < end
                time.sleep(0.05)
            place = root / directory_of(running, made, "web")
            assert speak(root, team, "web") == f"I am at {place}"
            # It takes no builds: it is none of the workers.
            with running.database.read() as connection:
                assert len(workers.listed(connection)) == len(running.processes)
        finally:
            process.terminate()
            process.communicate()
    assert process.returncode == 0
    with running.database.read() as connection:
        assert builds.is_current(connection, made)


def site(version: str) -> Wheel:
    """A program of several modules, one of which it needs late: all of it must be of one build."""
    main = (
        f"import sys, time\nVERSION = {version!r}\n"
        "def main():\n    time.sleep(0.05)\n    from site_late import VERSION as late\n"
        "    print(VERSION, late, sys.prefix)\n"
    )
    files = {"site_main.py": main, "site_late.py": f"VERSION = {version!r}\n"}
    return Wheel("site-program", version, files=files, scripts={"site": "site_main:main"})


def test_a_python_program_runs_whenever_its_environment_is_switched(running, blobs, team, tmp_path):
    index = make_index(tmp_path / "index", [site("1.0"), site("2.0")])
    built = []
    with serve(index) as server:
        for version in ("1.0", "2.0"):
            manifest = (
                f'[packages.pypi]\nindexes = [{{ url = "{server.url}/simple", default = true }}]\n'
                f'site-program = "=={version}"\n'
            )
            built.append(running.ask(read(manifest, "stead", name="web"), namespace=team))
            done = running.ended(built[-1])
            assert done.status is BuildStatus.COMPLETED, running.log(built[-1])
    root = tmp_path / "envs"
    program = root / team / "web" / "bin" / "site"
    said, failed, stop = [], [], threading.Event()

    def use():
        while not stop.is_set():
            done = subprocess.run([program], capture_output=True, text=True, check=False)
            (failed if done.returncode else said).append(done.stdout + done.stderr)

    with keeping(str(root), running.database, blobs, threading.Event()):
        users = [threading.Thread(target=use) for _ in range(2)]
        for one in users:
            one.start()
        try:
            for number in range(8):
                wanted = built[number % 2]
                go_back(running, team, "web", wanted)
                place = directory_of(running, wanted, "web")
                running.eventually(
                    lambda place=place: os.readlink(root / team / "web") == f"../{place}"
                )
                # It is what runs, too, before it is switched again.
                since, prefix = len(said), str(root / place)
                running.eventually(
                    lambda since=since, prefix=prefix: (
                        failed or any(prefix in one for one in said[since:])
                    )
                )
        finally:
            stop.set()
            for one in users:
                one.join()
    assert failed == []
    runs = {tuple(one.split()) for one in said}
    places = [str(root / directory_of(running, one, "web")) for one in built]
    assert runs == {("1.0", "1.0", places[0]), ("2.0", "2.0", places[1])}

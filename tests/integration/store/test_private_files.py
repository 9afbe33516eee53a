"""Files with a secret: there while a process runs, and gone after, however it ended."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from stead.store.private_files import (
    private_directory,
    private_files,
    remove_leftovers,
    runtime_root,
)
from stead.store.rendered import Wanted, place_files, required
from stead.values.errors import ManifestError, StoreError

SCRIPT = Path(__file__).parent / "scripts" / "private_run.py"
SECRET = "hunter2-planted"


class World:
    """A home, a place, a runtime directory, and processes that hold a file there."""

    def __init__(self, tmp_path):
        self.home, self.place, self.runtime = (tmp_path / n for n in ("home", "place", "run"))
        self.place.mkdir()
        self.runtime.mkdir(mode=0o700)
        self.started = []

    @property
    def path(self):
        return self.place / "conf" / "db.ini"

    @property
    def environ(self):
        return {"XDG_RUNTIME_DIR": str(self.runtime)}

    def here(self, *files, environment="default", **options):
        return private_files(
            str(self.home),
            str(self.place),
            environment,
            files or [self.wanted()],
            environ=options.pop("environ", self.environ),
            note=lambda _text: None,
            **options,
        )

    def wanted(self, path="conf/db.ini", content=SECRET):
        return Wanted(path, content, str(self.place))

    def start(self, content=SECRET, environment="default", *rest):
        arguments = [self.home, self.place, self.runtime, content, environment, *rest]
        process = subprocess.Popen(
            [sys.executable, str(SCRIPT), *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        said = process.stdout.readline().split()
        process.own, process.handed = said[0], int(said[1])
        return process

    def end(self, process):
        process.stdin.close()
        assert process.wait(90) == 0
        process.stdout.close()

    def kill(self, process):
        process.kill()
        process.wait(90)
        process.stdin.close()
        process.stdout.close()

    def leftovers(self):
        return remove_leftovers(str(self.home), self.environ)

    def files(self):
        """Every file below home, place and runtime directory that holds the secret."""
        found = []
        for top in (self.home, self.place, self.runtime):
            files = [path for path in top.rglob("*") if path.is_file()]
            found += [path for path in files if SECRET.encode() in path.read_bytes()]
        return found


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path)
    yield made
    for process in made.started:
        if process.poll() is None:
            made.kill(process)


def test_a_file_is_there_for_the_time_of_the_block(world):
    with world.here() as held:
        assert world.path.read_text() == SECRET
        assert os.readlink(world.path) == held.paths[0]
        assert held.paths[0].startswith(str(world.runtime / "stead"))
        assert stat.S_IMODE(os.stat(held.paths[0]).st_mode) == 0o600
        directory = os.path.dirname(held.paths[0])
        while directory != str(world.runtime):
            assert stat.S_IMODE(os.stat(directory).st_mode) == 0o700
            directory = os.path.dirname(directory)
    assert world.files() == []
    assert os.listdir(world.place) == []
    assert os.listdir(world.runtime / "stead") == ["gate"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_it_goes_whatever_is_raised(world, error):
    with pytest.raises(error), world.here():
        raise error
    assert world.files() == []
    assert os.listdir(world.place) == []


def test_two_runs_share_it_and_the_last_takes_it_away(world):
    first = world.start()
    second = world.start()
    assert first.own == second.own
    world.end(first)
    assert world.path.read_text() == SECRET
    world.end(second)
    assert world.files() == []
    assert not world.path.parent.exists()


def test_the_last_takes_it_away_in_any_order(world):
    first, second = world.start(), world.start()
    world.end(second)
    assert world.path.read_text() == SECRET
    world.end(first)
    assert world.files() == []


def test_many_runs_at_once(world):
    processes = [world.start() for _ in range(5)]
    for process in processes[:-1]:
        process.stdin.close()
    for process in processes[:-1]:
        assert process.wait(90) == 0
        process.stdout.close()
    assert world.path.read_text() == SECRET
    world.end(processes[-1])
    assert world.files() == []


def test_what_a_killed_run_left_is_removed_by_the_next_command(world):
    process = world.start()
    os.kill(process.pid, signal.SIGKILL)
    process.wait(90)
    assert len(world.files()) >= 1
    assert world.leftovers() == (
        private_directory(str(world.home), str(world.place), "default", world.environ),
    )
    assert world.files() == []
    assert os.listdir(world.place) == []
    assert world.leftovers() == ()
    world.kill(process)


def test_and_by_the_next_run(world):
    world.kill(world.start(content="old"))
    with world.here():
        assert world.path.read_text() == SECRET
    assert os.listdir(world.place) == []


def test_a_killed_run_does_not_take_it_from_a_living_one(world):
    living, killed = world.start(), world.start()
    world.kill(killed)
    assert world.leftovers() == ()
    assert world.path.read_text() == SECRET
    world.end(living)
    assert world.files() == []


def test_a_process_that_inherits_the_descriptor_keeps_it(world):
    process = world.start(SECRET, "default", "hand")
    world.kill(process)
    try:
        assert world.leftovers() == ()
        assert world.path.read_text() == SECRET
    finally:
        os.kill(process.handed, signal.SIGKILL)
    for _ in range(1800):
        if world.leftovers():
            break
        subprocess.run(["sleep", "0.05"], check=True)
    assert world.files() == []


def test_another_environment_takes_the_path_and_each_removes_its_own(world):
    with world.here(environment="dev"):
        with world.here(world.wanted(content="prod"), environment="prod"):
            assert world.path.read_text() == "prod"
        assert not world.path.exists()
    assert world.files() == []

    with world.here(environment="prod"):
        process = world.start("dev", "dev")
        assert world.path.read_text() == "dev"
    assert world.path.read_text() == "dev"
    world.end(process)
    assert not world.path.is_symlink()


def test_a_file_without_a_secret_gives_way_and_comes_back(world):
    def place(environment):
        file = world.wanted(content="dev")
        note = lambda _text: None  # noqa: E731
        place_files(str(world.home), str(world.place), environment, [file], note=note)

    place("dev")
    needed = required(str(world.home), str(world.place), "dev", [str(world.path)])
    assert all(os.path.exists(path) for path in needed)
    with world.here(environment="prod"):
        assert world.path.read_text() == SECRET
        assert not os.path.exists(needed[0])
    place("dev")
    assert all(os.path.exists(path) for path in needed)
    assert world.path.read_text() == "dev"


def test_nothing_is_put_over_a_file_of_others(world):
    world.path.parent.mkdir()
    world.path.write_text("mine")
    with pytest.raises(ManifestError, match="did not make"), world.here():
        pytest.fail("the block ran")
    assert world.path.read_text() == "mine"
    assert world.files() == []


def test_where_one_cannot_be_written_none_stays(world):
    (world.place / "conf").write_text("a file")
    with (
        pytest.raises((ManifestError, StoreError)),
        world.here(world.wanted("a.ini"), world.wanted()),
    ):
        pytest.fail("the block ran")
    assert world.files() == []
    assert os.listdir(world.place) == ["conf"]


def test_copies_go_too(world):
    with world.here(links=False):
        assert world.path.read_text() == SECRET
        assert not world.path.is_symlink()
        assert stat.S_IMODE(os.stat(world.path).st_mode) == 0o600
    assert world.files() == []
    assert os.listdir(world.place) == []


class TestDirectory:
    def test_without_one_of_the_system_the_home_has_it(self, world):
        root = runtime_root(str(world.home), {})
        assert root.startswith(str(world.home))
        with world.here(environ={}) as held:
            assert held.paths[0].startswith(root)
            assert world.path.read_text() == SECRET
        assert world.files() == []

    def test_a_relative_one_or_one_open_to_others_does_not_count(self, world):
        home = str(world.home)
        assert runtime_root(home, {"XDG_RUNTIME_DIR": "run"}).startswith(home)
        world.runtime.chmod(0o755)
        assert runtime_root(home, world.environ).startswith(home)
        assert runtime_root(home, {"XDG_RUNTIME_DIR": str(world.runtime / "no")}).startswith(home)

    def test_one_of_another_user_does_not_count(self, world, monkeypatch):
        monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 12345)
        assert runtime_root(str(world.home), world.environ).startswith(str(world.home))

    def test_a_link_or_an_open_directory_inside_is_refused(self, world, tmp_path):
        (tmp_path / "theirs").mkdir()
        (world.runtime / "stead").symlink_to(tmp_path / "theirs")
        with pytest.raises(StoreError, match="yours alone"), world.here():
            pytest.fail("the block ran")
        (world.runtime / "stead").unlink()
        (world.runtime / "stead").mkdir()
        (world.runtime / "stead").chmod(0o777)
        with pytest.raises(StoreError, match="yours alone"), world.here():
            pytest.fail("the block ran")
        assert world.files() == []


def test_no_file_needs_no_directory(world):
    with private_files(
        str(world.home), str(world.place), "default", [], environ={}, note=print
    ) as held:
        assert held.paths == ()
    assert not world.home.exists()

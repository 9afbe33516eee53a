"""Edit by edit: what a record was computed from has changed, and the shell and Python see it."""

from __future__ import annotations

import os
import shutil
import subprocess
import time

import pytest

from stead.pipeline.record import COARSE, FINE, granularity, record
from stead.store import places

pytestmark = pytest.mark.needs("dash")

OLD = (10**18 - 5 * 10**9, 10**18 - 5 * 10**9)


def other_file(world):
    """Make a manifest that is older than the recorded one, as a backup or an archive's is."""
    path = world.base / "other" / "stead.toml"
    path.parent.mkdir()
    path.write_text("two")
    os.utime(path, ns=OLD)
    return path


def write_in_place(world):
    with open(world.manifests[1], "a") as file:
        file.write("more")


def write_same_length(world):
    world.manifests[1].write_text("two")


def edit_of_parent(world):
    world.manifests[0].write_text("two")


def move_over(world):
    os.replace(other_file(world), world.manifests[1])


def copy_preserving(world):
    subprocess.run(["cp", "-p", str(other_file(world)), str(world.manifests[1])], check=True)


def extract_archive(world):
    archive = world.base / "old.tar"
    directory = other_file(world).parent
    subprocess.run(["tar", "cf", str(archive), "-C", str(directory), "stead.toml"], check=True)
    subprocess.run(["tar", "xf", str(archive), "-C", str(world.place)], check=True)


def swap_directory(world):
    other = world.base / "twin"
    shutil.copytree(world.place, other)
    os.utime(other / "stead.toml", ns=OLD)
    os.rename(world.place, world.base / "aside")
    os.rename(other, world.place)


def swap_linked_directory(world):
    """The place's parent becomes a link to another tree."""
    other = world.base / "elsewhere"
    shutil.copytree(world.root / "a", other)
    os.utime(other / "place" / "stead.toml", ns=OLD)
    os.rename(world.root / "a", world.base / "aside")
    os.symlink(other, world.root / "a")


def manifest_beside(world):
    (world.place / "requirements.txt").write_text("six\n")


def manifest_in_parent(world):
    (world.root / "a" / "stead.toml").write_text("")


def manifest_at_root(world):
    (world.root / "environment.yml").write_text("")


def manifest_goes(world):
    world.manifests[0].unlink()


def manifest_becomes_dangling_link(world):
    world.manifests[1].unlink()
    world.manifests[1].symlink_to("nowhere")


def manifest_becomes_directory(world):
    stamp = world.manifests[1].stat().st_mtime_ns
    world.manifests[1].unlink()
    world.manifests[1].mkdir()
    os.utime(world.manifests[1], ns=(stamp, stamp))


def link_to_another_file(world):
    path = other_file(world)
    world.manifests[1].unlink()
    world.manifests[1].symlink_to(path)


def build_goes(world):
    shutil.rmtree(world.build)


def interpreter_goes(world):
    world.interpreter.unlink()


def clock_goes_back(world):
    os.utime(world.manifests[1], ns=(0, 0))


EDITS = [
    write_in_place,
    write_same_length,
    edit_of_parent,
    move_over,
    copy_preserving,
    extract_archive,
    swap_directory,
    swap_linked_directory,
    manifest_beside,
    manifest_in_parent,
    manifest_at_root,
    manifest_goes,
    manifest_becomes_dangling_link,
    manifest_becomes_directory,
    link_to_another_file,
    build_goes,
    interpreter_goes,
    clock_goes_back,
]


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.__name__)
def test_an_edit_is_seen(any_world, edit):
    world = any_world
    world.record()
    assert world.is_fast()
    assert places.fresh(world.held())
    edit(world)
    assert not world.is_fast()
    assert not places.fresh(world.held())


@pytest.mark.needs("git")
def test_a_checkout_is_seen_and_a_new_record_holds_again(any_world):
    world = any_world

    def git(*words):
        subprocess.run(
            ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(world.root), *words],
            check=True,
            capture_output=True,
        )

    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "one")
    world.manifests[1].write_text("two")
    git("commit", "-qam", "two")
    world.record()
    assert world.is_fast()
    git("checkout", "-q", "HEAD~1")
    if world.shell == "busybox":  # it compares seconds, which this test does not wait for
        os.utime(world.manifests[1], (1, 1))
    assert world.manifests[1].read_text() == "one"
    assert not world.is_fast()
    assert not places.fresh(world.held())
    world.record()
    assert world.is_fast()


def test_a_reader_of_other_files_changes_nothing(any_world):
    world = any_world
    world.record()
    (world.place / "notes.txt").write_text("")
    (world.place / "stead.toml.orig").write_text("")
    world.manifests[1].read_text()
    world.manifests[1].chmod(0o600)
    assert world.is_fast()
    assert places.fresh(world.held())


def test_an_edit_in_the_same_tick_of_the_clock_is_never_taken_for_fresh(any_world):
    """The file may change again without a trace, so that it is not trusted to begin with."""
    world = any_world
    world.manifests[1].write_text("two")
    now = os.stat(world.manifests[1]).st_mtime
    made = world.record(now=now)
    assert "only just changed" in made.slow
    stamp = os.stat(world.manifests[1]).st_mtime_ns
    world.manifests[1].write_text("abc")
    os.utime(world.manifests[1], ns=(stamp, stamp))
    assert not world.is_fast()
    assert not places.fresh(world.held())


def test_an_input_that_changed_while_it_was_read_is_never_taken_for_fresh(world):
    """Moved into place with an old time, after the command began."""
    started = time.time() + 1
    moved = other_file(world)
    while time.time() < started + 0.1:
        time.sleep(0.05)
    os.replace(moved, world.manifests[1])
    made = record(world.home, world.activation(), now=time.time() + 60, started=started)
    assert "only just changed" in made.slow
    assert not places.fresh(made)
    made = record(
        world.home,
        world.activation(),
        now=time.time() + 60,
        started=started,
        written=[str(world.manifests[1])],
    )
    assert made.slow == ""
    assert places.fresh(made)


def test_a_clock_that_is_behind_makes_the_run_slow_not_wrong(world):
    os.utime(world.manifests[1], (2**33, 2**33))
    assert "only just changed" in world.record().slow
    assert not world.is_fast()


def test_an_input_that_is_gone_or_a_name_that_appeared_meanwhile_is_not_recorded_as_fast(world):
    (world.place / "requirements.txt").write_text("")
    assert "only just appeared" in world.record().slow
    (world.place / "requirements.txt").unlink()
    world.manifests[0].unlink()
    assert "only just changed" in world.record().slow
    assert not world.is_fast()


def test_a_shell_that_counts_seconds_gets_a_wider_margin():
    assert granularity("linux", nanoseconds=True) == FINE
    assert granularity("linux", nanoseconds=False) == COARSE
    assert granularity("darwin", nanoseconds=True) == COARSE
    assert FINE >= 0.01  # a tick at 100 Hz, the slowest that Linux has


def test_what_sh_can_tell_apart_is_tried_once_and_agrees_with_sh(world):
    world.record()
    marks = [n for n in os.listdir(world.home) if n.startswith(".sh-")]
    assert len(marks) == 1
    first, second = world.base / "first", world.base / "second"
    for number, path in enumerate((first, second)):
        path.write_text("")
        os.utime(path, ns=(10**18 + number * 10**6,) * 2)
    test = subprocess.run(["/bin/sh", "-c", f"[ {second} -nt {first} ]"], check=False)
    assert marks[0].endswith("-1") == (test.returncode == 0)


def test_references_that_lose_precision_make_the_run_slow(world, monkeypatch):
    """As on a home whose file system counts in seconds."""
    real = os.utime

    def coarse(path, *args, ns=None, **kwargs):
        if ns and str(path).startswith(str(world.home)):
            ns = tuple(n // 10**9 * 10**9 for n in ns)
        return real(path, *args, ns=ns, **kwargs) if ns else real(path, *args, **kwargs)

    world.record()
    assert world.is_fast()
    world.manifests[1].write_text("two")
    monkeypatch.setattr(os, "utime", coarse)
    made = world.record()
    monkeypatch.undo()
    assert "coarsely" in made.slow
    assert not world.is_fast()
    assert places.fresh(made)  # Python compares numbers and needs no references


def test_removed_references_do_not_count_as_equal(any_world):
    world = any_world
    made = world.record()
    for name in os.listdir(made.directory):
        if name != "run.sh":
            os.unlink(os.path.join(made.directory, name))
    assert not world.is_fast()


def test_an_unchanged_record_is_not_written_again(world):
    first = world.record()
    assert world.record().directory == first.directory
    assert world.record(trusted=True).directory != first.directory
    assert os.path.exists(os.path.join(world.held().directory, "trusted"))


def test_a_home_that_was_moved_makes_new_records(world):
    world.record()
    moved = world.base / "moved"
    os.rename(world.home, moved)
    done = world.run("run", "true", env=world.environ(STEAD_HOME=str(moved)))
    assert done.stderr.startswith("slow")

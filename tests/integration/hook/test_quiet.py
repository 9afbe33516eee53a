"""Directories in which no name appeared are known by their own time, and that is not believed for ever."""

from __future__ import annotations

import os
import time

import pytest

from stead.formats import known
from stead.pipeline import record
from stead.shells.hook_bash import SELDOM
from stead.store import places
from stead.values.activation import Activation, Change


def quiet_place(world):
    """A place whose record watches the place and its parent for all names."""
    world.tree.mkdir(parents=True, exist_ok=True)
    place = world.tree / "p"
    absent = [str(d / n) for d in (place, world.tree) for n in known.NAMES if n != "stead.toml"]
    place.mkdir()
    (place / "stead.toml").write_text("")
    return world.place("p", Change("set", "INSIDE", "1"), absent=tuple(absent))


def kept(world, place):
    found = places.load(world.home, str(place), "default")
    assert found is not None
    return found


@pytest.mark.parametrize("where", ["", ".."])
@pytest.mark.parametrize("name", ["requirements.txt", "conda-lock.yml"])
def test_a_manifest_that_appears_in_a_quiet_directory_is_seen(
    world, shell, open_terminal, where, name
):
    place = quiet_place(world)
    assert len(kept(world, place).quiet) == 2
    terminal = open_terminal(shell)
    terminal.run(f'cd "{place}"')
    for _ in range(3):
        terminal.run("true")
    assert world.asked() == 0
    assert terminal.value("INSIDE") == "1"
    (place / where / name).write_text("")
    terminal.run("true")
    assert world.asked() > 0


def test_other_files_in_a_quiet_directory_start_nothing(world, shell, open_terminal):
    place = quiet_place(world)
    terminal = open_terminal(shell)
    terminal.run(f'cd "{place}"')
    (place / "notes").write_text("")
    (world.tree / "notes").write_text("")
    for _ in range(3):
        terminal.run("true")
    assert world.asked() == 0
    (place / "requirements.txt").write_text("")
    terminal.run("true")
    assert world.asked() > 0


def test_a_time_that_was_set_back_hides_a_manifest_for_a_few_prompts_only(
    world, shell, open_terminal
):
    place = quiet_place(world)
    terminal = open_terminal(shell)
    terminal.run(f'cd "{place}"')
    stamp = os.stat(place).st_mtime_ns
    (place / "requirements.txt").write_text("")
    os.utime(place, ns=(stamp, stamp))
    for _ in range(2 * SELDOM):
        terminal.run("true")
    assert world.asked() > 0


def test_removed_references_count_as_a_change_and_the_names_decide(world, shell, open_terminal):
    place = quiet_place(world)
    terminal = open_terminal(shell)
    terminal.run(f'cd "{place}"')
    for number in (0, 1):
        os.unlink(os.path.join(kept(world, place).directory, f"d{number}"))
    terminal.run("true")
    assert world.asked() == 0
    (place / "requirements.txt").write_text("")
    terminal.run("true")
    assert world.asked() > 0


def activation_of(place):
    names = tuple(str(place / n) for n in known.NAMES)
    return Activation(str(place), str(place), "default", absent=names)


def test_which_directories_are_quiet(tmp_path):
    place, home = tmp_path / "p", tmp_path / "home"
    place.mkdir()
    settled = 10**18 + 123
    later = settled / 1e9 + 60

    def quiet(now=later, **more):
        return record.quiet_directories(activation_of(place), home, clock=lambda: now, **more)

    os.utime(place, ns=(settled, settled))
    assert quiet() == (places.Witness(str(place), "d", settled, os.stat(place).st_size),)
    assert quiet(now=settled / 1e9 + 0.001) == ()  # the next change may bear the same time
    assert quiet(now=settled / 1e9 - 60) == ()
    os.utime(place, ns=(10**18, 10**18))
    assert quiet() == ()  # set by an archive, which may set it again
    (place / "environment.yml").symlink_to("nowhere")
    os.utime(place, ns=(settled, settled))
    assert quiet() == ()  # comes to life without a trace in this directory
    few = Activation(str(place), str(place), "default", absent=(str(place / "setup.py"),))
    assert record.quiet_directories(few, home, clock=lambda: later) == ()


def test_the_tick_in_which_this_command_wrote_is_waited_for(tmp_path):
    place = tmp_path / "p"
    place.mkdir()
    for _ in range(20):  # until the clock gave no whole second
        (place / "stead.lock").write_text("")
        if os.stat(place).st_mtime_ns % 10**9:
            break
        (place / "stead.lock").unlink()
    found = record.quiet_directories(
        activation_of(place), tmp_path, written=[str(place / "stead.lock")], clock=time.time
    )
    assert [w.path for w in found] == [str(place)]


def test_a_record_with_quiet_directories_is_read_as_it_was_written(world):
    place = quiet_place(world)
    held = kept(world, place)
    assert {w.path for w in held.quiet} == {str(place), str(world.tree)}
    assert places.references_hold(held)
    os.unlink(os.path.join(held.directory, "d1"))
    assert not places.references_hold(held)

"""Containers when something goes wrong: started by a real engine, which goes with the tests."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from stead.deploy import fitness
from stead.deploy.machine import who
from stead.deploy.neighbours import Neighbours
from stead.deploy.oci import layers
from stead.deploy.recipes import Where
from stead.deploy.targets import container
from stead.deploy.targets.container import ContainerTarget
from stead.deploy.targets.image import Making
from stead.store import locking
from stead.testing import engines
from stead.testing.deliveries import delivery, shop
from stead.testing.images import base_image
from stead.testing.targets import local_answer
from stead.testing.world import make_context
from stead.values.deployment import Health
from stead.values.errors import CheckError, DeployError
from stead.values.frozen import replace
from stead.values.kinds import Check, Target
from stead.values.platform import platform_of

pytestmark = [
    pytest.mark.slow,
    pytest.mark.needs("podman"),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may make a namespace of mounts"),
]
DATA = f"{layers.ROOT}/recipes/shop/data"


@pytest.fixture(scope="module")
def perl(tmp_path_factory) -> str:
    """A base with a Perl, which the services of the suite are written in."""
    return base_image(tmp_path_factory.mktemp("perl") / "oci", perl=True)


@pytest.fixture(scope="module")
def engine():
    with engines.podman() as found:
        yield found


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Layers are made once."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def make(home, perl, engine):
    made: list[ContainerTarget] = []

    def one(
        project: str = "", first: str = "", recipe: str = "shop", settling: float = 0.2
    ) -> ContainerTarget:
        """Make one; a program in the directory ``first`` comes before the engine's."""
        path = f"{first}:{engine.directory}:{os.environ['PATH']}".lstrip(":")
        making = Making("", platform_of("linux", os.uname().machine), perl)
        context = make_context(home, environ={"PATH": path, "HOME": str(home)})
        # The suite's service leaves it to the engine to end it.
        made.append(
            ContainerTarget(
                "here", recipe, making, context, grace=0, settling=settling, project=project
            )
        )
        return made[-1]

    yield one
    for target in made:
        target.remove()
        target.close()
    engine.clear()


def test_what_services_keep_is_there_for_commands_and_stays(make, free_ports) -> None:
    """It is there again for the same project, and never for another one."""
    ports = free_ports(1)
    script = f'if test "$0" = check; then test -e {DATA}/made; else : > {DATA}/made; fi'
    mine = make("shop")
    mine.apply(shop(layers.ROOT, "one", ports, release=script))
    assert mine.run("migrate", ["check"]) == 0
    mine.remove()
    another = make("bakery")
    assert another.apply(
        shop(layers.ROOT, "two", ports, release=f"! test -e {DATA}/made; : > {DATA}/other")
    ).changed
    another.remove()
    only = f"test -e {DATA}/made && ! test -e {DATA}/other"
    assert mine.apply(shop(layers.ROOT, "three", ports, release=only)).changed


def test_what_was_stopped_by_hand_runs_again(make, engine, free_ports, home) -> None:
    """The same generation does, where all of it is still there. Its ports are its own all the time."""
    ports = free_ports(1)
    target, wanted = make(), shop(layers.ROOT, "one", ports)
    target.apply(wanted)
    other, taken = make(recipe="bakery"), ((ports[0], "web", "shop"),)
    assert (target.facts().ports, other.facts().ports) == ((), taken)
    with pytest.raises(DeployError, match="web of recipe shop has taken port"):
        other.apply(shop(layers.ROOT, "one", ports, recipe="bakery"))
    path = f"{engine.directory}:{os.environ['PATH']}"
    context = make_context(home, environ={"PATH": path, "HOME": str(home)})
    with Neighbours((), context).turn(Where(Target("here"))) as found:
        assert found == taken
    (name,) = engine.run("ps", "--format", "{{.Names}}").split()
    engine.run("stop", "--time", "0", name)
    assert not target.facts().standing
    again = target.apply(wanted)
    assert (again.changed, again.generation, answer(ports[0])) == (True, 1, "one")
    engine.run("rm", "--force", "--time", "0", name)
    assert target.apply(wanted).changed
    assert answer(ports[0]) == "one"


def test_a_name_that_the_engine_still_has_for_nothing_is_taken(make, engine, free_ports) -> None:
    """As it does after it removed a container on a full disk."""
    ports, target = free_ports(1), make()
    target.apply(shop(layers.ROOT, "one", ports))
    (said,) = engine.run("ps", "--format", "{{.Names}} {{.Image}}").splitlines()
    name, image = said.split()
    engine.run("create", "--name", f"{name.removesuffix('1')}2", image)
    assert target.apply(shop(layers.ROOT, "two", ports)).generation == 2
    assert answer(ports[0]) == "two"


def test_two_deploys_at_once_do_not_undo_each_other(make, free_ports) -> None:
    ports = free_ports(1)
    seen = []

    def other(step: str, _word: str) -> None:
        if step == "switch":
            with pytest.raises(DeployError, match="another deploy of shop is at work"):
                make().apply(shop(layers.ROOT, "two", ports))
            seen.append(make().status().held_by)

    assert make().status().held_by == ""
    assert make().apply(shop(layers.ROOT, "one", ports), other).changed
    assert seen == [who()]
    assert make().status().held_by == ""
    assert answer(ports[0]) == "one"


def test_another_projects_recipe_of_the_same_name_is_left_alone(make, free_ports) -> None:
    ports = free_ports(1)
    make("shop").apply(shop(layers.ROOT, "one", ports))
    other = make("bakery")
    for act in (
        other.facts,
        other.remove,
        other.rollback,
        lambda: other.run("migrate"),
        lambda: other.apply(shop(layers.ROOT, "two", ports)),
    ):
        with pytest.raises(DeployError, match=r"to the project shop, and this is bakery"):
            act()
    assert answer(ports[0]) == "one"
    assert make("shop").facts().standing


def test_what_does_not_stay_up_is_not_confirmed(make, free_ports, engine, tmp_path) -> None:
    """Nor do the former ones stay stopped where the new ones cannot be stopped."""
    ports = free_ports(1)
    make().apply(shop(layers.ROOT, "one", ports))
    payload = shop(layers.ROOT, "two", ports, check=False).payload
    soon = ("perl", "-e", "select(undef, undef, undef, 0.3)")
    ends = replace(payload, services=tuple(replace(s, argv=soon) for s in payload.services))
    program = tmp_path / "podman"
    program.write_text(
        f'#!/bin/sh\ncase "$*" in stop*-2) exit 1 ;; esac\nexec {engine.directory}/podman "$@"\n',
        encoding="utf-8",
    )
    program.chmod(0o755)
    target = make(first=str(tmp_path), settling=10)  # it ends long before, on any machine
    with pytest.raises(DeployError, match="the service web does not stay up"):
        target.apply(delivery(ends))
    assert target.status().generation == 1
    assert [one.state for one in target.status().services] == ["running"]
    assert [one.number for one in target.status().generations] == [1]


def test_what_is_in_the_image_is_asked_there_before_the_switch(make, engine, free_ports) -> None:
    """This machine has other files and programs: none of them counts."""
    ports, target = free_ports(1), make()
    target.apply(shop(layers.ROOT, "one", ports))
    wanted = shop(layers.ROOT, "two", ports)
    where = SimpleNamespace(files=frozenset(), here=str)

    def within(*checks: Check):
        laid = SimpleNamespace(payload=wanted.payload, checks=checks, running=(), where=where)
        return replace(wanted, within=fitness.within(laid))

    perl = Check("perl", "command", arguments=("perl", "-e", "print $^V"), expect=">=5")
    for wrong, says in (
        (Check("etc", "path", "/etc/passwd"), "check etc: /etc/passwd is not there"),
        (replace(perl, expect=">=99"), r"check perl: perl is 5\.\d+\.\d+, and >=99 is needed"),
        (Check("ls", "command", arguments=("ls",)), "check ls: there is no command ls"),
    ):
        with pytest.raises(CheckError, match=says):
            target.apply(within(perl, wrong))
        assert answer(ports[0]) == "one"
    applied = target.apply(within(perl, Check("sh", "path", "/bin/sh", expect="file")))
    assert (applied.changed, applied.warnings, answer(ports[0])) == (True, (), "two")
    assert engine.run("ps", "--all", "--quiet", "--filter", "name=checks") == ""


def test_a_failed_switch_shows_what_was_said_in_it(make, free_ports) -> None:
    """A generation that ran before has said more."""
    ports, target = free_ports(1), make()
    holds = ("sh", "-c", f"test -e {DATA}/ok")
    check = Health(command=holds, timeout=8.0, service="web")
    make_ok = f'test "$0" = check || : > {DATA}/ok'
    one = shop(layers.ROOT, "one", ports, release=make_ok).payload
    target.apply(delivery(replace(one, checks=(check,))))
    target.apply(shop(layers.ROOT, "two", ports, release=f"perl -e 'unlink \"{DATA}/ok\"'"))
    with pytest.raises(DeployError, match="it ended with 1") as caught:
        target.rollback()
    assert [line for line in caught.value.details if "serving" in line] == ["web | serving one"]
    assert answer(ports[0]) == "two"


def test_a_health_command_that_never_ends_is_ended(make, free_ports) -> None:
    """It does not live on in the container either."""
    ports, word = free_ports(1), f"endless-{os.getpid()}"
    target = make()
    target.apply(shop(layers.ROOT, "one", ports))
    check = Health(command=("perl", "-e", "sleep 1000", word), timeout=1.5, service="web")
    payload = replace(shop(layers.ROOT, "two", ports).payload, checks=(check,))
    with pytest.raises(DeployError, match=r"it did not end within 1\.5 s"):
        target.apply(delivery(payload))
    assert not [line for line in commands() if word in line]
    assert answer(ports[0]) == "one"


def answer(port: int) -> str:
    """Say which version answers; a service that was started again needs a moment to begin."""
    until = time.monotonic() + 90
    while not (said := local_answer(port)) and time.monotonic() < until:
        time.sleep(0.1)
    return said.partition("|")[0]


def commands() -> list[str]:
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(file.read_text(encoding="utf-8", errors="replace"))
        except OSError:
            continue
    return found


@pytest.fixture
def dying(home, perl, engine, free_ports):
    """Run a deploy that is killed, until its watchdog has done with it."""
    (port,) = free_ports(1)

    def run(version: str, step: str, seconds: float = 0, *more: str) -> bool:
        """Say whether it was killed before it had ended by itself."""
        path = f"{engine.directory}:{os.environ['PATH']}"
        words = [str(home), perl, path, str(port), version, step, str(seconds), *more]
        program = Path(__file__).with_name("dying.py")
        done = subprocess.run(
            [sys.executable, program, *words], capture_output=True, text=True, check=False
        )
        assert done.returncode in (0, -signal.SIGKILL), done.stderr
        until = time.monotonic() + 60
        for lock in (home / "containers").glob("*.lock"):
            while (held := locking.try_exclusive(lock)) is None:
                assert time.monotonic() < until
                time.sleep(0.1)
            held.release()
        return done.returncode != 0

    return port, run


def test_a_killed_deploy_goes_back_by_itself(make, dying) -> None:
    port, run = dying
    target = make()
    target.apply(shop(layers.ROOT, "one", (port,)))
    first = target.status()
    # Half a second after its begin the former container is being stopped.
    for step, seconds in (("switch", 0), ("switch", 0.5), ("check", 0), ("confirm", 0)):
        assert run("two", step, seconds)
        assert answer(port) == "one", step
        facts, standing = target.facts(), target.status()
        assert (facts.generation, facts.standing) == (first.generation, True), step
        assert [one.name for one in standing.services] == ["web"]
    assert run("two", "collect")
    assert answer(port) == "two"
    assert target.facts().standing
    assert target.apply(shop(layers.ROOT, "three", (port,))).changed
    assert answer(port) == "three"
    assert all(one.confirmed for one in target.status().generations)


def test_what_runs_before_the_switch_ends_with_a_killed_deploy(make, dying) -> None:
    _port, run = dying
    make()
    word = f"endless-{os.getpid()}"
    assert run("one", "release", 1, f"release=exec perl -e 'sleep 1000' {word}")
    until = time.monotonic() + 90
    while any(word in line for line in commands()):
        assert time.monotonic() < until
        time.sleep(0.1)


def test_what_ends_a_killed_deploys_command_leaves_that_of_the_next_one_alone(make, dying) -> None:
    port, run = dying
    target = make()
    assert run("one", "release", 1, "release=exec perl -e 'sleep 1000'")
    # What removes the container of the one that was killed does so again for ten seconds.
    assert target.apply(shop(layers.ROOT, "two", (port,), release="perl -e 'sleep 4'")).changed
    assert answer(port) == "two"


def test_killed_at_any_moment_one_of_both_runs_alone(make, dying) -> None:
    """A few moments, or half as many as ``STEAD_SOAK`` says; each other one kills both."""
    port, run = dying
    target, chance = make(), random.Random(os.environ.get("STEAD_SEED"))
    old, new = "one", "two"
    target.apply(shop(layers.ROOT, old, (port,)))
    for number in range(max(2, int(os.environ.get("STEAD_SOAK") or 0) // 2)):
        moment = ("begin", "switch")[number % 2], chance.uniform(0.01, 4.0)
        both = ("both",) if number % 4 > 1 else ()
        done = not run(new, *moment, *both)
        up = [c for c in target._generations.all() if c.up]
        if not both:
            assert (len(up), answer(port) in ((new,) if done else (old, new))) == (1, True), moment
            assert target.facts().standing, moment
        # Whatever that has left, the next one runs and nothing else does.
        old, new = new, f"{new}-{number}"
        target.apply(shop(layers.ROOT, old, (port,)))
        assert answer(port) == old, moment
        assert len([c for c in target._generations.all() if c.up]) == 1, moment
        assert all(one.confirmed for one in target.status().generations), moment


def test_the_next_deploy_goes_back_where_the_watchdog_was_killed_too(make, dying) -> None:
    port, run = dying
    target, steps = make(), []
    target.apply(shop(layers.ROOT, "one", (port,)))
    assert run("two", "check", 0, "both")
    assert not target.facts().standing
    assert [one.confirmed for one in target.status().generations] == [True, False]
    assert target.apply(
        shop(layers.ROOT, "three", (port,)), lambda *told: steps.append(told)
    ).changed
    assert ("begin", "a deploy before was not confirmed: what ran before it runs again") in steps
    assert answer(port) == "three"
    assert all(one.confirmed for one in target.status().generations)


def test_a_deploy_whose_watchdog_was_killed_goes_back_itself(make, free_ports) -> None:
    ports = free_ports(1)
    target = make()
    target.apply(shop(layers.ROOT, "one", ports))

    def kill(step: str, _word: str) -> None:
        if step == "check":
            for task in Path("/proc/self/task").glob("*/children"):
                for word in task.read_text(encoding="utf-8").split():
                    said = Path(f"/proc/{word}/cmdline").read_text(encoding="utf-8")
                    if "containers.switching" in said:
                        os.kill(int(word), signal.SIGKILL)

    with pytest.raises(DeployError, match="watches over the switch has ended"):
        target.apply(shop(layers.ROOT, "two", ports), kill)
    assert answer(ports[0]) == "one"
    assert target.facts().standing


def test_a_deploy_that_says_nothing_for_too_long_is_taken_back(
    make, free_ports, monkeypatch
) -> None:
    ports = free_ports(1)
    target = make()
    target.apply(shop(layers.ROOT, "one", ports))
    monkeypatch.setattr(container, "_MARGIN", -19.0)

    def sleep(step: str, _word: str) -> None:
        until = time.monotonic() + 90
        while step == "check" and not local_answer(ports[0]).startswith("one|"):
            assert time.monotonic() < until
            time.sleep(0.1)

    with pytest.raises(DeployError):
        target.apply(shop(layers.ROOT, "two", ports), sleep)
    assert answer(ports[0]) == "one"
    assert target.facts().standing

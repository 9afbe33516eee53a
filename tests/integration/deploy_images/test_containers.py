"""Containers pass what every kind of target must: started by a real engine, where one can run.

The engine runs in a mount namespace of its own, with a cgroup file system that it understands
and a storage that goes with the test.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from stead.deploy.oci import layers
from stead.deploy.oci.engine import NEW, Engine, Start, shared
from stead.deploy.targets.container import ContainerTarget
from stead.deploy.targets.image import Making
from stead.store.atomic import remove_tree
from stead.testing.deliveries import delivery, shop
from stead.testing.images import base_image
from stead.testing.targets import Case, TargetSuite
from stead.testing.world import make_context
from stead.values.errors import DeployError
from stead.values.frozen import replace
from stead.values.platform import platform_of

pytestmark = [
    pytest.mark.slow,
    pytest.mark.needs("podman"),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may make a namespace of mounts"),
]

SETTINGS = """\
[containers]
cgroups = "disabled"
default_ulimits = ["nofile=1024:1024", "nproc=1000:1000"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
"""


@pytest.fixture(scope="module")
def perl(tmp_path_factory) -> str:
    """A base with a Perl, which the services of the suite are written in."""
    return base_image(tmp_path_factory.mktemp("perl") / "oci", perl=True)


@pytest.fixture(scope="module")
def engine():
    """A directory with a `podman` that works here; what it made is gone afterwards."""
    # The engine takes no longer path than 50 characters.
    work = Path(tempfile.mkdtemp(prefix="stead-"))
    (work / "containers.conf").write_text(SETTINGS, encoding="utf-8")
    mounts = (
        "mount --make-rprivate / && umount -R /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup"
    )
    holder = subprocess.Popen(
        ["unshare", "--mount", "sh", "-c", f"{mounts} && echo ready && exec sleep 3600"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "ready\n"
    program = work / "bin" / "podman"
    program.parent.mkdir()
    program.write_text(
        f"#!/bin/sh\nexport CONTAINERS_CONF={work}/containers.conf\n"
        f"exec nsenter --mount=/proc/{holder.pid}/ns/mnt {shutil.which('podman')} "
        f"--root {work}/a --runroot {work}/b --tmpdir {work}/c --storage-driver overlay "
        '"$@"\n',
        encoding="utf-8",
    )
    program.chmod(0o755)
    try:
        yield str(program.parent)
    finally:
        for words in (["rm", "--all", "--force", "--time", "0"], ["rmi", "--all", "--force"]):
            subprocess.run([program, *words], capture_output=True, check=False)
        holder.stdout.close()
        holder.kill()
        holder.wait()
        remove_tree(work)


@pytest.fixture
def make(tmp_path, perl, engine):
    made: list[ContainerTarget] = []

    def one(project: str = "") -> ContainerTarget:
        environ = {"PATH": f"{engine}:{os.environ['PATH']}", "HOME": str(tmp_path)}
        home = tmp_path / "home"
        home.mkdir(exist_ok=True)
        making = Making("", platform_of("linux", os.uname().machine), perl)
        context = make_context(home, environ=environ)
        # The suite's service leaves it to the engine to end it.
        made.append(ContainerTarget("here", "shop", making, context, grace=1, project=project))
        return made[-1]

    yield one
    for target in made:
        target.remove()
        target.close()
    if made:
        program = f"{engine}/podman"
        subprocess.run(
            [program, "volume", "rm", "--all", "--force"], capture_output=True, check=True
        )


def get(port: int) -> str:
    with (
        contextlib.suppress(OSError, urllib.error.URLError),
        urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer,
    ):
        return answer.read().decode().strip()
    return ""


class TestContainers(TargetSuite):
    @pytest.fixture
    def case(self, make, free_ports):
        return Case(make(), layers.ROOT, get, free_ports(2))


def test_a_deploy_that_was_cut_off_is_repaired_by_the_next(make, free_ports) -> None:
    ports = free_ports(1)
    target = make()
    target.apply(shop(layers.ROOT, "one", ports))

    class CutError(BaseException):
        pass

    def cut(step: str, _word: str) -> None:
        if step == "check":
            # As if this process were gone: nothing of what it does at its end is done.
            target._engine.stop = target._engine.start = target._engine.remove = lambda *_: None
            raise CutError

    with pytest.raises(CutError):
        target.apply(shop(layers.ROOT, "two", ports), cut)
    after = make()
    assert not after.facts().standing
    assert after.apply(shop(layers.ROOT, "three", ports)).changed
    assert get(ports[0]).startswith("three|")
    assert all(one.confirmed for one in after.status().generations)


def test_what_services_keep_is_there_for_commands_and_stays(make, free_ports) -> None:
    data = f"{layers.ROOT}/recipes/shop/data"
    script = f'if test "$0" = check; then test -e {data}/made; else : > {data}/made; fi'
    wanted = shop(layers.ROOT, "one", free_ports(1), release=script)
    target = make()
    target.apply(wanted)
    assert target.run("migrate", ["check"]) == 0
    target.remove()
    only = shop(layers.ROOT, "two", free_ports(1), release=f"test -e {data}/made")
    assert target.apply(only).changed


def test_two_deploys_at_once_do_not_undo_each_other(make, free_ports) -> None:
    ports = free_ports(1)
    seen = []

    def other(step: str, _word: str) -> None:
        if step == "switch":
            with pytest.raises(DeployError, match="another deploy of shop is at work"):
                make().apply(shop(layers.ROOT, "two", ports))
            seen.append(step)

    assert make().apply(shop(layers.ROOT, "one", ports), other).changed
    assert seen == ["switch"]
    assert get(ports[0]).startswith("one|")


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
    assert get(ports[0]).startswith("one|")
    assert make("shop").facts().standing


def test_what_does_not_stay_up_is_not_confirmed(make, free_ports) -> None:
    """Nor do the former ones stay stopped where the new ones cannot be stopped."""
    ports = free_ports(1)
    target = make()
    target.apply(shop(layers.ROOT, "one", ports))
    payload = shop(layers.ROOT, "two", ports, check=False).payload
    soon = ("perl", "-e", "select(undef, undef, undef, 0.3)")
    ends = replace(payload, services=tuple(replace(s, argv=soon) for s in payload.services))
    stop = target._engine.stop

    def fails(*names: str) -> None:
        if any(name.endswith(NEW) for name in names):
            raise DeployError("podman stop failed")
        stop(*names)

    target._engine.stop = fails
    with pytest.raises(DeployError, match="the service web does not stay up"):
        target.apply(delivery(ends))
    assert target.status().generation == 1
    assert all(one.state == "running" for one in target.status().services)


def test_a_secret_is_in_no_argument_and_no_image() -> None:
    start = Start("image", (("PORT", "80"),), (("TOKEN", "correct-horse"),), (("v", "/data"),))
    assert shared(start) == [
        *(
            "--pull",
            "never",
            "--network",
            "host",
            "--env",
            "PORT=80",
            "--env",
            "TOKEN",
            "--volume",
            "v:/data",
        )
    ]


def test_a_secret_that_would_change_the_engine_is_refused(engine, tmp_path) -> None:
    context = make_context(tmp_path, environ={"PATH": engine})
    start = Start("image", secrets=(("LD_PRELOAD", "/x.so"),))
    with pytest.raises(DeployError, match="LD_PRELOAD"):
        Engine("", context).create("name", {}, start)


def test_without_an_engine_that_is_said(tmp_path) -> None:
    context = make_context(tmp_path, environ={"PATH": str(tmp_path)})
    with pytest.raises(DeployError, match="no podman and no docker"):
        Engine("", context)
    with pytest.raises(DeployError, match="no docker here"):
        Engine("docker", context)

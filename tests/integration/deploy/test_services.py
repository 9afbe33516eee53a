"""Services on a machine: started again, stopped whole, logged within bounds, told from strangers."""

from __future__ import annotations

import os
import signal
import subprocess
import time

import pytest

from stead.deploy.targets import Node
from stead.deploy.targets.local import target as local_target
from stead.deploy.targets.ssh import target
from stead.testing.deliveries import delivery, part, shop, tree
from stead.testing.targets import AWKWARD
from stead.values.deployment import Payload, Service
from stead.values.errors import DeployError

machines = [
    pytest.mark.slow,
    pytest.mark.needs("mmdebstrap", "ssh", "ip"),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may make machines"),
]


@pytest.fixture
def here(tmp_path):
    """Give a function: shell text → a service of this machine that runs it; and the target."""
    root = str(tmp_path / "node")
    environ = {**os.environ, "STEAD_LEAK": "from the caller"}
    made = local_target("here", Node("shop", root, services="supervise", settling=0.2), environ)

    def run(text, **more):
        service = Service("web", "web", ("sh", "-c", text), root, **more)
        trees = (tree("files", part("p", {"a": text.encode()})),)
        return made.apply(
            delivery(Payload("shop", "here", "", root, trees=trees, services=(service,)))
        )

    yield run, made, root
    made.remove()
    made.close()


def until(condition, seconds=20.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.05)


def exists(pid):
    """Say whether a process lives; one that nobody buries does not."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(") ")[2][0] != "Z"
    except OSError:
        return False


def numbers(path):
    try:
        with open(path) as file:
            return [int(line) for line in file]
    except OSError:
        return []


def test_one_that_ends_is_started_again(here, tmp_path):
    run, made, _ = here
    run(f"echo $$ >>{tmp_path}/pids; exec sleep 600")
    until(lambda: len(numbers(tmp_path / "pids")) == 1)
    os.kill(numbers(tmp_path / "pids")[0], signal.SIGKILL)
    until(lambda: len(numbers(tmp_path / "pids")) == 2)
    until(lambda: made.status().services[0].restarts == 1)
    assert made.status().services[0].state == "running"
    assert "web ended with 137" in "\n".join(made.logs())


def test_what_it_started_ends_with_it(here, tmp_path):
    run, made, _ = here
    run(f"sleep 601 & echo $! >>{tmp_path}/pids; echo $$ >>{tmp_path}/pids; wait")
    until(lambda: len(numbers(tmp_path / "pids")) == 2)
    first = numbers(tmp_path / "pids")
    run("exec sleep 602")
    until(lambda: not any(map(exists, first)))
    os.kill(made.status().services[0].pid, 0)


def test_one_that_does_not_hear_is_made_to_end(here, tmp_path):
    run, made, _ = here
    run(f"trap '' TERM; echo $$ >>{tmp_path}/pids; while :; do sleep 1; done")
    until(lambda: numbers(tmp_path / "pids"))
    made.remove()
    assert not exists(numbers(tmp_path / "pids")[0])


def test_a_number_that_another_process_has_by_now_is_not_its(here, tmp_path):
    run, made, root = here
    run("exec sleep 603")
    own = made.status().services[0].pid
    stranger = os.posix_spawn("/bin/sleep", ["sleep", "604"], {}, setpgroup=0)
    mark = f"{root}/recipes/shop/run/service.web"
    born = os.readlink(mark).split(" ")[1]
    os.unlink(mark)
    os.symlink(f"{stranger} {born}9", mark)
    try:
        made.remove()
        assert exists(stranger)
    finally:
        os.kill(stranger, signal.SIGKILL)
        os.waitpid(stranger, 0)
        if exists(own):
            os.killpg(own, signal.SIGKILL)


def test_when_the_supervisor_was_killed_the_next_deploy_sets_it_right(here, tmp_path):
    run, made, root = here
    run(f"echo $$ >>{tmp_path}/pids; exec sleep 605")
    until(lambda: numbers(tmp_path / "pids"))
    supervisor = int(os.readlink(f"{root}/recipes/shop/run/supervisor").split(" ")[0])
    os.killpg(supervisor, signal.SIGKILL)
    assert not made.facts().standing
    done = run(f"echo $$ >>{tmp_path}/pids; exec sleep 605")
    assert (done.changed, done.generation) == (True, 1)
    until(lambda: len(numbers(tmp_path / "pids")) == 2)
    first, second = numbers(tmp_path / "pids")
    assert not exists(first)
    assert exists(second)
    assert made.facts().standing


def test_after_the_machine_started_anew_one_call_starts_all(here, tmp_path):
    run, made, root = here
    run(f"echo $$ >>{tmp_path}/pids; exec sleep 608")
    until(lambda: numbers(tmp_path / "pids"))
    supervisor = int(os.readlink(f"{root}/recipes/shop/run/supervisor").split(" ")[0])
    os.killpg(supervisor, signal.SIGKILL)
    os.killpg(numbers(tmp_path / "pids")[0], signal.SIGKILL)
    bare = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    for _ in range(2):
        subprocess.run(["sh", f"{root}/recipes/shop/start"], env=bare, cwd="/", check=True)
    until(lambda: len(numbers(tmp_path / "pids")) == 2)
    assert made.facts().standing
    assert len(numbers(tmp_path / "pids")) == 2


def test_its_environment_is_what_was_said_and_nothing_of_the_caller(here, tmp_path):
    run, _, _ = here
    awkward = "a'b\"c $HOME `d` \\ %s\nnext line\ttab"
    run(
        f"env -0 >{tmp_path}/env.new; mv {tmp_path}/env.new {tmp_path}/env; exec sleep 606",
        environment=(("AWKWARD", awkward), ("PATH", "/usr/bin:/bin")),
    )
    until((tmp_path / "env").exists)
    found = dict(one.split("=", 1) for one in (tmp_path / "env").read_text().split("\0") if one)
    assert found["AWKWARD"] == awkward
    assert "STEAD_LEAK" not in found
    assert set(found) <= {
        "AWKWARD",
        "PATH",
        "HOME",
        "USER",
        "LOGNAME",
        "PWD",
        "OLDPWD",
        "_",
        "SHLVL",
    }


def test_a_variable_that_no_shell_can_set_is_refused(here):
    run, _, _ = here
    with pytest.raises(DeployError, match=r"cannot set the variable A\.B"):
        run("exec sleep 607", environment=(("A.B", "1"),))


def test_logs_stay_within_bounds(tmp_path, monkeypatch):
    root = str(tmp_path / "node")
    # The machine's program reads how large a log may become, in blocks of 512 bytes.
    made = local_target(
        "here",
        Node("shop", root, services="supervise", log_blocks=200, settling=0.2),
        dict(os.environ),
    )
    loud = "while :; do i=0; while [ $i -lt 300 ]; do echo a line of some forty bytes, $i; i=$((i+1)); done; sleep 0.2; done"
    service = Service("web", "web", ("sh", "-c", loud), root)
    trees = (tree("files", part("p", {"a": b""})),)
    made.apply(delivery(Payload("shop", "here", "", root, trees=trees, services=(service,))))
    log = f"{root}/recipes/shop/logs/web.log"
    until(lambda: os.path.exists(f"{log}.1"), 60)
    assert os.path.getsize(log) < 100 * 1024 * 20
    assert len(list(made.logs("web", 50))) <= 50
    made.remove()
    made.close()


class TestOnMachines:
    pytestmark = machines

    @pytest.fixture
    def opened(self, lab):
        """Give a function that opens a node; what is deployed there ends with the test."""
        made = []

        def make(address, root, **more):
            node = Node("shop", root, patience=8, settling=0.2, **more)
            environ = lab.environ(os.environ["PATH"])
            made.append(target("shop", address, node, environ, system="linux"))
            return made[-1]

        yield make
        for one in made:
            one.close()
        if made:
            made[-1].remove()
            made[-1].close()

    def test_they_outlive_the_session_and_secrets_show_nowhere(self, opened, plain):
        root = f"{plain.home}/apart"
        made = opened(plain.address, root)
        made.apply(shop(root, "one", (8080,), secret=AWKWARD))
        made.close()
        assert plain.get(8080).split("|")[4] == str(len(AWKWARD))
        # No file that another may read holds it, nor any command line.
        piece = AWKWARD.strip().splitlines()[1].strip()
        with_it = plain.run("grep", "-rlF", piece, root).split()
        assert with_it
        for path in with_it:
            assert plain.run("stat", "-c", "%a", path).strip() == "600"
        for number in plain.processes(""):
            with open(f"/proc/{number}/cmdline", "rb") as file:
                assert piece.encode() not in file.read()
        made = opened(plain.address, root)
        made.remove()
        made.close()

    def test_units_are_right_and_systemd_starts_them_again(self, opened, booted):
        root = "/srv/units 100%"
        made = opened(f"root@{booted.address}", root)
        made.apply(shop(root, "one", (8080, 8081)))
        booted.run("systemd-analyze", "verify", "stead-shop.target", "stead-shop-web.service")
        assert booted.run("systemctl", "is-enabled", "stead-shop.target").strip() in (
            "enabled",
            "linked",
            "linked-runtime",
        )
        before = booted.get(8080)
        # Its main process alone: systemd says that it failed to kill all of a service when the
        # kernel shows, in the service's control group, a process without a number, as it does
        # of one that is just ending.
        booted.run("systemctl", "kill", "--kill-whom=main", "-s", "KILL", "stead-shop-web.service")
        until(lambda: booted.get(8080) not in ("", before))
        assert "serving one" in "\n".join(made.logs("web"))
        made.remove()
        # systemd forgets units a moment after their files are gone.
        listing = ("systemctl", "list-units", "--all", "--plain", "--no-legend", "stead-*")
        until(lambda: not booted.run(*listing).strip())
        assert "stead" not in booted.run(
            "ls", "/etc/systemd/system", "/etc/systemd/system/multi-user.target.wants"
        )
        made.close()

    def test_a_user_gets_units_by_sudo_only_where_it_is_allowed(self, opened, booted):
        booted.write(
            "/etc/sudoers.d/deploy",
            "deploy ALL=(root) NOPASSWD: ALL\n",
            0o440,
        )
        root = f"{booted.home}/by-sudo"
        never = opened(booted.address, root)
        assert never.facts().init == "none"
        never.close()
        made = opened(booted.address, root, sudo="services")
        assert made.facts().init == "systemd"
        made.apply(shop(root, "one", (8080,)))
        assert booted.get(8080).startswith("one|")
        user = booted.run("systemctl", "show", "-p", "User", "--value", "stead-shop-web.service")
        assert user.strip() == "deploy"
        made.apply(shop(root, "two", (8080,)))
        assert booted.get(8080).startswith("two|")
        assert "serving two" in "\n".join(made.logs())
        made.remove()
        made.close()
        booted.run("rm", "/etc/sudoers.d/deploy")

    def test_a_user_who_lingers_gets_units_of_its_own(self, opened, booted):
        booted.run("loginctl", "enable-linger", "deploy")
        until(lambda: booted.run("ls", "/run/user/1000/systemd", check=False))
        root = f"{booted.home}/lingering"
        made = opened(booted.address, root)
        until(lambda: made.facts().init == "systemd-user")
        made.apply(shop(root, "one", (8080,)))
        made.apply(shop(root, "two", (8080,)))
        assert booted.get(8080).startswith("two|")
        made.remove()
        made.close()
        booted.run("loginctl", "disable-linger", "deploy")

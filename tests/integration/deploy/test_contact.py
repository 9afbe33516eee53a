"""What is said when a machine cannot be reached, and why."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time

import pytest

from stead.deploy.machines import created
from stead.deploy.recipes import nodes_of
from stead.deploy.targets import Node
from stead.deploy.targets.ssh import OpenSSH, target
from stead.testing.deliveries import shop
from stead.testing.world import make_context
from stead.values.errors import ContactError, DeployError
from stead.values.kinds import Target
from stead.values.platform import Platform

pytestmark = [
    pytest.mark.slow,
    pytest.mark.needs("mmdebstrap", "ssh", "ip"),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may make machines"),
]


@pytest.fixture
def configured(lab, tmp_path):
    """Give a function: more of the client's configuration → an environment with it."""

    def make(text: str) -> dict[str, str]:
        return lab.environ_with(str(tmp_path), text, os.environ["PATH"])

    return make


def refused(address: str, environ: dict[str, str]) -> ContactError:
    made = target(
        "shop", address, Node("shop", "/srv/n", patience=8, settling=0.2), environ, system="linux"
    )
    with pytest.raises(ContactError) as caught:
        made.facts()
    made.close()
    assert caught.value.remedy
    return caught.value


def test_a_key_that_nobody_knows(plain, configured, tmp_path):
    environ = configured(f"Host plain\n  UserKnownHostsFile {tmp_path}/none")
    error = refused("plain", environ)
    assert "host key of plain is not known" in error.message
    assert "ssh plain" in error.remedy


def test_another_key_than_the_known_one(lab, plain, configured, tmp_path):
    known = tmp_path / "known"
    with open(os.path.join(lab.place, "key.pub")) as file:
        known.write_text(f"{plain.ip} {' '.join(file.read().split()[:2])}\n")
    error = refused("plain", configured(f"Host plain\n  UserKnownHostsFile {known}"))
    assert "another host key" in error.message
    assert "ssh-keygen -R" in error.remedy


def test_nobody_listens(plain, configured):
    error = refused("plain", configured("Host plain\n  Port 4022"))
    assert "refuses the connection" in error.message


def test_a_name_that_is_none(lab, plain):
    error = refused("no-such-machine.invalid", lab.environ(os.environ["PATH"]))
    assert "nobody knows the name" in error.message


def test_a_user_who_may_not(lab, plain):
    error = refused(f"nobody@{plain.address}", lab.environ(os.environ["PATH"]))
    assert "does not let us in" in error.message


def test_a_machine_that_is_silent(configured):
    """It is waited for as long as the user's configuration says, and no longer."""

    def late(listening):
        with contextlib.suppress(OSError):
            first, _ = listening.accept()
            with first:
                # Whoever waits as long hears of something else than silence.
                over.wait(5)
                first.sendall(b"SSH-2.0-late\r\n")

    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        asked = threading.Thread(target=late, args=(listening,))
        asked.start()
        where = f"HostName 127.0.0.1\n  Port {listening.getsockname()[1]}"
        error = refused("plain", configured(f"Host plain\n  {where}\n  ConnectTimeout 1"))
        over.set()
        asked.join()
    assert "cannot be reached" in error.message
    assert "timed out" in " ".join(error.details)


def test_a_directory_that_may_not_be_written(lab, plain):
    made = target(
        "shop",
        plain.address,
        Node("shop", "/srv/node", patience=8, settling=0.2),
        lab.environ(os.environ["PATH"]),
        system="linux",
    )
    assert made.facts().writable is False
    with pytest.raises(DeployError, match="cannot be written"):
        made.apply(shop("/srv/node", "one", (8080,)))
    made.close()


def test_ports_are_asked_as_seen_from_there(lab, plain):
    with OpenSSH(plain.address, lab.environ(os.environ["PATH"]), patience=8) as connection:
        assert connection.listens("127.0.0.1", 22, 5.0) == ""
        assert "refused" in connection.listens("127.0.0.1", 9, 5.0)
        asked = connection.reach("127.0.0.1", 22, 5.0)
        with asked:
            assert asked.recv(4) == b"SSH-"


def anew(host):
    """Let its sshd read its settings; it is gone for a moment."""
    for _ in range(2000):
        if number := host.run("cat", "/run/sshd.pid", check=False).strip():
            host.run("kill", "-HUP", number)
            break
        time.sleep(0.05)
    for _ in range(2000):
        with (
            contextlib.suppress(OSError),
            socket.create_connection((host.ip, 22), 1.0) as asked,
        ):
            if asked.recv(4) == b"SSH-" and host.run("cat", "/run/sshd.pid", check=False):
                return
        time.sleep(0.05)
    raise AssertionError("sshd did not come back")


def test_ports_are_asked_where_nothing_is_forwarded_too(lab, plain):
    setting = "/etc/ssh/sshd_config.d/none.conf"
    plain.write(setting, "AllowTcpForwarding no\n")
    anew(plain)
    root = f"{plain.home}/no-forwarding"
    node = Node("shop", root, patience=8, settling=0.2)
    environ = lab.environ(os.environ["PATH"])
    made = target("shop", plain.address, node, environ, system="linux")
    try:
        made.apply(shop(root, "one", (8080,), timeout=10))
        assert plain.get(8080).startswith("one|")
        made.remove()
        with OpenSSH(plain.address, environ, patience=8) as connection:
            assert connection.listens("127.0.0.1", 9, 5.0) != ""
            assert connection.listens("127.0.0.1", 22, 5.0) == ""
    finally:
        made.close()
        plain.run("rm", setting)
        anew(plain)


def test_an_address_may_name_user_and_port(lab, plain):
    environ = lab.environ(os.environ["PATH"])
    with OpenSSH(f"root@{plain.address}:22", environ, patience=8) as connection:
        assert connection.run("id -un").out == b"root\n"


def test_each_command_may_connect_anew(lab, plain):
    alone = OpenSSH(plain.address, lab.environ(os.environ["PATH"]), patience=8, share=False)
    answer = alone.run("cat; exit 3", [b"some ", b"bytes"])
    assert (answer.code, answer.out) == (3, b"some bytes")
    alone.close()


def test_a_connection_leaves_nothing(lab, plain):
    connection = OpenSSH(plain.address, lab.environ(os.environ["PATH"]), patience=8)
    assert connection.run("echo $((6 * 7))").out == b"42\n"
    place = connection.place
    assert os.stat(place).st_mode & 0o777 == 0o700
    connection.close()
    assert not os.path.exists(place)
    with socket.create_connection((plain.ip, 22), 5):
        pass
    assert connection.place == ""


@pytest.mark.parametrize(
    ("hosts", "said"),
    [
        (("nobody@{plain}",), "does not let us in"),
        (("{plain}", "no-such-machine.invalid"), "1 of the 2 machines of target farm"),
        (("no-such-machine.invalid", "nobody@{plain}"), "does not let us in"),
    ],
)
def test_machines_that_answer_are_not_made_anew(lab, plain, tmp_path, hosts, said):
    mark = tmp_path / "made"
    declared = Target(
        "farm",
        "ssh",
        tuple(host.format(plain=plain.address) for host in hosts),
        create=("touch", str(mark)),
        base=str(tmp_path),
    )
    context = make_context(tmp_path / "home", environ=lab.environ(os.environ["PATH"]))
    with pytest.raises(ContactError, match=said):
        created(
            "shop", declared, nodes_of([declared]), context,
            here=Platform("linux-64"), patience=1, say=lambda _: None,
        )  # fmt: skip
    assert not mark.exists()

"""Ports asked through a real sshd of this machine: taken, refused, and never answered."""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import socket
import subprocess
import time

import pytest

from stead.deploy.targets.ssh import OpenSSH

pytestmark = pytest.mark.needs("ssh", "sshd")


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.fixture(params=["", "no"], ids=["forwards", "forwards nothing"])
def machine(tmp_path, request):
    for name in ("host", "user"):
        key = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / name)]
        subprocess.run(key, check=True)
    if os.geteuid() == 0:
        os.makedirs("/run/sshd", exist_ok=True)
    port = free_port()
    settings = {
        "Port": port,
        "ListenAddress": "127.0.0.1",
        "HostKey": tmp_path / "host",
        "AuthorizedKeysFile": tmp_path / "user.pub",
        "StrictModes": "no",
        "PidFile": "none",
        "AllowTcpForwarding": request.param or "yes",
    }
    server = tmp_path / "sshd_config"
    server.write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
    client = tmp_path / "ssh"
    client.write_text(
        f"#!/bin/sh\nexec {shutil.which('ssh')} -F none -p {port} -i {tmp_path}/user -o "
        f'StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null "$@"\n'
    )
    client.chmod(0o755)
    sshd = shutil.which("sshd")
    process = subprocess.Popen([sshd, "-D", "-f", str(server)], stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 90
        while time.monotonic() < until:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
        environ = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
        with OpenSSH(f"{getpass.getuser()}@127.0.0.1", environ, patience=30) as made:
            yield made
    finally:
        process.terminate()
        process.wait()


def test_only_a_port_that_takes_connections_listens(machine):
    with contextlib.ExitStack() as stack:
        silent = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        port = silent.getsockname()[1]
        assert machine.listens("127.0.0.1", port, 10) == ""
        silent.accept()[0].close()
        # What its queue does not hold is dropped without a word, as a firewall does it.
        for _ in range(4):
            one = stack.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        assert "within 2 s" in machine.listens("127.0.0.1", port, 2)
        assert "refused" in machine.listens("127.0.0.1", free_port(), 10)

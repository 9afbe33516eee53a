"""The machine's program under each `sh` that machines have."""

from __future__ import annotations

import os
import shutil

import pytest

from stead.deploy.targets import Node
from stead.deploy.targets.local import target
from stead.testing.deliveries import shop
from stead.testing.targets import AWKWARD, Case, free_ports, local_answer
from stead.values.errors import DeployError

APPLETS = ("tar", "gzip", "sha256sum", "dd", "ls", "mv", "ln", "rm", "sed", "sort", "grep", "tail", "find", "readlink", "wc", "cut", "df", "cp", "chmod", "mkdir", "setsid", "sleep", "date", "id", "uname", "env", "cat")  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("shell", ["dash", "bash", "busybox"])
def test_the_whole_way(shell, tmp_path):
    programs = tmp_path / "bin"
    programs.mkdir()
    # Busybox brings its own tools as well.
    for name in ("sh", *(APPLETS if shell == "busybox" else ())):
        (programs / name).symlink_to(shutil.which(shell))
    environ = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
    root = str(tmp_path / "node")
    ports = free_ports(2)
    made = target("here", Node("shop", root, services="supervise", settling=0.2), environ)
    case = Case(made, root, local_answer, ports)
    try:
        made.apply(shop(root, "one", ports, secret=AWKWARD, release="true"))
        assert local_answer(ports[1]).split("|")[4] == str(len(AWKWARD))
        made.apply(shop(root, "two", ports))
        with pytest.raises(DeployError):
            made.apply(shop(root, "broken", ports, timeout=0.5))
        assert case.await_versions({"two"}) == {"two"}
        made.rollback()
        assert case.versions() == {"one"}
        standing = made.status()
        assert [one.state for one in standing.services] == ["running", "running"]
        assert "serving one" in "\n".join(made.logs())
        assert made.run("migrate") == 0
    finally:
        made.remove()
        made.close()
    assert case.versions() == {""}

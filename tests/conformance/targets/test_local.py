"""The suite of targets on a directory of this machine."""

from __future__ import annotations

import contextlib
import os
import socket
import urllib.request

import pytest

from stead.deploy.targets import Node
from stead.deploy.targets.local import target
from stead.testing.targets import Case, TargetSuite


def free_ports(count: int) -> tuple[int, ...]:
    with contextlib.ExitStack() as stack:
        made = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in made:
            one.bind(("127.0.0.1", 0))
        return tuple(one.getsockname()[1] for one in made)


def get(port: int) -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
            return answer.read().decode().strip()
    except OSError:
        return ""


class TestLocal(TargetSuite):
    @pytest.fixture
    def case(self, tmp_path):
        root = str(tmp_path / "a node")
        made = target(
            "here", Node("shop", root, services="supervise", settling=0.2), dict(os.environ)
        )
        yield Case(made, root, get, free_ports(2))
        made.remove()
        made.close()

"""The suite of targets on a directory of this machine."""

from __future__ import annotations

import os

import pytest

from stead.deploy.targets import Node
from stead.deploy.targets.local import target
from stead.testing.targets import Case, TargetSuite, free_ports, local_answer


class TestLocal(TargetSuite):
    @pytest.fixture
    def case(self, tmp_path):
        root = str(tmp_path / "a node")
        made = target(
            "here", Node("shop", root, services="supervise", settling=0.2), dict(os.environ)
        )
        yield Case(made, root, local_answer, free_ports(2))
        made.remove()
        made.close()

"""The suite of targets on real machines over ssh: one without systemd and without rights, one with."""

from __future__ import annotations

import os
import sys

import pytest

from stead.deploy.targets import Node
from stead.deploy.targets.ssh import target
from stead.testing.targets import Case, TargetSuite

pytestmark = [
    pytest.mark.slow,
    pytest.mark.needs("mmdebstrap", "ssh", "ip"),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may make machines"),
]


class TestPlain(TargetSuite):
    @pytest.fixture
    def case(self, lab, plain):
        node = Node("shop", f"{plain.home}/.local/share/stead-node", patience=8, settling=0.2)
        environ = lab.environ(os.environ["PATH"])
        made = target("plain", plain.address, node, environ, system=sys.platform)
        yield Case(made, node.root, plain.get)
        made.remove()
        made.close()


class TestBooted(TargetSuite):
    @pytest.fixture
    def case(self, lab, booted):
        node = Node("shop", "/srv/node", patience=8, settling=0.2)
        environ = lab.environ(os.environ["PATH"])
        made = target("booted", f"root@{booted.address}", node, environ, system=sys.platform)
        yield Case(made, node.root, booted.get)
        made.remove()
        made.close()

"""Containers of a user who is not root: the same way from a deploy to its end."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from stead.testing import engines
from stead.testing.images import base_image
from stead.testing.targets import local_answer

pytestmark = [
    pytest.mark.slow,
    pytest.mark.needs("podman", "newuidmap"),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else"),
]


def test_the_whole_way_without_root(tmp_path, free_ports) -> None:
    base = base_image(tmp_path / "oci", perl=True)
    (port,) = free_ports(1)
    with engines.rootless() as engine:
        path = f"PATH={engine.directory}:{os.environ['PATH']}"
        home = f"{engine.home}/stead"
        program = Path(__file__).with_name("acting.py")
        words = [*engine.inside, "env", path, sys.executable, str(program), home, base, str(port)]

        def act(*more: str, code: int = 0) -> str:
            done = subprocess.run([*words, *more], capture_output=True, text=True, check=False)
            assert done.returncode == code, done.stderr
            return done.stdout + done.stderr

        act("apply", "one")
        version, _, _, file, secret, _ = local_answer(port).split("|")
        assert (version, file, secret) == ("one", "version = one", "3")
        (pid,) = act("status").split()
        assert os.stat(f"/proc/{pid}").st_uid == os.stat(engine.home).st_uid != 0
        act("apply", "two")
        assert local_answer(port).startswith("two|")
        assert "what ran before runs again" in act("apply", "broken", code=1)
        assert local_answer(port).startswith("two|")
        # What services keep is the user's, and stays.
        (volume,) = engine.run("volume", "ls", "--quiet").split()
        kept = Path(engine.run("volume", "inspect", "--format", "{{.Mountpoint}}", volume).strip())
        assert (kept / "made").read_text(encoding="utf-8") == "made\n" * 3
        act("rollback")
        assert local_answer(port).startswith("one|")
        act("remove")
        assert engine.run("ps", "--all", "--quiet") == ""
        assert local_answer(port) == ""

"""Worker processes of a server: followed by others when they die, ended with it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from stead.server.supervising import supervised

BORN = "import os,sys; open(sys.argv[1], 'a').write(f'{os.getpid()}\\n')\n"
WAIT = "sys.stdin.read()\n"


def pids(path: Path, count: int) -> list[int]:
    """Wait until so many were born."""
    for _ in range(600):
        found = path.read_text().split() if path.exists() else []
        if len(found) >= count:
            return list(map(int, found))
        time.sleep(0.05)
    raise AssertionError(found)


def is_gone(pid: int) -> bool:
    """Wait for its end; that of one whose parent has died may be left to whoever runs the tests."""
    for _ in range(600):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False


def test_one_that_dies_is_followed_and_all_end_with_the_context(tmp_path):
    born = tmp_path / "born"
    with supervised([sys.executable, "-c", BORN + WAIT, str(born)], 1, os.environ):
        (first,) = pids(born, 1)
        os.kill(first, 9)
        _, second = pids(born, 2)
    assert is_gone(second)


def test_they_end_when_the_server_is_killed(tmp_path):
    born = tmp_path / "born"
    server = (
        "import os, sys, time\n"
        "from stead.server.supervising import supervised\n"
        f"with supervised([sys.executable, '-c', {BORN + WAIT!r}, sys.argv[1]], 1, os.environ):\n"
        "    time.sleep(60)\n"
    )
    # The server's own input stays open: what its workers wait for is another one.
    argv = [sys.executable, "-c", server, str(born)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE) as process:
        (worker,) = pids(born, 1)
        process.kill()
        assert is_gone(worker)

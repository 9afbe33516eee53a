"""The terminal is closed in the middle: the place is as before or after, and nothing runs on."""

from __future__ import annotations

import contextlib
import os
import select
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pexpect
import pytest

if TYPE_CHECKING:
    import random

    from tests.acceptance.history.conftest import World

PROGRAM = Path(sys.prefix) / "bin" / "stead"


def processes(world: World) -> list[int]:
    """Find who has this home in its variables: Stead, and all that it started."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            said = (entry / "environ").read_bytes() if entry.name.isdigit() else b""
            if f"STEAD_HOME={world.home}".encode() in said.split(b"\0"):
                found.append(int(entry.name))
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ("add", "leaf<2", "-m", "needed"),
        ("shell", "-m", "needed", "-c", "stead add 'leaf<2' && stead set A=7"),
    ],
    ids=lambda words: words[0],
)
def test_a_closed_terminal(
    old: World, chance: random.Random, tries, words: tuple[str, ...]
) -> None:
    environ = {**old.environ, "PATH": f"{PROGRAM.parent}:{old.environ['PATH']}", "TERM": "dumb"}
    environ |= {"STEAD_HOME": str(old.home), "PWD": str(old.place)}
    states = [old.files()]
    done = pexpect.run(
        str(PROGRAM) + "".join(f' "{w}"' for w in words), cwd=str(old.place), env=environ
    )
    states.append(old.files())
    assert states[0] != states[1], done
    for _ in range(tries(2)):
        old.put_back("old")
        child = pexpect.spawn(str(PROGRAM), list(words), cwd=str(old.place), env=environ)
        with contextlib.suppress(pexpect.TIMEOUT):
            child.expect(pexpect.EOF, timeout=chance.random() * 2)
        child.close(force=False)  # as when its window is closed: SIGHUP to who is in front
        while left := processes(old):
            with contextlib.suppress(ProcessLookupError):
                ended = os.pidfd_open(left[0])
                select.select([ended], [], [], 60)
                os.close(ended)
        entries = old.log()
        files = old.files()
        assert files in states
        assert (entries[0]["reason"] == "needed") == (files == states[1])
        old.ok("run", "true")
        assert old.files() == files
        old.ok(*(w.replace("stead ", f"{PROGRAM} ") for w in words))
        assert old.files() == states[1]

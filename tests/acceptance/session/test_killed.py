"""A session that is killed at any moment: the place is as it was, and what was staged goes on."""

from __future__ import annotations

import time

import pexpect
import pytest

MANIFEST = '[vars]\nLEVEL = "1"\n'


@pytest.mark.slow
def test_killed_anywhere_the_next_one_goes_on(
    machine, project, begin, files_of, tries, setup, chance
):
    root = project({"stead.toml": MANIFEST})
    staged, resumable = 0, False
    for count in range(tries(5)):
        shell = chance.choice(list(setup))
        words = ["--resume"] if resumable else []
        session = begin(root, shell, *words, ready=False)
        for number in range(30):
            export = f"set -gx V{number} x" if shell == "fish" else f"export V{number}=x"
            session.child.sendline(export if number % 3 else f"stead set S{number}={count}")
        until = time.monotonic() + chance.random() * 4
        while time.monotonic() < until:
            try:
                session.child.read_nonblocking(10_000, 0.05)
            except pexpect.TIMEOUT:
                continue
        session.kill()
        assert files_of(root) == {"stead.toml": MANIFEST.encode()}
        told = machine.json("status", cwd=root)["transaction"]
        resumable = told is not None
        if told:
            assert not told["alive"]
            assert told["staged"] >= staged
            staged = told["staged"]
    if resumable:
        session = begin(root, "bash", "--resume")
        session.run("stead abort")
        session.leave()
    assert files_of(root) == {"stead.toml": MANIFEST.encode()}
    assert machine.json("status", cwd=root)["transaction"] is None

"""A step that nothing but the kernel can end: it goes with the process that it was forked from."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys

# What a step does is put in the place of the real ones; all around it is as it is.
NURSERY = """
import os, sys, time
from stead.server.engine import nursery
from stead.server.engine.steps import bodies, world

class Made:
    def given(self, arguments):
        return arguments

def hold(body, given):
    with open("pid.new", "w") as file:
        file.write(str(os.getpid()))
    os.rename("pid.new", "pid")
    os.closerange(0, 4096)
    while True:
        time.sleep(3600)

nursery._warm = lambda: None
world.make = lambda arguments, scratch: Made()
bodies.run = hold
nursery.main(int(sys.argv[1]))
"""


def test_a_step_that_reads_nothing_any_more_is_gone_when_its_parent_is_killed(tmp_path):
    (tmp_path / "asked.json").write_text("{}")
    worker, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with worker, contextlib.ExitStack() as stack:
        nursery = subprocess.Popen(
            [sys.executable, "-c", NURSERY, str(other.fileno())], pass_fds=[other.fileno()]
        )
        other.close()
        stack.callback(nursery.wait)
        stack.callback(nursery.kill)
        assert "ready" in json.loads(worker.recv(4096))
        reports, report = os.pipe()
        requests, request = os.pipe()
        for descriptor in (reports, report, requests, request):
            stack.callback(os.close, descriptor)
        asked = {"do": "run", "number": 1, "scratch": str(tmp_path), "memory": 0}
        socket.send_fds(worker, [json.dumps(asked).encode()], [report, report, requests])
        os.write(request, b'{"body": "hold", "arguments": {}}\n')
        while not (tmp_path / "pid").exists():
            assert nursery.poll() is None
            select.select([], [], [], 0.02)
        step = os.pidfd_open(int((tmp_path / "pid").read_text()))
        stack.callback(os.close, step)
        try:
            nursery.kill()
            ended, _, _ = select.select([step], [], [], 60)
        finally:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(step, signal.SIGKILL)
        assert ended

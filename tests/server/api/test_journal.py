"""What is logged, and what is not told twice."""

from __future__ import annotations

import os
import subprocess
import sys

FAULTY = """
import contextlib, socket, sys, threading, time, urllib.error, urllib.request
import uvicorn
from stead.server.api import journal

async def app(scope, receive, send):
    raise ValueError("a fault")

journal.begin("json", sys.stderr)
with socket.create_server(("127.0.0.1", 0)) as listening:
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
    running = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    running.start()
    while not server.started:
        time.sleep(0.01)
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{listening.getsockname()[1]}/", timeout=60)
    except urllib.error.HTTPError as error:
        print(error.code)
    server.should_exit = True
    running.join()
"""


def test_what_fails_in_a_request_is_not_told_by_uvicorn_too():
    done = subprocess.run(
        [sys.executable, "-c", FAULTY], capture_output=True, text=True, timeout=120, check=True
    )
    # The application has told it, with the request's path.
    assert (done.stdout.strip(), done.stderr) == ("500", "")


TOLD = """
import logging, sys
from stead.server.api import journal
journal.begin("auto", sys.stderr)
logging.getLogger("stead.server").info("started", extra={"address": "x"})
"""


def test_a_log_is_for_eyes_on_a_terminal_and_for_programs_elsewhere():
    piped = subprocess.run([sys.executable, "-c", TOLD], capture_output=True, text=True, check=True)
    assert '"action":"started","address":"x"}' in piped.stderr
    ours, theirs = os.openpty()
    try:
        subprocess.run([sys.executable, "-c", TOLD], stderr=theirs, check=True)
        shown = os.read(ours, 4096).decode()
    finally:
        os.close(theirs)
        os.close(ours)
    assert shown.strip().endswith(" info started address=x")


HARM = """
import logging, sys
from stead.server.api import journal
journal.begin("text", sys.stderr)
log = logging.getLogger("stead.server")
more = {"path": "/\\x1b]0;pwn\\x07\\n2026 info built build=1", "title": "a b", "c1": "\\x9b", "build": 7}
log.info("request", extra=more)
try:
    raise ValueError("no\\x1b[2J\\n2026 info built build=2")
except ValueError:
    log.exception("a \\x1b fault")
"""


def test_what_a_request_says_neither_reaches_the_terminal_nor_makes_lines():
    done = subprocess.run([sys.executable, "-c", HARM], capture_output=True, text=True, check=True)
    lines = done.stderr.splitlines()
    assert "\x1b" not in done.stderr
    assert lines[0].partition(" info ")[2] == (
        'request path="/\\u001b]0;pwn\\u0007\\n2026 info built build=1" title="a b" c1="\\u009b" build=7'
    )
    assert lines[1].endswith(" error a \\u001b fault")
    # What belongs to the line above is indented.
    assert all(line.startswith("  ") for line in lines[2:])
    assert lines[-2:] == ["  ValueError: no\\u001b[2J", "  2026 info built build=2"]

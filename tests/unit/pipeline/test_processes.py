"""Processes side by side: signals that come at a bad moment."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import time

import pytest

from stead.pipeline import processes
from stead.pipeline.run import Command
from stead.values.activation import Activation

NOTHING = Activation("", "", "")


@pytest.mark.skipif(os.name != "posix", reason="such signals are of POSIX")
def test_a_signal_while_one_is_being_started_reaches_that_one_too(tmp_path, monkeypatch):
    class Signalled(subprocess.Popen[bytes]):
        """One that has begun, and the signal comes before anybody knows of it."""

        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            if self.args[-1] == "worker":
                while len(os.listdir(tmp_path)) < 2:
                    time.sleep(0.01)
                signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(processes.subprocess, "Popen", Signalled)
    said = io.BytesIO()
    told = "trap 'echo told; exit 0' TERM; touch $0; while :; do sleep 0.02; done"
    commands = [
        (name, Command(("sh", "-c", told, name), str(tmp_path), dict(os.environ), NOTHING))
        for name in ("web", "worker")
    ]
    code = processes.run_together(
        commands, out=said, err=io.BytesIO(), colour=False, note=lambda _: None, grace=30
    )
    assert code == 0
    assert sorted(said.getvalue().splitlines()) == [b"web    | told", b"worker | told"]


def test_who_does_not_heed_a_signal_is_made_to_end_after_a_while(tmp_path):
    stubborn = "trap '' TERM; kill -TERM $PPID; while :; do sleep 0.02; done"
    code = processes.run_together(
        [("web", Command(("sh", "-c", stubborn), str(tmp_path), dict(os.environ), NOTHING))],
        out=io.BytesIO(),
        err=io.BytesIO(),
        colour=False,
        note=lambda _: None,
        grace=0.2,
    )
    assert code == 128 + signal.SIGKILL

"""What is measured is written as it comes, and slow peers are asked no more than it takes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[3] / "bench"

GROUPS = """\
import run
from measure import BenchError, Row

class World:
    tools = {}

def measured(name, *rows, end=None):
    def made(world):
        for number in rows:
            yield Row(f"{name} {number}", 1.0, "peer", 4.0, 0.5)
        if end is not None:
            raise end
    return run.Group(made)

run.GROUPS = {
    "first": measured("first", 1),
    "second": measured("second", 1, 2, end=%s),
    "third": measured("third", 1),
}
results = run.Results(run.Path(%r), list(run.GROUPS))
for name in %r:
    print(run._measure(name, World(), results))
"""


def measure(path, names, end="None"):
    code = GROUPS % (end, str(path), names)
    return subprocess.run(
        [sys.executable, "-c", code], cwd=BENCH, capture_output=True, text=True, check=False
    )


def rows(path):
    lines = path.read_text().splitlines()
    return [line.split(" | ")[0][2:] for line in lines if " | peer | " in line]


def test_rows_of_groups_that_are_not_measured_stay(tmp_path):
    path = tmp_path / "RESULTS.md"
    assert measure(path, ["first", "third"]).returncode == 0
    before = path.read_text()
    assert measure(path, ["second"]).returncode == 0
    assert rows(path) == ["first 1", "second 1", "second 2", "third 1"]
    first, _, _ = before.partition("## third")
    assert path.read_text().startswith(first)


@pytest.mark.parametrize("end", ["KeyboardInterrupt()", "BenchError('no tool')"])
def test_what_was_measured_before_the_end_stays(tmp_path, end):
    path = tmp_path / "RESULTS.md"
    done = measure(path, ["first", "second", "third"], end)
    stopped = "Keyboard" in end
    assert rows(path)[:3] == ["first 1", "second 1", "second 2"]
    assert ("stopped after" in path.read_text()) == stopped
    assert ("Left out:" in path.read_text()) == (not stopped)
    if not stopped:
        assert rows(path)[3:] == ["third 1"]
        assert [line for line in done.stdout.splitlines() if line.isdigit()] == ["0", "2", "0"]


def test_a_peer_sits_out_when_its_ratio_is_known():
    code = """\
from measure import against
asked = {"far": 0, "near": 0}
ours = iter([9.0, 1.0, 2.0, 3.0, 1.0, 1.0, 1.0])

def peer(name, took):
    def timed():
        asked[name] += 1
        return took
    return timed

found = against(
    lambda: next(ours), {"far": peer("far", 30.0), "near": peer("near", 4.0)},
    {"far": 0.5, "near": 0.5}, 6,
)
print(asked, found)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=BENCH, capture_output=True, text=True, check=True
    )
    # The first round of all does not count; each ratio is of the rounds that both took part in.
    told = "{'far': 4, 'near': 7} {'far': (2.0, 30.0), 'near': (1.0, 4.0)}"
    assert done.stdout.strip() == told

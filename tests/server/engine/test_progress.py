"""What a build's log says of a step that takes long."""

from __future__ import annotations

from stead.server.engine.steps.world import SILENCE, Task


def test_what_takes_long_says_now_and_then_how_far_it_is(capsys):
    now = [100.0]
    task = Task("Fetching 2 conda packages", "B", lambda: now[0])
    task.total(30_000_000)
    for _ in range(int(3 * SILENCE)):
        now[0] += 1
        task.advance(500_000)
    assert capsys.readouterr().out.splitlines() == [
        "Fetching 2 conda packages",
        *(f"  {n}.0 of 30.0 MB" for n in (5, 10, 15)),
    ]


def test_what_is_quick_says_that_it_began_and_no_more(capsys):
    now = [0.0]
    task = Task("Linking conda packages", "packages", lambda: now[0])
    task.total(4)
    for _ in range(3):
        now[0] += SILENCE / 4
        task.advance()
    assert capsys.readouterr().out == "Linking conda packages\n"
    now[0] += SILENCE
    task.advance()
    assert capsys.readouterr().out == "  4 of 4 packages\n"

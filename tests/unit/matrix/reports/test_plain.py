"""The complete log in lines, and what stands at its end."""

from __future__ import annotations

import threading

from stead.matrix import reports
from stead.values.suite import CommandResult, Event, Result


def plain(told, **facts):
    _, where = reports.outlet({}, terminal=False, **facts)
    return reports.reporter("plain", told.parts.append, where)


def test_lines_bear_their_job_where_several_run(told, fed):
    one = plain(told, parallel=True)
    fed(one, ("a", "started"), ("b", "started"), ("a", "step", "pytest -q"))
    fed(one, ("a", "line", "first"), ("b", "line", "second"), ("a", "line", "third"))
    assert told.lines == ["a > pytest -q", "a | first", "b | second", "a | third"]


def test_lines_stay_as_they_are_where_one_runs(told, fed):
    one = plain(told)
    fed(one, ("a", "step", "pytest"), ("a", "line", "  \x1b[31mred\x1b[0m\ttab"))
    assert told.lines == ["a > pytest", "  \x1b[31mred\x1b[0m\ttab"]


def test_what_failed_is_shown_again_at_the_end(told, fed, results):
    one = plain(told, parallel=True)
    failed = next(r for r in results if r.status == "failed")
    fed(one, (failed.job, "line", "E   assert 1 == 2"), (failed.job, "done", failed))
    told.parts.clear()
    one.finish(results, 70)
    assert "── (wheel) py313: failed ──" in told.lines
    assert "E   assert 1 == 2" in told.lines
    assert told.lines[-1] == (
        "2 passed, 1 flaky, 1 skipped, 1 interrupted, 1 timeout, 1 failed in 1 min 10 s"
    )


def test_what_is_right_above_is_not_shown_again(told, fed, results):
    one = plain(told)
    failed = next(r for r in results if r.status == "failed")
    fed(one, (failed.job, "line", "E   assert 1 == 2"), (failed.job, "done", failed))
    one.finish([failed])
    assert told.text.count("assert 1 == 2") == 1


def test_without_a_log_the_last_lines_are_kept(told, fed):
    one = plain(told, parallel=True)
    fed(one, *(("a", "line", f"line {n}") for n in range(1000)))
    failed = Result("a", "cell", "failed", 1)
    fed(one, ("a", "done", failed))
    told.parts.clear()
    one.finish([failed])
    assert "line 999" in told.lines
    assert "line 800" in told.lines
    assert "line 799" not in told.lines


def test_of_a_huge_log_the_end_is_shown(told, tmp_path):
    log = tmp_path / "log"
    with log.open("wb") as file:
        file.write(b"noise \xff\xfe noise\n" * 2_000_000)
        file.write("the end: näh\n".encode())
    one = plain(told, parallel=True)
    one.finish([Result("a", "cell", "failed", 1, log=str(log))])
    assert len(told.text) < 400_000
    assert "the end: näh" in told.lines
    assert f"bytes before this: {log}]" in told.text
    assert "\udcff" not in told.text


def test_nothing_to_run(told):
    plain(told).finish([])
    assert told.lines[-1] == "nothing to run in 0.0 s"


def test_output_that_is_not_text_can_be_written(told, fed):
    one = plain(told, parallel=True)
    fed(one, ("a", "line", "bad \udcff byte"))
    told.text.encode("utf-8")
    assert told.lines == ["a | bad \ufffd byte"]


def test_an_outlet_of_ascii_gets_ascii(told, results):
    plain(told, encoding="ANSI_X3.4-1968", parallel=True).finish(results)
    assert told.text.isascii()
    assert "-- (wheel) py313: failed --" in told.lines


def test_nobody_listening_stops_nothing(fed, results):
    def closed(_text):
        raise BrokenPipeError

    _, where = reports.outlet({}, terminal=False)
    one = reports.reporter("plain", closed, where)
    fed(one, ("a", "line", "text"))
    one.finish(results)


def test_lines_of_several_threads_are_whole(told):
    one = plain(told, parallel=True)

    def write(job):
        for n in range(300):
            one.event(Event(job, "line", 1.0, text=f"{n} " + "x" * 50))

    threads = [threading.Thread(target=write, args=(f"job{n}",)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(told.lines) == 1800
    assert {line.partition(" ")[0] for line in told.lines} == {f"job{n}" for n in range(6)}
    assert all(line.endswith("x" * 50) for line in told.lines)


def test_packages_and_environments_are_told_apart_from_cells(told, fed):
    one = plain(told, parallel=True)
    fed(one, ("wheel", "line", "building"), kind="build")
    fed(one, ("py312", "line", "making"), kind="environment")
    assert told.lines == ["package wheel | building", "environment py312 | making"]


def test_a_build_that_failed_is_shown_at_the_end(told, fed):
    one = plain(told, parallel=True)
    failed = Result("wheel", "build", "failed", 1, commands=(CommandResult(("cc",), -11, 1),))
    fed(one, ("wheel", "line", "boom"), ("wheel", "done", failed), kind="build")
    told.parts.clear()
    one.finish([failed])
    assert "── package wheel: failed ──" in told.lines
    assert "boom" in told.lines
    assert any("ended by SIGSEGV: cc" in line for line in told.lines)


def test_a_retry_is_told(told, fed):
    one = plain(told)
    fed(one, ("a", "retry", "2 of 3"))
    assert told.lines == ["a: again: 2 of 3"]


def test_what_a_build_says_belongs_to_the_complete_log_alone(told, fed):
    said = (("sdist", "detail", "adding 'a.py'"), ("sdist", "line", "error: no"))
    fed(plain(told), *said, kind="build")
    assert told.lines == ["adding 'a.py'", "error: no"]
    told.parts.clear()
    _, terminal = reports.outlet({"TERM": "xterm"}, terminal=True)
    fed(reports.reporter("plain", told.parts.append, terminal), *said, kind="build")
    assert told.lines == ["error: no"]

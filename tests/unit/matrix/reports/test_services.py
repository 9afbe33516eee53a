"""Logs that CI services fold, annotations, and the summary of a job."""

from __future__ import annotations

import re

import pytest

from stead.matrix import reports
from stead.matrix.reports import github
from stead.matrix.reports.facts import About
from stead.values.origin import Origin
from stead.values.suite import Result


def on(service, told, about=None, **facts):
    variable = {"github": "GITHUB_ACTIONS", "gitlab": "GITLAB_CI"}[service]
    style, where = reports.outlet({variable: "true"}, terminal=False, **facts)
    return reports.reporter(style, told.parts.append, where, about)


def test_one_at_a_time_is_folded_as_it_runs(told, fed):
    one = on("github", told)
    fed(one, ("a", "started"), ("a", "step", "pytest"), ("a", "line", "out"))
    assert told.lines == ["::group::a", "a > pytest", "out"]
    fed(one, ("a", "done", Result("a", "cell", "passed", 2)))
    assert told.lines[3:] == ["::endgroup::", "a: passed in 2.0 s"]


def test_several_are_folded_one_after_the_other(told, fed, tmp_path):
    one = on("github", told, parallel=True)
    for job in "ab":
        (tmp_path / job).write_text(f"output of {job}\nmore of {job}\n")
    fed(one, ("a", "started"), ("b", "started"), ("a", "line", "output of a"))
    fed(one, ("b", "line", "output of b"), ("a", "line", "more of a"))
    assert told.text == ""
    for job in "ba":
        fed(one, (job, "done", Result(job, "cell", "passed", 2, log=str(tmp_path / job))))
    assert told.lines == [
        "::group::b: passed in 2.0 s", "output of b", "more of b", "::endgroup::",
        "::group::a: passed in 2.0 s", "output of a", "more of a", "::endgroup::",
    ]  # fmt: skip


def test_the_log_of_several_is_complete(told, fed, tmp_path):
    one = on("github", told, parallel=True)
    log = tmp_path / "log"
    log.write_text(
        "".join(f"line {n}\n" for n in range(50_000)) + "without an end \udcff",
        errors="surrogateescape",
    )
    fed(one, ("a", "done", Result("a", "cell", "failed", 2, log=str(log))))
    assert told.lines[1:-1] == [*(f"line {n}" for n in range(50_000)), "without an end \ufffd"]


def test_sections_of_gitlab_have_names_that_it_admits(told, fed):
    one = on("gitlab", told)
    name = "(wheel) pÿ312 " + "x" * 200
    fed(
        one,
        (name, "started"),
        (name, "line", "out"),
        (name, "done", Result(name, "cell", "passed", 1)),
    )
    start = re.search(
        r"\x1b\[0Ksection_start:(\d+):([\w.-]+)\[collapsed=true\]\r\x1b\[0K(.*)\n",
        told.text,
        re.ASCII,
    )
    end = re.search(r"\x1b\[0Ksection_end:(\d+):([\w.-]+)\r\x1b\[0K\n", told.text, re.ASCII)
    assert start
    assert end
    assert start[2] == end[2]
    assert start[3] == name
    assert int(end[1]) >= int(start[1])


def test_two_jobs_with_one_name_have_sections_of_their_own(told, fed):
    one = on("gitlab", told)
    for kind in ("environment", "cell"):
        fed(one, ("a", "started"), ("a", "done", Result("a", kind, "passed", 1)), kind=kind)
    names = re.findall(r"section_start:\d+:([^\[]+)", told.text)
    assert len(set(names)) == 2


@pytest.mark.parametrize("character", ["%", "\r", "\n", ":", ","])
def test_escaping_of_workflow_commands(character):
    import urllib.parse

    value = f"50{character}25{character}"
    assert urllib.parse.unquote(github.attribute(value)) == value
    assert character not in github.attribute(value).replace("%", "", 2) or character == "%"
    assert urllib.parse.unquote(github.data(value)) == value


def about(tmp_path, **origins):
    return About(str(tmp_path), "tox.ini", "thing", origins, 1.7e9, 12)


def test_a_failure_is_placed_at_its_test(tmp_path, results):
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_a.py").write_text("\n\nassert 1 == 2\n")
    said = github.commands(results, about(tmp_path))
    assert (
        "::error file=tests/test_a.py,line=3,title=(wheel) py313::AssertionError in (wheel) py313"
        in said
    )


def test_without_a_test_a_failure_is_placed_at_its_environment(tmp_path, results):
    origin = Origin(str(tmp_path / "a,b" / "tox.ini"), 7)
    said = github.commands(results, about(tmp_path, py313=origin))
    assert (
        "::error file=a%2Cb/tox.ini,line=7,title=(wheel) py313::"
        "(wheel) py313 failed: exit code 1: pytest -k 'a b'" in said
    )


def test_a_place_outside_of_the_project_is_not_named(tmp_path):
    log = tmp_path / "log"
    log.write_text(f"{__file__}:3: AssertionError\n../test_a.py:3: Error\nC:/x.py:3: Error\n")
    inside = tmp_path / "project"
    inside.mkdir()
    failed = Result("a", "cell", "failed", 1, log=str(log))
    assert github.commands([failed], about(inside)) == ["::error file=tox.ini,title=a::a failed"]


def test_a_flaky_cell_is_a_warning(tmp_path, results):
    said = [x for x in github.commands(results, about(tmp_path)) if x.startswith("::warning")]
    assert len(said) == 1
    assert said[0].endswith("::(sdist) py312 is flaky: passed at attempt 2")


def test_of_many_annotations_the_last_says_how_many_are_missing(tmp_path):
    many = [Result(f"a{n}", "cell", "failed", 1) for n in range(500)]
    said = github.commands(many, about(tmp_path))
    assert len(said) == 10
    assert said[-1] == "::error::491 more: see the log's end"


def test_a_reason_of_many_lines_stays_one_command(tmp_path):
    failed = Result("a", "cell", "failed", 1, reason="one\n::error::two\r\n100%")
    assert github.commands([failed], about(tmp_path)) == [
        "::error file=tox.ini,title=a::a failed: one ::error::two 100%25"
    ]


def test_annotations_stand_at_the_end_of_the_log(told, tmp_path, results):
    one = on("github", told, about(tmp_path))
    one.finish(results, 12)
    assert [line for line in told.lines if line.startswith("::error")] == [
        line for line in github.commands(results, about(tmp_path)) if line.startswith("::error")
    ]


def test_summary_of_a_job(tmp_path, results):
    said = github.job_summary(results, about(tmp_path)).splitlines()
    assert said[0].startswith("### thing: 2 passed, 1 flaky")
    assert said[4] == "| ❌ failed | (wheel) py313 | 2.6 s | exit code 1: pytest -k &#39;a b&#39; |"
    assert all(line.count("|") == 5 for line in said[2:-3])
    assert said[-1] == "environments: 1 made"


def test_what_markdown_and_html_mean_is_escaped(tmp_path):
    bad = Result(
        "a|b", "cell", "failed", 1, reason="<script>`x`</script> *b* [l](u) @someone\n| c |"
    )
    row = github.job_summary([bad], about(tmp_path)).splitlines()[4]
    assert "<" not in row
    assert len(re.findall(r"(?<!\\)\|", row)) == 5
    assert "\\`x\\`" in row
    assert "\\@someone" in row


def test_a_summary_fits_what_the_service_takes(tmp_path):
    many = [Result(f"a{n}", "cell", "failed", 1, reason="é" * 4000) for n in range(2000)]
    said = github.job_summary(many, about(tmp_path))
    assert len(said.encode()) <= github.SUMMARY_BYTES
    assert re.search(r"\n\d+ lines more did not fit\.\n$", said)


def test_a_summary_of_nothing(tmp_path):
    assert github.job_summary([], about(tmp_path)).startswith("### thing: nothing to run")

"""JUnit XML: what is in it, and that its readers accept it."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
import tomllib
import urllib.request
from xml.etree import ElementTree as ET

import pytest
from uv import find_uv_bin

from stead.matrix.reports import junit
from stead.matrix.reports.facts import About
from stead.values.suite import CommandResult, Result

ABOUT = About("/root", "tox.ini", "thing & <co>", {}, 1.7e9, 12.5, "host", "1")


def read(results, about=ABOUT):
    return ET.fromstring(junit.report(results, about).encode())


def cases(root):
    return {(c.get("classname"), c.get("name")): c for c in root.iter("testcase")}


def test_a_suite_for_each_package_and_a_case_for_each_cell(results):
    root = read(results)
    assert root.get("name") == "thing & <co>"
    assert root.get("time") == "12.500"
    assert [s.get("name") for s in root] == ["wheel", "no package", "sdist"]
    assert set(cases(root)) == {
        ("wheel", "py312"), ("wheel", "py313"), ("sdist", "py312"),
        ("no package", "py27"), ("no package", "slow"), ("no package", "docs"), ("no package", "lint"),
    }  # fmt: skip
    assert root[0].get("timestamp") == "2023-11-14T22:13:20"


def test_numbers_agree_with_what_is_there(results):
    root = read(results)
    for suite in root:
        assert int(suite.get("tests")) == len(suite)
        assert int(suite.get("failures")) == len(list(suite.iter("failure")))
        assert int(suite.get("skipped")) == len(list(suite.iter("skipped")))
    assert int(root.get("tests")) == sum(len(suite) for suite in root)
    assert int(root.get("failures")) == 3


def test_how_each_status_is_told(results):
    found = cases(read(results))
    assert [e.tag for e in found["wheel", "py312"]] == []
    failure, out = found["wheel", "py313"]
    assert (failure.tag, failure.get("type")) == ("failure", "failed")
    assert failure.get("message") == "exit code 1: pytest -k 'a b'"
    assert "E   assert 1 == 2" in out.text
    assert found["no package", "py27"][0].get("message") == "no interpreter answers py27"
    assert found["sdist", "py312"][0].tag == "flakyFailure"
    assert found["no package", "slow"][0].get("type") == "timeout"
    assert found["no package", "docs"][0].get("type") == "interrupted"


def test_output_of_any_bytes_is_well_formed(tmp_path):
    log = tmp_path / "log"
    log.write_bytes(bytes(range(256)) * 3 + b"]]> &amp; <![CDATA[ \x1b[31mred\x1b[0m\nlast\n")
    bad = Result(
        "(w\x01) \udcff<'\">", "cell", "failed", 1, log=str(log), reason="a\nb\x00\ufffe",
        environment="\udcff<'\">", definition="w\x01",
        commands=(CommandResult(("pytest", "\x02\n"), -9, 1),),
    )  # fmt: skip
    root = read([bad], About(name="\x0b"))
    out = root.find(".//system-out").text
    assert "]]> &amp; <![CDATA[ red\nlast" in out
    assert root.find(".//testcase").get("name") == "\ufffd<'\">"


def test_huge_logs_are_cut_at_their_beginning(tmp_path):
    log = tmp_path / "log"
    log.write_bytes(b"x" * 99 + b"\n" + b"noise\n" * 1_000_000 + b"the end\n")
    out = read([Result("a", "cell", "failed", 1, log=str(log))]).find(".//system-out").text
    assert len(out) < junit.LOG_BYTES + 100
    assert out.startswith("[")
    assert " bytes before this]\n" in out
    assert out.endswith("the end\n")


def test_five_hundred_huge_logs_stay_within_what_all_get(tmp_path):
    log = tmp_path / "log"
    log.write_bytes(b"noise noise noise noise\n" * 100_000)
    many = [Result(f"a{n}", "cell", "failed", 1, log=str(log)) for n in range(500)]
    assert len(junit.report(many, ABOUT)) < junit.ALL_LOGS_BYTES * 1.1


def test_no_results_are_a_report_too():
    root = read([])
    assert (root.tag, root.get("tests"), len(root)) == ("testsuites", "0", 0)


def test_what_could_not_be_built_is_a_case():
    root = read([Result("wheel", "build", "failed", 1, reason="no artifact", definition="wheel")])
    assert cases(root)["packages", "wheel"][0].get("message") == "no artifact"


@pytest.fixture(scope="module")
def jenkins(tmp_path_factory):
    """The schema that Jenkins publishes, from a source distribution that brings it for its tests."""
    import xmlschema

    directory = tmp_path_factory.mktemp("pytest")
    argv = [find_uv_bin(), "pip", "compile", "-", "--no-deps", "--format", "pylock.toml", "-q"]
    home = {**os.environ, "UV_CACHE_DIR": str(directory / "cache")}
    done = subprocess.run(
        argv, input="pytest", capture_output=True, text=True, check=True, env=home
    )
    (package,) = tomllib.loads(done.stdout)["packages"]
    with urllib.request.urlopen(package["sdist"]["url"], timeout=60) as answer:
        archive = tarfile.open(fileobj=io.BytesIO(answer.read()))  # noqa: SIM115
    with archive:
        name = next(n for n in archive.getnames() if n.endswith("/junit-10.xsd"))
        return xmlschema.XMLSchema(archive.extractfile(name).read().decode())


@pytest.mark.network
def test_reports_are_valid_by_the_schema_that_jenkins_publishes(jenkins, results, tmp_path):
    log = tmp_path / "log"
    log.write_bytes(bytes(range(256)) * 100)
    many = [
        Result(f"(wheel) py{n}", "cell", status, n * 1234.5678, log=str(log), attempts=n)
        for n in range(100)
        for status in ("passed", "failed", "skipped", "flaky", "interrupted", "timeout")
    ]
    broken = [Result("wheel", "build", "failed"), Result("py312", "environment", "interrupted")]
    for told in (results, many, broken, []):
        jenkins.validate(junit.report(told, ABOUT))
    with pytest.raises(Exception, match="testcase"):
        jenkins.validate('<testsuites><testsuite name="a" tests="1" failures="0" errors="0">'
                         '<testcase/></testsuite></testsuites>')  # fmt: skip

"""The JSON report, under its schema."""

from __future__ import annotations

import json

import jsonschema
import pytest

from stead.matrix.reports import as_json, summary
from stead.matrix.reports.facts import About
from stead.values.origin import Origin
from stead.values.suite import CommandResult, Result

ABOUT = About(
    "/project", "tox.ini", "thing", {"py313": Origin("/project/tox.ini", 7)}, 1.7e9, 12.5, "host", "1"
)  # fmt: skip


def read(results):
    said = json.loads(as_json.report(results, ABOUT))
    jsonschema.Draft202012Validator.check_schema(as_json.schema())
    jsonschema.validate(said, as_json.schema())
    return said


def test_what_is_in_it(results):
    said = read(results)
    assert said["version"] == 1
    assert said["passed"] is False
    assert said["started"] == "2023-11-14T22:13:20Z"
    assert said["counts"] == {
        "passed": 2, "failed": 1, "skipped": 1, "flaky": 1, "timeout": 1, "interrupted": 1
    }  # fmt: skip
    assert [one["job"] for one in said["builds"]] == ["wheel-cpython312", "sdist"]
    assert [one["job"] for one in said["environments"]] == ["py312"]
    failed = next(one for one in said["cells"] if one["status"] == "failed")
    assert failed["origin"] == "tox.ini:7"
    assert failed["commands"] == [
        {"arguments": ["pytest", "-k", "a b"], "code": 1, "seconds": 2.5, "ignored": False}
    ]


def test_paths_in_the_project_are_relative():
    said = read([Result("a", "cell", "failed", log="/project/.tox/a/log/1.log"),
                 Result("b", "cell", "failed", log="/elsewhere/1.log")])  # fmt: skip
    assert [one["log"] for one in said["cells"]] == [".tox/a/log/1.log", "/elsewhere/1.log"]


def test_no_results():
    said = read([])
    assert said["passed"] is True
    assert said["counts"] == {}


def test_text_that_is_not_text():
    said = read([Result("\udcff", "cell", "failed", commands=(CommandResult(("\udc80",), 1, 0),))])
    assert said["cells"][0]["job"] == "\ufffd"


def test_every_field_that_is_written_has_a_description(results):
    said = read(results)
    schema = as_json.schema()
    assert set(said) == set(schema["properties"])
    assert set(said["cells"][0]) == set(schema["$defs"]["results"]["items"]["properties"])
    assert set(said["cells"][1]["commands"][0]) == set(
        schema["$defs"]["commands"]["items"]["properties"]
    )


@pytest.mark.parametrize("status", summary.STATUSES)
def test_each_status_is_in_the_schema(status):
    assert read([Result("a", "cell", status)])["cells"][0]["status"] == status


def test_the_schema_refuses_what_is_wrong(results):
    said = read(results)
    said["cells"][0]["status"] = "fine"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(said, as_json.schema())

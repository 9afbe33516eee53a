"""What there is to test as listings, keys, plans and CI matrices."""

from __future__ import annotations

import json

import jsonschema
import pytest
import yaml

from stead.matrix import ci, keys, listing, planning
from stead.matrix.asking import Wanted
from stead.matrix.schemas import LISTING, PLAN, SCHEMAS
from stead.values.errors import UsageError

TOX = """\
[tox]
env_list = py3{9,12}, osx, lint
requires = tox-gone
[testenv]
description = runs  the
  tests
deps = pytest
commands = pytest {posargs}
package = wheel
[testenv:osx]
platform = darwin
[testenv:lint]
skip_install = true
labels = quick
depends = py312
commands = - ruff check "a b"
[testenv:docs]
package = skip
"""
LAYERS = """\
[package.wheel]
description = "as on the index"
[package.conda]
match = "nowhere"
[package.sdist]
match = "lint"
[test]
environments = "py312-{venv,conda}-unit, osx-unit"
[layer.unit]
commands = [["pytest"]]
[layer.lint]
commands = [["ruff", "check"]]
package = false
depends = "unit"
"""


def fits(schema, value):
    """Hold a value to its schema, which must name all that is in it."""
    jsonschema.validate(value, schema)

    def look(schema, value, path):
        if schema.get("type") == "object":
            assert set(value) == set(schema["properties"]), path
            for name, one in schema["properties"].items():
                look(one, value[name], f"{path}.{name}")
        elif schema.get("type") == "array":
            for one in value:
                look(schema["items"], one, path)

    look(schema, value, "")


def shown(made, **more):
    from stead.matrix import describe

    plan = describe.plan(made.suite, made.asked, everything=made.asked.wanted.nothing)
    return list(listing.lines(made.suite, plan)), listing.table(made.suite, plan)


def test_a_listing_of_tox_files(tests):
    lines, table = shown(tests.ask(files={"tox.ini": TOX, "setup.py": ""}, whole=False))
    assert lines == [
        "by default:",
        "  py39   none    runs the tests  [fails: no interpreter answers py39]",
        "  py312  3.12.1  runs the tests",
        (
            "  osx    3.11.1  runs the tests  "
            "[skipped: it is for the platform darwin, and this is linux]"
        ),
        "  lint   3.11.1  runs the tests",
        "besides these:",
        "  docs   3.11.1  runs the tests",
        "notes:",
        "  tox.ini:3: requires names tox-gone, a plugin that Stead does not have",
        "    → what it adds to the configuration does not take effect",
    ]
    fits(LISTING, table)
    first = table["environments"][0]
    assert (first["missing"], first["skip"], first["cells"][0]["skip"]) == ("py39", "", "")
    assert first["where"] == f"{tests.root}/tox.ini:4"
    assert table["environments"][3]["where"] == f"{tests.root}/tox.ini:12"


def test_a_listing_of_layers_names_what_fits_nothing(tests):
    made = tests.ask(files={"stead.toml": LAYERS}, whole=False)
    lines, table = shown(made)
    assert lines == [
        "by default:",
        "  (wheel) py312-venv-unit   3.12.1",
        "  (wheel) py312-conda-unit  conda",
        "  (wheel) osx-unit          none    [skipped: it is for darwin, and this is linux]",
        "besides these:",
        "  (wheel) unit              3.11.1",
        "  lint                      3.11.1",
        "packages:",
        "  wheel  built once for each of cpython312, cpython311; as on the index",
        f"  conda  fits no environment at all ({tests.root}/stead.toml:3)",
        f"  sdist  fits no environment at all ({tests.root}/stead.toml:5)",
    ]
    fits(LISTING, table)
    assert [p["unmatched"] for p in table["packages"]] == [False, True, True]


def test_a_listing_of_some(tests):
    made = tests.ask("lint", files={"stead.toml": LAYERS}, whole=False)
    lines, table = shown(made)
    assert lines[:2] == ["besides these:", "  lint  3.11.1"]
    assert "  wheel  fits none of these environments, and is not built for them" in lines
    assert [e["name"] for e in table["environments"]] == ["lint"]


# -- keys


def test_every_key_under_its_name(tests):
    tests.ask(files={"tox.ini": TOX, "setup.py": ""}, whole=False)
    found = keys.evaluated(tests.asked, tests.context)
    assert list(found) == ["env", "tox"]
    assert list(found["env"])[:5] == ["py39", "py312", "osx", "lint", "docs"]
    lint = found["env"]["lint"]
    assert lint["commands"] == ["- ruff check 'a b'"]
    assert (lint["labels"], lint["depends"], lint["skip_install"]) == (["quick"], ["py312"], True)
    assert lint["set_env"]["TOX_ENV_NAME"] == "lint"
    assert found["tox"]["env_list"] == ["py39", "py312", "osx", "lint"]
    assert found["env"][".pkg"]["package_root"] == str(tests.root)
    assert json.loads(keys.as_json(found)) == found
    text = keys.as_text(found)
    assert "[env lint]\n" in text
    assert "\ncommands =\n    - ruff check 'a b'\n" in text
    assert "\nskip_install = true\n" in text


def test_a_wrong_value_does_not_hide_the_others(tests):
    tests.ask(files={"tox.ini": "[testenv:a]\nrecreate = perhaps\n"}, whole=False)
    found = keys.evaluated(tests.asked, tests.context)["env"]["a"]
    assert "neither true nor false" in found["recreate"]["error"]
    assert found["env_name"] == "a"
    assert found["base"] == ["testenv"]


def test_keys_of_layers(tests):
    tests.ask(files={"stead.toml": LAYERS}, whole=False)
    found = keys.evaluated(tests.asked, tests.context)
    one = found["env"]["py312-conda-unit"]
    assert (one["kind"], one["commands"]) == ("conda", ["pytest"])
    assert one["requirements"] == ["python ==3.12.*"]
    assert json.loads(keys.as_json(found)) == found


# -- plans


def test_a_plan_says_each_step_with_its_reason(tests):
    backend = "[build-system]\nrequires = []\nbuild-backend = 'b'\nbackend-path = ['.']\n"
    made = tests.ask(files={"stead.toml": LAYERS, "pyproject.toml": backend, "b.py": ""})
    plan = planning.steps(made.asked, tests.context)
    fits(PLAN, plan)
    assert [s["id"] for s in plan["steps"]] == [
        "build wheel-cpython312",
        "environment (wheel) py312-venv-unit",
        "run (wheel) py312-venv-unit",
        "environment (wheel) py312-conda-unit",
        "run (wheel) py312-conda-unit",
        "run (wheel) osx-unit",
    ]
    build, environment, run = plan["steps"][:3]
    assert build["serves"] == ["(wheel) py312-venv-unit", "(wheel) py312-conda-unit"]
    assert build["reason"] == "needed by (wheel) py312-venv-unit, (wheel) py312-conda-unit"
    assert environment["after"] == [build["id"]]
    assert (len(build["key"]), build["reused"], build["decided_later"]) == (20, False, [])
    assert not environment["key"]
    assert environment["decided_later"] == [
        "the key: it depends on what the package asks for once it is built"
    ]
    assert run["after"] == [environment["id"]]
    assert run["commands"] == [["pytest"]]
    assert plan["steps"][5]["skip"] == "it is for darwin, and this is linux"
    assert plan["unmatched"] == ["conda", "sdist"]
    assert "  1  build wheel-cpython312" in planning.lines(plan)


def test_identical_environments_are_one_step(tests):
    layers = """\
[layer.a]
commands = [["true"]]
[layer.b]
commands = [["false"]]
"""
    made = tests.ask(files={"stead.toml": layers})
    plan = planning.steps(made.asked, tests.context)
    fits(PLAN, plan)
    assert [s["id"] for s in plan["steps"]] == ["environment a", "run a", "run b"]
    assert plan["steps"][0]["serves"] == ["a", "b"]
    assert len(plan["steps"][0]["key"]) == 20
    assert plan["steps"][2]["after"] == ["environment a"]


def test_reasons(tests):
    def reason(*names, **more):
        made = tests.ask(files={"tox.ini": TOX}, wanted=Wanted(names, **more))
        steps = planning.steps(made.asked, tests.context)["steps"]
        return next(s["reason"] for s in steps if s["id"] == "run lint")

    assert reason() == "it runs where nothing else is asked for"
    assert reason("lint") == "it was asked for by name"
    assert reason("ALL") == "all environments were asked for"
    assert reason(labels=("quick",)) == "it bears the label quick"
    assert reason(factors=("lint",)) == "its name has the factors asked for"


def test_an_interpreter_that_is_missing_fails_in_the_plan(tests):
    made = tests.ask("py39", files={"tox.ini": TOX})
    (*_, run) = planning.steps(made.asked, tests.context)["steps"]
    assert (run["reason"], run["skip"]) == ("it fails: no interpreter answers py39", "")


# -- CI


def test_a_matrix_for_github(tests):
    made = tests.ask(files={"tox.ini": TOX, "setup.py": ""}, whole=False)
    text = ci.jobs("github", made.asked, tests.context)
    assert "\n" not in text
    jobs = json.loads(text)["include"]
    assert [(j["name"], j["python"], j["os"], j["package"], j["arguments"]) for j in jobs] == [
        ("py39", "3.9", "ubuntu-latest", "wheel", "py39"),
        ("py312", "3.12", "ubuntu-latest", "wheel", "py312"),
        ("osx", "3.11", "macos-latest", "wheel", "osx"),
        ("lint", "3.11", "ubuntu-latest", "", "lint"),
    ]


def test_a_matrix_for_gitlab(tests):
    made = tests.ask(files={"tox.ini": TOX, "setup.py": ""}, whole=False)
    jobs = yaml.safe_load(ci.jobs("gitlab", made.asked, tests.context))
    assert list(jobs) == ["test py39", "test py312", "test osx", "test lint"]
    assert jobs["test lint"]["needs"] == ["test py312"]
    assert jobs["test py39"] == {
        "stage": "test",
        "variables": {"TEST_PYTHON": "3.9", "TEST_SYSTEM": "linux"},
        "script": ["stead test py39"],
        "needs": [],
    }


def test_cells_of_layers_are_jobs(tests):
    made = tests.ask("ALL", files={"stead.toml": LAYERS + "[package.extra]\nbuilder = 'sdist'\n"})
    jobs = json.loads(ci.jobs("github", made.asked, tests.context))["include"]
    assert [(j["name"], j["python"], j["os"], j["arguments"]) for j in jobs[2:5]] == [
        ("(wheel) py312-conda-unit", "", "ubuntu-latest", "py312-conda-unit --package wheel"),
        ("(extra) py312-conda-unit", "", "ubuntu-latest", "py312-conda-unit --package extra"),
        ("(wheel) osx-unit", "3.11", "macos-latest", "osx-unit --package wheel"),
    ]
    assert yaml.safe_load(ci.jobs("gitlab", made.asked, tests.context)).keys() == {
        f"test {j['name']}" for j in jobs
    }


def test_more_jobs_than_github_holds(tests):
    made = tests.ask(files={"tox.ini": "[tox]\nenvlist = a{0-256}\n"}, whole=False)
    with pytest.raises(UsageError, match="holds 256 jobs, and these are 257"):
        ci.jobs("github", made.asked, tests.context)
    assert len(yaml.safe_load(ci.jobs("gitlab", made.asked, tests.context))) == 257


def test_schemas_are_schemas():
    for schema in SCHEMAS.values():
        jsonschema.Draft7Validator.check_schema(schema)


def test_a_plan_ends_with_notes(tests):
    ini = "[tox]\nenv_list = lint\n[testenv]\nskip_install = true\ndepends = lnt\n"
    made = tests.ask(whole=False, files={"tox.ini": ini})
    said = list(planning.lines(planning.steps(made.asked, made.context)))
    assert said[-2:] == [
        f"note: {made.root}/tox.ini:5: lint waits for lnt, which is no environment",
        "  → did you mean lint?",
    ]

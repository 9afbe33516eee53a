"""`stead.project`, in the interpreters of projects, where Stead is not installed."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import stead.project as project_module
from stead.config import quantities, types
from stead.config.project import Described, Description
from stead.config.project import text as description_text
from stead.store.runtime import runtime_directory
from stead.values.kinds import TYPES, Type
from stead.values.platform import platform_of

PLACE = Description(
    root="/w",
    place="/w/p",
    environment="dev",
    variables=(
        Described("LEVEL", "enum"),
        Described("NOTHING", "str"),
        Described("OPTIONS", "json"),
        Described("PG_PASSWORD", "secret", secret=True),
        Described("PG_POOL", "int"),
        Described("PG_URL", "url", secret=True),
        Described("RATIO", "float"),
        Described("SCANS", "data"),
        Described("SEARCH", "paths"),
        Described("SPACE", "bytes"),
        Described("TIMEOUT", "duration"),
        Described("VERBOSE", "bool"),
        Described("WEB_PORT", "port"),
        Described("WORK", "path"),
    ),
    paths=(("raw", "/w/p/data/raw"), ("raw-data", "/w/p/data/rå w")),
    data=(("scans", "/srv/scans"),),
    modules=(("pgstore", "/w/libs/pgstore"),),
)
VALUES = {
    "LEVEL": "info",
    "OPTIONS": '{"a":[1,null]}',
    "PG_PASSWORD": "hunter2",
    "PG_POOL": "40",
    "PG_URL": "postgres://u:hunter2@db/x",
    "RATIO": "0.5",
    "SCANS": "/srv/scans",
    "SEARCH": "/a:/b c",
    "SPACE": "1073741824",
    "TIMEOUT": "1500ms",
    "VERBOSE": "false",
    "WEB_PORT": "8080",
    "WORK": "/w/p/work",
}

SHOW = """
import json, pathlib
from stead import project
def show(value):
    return [type(value).__name__, str(value)]
names = list(project.vars)
print(json.dumps({
    "vars": {name: show(project.vars[name]) for name in names},
    "attributes": {name: show(getattr(project.vars, name)) for name in names},
    "search": [str(p) for p in project.vars.SEARCH],
    "options": project.vars.OPTIONS,
    "paths": {name: str(path) for name, path in project.paths.items()},
    "raw": show(project.paths.raw)[1],
    "data": show(project.data.scans)[1],
    "modules": show(project.modules["pgstore"])[1],
    "where": [str(project.root), str(project.place), project.environment],
    "same": dict(project.paths) == dict(project.paths.items()),
    "kinds": [isinstance(p, pathlib.Path) for p in (project.paths.raw, project.root)],
}))
"""


def test_every_type_arrives_as_declared(python, ask):
    said = ask(python, SHOW, PLACE, **VALUES)
    assert said["vars"] == said["attributes"]
    path = said["vars"]["WORK"][0]
    assert path in ("PosixPath", "WindowsPath")
    assert said["vars"] == {
        "LEVEL": ["str", "info"],
        "OPTIONS": ["dict", "{'a': [1, None]}"],
        "PG_PASSWORD": ["Secret", "hunter2"],
        "PG_POOL": ["int", "40"],
        "PG_URL": ["Secret", "postgres://u:hunter2@db/x"],
        "RATIO": ["float", "0.5"],
        "SCANS": [path, "/srv/scans"],
        "SEARCH": ["list", said["vars"]["SEARCH"][1]],
        "SPACE": ["int", "1073741824"],
        "TIMEOUT": ["timedelta", "0:00:01.500000"],
        "VERBOSE": ["bool", "False"],
        "WEB_PORT": ["int", "8080"],
        "WORK": [path, "/w/p/work"],
    }
    assert said["search"] == ["/a", "/b c"]
    assert said["options"] == {"a": [1, None]}


def test_paths_data_modules_and_where_it_is(python, ask):
    said = ask(python, SHOW, PLACE, **VALUES)
    assert said["paths"] == {"raw": "/w/p/data/raw", "raw-data": "/w/p/data/rå w"}
    assert said["raw"] == "/w/p/data/raw"
    assert said["data"] == "/srv/scans"
    assert said["modules"] == "/w/libs/pgstore"
    assert said["where"] == ["/w", "/w/p", "dev"]
    assert said["same"] is True
    assert said["kinds"] == [True, True]


MISTAKES = """
import json
from stead import project
from stead.project import UnknownNameError
said = []
for wrong in (
    lambda: project.vars.PG_POL,
    lambda: project.vars["pg_pool"],
    lambda: project.paths["rwa"],
    lambda: project.data.scan,
    lambda: project.vars["NOTHING"],
    lambda: project.enviroment,
):
    try:
        wrong()
    except UnknownNameError as exc:
        assert isinstance(exc, KeyError) and isinstance(exc, AttributeError)
        said.append(str(exc))
print(json.dumps(said + [getattr(project.vars, "PG_POL", "default"), project.vars.get("NOTHING"),
      "NOTHING" in project.vars, "PG_POOL" in project.vars, len(project.paths)]))
"""


def test_a_misspelt_name_is_an_error_with_the_nearest(python, ask):
    assert ask(python, MISTAKES, PLACE, **VALUES) == [
        "the project has no variable 'PG_POL'; did you mean 'PG_POOL'?",
        "the project has no variable 'pg_pool'; did you mean 'PG_POOL'?",
        "the project has no path 'rwa'; did you mean 'raw'?",
        "the project has no data 'scan'; did you mean 'scans'?",
        "the variable NOTHING is declared, but has no value here",
        "stead.project has no 'enviroment'; did you mean 'environment'?",
        "default",
        None,
        False,
        True,
        2,
    ]


def test_the_end_of_a_traceback_says_it_once(python, run):
    done = run(python, "from stead import project; project.vars.PG_POL", PLACE, **VALUES)
    assert done.returncode == 1
    assert done.stderr.count("mean") == 1


def test_a_secret_shows_nothing_unless_it_is_used(python, ask, run):
    code = """
import json
from stead import project
held = {"vars": dict(project.vars), "one": project.vars.PG_PASSWORD}
print(json.dumps([repr(held), "%r" % project.vars.PG_URL, f"{project.vars.PG_PASSWORD!r}",
                  repr(project.vars), project.vars.PG_PASSWORD + "!"]))
"""
    *shown, used = ask(python, code, PLACE, **VALUES)
    assert used == "hunter2!"
    assert "hunter2" not in "".join(shown)
    number = Description("/w", "/w/p", "dev", (Described("N", "int", secret=True),))
    done = run(python, "from stead import project; project.vars.N", number, N="hunter2")
    assert "its value is no int" in done.stderr
    assert "hunter2" not in done.stderr


def test_a_value_that_is_not_of_its_type_names_the_variable(python, run):
    done = run(python, "from stead import project; project.vars.PG_POOL", PLACE, PG_POOL="many")
    assert "ValueOfError: the variable PG_POOL: 'many' is no int" in done.stderr


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"STEAD_PROJECT": ""}, "STEAD_PROJECT is not set: start this with `stead run`"),
        ({"STEAD_PROJECT": "/nowhere/x.json"}, "STEAD_PROJECT cannot be read: /nowhere/x.json"),
        ({"STEAD_PROJECT": __file__}, "STEAD_PROJECT cannot be read"),
    ],
)
def test_outside_of_a_project_it_says_so(run, variables, said):
    done = run(sys.executable, "from stead import project; project.paths.raw", PLACE, **variables)
    assert f"NoProjectError: {said}" in done.stderr


def test_a_description_of_another_version_is_refused(run, tmp_path):
    other = tmp_path / "other.json"
    other.write_text('{"format": 2}')
    code = "from stead import project; project.root"
    done = run(sys.executable, code, PLACE, STEAD_PROJECT=str(other))
    assert "is of another version of Stead" in done.stderr


def test_a_variable_changed_in_the_process_is_seen(ask):
    code = """
import json, os
from stead import project
first = project.vars.PG_POOL
os.environ["PG_POOL"] = "41"
print(json.dumps([first, project.vars.PG_POOL]))
"""
    assert ask(sys.executable, code, PLACE, **VALUES) == [40, 41]


def test_the_import_loads_nothing_else(python, ask):
    code = """
import json
import os
import sys
before = set(sys.modules)
import stead.project
print(json.dumps(sorted(set(sys.modules) - before)))
"""
    said = ask(python, code, PLACE)
    assert set(said) <= {"stead", "stead.project", "__future__"}


def test_the_source_is_of_python_3_8_and_imports_the_standard_library_only():
    tree = ast.parse(Path(project_module.__file__).read_text("utf-8"), feature_version=(3, 8))
    names = {
        name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else [a.name for a in node.names]
        )
    }
    assert names <= sys.stdlib_module_names


HERE = platform_of(sys.platform, "x86_64")


@given(
    st.one_of(
        st.tuples(st.just("int"), st.integers().map(str)),
        st.tuples(st.just("float"), st.floats(allow_nan=False).map(repr)),
        st.tuples(st.just("bool"), st.sampled_from(["true", "no", "ON", "0"])),
        st.tuples(
            st.just("duration"),
            st.tuples(st.integers(0, 10**6), st.sampled_from(["us", "ms", "s", "m", "h", "d", "w"]))
            .map(lambda pair: f"{pair[0]}{pair[1]}"),
        ),
        st.tuples(
            st.just("bytes"),
            st.tuples(st.integers(0, 10**6), st.sampled_from(["", "B", " kB", "MiB", " GiB"]))
            .map(lambda pair: f"{pair[0]}{pair[1]}"),
        ),
        st.tuples(
            st.just("json"),
            st.recursive(st.integers() | st.text(max_size=5) | st.none(), st.lists, max_leaves=5)
            .map(json.dumps),
        ),
        st.tuples(
            st.just("paths"),
            st.lists(st.from_regex(r"\A/[a-z]{1,4}\Z"), max_size=3).map(":".join),
        ),
    )
)  # fmt: skip
def test_it_reads_what_the_table_writes(case):
    """What a process gets as text means the same to its code as to Stead."""
    name, raw = case
    text = types.parse(Type(name), raw, HERE, "/base")
    meant = types.value(Type(name), text, HERE)
    read = project_module._CONVERT[name](text)
    if name == "duration":
        # In whole microseconds: seconds as a float are not exact for long ones.
        read, meant = read // timedelta(microseconds=1), quantities.nanoseconds(text) // 1000
    if name == "paths":
        read = [str(path) for path in read]
    assert read == meant
    assert type(read) is type(meant)


def test_every_type_of_the_manifest_is_known_to_it():
    plain = {"str", "enum", "url", "host", "secret"}
    assert set(TYPES) == plain | set(project_module._CONVERT)


def test_where_stead_is_a_package_too_only_project_is_the_running_ones(tmp_path):
    """An environment may have a Stead of its own, even an older one without `project`."""
    runtime = runtime_directory(tmp_path / "home")
    site = tmp_path / "site"
    (site / "stead").mkdir(parents=True)
    (site / "stead" / "__init__.py").write_text("__version__ = '0.0.1'\n")
    (site / "stead" / "other.py").write_text("WHO = 'the package'\n")
    code = (
        f"import sys; sys.path.append({str(site)!r})\n"
        "import stead, stead.other, stead.project\n"
        "print(stead.__version__, stead.other.WHO, stead.__file__, stead.project.__file__, sep='|')"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        env={"PYTHONPATH": runtime},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout.strip().split("|") == [
        "0.0.1",
        "the package",
        str(site / "stead" / "__init__.py"),
        f"{runtime}/stead/project.py",
    ]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("90", timedelta(seconds=90)),
        ("1m30s", timedelta(seconds=90)),
        ("0.5h", timedelta(minutes=30)),
        ("1500 ms", timedelta(seconds=1.5)),
        ("2000ns", timedelta(microseconds=2)),
    ],
)
def test_a_duration_may_also_be_set_by_hand(monkeypatch, tmp_path, text, meant):
    described = Description("/w", "/w", "dev", (Described("T", "duration"),))
    file = tmp_path / "project.json"
    file.write_text(description_text(described), "utf-8")
    monkeypatch.setenv("STEAD_PROJECT", str(file))
    monkeypatch.setenv("T", text)
    read = project_module.vars.T
    assert read == meant


@pytest.mark.parametrize("text", ["", "s", "5 parsecs", "1m30", "-5s", "9" * 18 + "w"])
def test_what_is_no_duration_is_refused(monkeypatch, tmp_path, text):
    described = Description("/w", "/w", "dev", (Described("T", "duration"),))
    file = tmp_path / "project.json"
    file.write_text(description_text(described), "utf-8")
    monkeypatch.setenv("STEAD_PROJECT", str(file))
    monkeypatch.setenv("T", text)
    with pytest.raises(project_module.ValueOfError, match="T: "):
        project_module.vars.T  # noqa: B018 (reading it is what fails)

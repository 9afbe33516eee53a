"""Coverage data of cells, combined by the real coverage."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import coverage
import pytest

from stead.cli import runner
from stead.cli.progress import Quiet
from stead.matrix import coverage as cells
from stead.values.context import Context
from stead.values.errors import TaskError

MODULE = """\
import sys

def which():
    if "first" in sys.argv:
        return 1
    return 2
"""


@pytest.fixture
def context(tmp_path):
    environ = {name: value for name, value in os.environ.items() if "COV" not in name}
    return Context(tmp_path / "home", environ, runner.run, Quiet(), time.time)


@pytest.fixture
def project(tmp_path):
    """A package in ``src``, and the same installed in two environments."""
    root = tmp_path / "a project"
    for place in (root / "src", *(installed(tmp_path, name) for name in ("first", "second"))):
        (place / "thing").mkdir(parents=True)
        (place / "thing" / "__init__.py").write_text(MODULE)
        (place / "single.py").write_text("def alone():\n    return 3\n")
        (place / "dependency").mkdir()
        (place / "dependency" / "__init__.py").write_text("X = 1\n")
    os.unlink(root / "src" / "dependency" / "__init__.py")
    os.rmdir(root / "src" / "dependency")
    (root / "test.py").write_text(
        "import thing, single, dependency\nthing.which()\nsingle.alone()\n"
    )
    return root


def installed(tmp_path, name):
    return tmp_path / "store" / name / "lib" / "python3.11" / "site-packages"


def run(tmp_path, project, name, *options):
    """Run the test in one environment, as a cell does; gives the cell's label."""
    label = f"(wheel) {name}-linux/venv"
    given = dict(cells.prepared(str(tmp_path / "data"), label))
    env = {**os.environ, **given, "PYTHONPATH": str(installed(tmp_path, name))}
    argv = [sys.executable, "-m", "coverage", "run", *options, "test.py", name]
    subprocess.run(argv, cwd=project, env=env, check=True)
    return label


def lines(file):
    data = coverage.CoverageData(file)
    data.read()
    return {name: sorted(data.lines(name)) for name in data.measured_files()}


def test_lines_of_the_installed_package_become_those_of_the_source(tmp_path, project, context):
    labels = [run(tmp_path, project, name) for name in ("first", "second")]
    files = cells.measured(str(tmp_path / "data"), labels)
    assert len(files) == 2
    done = cells.combine(files, str(project), sys.executable, context)
    assert done.file == str(project / ".coverage")
    found = lines(done.file)
    assert done.measured == len(found)
    assert found[str(project / "src" / "thing" / "__init__.py")] == [1, 3, 4, 5, 6]
    assert found[str(project / "src" / "single.py")] == [1, 2]
    assert str(project / "test.py") in found
    assert all(os.path.exists(name) for name in found)
    assert all(os.path.exists(file) for file in files)


def test_what_the_project_says_of_coverage_holds(tmp_path, project, context):
    (project / ".coveragerc").write_text("[run]\ndata_file = kept/data\nrelative_files = true\n")
    (project / "kept").mkdir()
    label = run(tmp_path, project, "first")
    done = cells.combine(
        cells.measured(str(tmp_path / "data"), [label]), str(project), sys.executable, context
    )
    assert done.file == str(project / "kept" / "data")
    assert lines(done.file)[os.path.join("src", "thing", "__init__.py")] == [1, 3, 4, 5]


def test_processes_in_parallel_leave_a_file_each(tmp_path, project, context):
    label = run(tmp_path, project, "first", "--parallel-mode")
    env = {**os.environ, "COVERAGE_FILE": os.path.join(cells._place(str(tmp_path / "data"), label), ".coverage"),
           "PYTHONPATH": str(installed(tmp_path, "second"))}  # fmt: skip
    argv = [sys.executable, "-m", "coverage", "run", "--parallel-mode", "test.py", "second"]
    subprocess.run(argv, cwd=project, env=env, check=True)
    files = cells.measured(str(tmp_path / "data"), [label])
    assert len(files) == 2
    output = str(tmp_path / "out" / "all")
    os.mkdir(tmp_path / "out")
    done = cells.combine(files, str(project), sys.executable, context, output=output)
    assert done.file == output
    assert lines(output)[str(project / "src" / "thing" / "__init__.py")] == [1, 3, 4, 5, 6]


def test_combining_again_gives_the_same(tmp_path, project, context):
    label = run(tmp_path, project, "first")
    files = cells.measured(str(tmp_path / "data"), [label])
    first = lines(cells.combine(files, str(project), sys.executable, context).file)
    assert lines(cells.combine(files, str(project), sys.executable, context).file) == first


def test_data_with_and_without_branches_cannot_be_mixed(tmp_path, project, context):
    labels = [run(tmp_path, project, "first"), run(tmp_path, project, "second", "--branch")]
    files = cells.measured(str(tmp_path / "data"), labels)
    with pytest.raises(TaskError, match="branch") as told:
        cells.combine(files, str(project), sys.executable, context)
    assert "in all environments or in none" in told.value.remedy


def test_data_that_cannot_be_read_is_told(tmp_path, project, context):
    label = run(tmp_path, project, "first")
    (good,) = cells.measured(str(tmp_path / "data"), [label])
    bad = tmp_path / ".coverage.bad"
    bad.write_bytes(b"\x00 not a database")
    done = cells.combine([str(bad), good], str(project), sys.executable, context)
    assert str(project / "src" / "thing" / "__init__.py") in lines(done.file)
    assert any(".coverage.bad" in note for note in done.notes)


def test_without_data_or_coverage_it_is_said_what_to_do(tmp_path, context):
    with pytest.raises(TaskError, match="no cell has left") as told:
        cells.combine([], str(tmp_path), sys.executable, context)
    assert "pytest --cov" in told.value.remedy
    with pytest.raises(TaskError, match="no environment has coverage"):
        cells.combine(["x"], str(tmp_path), "", context)


def test_an_interpreter_without_coverage_is_named(tmp_path, context):
    import venv

    venv.create(tmp_path / "bare", with_pip=False)
    python = str(tmp_path / "bare" / "bin" / "python")
    with pytest.raises(TaskError, match="has no coverage") as told:
        cells.combine([str(tmp_path)], str(tmp_path), python, context)
    assert python in str(told.value)


def test_a_new_run_of_a_cell_forgets_its_old_data_and_no_other_cell_s(tmp_path):
    for label in ("a", "b"):
        ((_, file),) = cells.prepared(str(tmp_path), label)
        for suffix in ("", ".host.1.x"):
            with open(file + suffix, "w"):
                pass
    assert len(cells.measured(str(tmp_path), ["a", "b"])) == 4
    cells.prepared(str(tmp_path), "a")
    assert len(cells.measured(str(tmp_path), ["a", "b"])) == 2
    assert cells.measured(str(tmp_path), ["a"]) == ()


@pytest.mark.parametrize(
    ("one", "other"), [("a/b", "a-b"), ("(a) b", "a b"), ("é", "è"), ("x" * 80 + "1", "x" * 80 + "2"), ("A", "a")]
)  # fmt: skip
def test_no_two_cells_share_a_place(one, other):
    places = {os.path.basename(cells._place("d", label)).lower() for label in (one, other)}
    assert len(places) == 2
    assert all(len(place) < 100 and "/" not in place for place in places)


def prefix(tmp_path, name, *versions, lib="lib/python3.11"):
    root = tmp_path / name
    (root / "bin").mkdir(parents=True)
    (root / "bin" / "python").symlink_to(sys.executable)
    for version in versions:
        (root / lib / "site-packages" / f"coverage-{version}.dist-info").mkdir(parents=True)
    return str(root)


def test_the_newest_coverage_combines(tmp_path):
    prefixes = [
        prefix(tmp_path, "old", "5.5"),
        prefix(tmp_path, "new [x]", "7.10.1"),
        prefix(tmp_path, "less new", "7.9"),
        prefix(tmp_path, "none"),
        str(tmp_path / "missing"),
    ]
    assert cells.interpreter(prefixes) == os.path.join(prefixes[1], "bin", "python")
    assert cells.interpreter(prefixes[3:]) == ""


def test_an_environment_as_windows_has_it(tmp_path):
    found = prefix(tmp_path, "win", "7.1", lib="Lib")
    assert cells.interpreter([found]) == os.path.join(found, "bin", "python")


def test_where_sources_stand(tmp_path):
    for path in ("src/pkg/__init__.py", "src/ns/part/__init__.py", "flat/__init__.py", "no/x.txt",
                 "single.py", "setup.py", "src/pkg.egg-info/x", ".hidden/__init__.py"):  # fmt: skip
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("")
    assert cells.paths(str(tmp_path)) == {
        "ns": ["src/ns", "*/site-packages/ns"],
        "pkg": ["src/pkg", "*/site-packages/pkg"],
        "flat": ["flat", "*/site-packages/flat"],
        "modules in .": [".", "*/site-packages"],
    }
    assert cells.paths(str(tmp_path / "missing")) == {}

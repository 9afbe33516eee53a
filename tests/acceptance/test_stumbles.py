"""What goes wrong in daily use, each told with its place and a remedy."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from stead.testing.index import Sdist, make_index

if TYPE_CHECKING:
    import subprocess


def said(machine, root, *words, code=1):
    message = machine.fails(*words, cwd=root, code=code)
    assert "→" in message, message
    return message


@pytest.mark.parametrize(
    ("files", "names"),
    [
        (
            {
                "stead.toml": '[workspace]\n[packages]\npython = "==3.11.*"\n',
                "sub/stead.toml": '[packages]\npython = "==3.12.*"\n',
            },
            ["stead.toml:3", "sub/stead.toml:2"],
        ),
        (
            {
                "stead.toml": "[workspace]\n",
                "sub/pyproject.toml": (
                    '[project]\nname = "x"\nversion = "1"\nrequires-python = ">=3.12"\n'
                ),
                "sub/.python-version": "3.11\n",
            },
            ["sub/pyproject.toml:4", "sub/.python-version:1"],
        ),
    ],
)
def test_contradicting_pythons_are_both_shown(machine, project, files, names):
    root = project(files)
    message = said(machine, root / "sub", "run", "true")
    for name in names:
        assert name in message
    assert "Python" in message


def test_a_python_that_nobody_has_says_who_asks(machine, project):
    root = project({"stead.toml": '[packages]\npython = "==3.99.*"\n'})
    message = said(machine, root, "run", "--no-python-downloads", "true")
    assert "asked for by" in message
    assert "stead.toml:2" in message


def test_contradicting_packages_need_no_index(machine, project):
    root = project(
        {
            "stead.toml": '[workspace]\n[packages.pypi]\nleaf = "<2"\n',
            "sub/stead.toml": '[packages.pypi]\nleaf = ">=2"\n',
        }
    )
    machine.environ["UV_DEFAULT_INDEX"] = "http://127.0.0.1:9/simple"
    message = said(machine, root / "sub", "run", "true")
    assert "no version of leaf is both <2 and >=2" in message


def test_a_home_that_is_a_file(machine, project, tmp_path):
    root = project({"stead.toml": "[vars]\nA = '1'\n"})
    file = tmp_path / "file"
    file.touch()
    machine.environ["STEAD_HOME"] = str(file)
    assert str(file) in said(machine, root, "run", "true")


def test_a_directory_named_as_the_lock(machine, project):
    root = project({"stead.toml": "[packages.pypi]\nleaf = '1.0'\n", "stead.lock/x": ""})
    assert "stead.lock" in said(machine, root, "run", "true")


def test_an_empty_command(machine, project):
    root = project({"stead.toml": "[vars]\nA = '1'\n"})
    said(machine, root, "run", "", code=2)


def test_arguments_for_a_group_are_refused(machine, project):
    root = project({"stead.toml": '[tasks]\na = ["true"]\nall = { depends = ["a"] }\n'})
    assert "'x'" in said(machine, root, "run", "all", "x", code=2)


def test_a_failing_part_is_named(machine, project):
    root = project(
        {
            "stead.toml": (
                '[tasks]\na = ["true"]\nb = ["sh", "-c", "exit 7"]\n'
                'all = { depends = ["a", "b"] }\nc = { run = ["true"], depends = ["b"] }\n'
            )
        }
    )
    for asked in ("all", "c"):
        done = machine.run("run", asked, cwd=root)
        assert done.returncode == 7
        assert f"task b, which {asked} depends on, failed with code 7" in done.stderr
    alone = machine.run("run", "b", cwd=root)
    assert (alone.returncode, alone.stderr) == (7, "")


def test_an_output_that_was_not_made(machine, project):
    root = project({"stead.toml": '[tasks]\na = { run = ["true"], outputs = ["plot.png"] }\n'})
    for _ in range(2):
        message = said(machine, root, "run", "a")
        assert "plot.png" in message
        assert "stead.toml:2" in message


def test_a_build_without_its_backend_shows_the_log(machine, project, tmp_path):
    index = make_index(tmp_path / "index", [Sdist("from-source", "1.0")])
    machine.environ["UV_DEFAULT_INDEX"] = f"{index.as_uri()}/simple"
    root = project(
        {
            "stead.toml": "[packages.pypi]\nbroken = { path = 'broken' }\n",
            "broken/pyproject.toml": (
                "[project]\nname = 'broken'\nversion = '1'\n"
                "[build-system]\nrequires = ['no-such-backend']\nbuild-backend = 'no_such_backend'\n"
            ),
        }
    )
    message = said(machine, root, "run", "true")
    assert "untrusted" not in message
    assert "no-such-backend" in message


def test_additions_at_once_all_arrive(machine, project, index):
    root = project({"stead.toml": "[packages.pypi]\n"})
    names = ["leaf", "branch", "tool", "needs-new-leaf"]

    def add(name: str) -> subprocess.CompletedProcess[str]:
        return machine.run("add", "--no-build", name, cwd=root)

    with ThreadPoolExecutor(len(names)) as pool:
        done = list(pool.map(add, names))
    assert [d.returncode for d in done] == [0] * len(names), [d.stderr for d in done]
    manifest = (root / "stead.toml").read_text(encoding="utf-8")
    lock = (root / "stead.lock").read_text(encoding="utf-8")
    for name in names:
        assert f"\n{name} = " in manifest
        assert f'name = "{name}"\n' in lock


@pytest.mark.parametrize(
    "words",
    ["add -e dev leaf", "remove leaf -e dev", "set -e dev A=1", "unset A --environment dev"],
)
def test_an_environment_where_a_layer_is_meant(machine, project, words):
    root = project({"stead.toml": "[vars]\nA = '1'\n"})
    before = machine.tree(root)
    message = said(machine, root, *words.split(), code=2)
    assert "`--layer dev`" in message
    assert machine.tree(root) == before


def test_a_secret_on_the_command_line_is_refused_and_not_repeated(machine, project):
    root = project({"stead.toml": "[vars]\nA = '1'\n"})
    for words in (("TOKEN", "hunter2"), ("TOKEN", "hunter2", "hunter3"), ("TOKEN=hunter2",)):
        message = said(machine, root, "secret", "set", *words, code=2)
        assert "`stead secret set TOKEN` asks for it" in message
        assert "hunter" not in message


def test_why_names_the_layer_that_has_a_package(machine, project):
    root = project(
        {
            "stead.toml": "[packages.pypi]\ntool = '1.0'\n[layer.test.packages.pypi]\nbranch = '2.0'\n"
        }
    )
    machine.ok("lock", cwd=root)
    # Known from the manifest before the layer is locked.
    message = said(machine, root, "why", "Branch", code=2)
    assert "Branch is not in this environment, but in test (stead.toml:4)" in message
    assert "`stead why -e test Branch`" in message
    assert "did you mean" in said(machine, root, "why", "toool", code=2)
    machine.ok("lock", "-e", "test", cwd=root)
    assert "leaf is not in this environment, but in test\n" in said(
        machine, root, "why", "leaf", code=2
    )
    assert "stead.toml:4: branch 2.0 → leaf 2.0" in machine.ok(
        "why", "-e", "test", "leaf", cwd=root
    )


def test_the_tasks_are_named_where_a_command_is_not_there(machine, project):
    root = project({"stead.toml": '[workspace]\n[tasks]\nforecast = ["true"]\n'})
    first = said(machine, root, "run", "forecst", code=127)
    assert "tasks here: forecast" in first
    # From the second time on no Python is asked.
    assert said(machine, root, "run", "forecst", code=127) == first


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["module", "upate"], ["did you mean `update`?", "it can add, list,"]),
        (["module"], ["what is `stead module` to do?", "it can add, list,"]),
        (["book", "x"], ["`stead book` cannot 'x'", "it can list, show, add, test"]),
        (["module", "show", "a", "b"], ["arguments: b", "see `stead module show --help`"]),
    ],
)
def test_actions_are_named(machine, project, words, names):
    message = said(machine, project({"stead.toml": "[workspace]\n"}), *words, code=2)
    for name in names:
        assert name in message

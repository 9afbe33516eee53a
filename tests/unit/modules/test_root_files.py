"""The root's package: new, given one more module, and left alone."""

from __future__ import annotations

import tomllib

import pytest

from stead.modules import root_files
from stead.modules.root_files import Part
from stead.values.errors import ManifestError

DEMAND = Part(
    "demand",
    "modules/demand/src",
    ("numpy>=1.24", 'tomli; python_version < "3.11"'),
    (("demand", "demand.cli:main"),),
    ">=3.10",
    ("test",),
)
OTHER = Part("other", "modules/other/src")


def test_a_new_package_takes_modules_one_after_the_other() -> None:
    text = root_files.new_pyproject("shop", ">=3.10")
    assert root_files.takes_parts(text)
    for part in (DEMAND, OTHER):
        text = root_files.with_part(text, part)
    data = tomllib.loads(text)
    assert data["project"]["requires-python"] == ">=3.10"
    assert data["project"]["optional-dependencies"] == {
        "demand": list(DEMAND.requirements),
        "other": [],
    }
    assert data["project"]["scripts"] == {"demand": "demand.cli:main"}
    assert root_files.with_part(text, DEMAND) == text
    assert root_files.collisions(text, DEMAND) == []


MINE = """\
# mine
[project]  # said of it
name = "mine"
version = "1"
scripts = { run = "mine:main" }   # inline

[tool.setuptools.packages.find]
where = [
    "lib",   # the code
]
"""


def test_entries_are_added_and_every_comment_stays() -> None:
    text = root_files.with_part(MINE, DEMAND)
    for line in MINE.splitlines():
        words = [w for w in line.split("#")[-1:] if "#" in line]
        assert all(w in text for w in words)
    data = tomllib.loads(text)
    assert data["project"]["scripts"] == {"run": "mine:main", "demand": "demand.cli:main"}
    find = data["tool"]["setuptools"]["packages"]["find"]
    assert find == {"where": ["lib", "modules/demand/src"]}


def test_what_is_said_otherwise_already_is_named() -> None:
    text = MINE.replace('run = "mine:main"', 'demand = "mine:main"')
    assert root_files.collisions(text, DEMAND) == ["project.scripts.demand"]
    assert root_files.collisions(MINE.replace('"mine"', '"Demand"', 1), DEMAND) == ["project.name"]
    text = MINE.replace("[tool", '[project.optional-dependencies]\ndemand = ["x"]\n\n[tool')
    assert root_files.collisions(text, DEMAND) == ["project.optional-dependencies.demand"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[",
        "project = 1",
        "tool = 1",
        '[project]\nname = "x"\n',
        MINE.replace("[project]", "[other]"),
        MINE.replace('version = "1"', 'dynamic = ["scripts"]'),
        MINE.replace("where", "include"),
        MINE + '[build-system]\nbuild-backend = "hatchling.build"\n',
    ],
)
def test_a_package_of_another_make_is_known(text: str) -> None:
    assert not root_files.takes_parts(text)


def test_a_needed_module_is_an_extra() -> None:
    part = Part("report", "m/report/src", ("Plain>=1", "numpy"), needs=("plain",))
    assert root_files.within(part, "shop").requirements == ("numpy", "shop[plain]")


@pytest.mark.parametrize(
    ("directory", "name"),
    [
        ("shop", "shop"),
        ("My Shop (2)", "my-shop-2"),
        ("2026", "project-2026"),
        ("…", "project"),
        ("demand", "demand-project"),
        ("Demand", "demand-project"),
        ("json", "json-project"),
        ("class", "class-project"),
        ("src", "src-project"),
    ],
)
def test_the_root_s_package_has_a_name_that_nothing_else_has(directory: str, name: str) -> None:
    assert root_files.project_name(directory, ["demand"]) == name


def test_data_is_packed_and_what_is_excluded_stays_last() -> None:
    text = root_files.manifest_in(None, [DEMAND])
    assert text == "graft modules/demand/src\nglobal-exclude *.py[cod]\n"
    text = root_files.manifest_in(text, [OTHER, DEMAND])
    assert text.splitlines()[-1] == "global-exclude *.py[cod]"
    assert text.count("graft") == 2
    mine = "include LICENSE\r\nprune docs\r\n"
    assert root_files.manifest_in(mine, [OTHER]).startswith(mine)


@pytest.mark.parametrize(
    "project",
    [
        "[project\n",
        "[project]\n",
        '[project]\nname = "x"\ndependencies = "numpy"\n',
        '[project]\nname = "x"\ndependencies = [1]\n',
        '[project]\nname = "x"\nscripts = { a = 1 }\n',
        "[project]\nname = 3\n",
        "project = 1\n",
    ],
)
def test_a_module_s_project_that_no_tool_reads_is_refused(project: str) -> None:
    with pytest.raises(ManifestError, match=r"pyproject\.toml"):
        root_files.part_of("x", "modules/x", project.encode())


def test_a_module_without_a_project_takes_no_part() -> None:
    assert root_files.part_of("x", "modules/x", None) is None
    assert root_files.part_of("x", "modules/x", b"[tool.ruff]\n") is None

"""Edits of other tools' files keep their form."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stead.formats import edit, environment_yml, pyproject, requirements_txt
from stead.values.errors import ManifestError

PYPROJECT = "/w/pyproject.toml"
REQUIREMENTS = "/w/requirements.txt"
ENVIRONMENT = "/w/environment.yml"


def no_file(path):
    raise FileNotFoundError(path)


def read(module, file, text):
    def load(path):
        return text if path == file else no_file(path)

    return module.read(file, load)


PROJECT = """\
[project]
name = "viewer" # ours
version = "1"
dependencies = [
    "numpy>=1",  # arrays
    "Flask[async]>=2 ; python_version >= '3.11'",

    # the last
    "scipy"
]

[project.optional-dependencies]
plot = ["matplotlib", "numpy"]

[dependency-groups]
test = [{include-group = "base"}, "pytest"]
base = []

[tool.other]
x = 1
"""


@pytest.mark.parametrize(
    ("name", "value", "layer", "old", "new"),
    [
        ("rich", "*", "", '"scipy"\n', '"scipy",\n    "rich",\n'),
        ("Rich", ">=1,<2", "", '"scipy"\n', '"scipy",\n    "Rich>=1,<2",\n'),
        ("numpy", "2.1", "", '"numpy>=1",', '"numpy==2.1",'),
        (
            "flask",
            {"version": ">=3", "extras": ["async"]},
            "",
            "\"Flask[async]>=2 ; python_version >= '3.11'\"",
            '"flask[async]>=3"',
        ),
        (
            "x",
            {"git": "https://example.org/x.git", "rev": "v1", "marker": "os_name == 'nt'"},
            "",
            '"scipy"\n',
            '"scipy",\n    "x @ git+https://example.org/x.git@v1 ; os_name == \'nt\'",\n',
        ),
        ("rich", "*", "plot", '"matplotlib", "numpy"]', '"matplotlib", "numpy", "rich"]'),
        ("pytest", ">=8", "test", '"pytest"]', '"pytest>=8"]'),
        ("rich", ">=1", "base", "base = []", 'base = ["rich>=1"]'),
        ("rich", ">=1", "docs", "base = []\n", 'base = []\ndocs = ["rich>=1"]\n'),
    ],
)
def test_a_project_lists_its_requirements_where_the_standard_says(name, value, layer, old, new):
    assert old in PROJECT
    got = edit.add_requirement(PYPROJECT, PROJECT, "pypi", name, value, layer=layer, load=no_file)
    assert got == PROJECT.replace(old, new, 1)


@pytest.mark.parametrize(
    ("name", "layer", "old", "new"),
    [
        ("numpy", "", '    "numpy>=1",  # arrays\n', ""),
        ("scipy", "", '    "scipy"\n', ""),
        ("numpy", "plot", '"matplotlib", "numpy"]', '"matplotlib"]'),
        ("matplotlib", "plot", '["matplotlib", "numpy"]', '["numpy"]'),
        ("pytest", "test", ', "pytest"]', "]"),
    ],
)
def test_a_project_s_requirement_is_taken_out(name, layer, old, new):
    assert old in PROJECT
    got = edit.remove_requirement(PYPROJECT, PROJECT, "pypi", name, layer=layer, load=no_file)
    assert got == PROJECT.replace(old, new, 1)


def test_what_the_standard_has_no_words_for_goes_to_stead_s_table():
    got = edit.add_requirement(PYPROJECT, PROJECT, "conda", "gdal", ">=3", load=no_file)
    assert got == PROJECT + '\n[tool.stead.packages.conda]\ngdal = ">=3"\n'
    got = edit.add_requirement(
        PYPROJECT, PROJECT, "pypi", "lib", {"path": "../lib", "editable": True}, load=no_file
    )
    assert got.endswith('[tool.stead.packages.pypi]\nlib = { path = "../lib", editable = true }\n')
    again = edit.add_requirement(PYPROJECT, got, "pypi", "lib", ">=1", load=no_file)
    assert again.endswith('[tool.stead.packages.pypi]\nlib = ">=1"\n')
    got = edit.set_variable(PYPROJECT, PROJECT, "A", "1")
    assert got.endswith('\n[tool.stead.vars]\nA = "1"\n')
    assert edit.add_requirement(PYPROJECT, PROJECT, "python", "", "3.12").endswith(
        '[tool.stead.packages]\npython = "3.12"\n'
    )


def test_a_pyproject_without_a_project_uses_stead_s_table():
    got = edit.add_requirement(PYPROJECT, "[tool.x]\ny = 1\n", "pypi", "rich", load=no_file)
    assert got == '[tool.x]\ny = 1\n\n[tool.stead.packages.pypi]\nrich = "*"\n'


def test_dependencies_that_are_computed_are_left_alone():
    text = '[project]\nname = "x"\nversion = "1"\ndynamic = ["dependencies"]\n'
    got = edit.add_requirement(PYPROJECT, text, "pypi", "rich", load=no_file)
    assert "[tool.stead.packages.pypi]" in got


LINES = """\
# what we need
numpy>=1  # arrays
scipy \\
    >=1,<2 \\
    --hash=sha256:{}
-e ./lib  # ours
Flask[async]; python_version >= "3.9"
""".format("a" * 64)


@pytest.mark.parametrize(
    ("name", "value", "old", "new"),
    [
        ("rich", ">=1", "", ""),
        ("numpy", ">=2", "numpy>=1  # arrays", "numpy>=2  # arrays"),
        ("scipy", "1.5", LINES[LINES.index("scipy") : LINES.index("-e ")], "scipy==1.5\n"),
        ("flask", "*", 'Flask[async]; python_version >= "3.9"', "flask"),
    ],
)
def test_requirements_txt(name, value, old, new):
    got = edit.add_requirement(REQUIREMENTS, LINES, "pypi", name, value, load=no_file)
    assert got == (LINES.replace(old, new) if old else LINES + "rich>=1\n")


def test_requirements_txt_has_lines_removed_whole():
    got = edit.remove_requirement(REQUIREMENTS, LINES, "pypi", "SciPy", load=no_file)
    assert got == LINES.replace(LINES[LINES.index("scipy") : LINES.index("-e ")], "")


def test_requirements_txt_takes_paths_and_urls():
    got = edit.add_requirement(
        REQUIREMENTS, "", "pypi", "p", {"path": "p", "editable": True}, load=no_file
    )
    assert got == "-e ./p\n"
    got = edit.add_requirement(
        REQUIREMENTS, "a", "pypi", "x", {"url": "https://e.org/x-1.whl"}, load=no_file
    )
    assert got == "a\nx @ https://e.org/x-1.whl\n"


YAML = """\
name: scans   # ours
channels:
  - conda-forge

dependencies:
# numbers
- python=3.12
- numpy>=2  # arrays
- conda-forge::gdal
- pip:
  # from PyPI
  - requests[socks]>=2

variables:
  A: "1"
"""


@pytest.mark.parametrize(
    ("ecosystem", "name", "value", "old", "new"),
    [
        ("conda", "scipy", ">=1", "::gdal\n", "::gdal\n- scipy>=1\n"),
        ("conda", "scipy", "1.5", "::gdal\n", "::gdal\n- scipy=1.5\n"),
        ("conda", "scipy", "*", "::gdal\n", "::gdal\n- scipy\n"),
        ("conda", "NumPy", "==2.1", "numpy>=2  #", "numpy==2.1  #"),
        ("python", "", "3.13", "python=3.12", "python=3.13"),
        ("python", "", ">=3.12,<3.14", "python=3.12", "python>=3.12,<3.14"),
        ("pypi", "rich", ">=1", "[socks]>=2\n", "[socks]>=2\n  - rich>=1\n"),
        ("pypi", "Requests", ">=3", "requests[socks]>=2", "requests>=3"),
        ("conda", "x", {"version": "1.0", "build": "h1_0"}, "::gdal\n", "::gdal\n- x 1.0.* h1_0\n"),
        ("conda", "x", {"channel": "bioconda"}, "::gdal\n", '::gdal\n- "bioconda::x"\n'),
    ],
)
def test_environment_yml(ecosystem, name, value, old, new):
    assert old in YAML
    got = edit.add_requirement(ENVIRONMENT, YAML, ecosystem, name, value, load=no_file)
    assert got == YAML.replace(old, new, 1)


def test_environment_yml_has_lines_removed():
    got = edit.remove_requirement(ENVIRONMENT, YAML, "conda", "numpy", load=no_file)
    assert got == YAML.replace("- numpy>=2  # arrays\n", "")
    got = edit.remove_requirement(ENVIRONMENT, YAML, "conda", "gdal", load=no_file)
    assert got == YAML.replace("- conda-forge::gdal\n", "")
    got = edit.remove_requirement(ENVIRONMENT, YAML, "pypi", "requests", load=no_file)
    assert "requests" not in got
    assert "pip:" not in got
    assert edit.add_channel(ENVIRONMENT, YAML, "bioconda") == YAML.replace(
        "- conda-forge\n", "- conda-forge\n  - bioconda\n", 1
    )


def test_environment_yml_gets_the_lists_it_lacks():
    got = edit.add_requirement(ENVIRONMENT, "name: x\n", "conda", "numpy", load=no_file)
    got = edit.add_requirement(ENVIRONMENT, got, "pypi", "rich", ">=1", load=no_file)
    got = edit.add_channel(ENVIRONMENT, got, "conda-forge")
    manifest = read(environment_yml, ENVIRONMENT, got)
    assert [str(r) for r in manifest.layers[0].requirements] == ["conda numpy", "pypi rich >=1"]
    assert [c.name for c in manifest.layers[0].channels] == ["conda-forge"]


@pytest.mark.parametrize(
    ("file", "text", "ecosystem", "name", "value", "says"),
    [
        (REQUIREMENTS, "", "conda", "x", "*", "not of conda"),
        (REQUIREMENTS, "x\nx>1\n", "pypi", "x", ">2", "several lines"),
        (REQUIREMENTS, "", "pypi", "x", {"index": "i"}, "which index"),
        (REQUIREMENTS, "", "pypi", "x", False, "cannot take an inherited"),
        (ENVIRONMENT, "dependencies: [a, b]\n", "conda", "x", "*", "one line"),
        (ENVIRONMENT, "dependencies:\n - a\n", "pypi", "x", {"index": "i"}, "which index"),
        (ENVIRONMENT, "dependencies:\n - a: [\n", "conda", "x", "*", "environment.yml"),
        (PYPROJECT, PROJECT.replace('"scipy"', '"x","x"'), "pypi", "x", "*", "2 times"),
    ],
)
def test_what_a_format_cannot_say_is_an_error(file, text, ecosystem, name, value, says):
    with pytest.raises(ManifestError) as caught:
        edit.add_requirement(file, text, ecosystem, name, value, load=no_file)
    assert says in str(caught.value)


def test_a_request_in_an_included_file_is_named():
    def load(path):
        return "numpy>=1\n" if path == "/w/base.txt" else no_file(path)

    with pytest.raises(ManifestError) as caught:
        edit.remove_requirement(REQUIREMENTS, "-r base.txt\n", "pypi", "numpy", load=load)
    assert str(caught.value.where) == "/w/base.txt:1"


@pytest.mark.parametrize("file", [PYPROJECT, REQUIREMENTS, ENVIRONMENT])
def test_what_is_not_asked_for_cannot_be_removed(file):
    text = {PYPROJECT: PROJECT, REQUIREMENTS: LINES, ENVIRONMENT: YAML}[file]
    with pytest.raises(ManifestError, match="not asked for here"):
        edit.remove_requirement(file, text, "pypi", "absent", load=no_file)


versions = st.sampled_from(["*", ">=1", "==2.0", "1.5", ">=1,<2"])
wanted = st.lists(
    st.tuples(st.sampled_from(["numpy", "scipy", "rich", "x-y"]), versions, st.booleans()),
    max_size=5,
)


@given(wanted, st.booleans())
@pytest.mark.parametrize(
    ("file", "module", "ecosystem"),
    [
        (PYPROJECT, pyproject, "pypi"),
        (REQUIREMENTS, requirements_txt, "pypi"),
        (ENVIRONMENT, environment_yml, "pypi"),
        (ENVIRONMENT, environment_yml, "conda"),
    ],
)
def test_any_edits_in_a_row_leave_the_other_lines(file, module, ecosystem, steps, windows):
    start = {PYPROJECT: PROJECT, REQUIREMENTS: LINES, ENVIRONMENT: YAML}[file]
    text = start = start.replace("\n", "\r\n") if windows else start
    mine = {"numpy", "scipy", "rich", "x-y"}
    held = {}
    for name, version, keep in steps:
        text = edit.add_requirement(file, text, ecosystem, name, version, load=no_file)
        held[name] = version
        if not keep:
            text = edit.remove_requirement(file, text, ecosystem, name, load=no_file)
            del held[name]
    layer = read(module, file, text.replace("\r\n", "\n")).layer("")
    found = {r.name for r in layer.requirements if r.ecosystem == ecosystem} & mine
    assert set(held) <= found
    others = [
        line.strip().rstrip(",")
        for line in start.split("\n")
        if not any(name in line for name in (*mine, "hash", ">=1,<2 \\"))
    ]
    rest = iter([line.strip().rstrip(",") for line in text.split("\n")])
    assert all(line in rest for line in others)
    assert windows == ("\r\n" in text)

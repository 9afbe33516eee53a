from __future__ import annotations

import subprocess
import sys

import pytest

from stead.formats import pyproject
from stead.values.errors import CycleError, ManifestError
from stead.values.requirement import Source

FILE = "/p/pyproject.toml"
BUILD = '[build-system]\nrequires = ["hatchling"]\n'


def read(tree, text, **files):
    return pyproject.read(FILE, tree({"pyproject.toml": text, **files}).load)


def texts(manifest, layer=""):
    return [str(r) for r in manifest.layer(layer).requirements]


def test_a_project_with_extras_and_groups(tree):
    manifest = read(
        tree,
        BUILD
        + """
[project]
name = "My.Project"
requires-python = ">=3.11, <4"
dependencies = [
  "numpy >= 2",
  "tomli; python_version < '3.11'",
]
[project.optional-dependencies]
Plot = ["matplotlib>=3"]
all = ["my_project[plot,fast]", "extra"]
fast = []
[dependency-groups]
test = ["pytest>=8", {include-group = "Lint_Tools"}]
lint-tools = ["ruff"]
plot = ["seaborn"]
""",
    )
    assert manifest.project == "my-project"
    assert manifest.modules == ()
    assert texts(manifest) == [
        "python >=3.11,<4",
        "pypi my-project @ /p (editable)",
        "pypi numpy >=2",
        "pypi tomli ; python_version < '3.11'",
    ]
    assert [r.origin.line for r in manifest.layers[0].requirements] == [6, 4, 8, 9]
    assert texts(manifest, "plot") == [
        "pypi my-project[plot] @ /p (editable)",
        "pypi matplotlib >=3",
        "pypi seaborn",
    ]
    assert texts(manifest, "all") == ["pypi my-project[all] @ /p (editable)", "pypi extra"]
    assert manifest.layer("all").inherits == ("fast", "plot")
    assert texts(manifest, "test") == ["pypi pytest >=8"]
    assert manifest.layer("test").inherits == ("lint-tools",)
    assert manifest.layer("lint-tools").origin.line == 17


@pytest.mark.parametrize(
    ("text", "files", "installed"),
    [
        (BUILD + '[project]\nname = "a"\n', {}, True),
        ('[project]\nname = "a"\n', {}, False),
        ('[project]\nname = "a-b"\n', {"src/a_b/__init__.py": ""}, True),
        ('[project]\nname = "a"\n', {"src/a.py": ""}, True),
        ('[project]\nname = "a"\n', {"setup.py": ""}, True),
        # beside other folders setuptools refuses to guess; it is importable as it stands
        ('[project]\nname = "a"\n', {"a/__init__.py": "", "data/x.csv": ""}, False),
        ('[project]\nname = "a"\n[project.scripts]\na = "a:main"', {"a/__init__.py": ""}, True),
        ('[project]\nname = "a"\n[tool.uv]\npackage = true', {}, True),
        (BUILD + '[project]\nname = "a"\n[tool.uv]\npackage = false', {}, False),
    ],
)
def test_whether_the_project_itself_is_installed(tree, text, files, installed):
    manifest = read(tree, text, **files)
    assert bool(manifest.project) is installed
    assert (
        texts(manifest)
        == (["pypi a @ /p (editable)"] if "a-b" not in text else ["pypi a-b @ /p (editable)"])
        * installed
    )
    has_source = any(f.startswith("src/") for f in files)
    assert manifest.modules == (() if installed else ("/p", "/p/src") if has_source else ("/p",))


def test_code_in_src_without_its_name_is_importable(tree):
    manifest = read(tree, '[project]\nname = "a"\n', **{"src/other/__init__.py": ""})
    assert manifest.modules == ("/p", "/p/src")


@pytest.mark.parametrize(
    ("text", "files", "name", "reads"),
    [
        ('[tool.poetry]\nname = "Po_em"\n', {}, "po-em", ()),
        ('[tool.flit.metadata]\nmodule = "flitted"\n', {}, "flitted", ()),
        ("", {"setup.cfg": "[metadata]\nname = cfg-name\n"}, "cfg-name", ("/p/setup.cfg",)),
        (
            "",
            {"setup.py": "import setuptools\nsetuptools.setup(name='Py')"},
            "py",
            ("/p/setup.py",),
        ),
        ("", {"setup.py": "from x import setup\nsetup(name=f())"}, "", ("/p/setup.py",)),
    ],
)
def test_names_of_projects_that_older_back_ends_build(tree, text, files, name, reads):
    manifest = read(tree, text + BUILD, **files)
    (requirement,) = manifest.layers[0].requirements
    assert requirement.name == name
    assert requirement.source == Source("path", "/p", editable=True)
    assert manifest.project == (name or "p")
    assert manifest.reads == reads


SOURCED = """
[project]
name = "a"
dependencies = ["lib>=1", "Tool", "torch>=2", "here", "there", "member-two"]
[dependency-groups]
dev = ["lib", "tool"]
[tool.uv.sources]
lib = { path = "../lib", editable = true }
tool = { git = "https://example.org/tool", tag = "v1", subdirectory = "py" }
torch = [
  { index = "cpu", marker = "sys_platform == 'linux'" },
  { index = "gpu", marker = "sys_platform == 'win32' and python_version < '3.13'" },
]
here = { url = "https://example.org/here-1.0.zip" }
there = { index = "cpu" }
member-two = { workspace = true }
[[tool.uv.index]]
name = "cpu"
url = "https://example.org/cpu"
explicit = true
[[tool.uv.index]]
url = "https://me@example.org/simple/"
default = true
[tool.uv]
find-links = ["./wheels"]
constraint-dependencies = ["x<2"]
override-dependencies = ["y==3"]
dev-dependencies = ["old-style"]
[tool.uv.workspace]
members = ["packages/*"]
"""


def test_sources_of_uv(tree):
    member = '[project]\nname = "member_two"\n'
    manifest = read(tree, SOURCED, **{"packages/member_two/pyproject.toml": member})
    assert texts(manifest) == [
        "pypi lib @ /lib (editable)",
        "pypi tool @ git+https://example.org/tool@v1#subdirectory=py",
        "pypi torch >=2 (cpu) ; sys_platform == 'linux'",
        "pypi torch >=2 (gpu) ; sys_platform == 'win32' and python_version < '3.13'",
        'pypi torch >=2 ; (sys_platform != "linux") and (sys_platform != "win32" or python_version >= "3.13")',
        "pypi here @ https://example.org/here-1.0.zip",
        "pypi there (cpu)",
        "pypi member-two @ /p/packages/member_two (editable)",
    ]
    assert texts(manifest, "dev") == [
        "pypi lib @ /lib (editable)",
        "pypi tool @ git+https://example.org/tool@v1#subdirectory=py",
        "pypi old-style",
    ]
    assert [str(r) for r in manifest.layers[0].constraints] == ["pypi x <2", "pypi y ==3"]
    assert manifest.workspace.members == ("packages/*",)
    assert [(i.name, i.url, i.explicit, i.default, i.flat) for i in manifest.layers[0].indexes] == [
        ("cpu", "https://example.org/cpu", True, False, False),
        ("example-org", "https://me@example.org/simple/", False, True, False),
        ("wheels", "./wheels", False, False, True),
    ]


@pytest.mark.parametrize("platform", ["linux", "win32", "darwin"])
@pytest.mark.parametrize("python", ["3.12", "3.13"])
def test_exactly_one_of_several_sources_applies(tree, platform, python):
    from packaging.markers import Marker

    environment = {"sys_platform": platform, "python_version": python}
    text = SOURCED.replace(', "member-two"', "")
    found = [r for r in read(tree, text).layers[0].requirements if r.name == "torch"]
    assert sum(Marker(r.marker).evaluate(environment) for r in found) == 1


def test_sources_for_one_extra_or_group(tree):
    text = """
[project]
name = "a"
[project.optional-dependencies]
cpu = ["torch"]
gpu = ["torch"]
[tool.uv.sources]
torch = [{ index = "c", extra = "cpu" }, { index = "g", extra = "gpu" }]
[tool.uv]
package = false
"""
    manifest = read(tree, text)
    assert texts(manifest, "cpu") == ["pypi torch (c)"]
    assert texts(manifest, "gpu") == ["pypi torch (g)"]


def test_a_member_in_a_folder_of_another_name_is_found_on_disk(tmp_path):
    root = tmp_path / "mono"
    for folder, name in (("core", "acme-core"), ("app", "acme-app")):
        (root / "packages" / folder).mkdir(parents=True)
        (root / "packages" / folder / "pyproject.toml").write_text(f'[project]\nname = "{name}"\n')
    (root / "pyproject.toml").write_text('[tool.uv.workspace]\nmembers = ["packages/*"]\n')
    app = root / "packages" / "app" / "pyproject.toml"
    app.write_text(
        '[project]\nname = "acme-app"\ndependencies = ["acme-core"]\n'
        "[tool.uv.sources]\nacme-core = { workspace = true }\n"
    )

    def load(path):
        with open(path) as file:
            return file.read()

    manifest = pyproject.read(str(app), load)
    assert texts(manifest) == [f"pypi acme-core @ {root}/packages/core (editable)"]


def test_a_table_of_stead_beside_the_project(tree):
    text = """
[project]
name = "a"
dependencies = ["numpy"]
[dependency-groups]
test = ["pytest"]
[tool.stead.vars]
LEVEL = "1"
[tool.stead.layer.test.vars]
LEVEL = "2"
[tool.stead.packages.conda]
channels = ["conda-forge"]
scipy = ">=1"
"""
    manifest = read(tree, text)
    assert (manifest.format, manifest.foreign) == ("pyproject.toml", False)
    assert texts(manifest) == ["pypi numpy", "conda scipy >=1"]
    assert [(v.value, str(v.origin)) for v in manifest.layer("").variables] == [("1", f"{FILE}:8")]
    assert texts(manifest, "test") == ["pypi pytest"]
    assert [v.value for v in manifest.layer("test").variables] == ["2"]
    assert manifest.modules == ("/p",)
    assert read(tree, '[project]\nname = "a"\n').foreign


@pytest.mark.parametrize(
    ("text", "line", "message", "remedy"),
    [
        ("[project\n", 1, "TOML", ""),
        ('[project]\nname = "a"\nname = "b"\n', 3, "TOML", ""),
        ("project = 3\n", 1, "project must be a table, not a number", "table"),
        ("[project]\nversion = '1'\n", 1, "[project] has no name", "name ="),
        ('[project]\nname = ["a"]\n', 2, "project.name must be a string, not a list", "string"),
        ('[project]\nname = "a"\ndependencies = "x"\n', 3, "must be a list of strings", "list"),
        (
            '[project]\nname = "a"\ndependencies = [\n"x",\n3]\n',
            5,
            "must be a string, not a number",
            "",
        ),
        (
            '[project]\nname = "a"\ndependencies = [\n"x",\n"y >> 2"]\n',
            5,
            "'y >> 2' is not",
            "NAME",
        ),
        (
            '[project]\nname = "a"\nrequires-python = "three"\n',
            3,
            "is not a version request",
            ">=3.11",
        ),
        ('[project]\nname = "a"\noptional-dependencies = ["x"]\n', 3, "must be a table", "table"),
        ('[dependency-groups]\ntest = "x"\n', 2, "must be a list", "list"),
        ("[dependency-groups]\ntest = [{ group = 'x' }]\n", 2, "an entry of a group", "one of"),
        (
            "[dependency-groups]\nlint = []\na = [{include-group = 'lnt'}]",
            3,
            "no group 'lnt'",
            "lint?",
        ),
        (
            '[dependency-groups]\na = ["x"]\n[tool.uv.sources]\nx = "y"\n',
            4,
            "the source of x",
            "path",
        ),
        (
            '[dependency-groups]\na = ["x"]\n[tool.uv.sources]\nx = {workspace=true}\n',
            4,
            "there is none",
            "path",
        ),
        (
            '[dependency-groups]\na = ["x"]\n[tool.uv.workspace]\nmembers=["m/*"]\n[tool.uv.sources]\nx = {workspace=true}\n',
            6,
            "has no member x",
            "members",
        ),
        ("[[tool.uv.index]]\nname = 'x'\n", 1, "must be a table with a url", "url"),
        ("[tool.uv]\nfind-links = 'x'\n", 2, "find-links must be a list", "brackets"),
    ],
)
def test_bad_files_name_their_place_and_a_remedy(tree, text, line, message, remedy):
    with pytest.raises(ManifestError) as caught:
        read(tree, text)
    assert message in caught.value.message
    assert str(caught.value.where) == f"{FILE}:{line}"
    assert caught.value.remedy
    assert remedy in caught.value.remedy


def test_groups_that_include_each_other(tree):
    text = "[dependency-groups]\na = [{include-group='b'}]\nb = [{include-group='c'}]\nc = [{include-group='b'}]\n"
    with pytest.raises(CycleError, match="a → b → c → b") as caught:
        read(tree, text)
    assert str(caught.value.where) == f"{FILE}:4"


def test_a_usual_project_is_read_without_heavy_imports():
    code = f"""
import sys
from stead.formats import pyproject
text = {SOURCED.partition("torch = [")[0].replace(', "torch>=2", "here", "there", "member-two"', "")!r}
def load(path):
    if path == {FILE!r}:
        return text
    raise FileNotFoundError(path)
assert pyproject.read({FILE!r}, load).layers[0].requirements
heavy = {{"packaging", "tomlkit", "yaml", "rattler", "configparser", "glob"}}
found = heavy & {{m.partition('.')[0] for m in sys.modules}}
assert not found, found
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

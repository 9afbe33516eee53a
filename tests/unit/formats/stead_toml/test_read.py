"""What a stead.toml says."""

from __future__ import annotations

import sys

import pytest

from stead.formats import stead_toml
from stead.formats.toml_lines import parse
from stead.values.manifest import Channel, Index, PathEntry, Task, Use, Variable, Workspace
from stead.values.requirement import Requirement, Source

FILE = "/w/place/stead.toml"


def read(text, **options):
    return stead_toml.read(FILE, {FILE: text}.__getitem__, **options)


def requirements(text, layer=""):
    return read(text).layer(layer).requirements


def test_an_empty_file_is_a_manifest():
    manifest = read("")
    assert (manifest.file, manifest.format, manifest.directory) == (FILE, "stead.toml", "/w/place")
    assert manifest.inherit
    assert manifest.layer("").requirements == ()
    assert not manifest.foreign


def test_every_table_becomes_values_with_their_lines():
    manifest = read(
        """\
inherit = false
link = ".venv"
[workspace]
name = "scans"
members = ["services/*"]
platforms = ["linux-64"]
exclude-newer = 2026-11-01
channel-priority = "flexible"
[packages]
python = "3.12"
[packages.conda]
channels = ["conda-forge", "./local"]
numpy = ">=2"
[packages.pypi]
requests = "2.31"
[vars]
A = "x"
N = 3
F = 3.10
T = true
GONE = false
[paths]
raw = "data/raw"
old = false
[tasks]
report = ["python", "report.py"]
[tasks.all]
depends = ["report"]
run = ["true"]
inputs = ["a"]
outputs = ["b"]
cwd = "tools"
env = { X = 1, Y = false }
environment = "test"
description = "all of it"
[uses]
common = { path = "../common" }
far = { git = "https://example.org/x.git", rev = "v1", subdirectory = "m" }
[layer.test]
inherits = ["dev"]
[layer.test.packages.pypi]
pytest = ">=8"
[layer.test.vars]
A = "y"
"""
    )
    layer = manifest.layer("")
    assert not manifest.inherit
    assert manifest.link == ".venv"
    assert manifest.workspace == Workspace(
        "scans", ("services/*",), ("linux-64",), "2026-11-01", "flexible"
    )
    assert layer.requirements == (
        Requirement("python", "python", "==3.12.*"),
        Requirement("conda", "numpy", ">=2"),
        Requirement("pypi", "requests", "==2.31"),
    )
    assert [str(r.origin) for r in layer.requirements] == [f"{FILE}:{n}" for n in (10, 13, 15)]
    assert layer.channels == (Channel("conda-forge", "/w/place"), Channel("./local", "/w/place"))
    assert layer.variables == (
        Variable("A", "x"),
        Variable("N", "3"),
        Variable("F", "3.10"),
        Variable("T", "true"),
        Variable("GONE", None),
    )
    assert layer.paths == (
        PathEntry("raw", "data/raw", "/w/place"),
        PathEntry("old", None, "/w/place"),
    )
    assert layer.tasks == (
        Task("report", ("python", "report.py"), cwd="/w/place"),
        Task(
            "all",
            ("true",),
            ("report",),
            ("a",),
            ("b",),
            (Variable("X", "1"), Variable("Y", None)),
            "test",
            "/w/place/tools",
            "all of it",
        ),
    )
    assert manifest.uses == (
        Use("common", "path", "../common", base="/w/place"),
        Use("far", "git", "https://example.org/x.git", "v1", "m", base="/w/place"),
    )
    test = manifest.layer("test")
    assert test.inherits == ("dev",)
    assert test.requirements == (Requirement("pypi", "pytest", ">=8"),)
    assert test.variables == (Variable("A", "y"),)
    assert test.variables[0].origin.line == 44
    assert test.origin.line == 39


@pytest.mark.parametrize(
    ("written", "spec"),
    [
        ("3.12", "==3.12.*"),
        ("3", "==3.*"),
        ("3.12.*", "==3.12.*"),
        ("3.12.1", "==3.12.1"),
        (">=3.11, <3.14", ">=3.11,<3.14"),
        ("~=3.12", "~=3.12"),
        ("*", ""),
    ],
)
def test_a_python_version_is_a_pep_440_request(written, spec):
    assert requirements(f'[packages]\npython = "{written}"') == (
        Requirement("python", "python", spec),
    )


@pytest.mark.parametrize(
    ("written", "spec"),
    [
        ("2.1", "==2.1"),
        ("2.*", "==2.*"),
        ("*", ""),
        (">=2,<3", ">=2,<3"),
        (" >= 2 , != 2.5.* ", ">=2,!=2.5.*"),
        ("==2.0rc1", "==2.0rc1"),
        ("===2.0+weird_local", "===2.0+weird_local"),
        ("==1!2.0", "==1!2.0"),
        ("2.0.post1", "==2.0.post1"),
    ],
)
def test_a_pypi_version_is_pep_440(written, spec):
    assert requirements(f'[packages.pypi]\nA_b = "{written}"') == (
        Requirement("pypi", "a-b", spec),
    )


@pytest.mark.parametrize(
    ("written", "spec"),
    [
        ("3.12", "3.12.*"),
        ("=3.12", "3.12.*"),
        ("=3.12.*", "3.12.*"),
        ("3.12.*", "3.12.*"),
        ("==3.12.1", "==3.12.1"),
        ("*", ""),
        (">=2, <3", ">=2,<3"),
        ("1.8|1.9", "1.8.*|1.9.*"),
        ("(>=1,<2)|>3", "(>=1,<2)|>3"),
        (">=2,<3 py312*", ">=2,<3 py312*"),
        ("2.1 py312_0", "2.1.* py312_0"),
        (">= 2.0.1", ">=2.0.1"),
        ("2024a", "2024a.*"),
        ("!=2.1.*", "!=2.1.*"),
    ],
)
def test_a_conda_version_is_a_match_spec_without_its_name(written, spec):
    assert requirements(f'[packages.conda]\nNumpy = "{written}"') == (
        Requirement("conda", "numpy", spec),
    )


def test_a_conda_package_in_table_form():
    (got,) = requirements(
        '[packages.conda]\nx = { version = ">=2", build = "py312*", channel = "conda-forge" }'
    )
    assert got == Requirement("conda", "x", ">=2 py312*", index="conda-forge")
    (got,) = requirements('[packages.conda]\nx = { build = "py312*" }')
    assert got.spec == "* py312*"


def test_a_pypi_package_in_table_form():
    (got,) = requirements(
        '[packages.pypi]\nx = { version = ">=2", extras = ["B_c", "a"],'
        " marker = \"sys_platform == 'linux' and python_version < '3.13'\", index = \"in\" }"
    )
    assert got == Requirement(
        "pypi",
        "x",
        ">=2",
        extras=("a", "b-c"),
        marker="sys_platform == 'linux' and python_version < '3.13'",
        index="in",
    )


@pytest.mark.parametrize(
    ("table", "source"),
    [
        ('path = ".", editable = true', Source("path", "/w/place", editable=True)),
        ('path = "../lib"', Source("path", "/w/lib")),
        ('path = "/abs/lib"', Source("path", "/abs/lib")),
        (
            'git = "https://example.org/x.git", tag = "v1", subdirectory = "p"',
            Source("git", "https://example.org/x.git", revision="v1", subdirectory="p"),
        ),
        (
            'git = "git@example.org:x.git", branch = "main"',
            Source("git", "git@example.org:x.git", revision="main"),
        ),
        ('git = "../repo", rev = "abc"', Source("git", "file:///w/repo", revision="abc")),
    ],
)
def test_a_source_is_absolute(table, source):
    (got,) = requirements(f"[packages.pypi]\nx = {{ {table} }}")
    assert got.source == source


def test_a_url_keeps_its_hash_apart():
    (got,) = requirements('[packages.pypi]\nx = { url = "https://e.org/x.whl#sha256=abc" }')
    assert got.source == Source("url", "https://e.org/x.whl")
    assert got.hashes == ("sha256:abc",)


def test_false_takes_an_inherited_request_away():
    layer = read(
        "[packages]\npython = false\n[packages.conda]\nnumpy = false\n[packages.pypi]\nA_b = false\n"
    ).layer("")
    assert layer.requirements == ()
    assert layer.removed == (
        Requirement("python", "python"),
        Requirement("conda", "numpy"),
        Requirement("pypi", "a-b"),
    )


def test_indexes_are_read_in_every_form():
    layer = read(
        """[packages.pypi]
indexes = [
  "https://packages.example.org/simple",
  { name = "internal", url = "../index", explicit = true, default = true, flat = true },
]
find-links = ["wheels"]
"""
    ).layer("")
    assert layer.indexes == (
        Index("packages-example-org", "https://packages.example.org/simple", "/w/place"),
        Index("internal", "../index", "/w/place", flat=True, explicit=True, default=True),
        Index("wheels", "wheels", "/w/place", flat=True),
    )
    assert [i.origin.line for i in layer.indexes] == [3, 4, 6]


def test_a_package_named_like_a_reserved_key_is_written_as_a_table():
    got = requirements(
        "[packages.pypi]\nindex = '*'\n[packages.pypi.extra]\n[layer.x.packages.conda]\nindexes='*'"
    )
    assert [r.name for r in got] == ["index", "extra"]


def test_a_package_called_channels_or_indexes_can_be_asked_for():
    (got,) = requirements('[packages.conda]\nchannels = { version = "*" }')
    assert got == Requirement("conda", "channels")
    got = requirements('[packages.pypi]\nindexes = { version = "1" }\nfind-links = {}')
    assert got == (Requirement("pypi", "indexes", "==1"), Requirement("pypi", "find-links"))


def test_a_plugin_may_bring_an_ecosystem():
    layer = read(
        '[packages.npm]\nleft-pad = "^1"\nx = "*"\ny = false', ecosystems=("conda", "pypi", "npm")
    ).layer("")
    assert layer.requirements == (
        Requirement("npm", "left-pad", "^1"),
        Requirement("npm", "x"),
    )
    assert layer.removed == (Requirement("npm", "y"),)


def test_a_table_of_another_file_has_its_lines():
    file = "/w/pyproject.toml"
    data, lines = parse("[project]\nname = 'x'\n\n[tool.stead.vars]\nA = '1'\n", file)
    manifest = stead_toml.from_table(data["tool"]["stead"], lines, file, ("tool", "stead"))
    (variable,) = manifest.layer("").variables
    assert str(variable.origin) == f"{file}:5"
    assert manifest.directory == "/w"


def test_windows_line_ends_and_a_byte_order_mark_mean_nothing():
    text = '[vars]\nA = "1"\n\n[packages.pypi]\nx = "*"\n'
    assert read("\ufeff" + text.replace("\n", "\r\n")) == read(text)
    (got,) = read(text.replace("\n", "\r\n")).layer("").requirements
    assert got.origin.line == 5


def test_reading_the_usual_file_imports_no_slow_package():
    """packaging, tomlkit, yaml and rich would each cost more than the reading itself."""
    import subprocess

    code = (
        "import sys\n"
        "from stead.formats import stead_toml\n"
        'text = \'[packages]\\npython="3.12"\\n[packages.pypi]\\na=">=1,<2"\\nb={marker="os_name == \\\'nt\\\'"}'
        '\\n[packages.conda]\\nc="1.2"\\n\'\n'
        "stead_toml.read('/w/stead.toml', lambda f: text)\n"
        "print([m for m in ('packaging', 'tomlkit', 'yaml', 'rich', 'rattler') if m in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

"""`[package.NAME]`, `[test]` and goals: what they say, and what contradicts itself."""

from __future__ import annotations

import pytest

from stead.formats import pyproject, stead_toml
from stead.values.errors import ManifestError
from stead.values.package import GoalPart
from stead.values.testenv import TestCommand


def read(text):
    return stead_toml.read("/w/stead.toml", lambda _: text)


@pytest.mark.parametrize(
    ("text", "builder", "kind"),
    [
        ("[package.sdist]", "sdist", "sdist"),
        ("[package.wheel]", "wheel", "wheel"),
        ("[package.conda]", "conda", "conda"),
        ("[package.a]\nbuilder = 'wheel'", "wheel", "wheel"),
        ("[package.a]\nrecipe = 'r.yaml'", "conda", "conda"),
        ("[package.a]\ncommand = ['make']\noutputs = ['out/*.whl']", "command", "wheel"),
        (
            "[package.a]\ncommand = ['make']\noutputs = ['out/*']\nformat='conda'",
            "command",
            "conda",
        ),
        ("[package.a]\nfile = 'dist/a-1.tar.gz'", "file", "sdist"),
        ("[package.a]\nfile = 'dist/a-1-0.conda'", "file", "conda"),
        ("[package.a]\nversion = '1.0'", "release", "wheel"),
        ("[package.wheel]\nversion = '1.0'\nformat = 'conda'", "release", "conda"),
    ],
)
def test_how_a_package_is_come_by(text, builder, kind):
    (made,) = read(text).packages
    assert (made.builder, made.format, made.origin.line) == (builder, kind, 1)


def test_a_whole_definition():
    (made,) = read(
        "[package.wheel]\npath = 'lib'\npython = '3.12'\nmatch = 'py3{10-12}-venv,!conda'\n"
        "universal = true\ninputs = ['../schema/*.json']\npass-env = ['CFLAGS']\n"
    ).packages
    assert made.path == "/w/lib"
    assert made.python == "3.12"
    assert made.match == ("py3{10-12}-venv,!conda",)
    assert made.universal
    assert made.inputs == ("/schema/*.json",)
    assert made.variables == ("CFLAGS",)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("[package.a]\n", 1, "does not say how it is built"),
        ("[package.a-b]\n", 1, "must be a factor|a factor"),
        ("[package.a]\nbuilder='wheel'\nfile='x.whl'\n", 3, "builder and file exclude"),
        ("[package.a]\nfile='x.whl'\nversion='1'\n", 3, "file and version exclude"),
        ("[package.a]\nfile='x.whl'\nuniversal=true\n", 3, "universal means nothing"),
        ("[package.sdist]\nuniversal=true\n", 2, "universal means nothing"),
        ("[package.wheel]\nrecipe='r'\n", 2, "recipe means nothing .* wheel"),
        ("[package.wheel]\noutputs=['x']\n", 2, "outputs means nothing"),
        ("[package.wheel]\ndistribution='x'\n", 2, "distribution means nothing"),
        ("[package.a]\nversion='1'\npass-env=['X']\n", 3, "pass-env means nothing"),
        ("[package.wheel]\npython='3.12'\nenvironment='b'\n", 3, "exclude each other"),
        ("[package.a]\ncommand=['make']\n", 1, "needs outputs"),
        ("[package.a]\nbuilder='command'\noutputs=['x.whl']\n", 1, "needs command"),
        ("[package.a]\ncommand=['x']\noutputs=['../x.whl']\n", 3, "must lie in the project"),
        ("[package.a]\ncommand=['x']\noutputs=['a.whl','b.conda']\n", 1, "one kind of package"),
        ("[package.a]\nfile='x.zip'\n", 1, "do not show"),
        ("[package.a]\nfile='x.whl'\nformat='conda'\n", 3, "format is conda"),
        ("[package.wheel]\nmatch='{a'\n", 2, "not a factor expression"),
        ("[package.wheel]\nmatch=['a', 'b c']\n", 2, "not a factor expression"),
        ("[package.wheel]\nbuilder='whale'\n", 2, "unknown builder whale"),
        ("[test]\nenvironments='{a'\n", 2, "not a factor expression"),
        ("[layer.t]\ncommands=[[]]\n", 2, "names no program"),
        ("[layer.t]\ncommands=[['-']]\n", 2, "names no program"),
        ("[layer.t]\ncommands=[['x',\n'{posarg}']]\n", 3, r"did you mean {posargs}\?"),
        ("[layer.t]\ncommands=[['x', '-n{job}']]\n", 2, r"did you mean {jobs}\?"),
        ("[layer.t]\ncommands=[['{envpython}', '-V']]\n", 2, "unknown substitution {envpython}"),
        ("[layer.t]\ncommands=[['{env:HOME}/x']]\n", 2, "unknown substitution {env}"),
        ("[layer.t]\ncommands=[['x', '-k{posargs}']]\n", 2, "a word of its own"),
        ("[layer.t]\ncommands=[['x', '{posargs:a}{posargs}']]\n", 2, "a word of its own"),
        ('[layer.t]\ncommands=[["x", "{posargs:it\'s}"]]\n', 2, "a quote stays open"),
        ("[layer.t]\ncommands=['pytest']\n", 2, "must be"),
        ("[layer.t]\ntimeout='soon'\n", 2, "must be a duration"),
        ("[layer.t]\nretries=-1\n", 2, "less than 0"),
        ("[layer.t]\ndepends='{a'\n", 2, "not a factor expression"),
        ("package = 'wheel'\n", 1, "must be a table"),
    ],
)
def test_contradictions_have_a_line(text, line, message):
    with pytest.raises(ManifestError, match=message) as caught:
        read(text)
    assert str(caught.value.where) == f"/w/stead.toml:{line}"


def test_what_a_layer_says_of_testing():
    manifest = read(
        "[layer.test]\ncommands = [['pytest', '-q'], ['-', 'x'], ['!', 'y']]\npackage = 'wheel'\n"
        "depends = 'lint'\nlabels = ['l']\nresources = ['db']\ntimeout = '1h30m'\nretries = 2\n"
        "[layer.bare]\npackage = false\n[layer.other]\n"
    )
    test, bare, other = (manifest.layer(n).goal for n in ("test", "bare", "other"))
    assert test == GoalPart(
        commands=(
            TestCommand(("pytest", "-q")),
            TestCommand(("x",), ignore_failure=True),
            TestCommand(("y",), expect_failure=True),
        ),
        packages=("wheel",),
        depends=("lint",),
        labels=("l",),
        resources=("db",),
        timeout=5400,
        retries=2,
    )
    assert test.origin.line == 2
    assert bare.packages == ()
    assert other is None


def test_the_environments_that_run_by_default():
    made = read("[test]\nenvironments = ['py3{10,11}-{venv,conda}', 'lint']\n").test
    assert made.environments == (
        *("py310-venv", "py310-conda", "py311-venv", "py311-conda", "lint"),
    )


def test_what_a_layer_says_beside_a_group_of_the_same_name():
    text = (
        "[project]\nname = 'x'\n[dependency-groups]\ntest = ['pytest']\n"
        "[tool.stead]\nadopt = ['AWS_PROFILE']\n[tool.stead.files]\n'a.ini' = 'a.tmpl'\n"
        "[tool.stead.layer.test]\ncommands = [['pytest']]\n[tool.stead.package.wheel]\n"
    )
    manifest = pyproject.read("/w/pyproject.toml", lambda _: text)
    test = manifest.layer("test")
    assert [r.name for r in test.requirements] == ["pytest"]
    assert test.goal.commands == (TestCommand(("pytest",)),)
    assert manifest.layers[0].adopt == ("AWS_PROFILE",)
    assert [f.path for f in manifest.layers[0].files] == ["a.ini"]
    assert [p.name for p in manifest.packages] == ["wheel"]

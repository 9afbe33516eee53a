"""Environments of tox's files: contents, packages, work."""

from __future__ import annotations

import pytest

from stead.matrix.asking import Wanted
from stead.values.errors import CycleError, InterpreterError, ManifestError


def requirements(environment):
    return [str(r) for r in environment.contents.packages.requirements]


def only(made):
    (one,) = made.chosen
    return one


def test_deps_become_requests(tests):
    made = tests.ask(
        "a",
        files={
            "tox.ini": """\
[testenv:a]
package = skip
deps =
    pytest>=8 ; python_version > "3"
    -r requirements.txt
    -c limits.txt
    --extra-index-url https://index.example.invalid/simple
    ./lib[fast]
constraints = more.txt
""",
            "requirements.txt": "six==1.16\n-r sub/more.txt\n",
            "sub/more.txt": "attrs\n",
            "limits.txt": "attrs<24\n",
            "more.txt": "six<2\n",
            "lib/pyproject.toml": "[project]\nname = 'lib'\nversion = '1'\n",
        },
    )
    packages = only(made).contents.packages
    assert requirements(only(made)) == [
        'pypi pytest >=8 ; python_version > "3"',
        "pypi six ==1.16",
        "pypi attrs",
        f"pypi lib[fast] @ {tests.root}/lib",
        "pypi pip",
    ]
    assert [str(r) for r in packages.constraints] == ["pypi attrs <24", "pypi six <2"]
    assert [i.url for i in packages.indexes] == ["https://index.example.invalid/simple"]
    assert only(made).contents.lines == ()
    assert packages.requirements[1].origin.file == f"{tests.root}/requirements.txt"


def test_what_only_an_installer_understands_stays_a_line(tests):
    ini = """\
[testenv]
package = skip
pip_pre = true
deps =
    -r strict.txt
    --no-binary=:all:
    six
"""
    made = tests.ask("py", files={"tox.ini": ini, "strict.txt": "--only-binary :all:\nattrs\n"})
    assert only(made).contents.lines == (
        *("--pre", f"-r {tests.root}/strict.txt", "--no-binary=:all:"),
    )
    assert requirements(only(made)) == ["pypi six", "pypi pip"]
    assert only(made).contents.install_command == ()


def test_an_install_command_of_its_own(tests):
    ini = "[testenv]\ninstall_command = uv pip install {opts} {packages}\n"
    made = tests.ask("py", files={"tox.ini": ini})
    assert only(made).contents.install_command == ("uv", "pip", "install", "{packages}")


def test_a_file_that_is_not_there_is_named(tests):
    with pytest.raises(ManifestError, match=r"gone.txt does not exist") as caught:
        tests.ask("py", files={"tox.ini": "[testenv]\ndeps =\n  six\n  -r gone.txt\n"})
    assert caught.value.where.line == 2


def test_dependency_groups_with_what_they_include(tests):
    files = {
        "tox.ini": "[testenv]\nskip_install = true\ndependency_groups = test\n",
        "pyproject.toml": "[dependency-groups]\nbase = ['six']\n"
        "test = ['pytest', {include-group = 'base'}]\n",
    }
    made = tests.ask("py", files=files)
    assert requirements(only(made)) == ["pypi pytest", "pypi six", "pypi pip"]
    files["tox.ini"] = files["tox.ini"].replace("= test", "= tests")
    with pytest.raises(ManifestError, match="no dependency group tests") as caught:
        tests.ask("py", files=files)
    assert (caught.value.where.line, caught.value.remedy) == (3, "did you mean test?")


@pytest.mark.parametrize(
    ("mode", "builder", "form"),
    [
        ("wheel", "wheel", "wheel"),
        ("sdist", "sdist", "sdist"),
        ("sdist-wheel", "sdist-wheel", "wheel"),
        ("editable", "editable", "wheel"),
        ("editable-legacy", "editable-legacy", "tree"),
        ("deps-only", "metadata", "metadata"),
    ],
)
def test_modes_of_packages(tests, mode, builder, form):
    ini = f"[testenv]\npackage = {mode}\nextras = b\n  a\n"
    made = tests.ask("py", files={"tox.ini": ini, "setup.py": ""})
    (definition,) = made.suite.definitions
    assert (definition.name, definition.builder, definition.format) == (mode, builder, form)
    assert definition.path == str(tests.root)
    assert definition.settings.name == ".pkg"
    assert only(made).contents.extras == ("a", "b")
    assert [c.label for c in made.plan().cells] == ["py"]


def test_a_command_builds_the_package(tests):
    ini = """\
[testenv]
package = external
package_env = build
[testenv:build]
deps = hatch
commands = hatch build
package_glob = {toxinidir}/dist/*.tar.gz
"""
    made = tests.ask("py", files={"tox.ini": ini})
    (definition,) = made.suite.definitions
    assert (definition.builder, definition.format) == ("command", "sdist")
    assert definition.outputs == (f"{tests.root}/dist/*.tar.gz",)
    assert definition.settings.deps == ("hatch",)
    assert made.suite.environments[0].name == "py"
    assert "build" not in made.by_name


def test_wheels_are_built_for_each_interpreter_unless_one_is_named(tests):
    ini = "[tox]\nenvlist = py3{11,12}\n[testenv]\npackage = wheel\n"
    made = tests.ask(files={"tox.ini": ini, "setup.py": ""})
    assert [b.key for b in made.plan().builds] == ["wheel-cpython311", "wheel-cpython312"]
    made = tests.ask(files={"tox.ini": ini + "wheel_build_env = .pkg\n"})
    (build,) = made.plan().builds
    assert (build.key, build.serves) == ("wheel-.pkg", ("py311", "py312"))


def test_an_environment_that_its_commands_change_is_its_own(tests):
    ini = """\
[tox]
envlist = a, b, c
[testenv]
package = skip
[testenv:a]
commands = pip install x
[testenv:b]
commands = pip freeze
[testenv:c]
commands_pre = python -m pip uninstall -y x
"""
    made = tests.ask(files={"tox.ini": ini})
    assert [one.contents.own for one in made.chosen] == [True, False, True]


def test_a_platform_that_does_not_fit_is_a_skip(tests):
    ini = "[testenv:a]\nplatform = win32|darwin\n[testenv:b]\nplatform = lin\n"
    made = tests.ask("a", "b", files={"tox.ini": ini})
    assert [one.skip for one in made.chosen] == [
        "it is for the platform win32|darwin, and this is linux",
        "it is for the platform lin, and this is linux",
    ]
    assert [c.skip for c in made.plan().cells] == [one.skip for one in made.chosen]


def test_a_missing_interpreter_fails_or_is_skipped(tests):
    ini = "[tox]\nenvlist = py39, py312\n[testenv]\ncommands = {envsitepackagesdir}\n"
    made = tests.ask(files={"tox.ini": ini})
    assert [(one.missing, one.skip) for one in made.chosen] == [("py39", ""), ("", "")]
    made = tests.ask(skip_missing=True)
    assert made.chosen[0].skip == "no interpreter answers py39"
    made = tests.ask(
        files={"tox.ini": ini.replace("[tox]", "[tox]\nskip_missing_interpreters = true")},
        skip_missing=None,
    )
    assert made.chosen[0].skip == "no interpreter answers py39"
    made = tests.ask(skip_missing=False)
    assert (made.chosen[0].missing, made.chosen[0].skip) == ("py39", "")


@pytest.mark.parametrize(
    ("spec", "version"),
    [
        ("py312", "3.12.1"),
        ("3.10", "3.10.1"),
        ("python3.11", "3.11.1"),
        ("cpython313", "3.13.1"),
        ("3.12.1", "3.12.1"),
        ("3.12.7", None),
        ("py313t", None),
        ("pypy310", None),
        ("py27", None),
        ("python-of-mine", None),
        ("py39, py310", "3.10.1"),
        ("/no/such/python", None),
    ],
)
def test_interpreters_that_tox_specifications_mean(tests, spec, version):
    made = tests.ask("a", files={"tox.ini": f"[testenv:a]\nbasepython = {spec}\n"})
    found = only(made).interpreter
    assert (found and found.version) == version


def test_posargs_reach_commands(tests):
    ini = "[testenv]\nskip_install = true\ncommands = pytest {posargs:tests}\n"
    assert only(tests.ask("py", files={"tox.ini": ini})).work.commands[0].arguments[1:] == (
        "tests",
    )
    made = tests.ask("py", posargs=("-k", "a b"))
    assert only(made).work.commands[0].arguments == ("pytest", "-k", "a b")
    made = tests.ask("py", posargs=())
    assert only(made).work.commands[0].arguments == ("pytest",)


def test_only_what_is_chosen_is_evaluated(tests):
    ini = "[tox]\nenvlist = a, b\n[testenv]\npackage = skip\n[testenv:b]\ncommands = {env:B:}\n"
    ini += "recreate = maybe\n"
    assert tests.ask("a", files={"tox.ini": ini}).names == ["a"]
    with pytest.raises(ManifestError, match="neither true nor false") as caught:
        tests.ask("b")
    assert caught.value.where.line == 7


def test_a_circle_of_depends(tests):
    ini = "[tox]\nenvlist = a, b\n[testenv:a]\ndepends = b\n[testenv:b]\ndepends = a\n"
    made = tests.ask(files={"tox.ini": ini})
    with pytest.raises(CycleError, match="a → b → a") as caught:
        made.plan()
    assert caught.value.where.file.endswith("tox.ini")


def test_an_unknown_key_is_an_error_and_a_plugin_a_note(tests):
    ini = "[tox]\nrequires = tox-gone>=1\n  tox>=4.2\n[testenv]\ncomands = x\n"
    with pytest.raises(ManifestError, match="unknown key comands") as caught:
        tests.ask("py", files={"tox.ini": ini})
    assert caught.value.where.line == 5
    made = tests.ask("py", files={"tox.ini": ini.replace("comands", "commands")})
    (note,) = made.suite.notes
    assert "tox-gone" in note.message


def test_requires_python_skips_before_anything_is_built(tests):
    files = {
        "tox.ini": "[tox]\nenvlist = py310, py312\n[testenv]\npackage = wheel\n",
        "pyproject.toml": "[project]\nname = 'x'\nversion = '1'\nrequires-python = '>=3.11'\n",
    }
    made = tests.ask(files=files)
    assert [c.skip for c in made.plan().cells] == [
        "Requires-Python >=3.11 does not admit 3.10.1",
        "",
    ]
    assert [b.key for b in made.plan().builds] == ["wheel-cpython312"]


def test_labels_of_the_main_section_and_of_environments(tests):
    ini = "[tox]\nenvlist = a, b\nlabels =\n  quick = b\n[testenv:a]\nlabels = quick, slow\n"
    made = tests.ask(files={"tox.ini": ini}, wanted=Wanted(labels=("quick",)))
    assert made.names == ["a", "b"]
    assert made.by_name["b"].labels == ("quick",)


def test_tox_toml_and_tables_of_pyproject(tests):
    toml = "env_list = ['a']\n[env.a]\ncommands = [['pytest']]\nskip_install = true\n"
    made = tests.ask(files={"tox.toml": toml})
    assert only(made).origin.line == 2
    (tests.root / "tox.toml").unlink()
    made = tests.ask(
        files={
            "pyproject.toml": toml.replace("[env", "[tool.tox.env").replace(
                "env_list", "tool.tox.env_list"
            )
        }
    )
    assert made.names == ["a"]


def test_a_directory_below_belongs_to_the_project(tests):
    (tests.root / "deep").mkdir()
    made = tests.ask(files={"tox.ini": "[tox]\nenvlist = a\n"}, directory=str(tests.root / "deep"))
    assert made.suite.root == str(tests.root)


def test_an_environment_that_is_there(tests):
    prefix = tests.root / "env"
    made = tests.ask(files={"tox.ini": "[tox]\nenvlist = a\n"})
    with pytest.raises(InterpreterError, match="env is not there"):
        tests.ask(in_prefix=str(prefix))
    import subprocess
    import sys

    subprocess.run([sys.executable, "-m", "venv", "--without-pip", prefix], check=True)
    made = tests.ask(in_prefix=str(prefix))
    one = only(made)
    assert (one.kind, one.prefix) == ("existing", str(prefix))
    assert one.interpreter.version == ".".join(map(str, sys.version_info[:3]))


def test_keys_that_have_no_effect_are_told(tests):
    ini = "[tox]\nenvlist = a, b\n[testenv]\nalways_copy = true\ndownload = false\n"
    made = tests.ask(files={"tox.ini": ini})
    (note,) = made.suite.notes
    assert note.message == "always_copy has no effect: environments are made of links"
    assert note.origin.line == 4


def test_an_editors_environment_that_is_asked_for_is_noted(tests):
    made = tests.ask(files={"tox.ini": "[tox]\nvenv_redirect = true\n"})
    (note,) = made.suite.notes
    assert note.message == "venv_redirect has no effect: no .venv is written for editors"
    assert note.origin.line == 2
    made = tests.ask(files={"tox.ini": "[tox]\nvenv_redirect = false\n"})
    assert made.suite.notes == ()


def test_groups_need_a_file(tests):
    with pytest.raises(ManifestError, match=r"there is no pyproject.toml") as caught:
        tests.ask("py", files={"tox.ini": "[testenv]\ndependency_groups = test\n"})
    assert caught.value.where.line == 2


def test_unknown_substitutions_and_circles(tests):
    for value, message in (
        ("{env:A", "is no number"),
        ("{[testenv]commands_retry}", "refers to itself"),
        ("{nothing}", "is no number"),
    ):
        ini = f"[testenv]\ncommands_retry = {value}\n"
        with pytest.raises(ManifestError, match=message) as caught:
            tests.ask("py", files={"tox.ini": ini})
        assert "tox.ini:2" in str(caught.value)


def test_a_lock_of_exact_packages(tests):
    ini = "[testenv]\nskip_install = true\npylock = pylock.toml\n"
    made = tests.ask("py", files={"tox.ini": ini})
    (taken,) = only(made).contents.packages.taken
    assert (taken.file, taken.format) == (f"{tests.root}/pylock.toml", "pylock")


def test_two_environments_build_in_ways_of_their_own(tests):
    ini = """\
[tox]
envlist = a, b
[testenv]
package = sdist
[testenv:b]
package_env = special
[testenv:special]
set_env = CFLAGS=-O0
config_settings_build_sdist = fast=yes
"""
    made = tests.ask(files={"tox.ini": ini, "setup.py": ""})
    assert [d.name for d in made.suite.definitions] == ["sdist", "sdist-special"]
    settings = made.suite.definitions[1].settings
    assert dict(settings.set_env)["CFLAGS"] == "-O0"
    assert settings.config_settings == (("build_sdist", (("fast", "yes"),)),)
    assert [b.key for b in made.plan().builds] == ["sdist", "sdist-special"]


WRONG = {
    "a value": ("basepython = {env:ANY:}", "basepython: base_python is empty"),
    "a key": ("comands = x", "unknown key comands"),
}


@pytest.mark.parametrize(("line", "said"), WRONG.values(), ids=WRONG)
def test_an_environment_that_is_wrong_fails_alone(tests, line, said):
    ini = f"[tox]\nenvlist = a\n[testenv:any]\n{line}\n"
    for files in ({"tox.ini": ini}, {"tox.ini": ini, "setup.py": ""}):
        made = tests.ask(files=files)
        assert (made.names, list(made.by_name)) == (["a"], ["a", "any"])
        assert f"tox.ini:4: {said}" in made.by_name["any"].fails
        with pytest.raises(ManifestError, match=said):
            tests.ask("any", wanted=None)
        tests.asked = tests.ask().asked
    made = tests.ask(files={"tox.ini": ini.replace("= a", "= a, any")})
    assert made.names == ["a", "any"]
    assert [said in cell.skip for cell in made.plan().cells] == [False, True]
    with pytest.raises(ManifestError, match=said):
        tests.ask(files={"tox.ini": ini.replace("= a", "= any")})


def test_a_wrong_key_of_a_section_that_others_take_over(tests):
    ini = "[tox]\nenvlist = a, b, c\n[testenv:a]\ncomands = x\n[testenv:b]\nbase = testenv:a\n"
    made = tests.ask(files={"tox.ini": ini})
    assert [bool(one.fails) for one in made.suite.environments] == [True, True, False]


def test_files_of_another_user_do_not_count(tests):
    import os

    if os.getuid():
        pytest.skip("only root can give a file away")
    (tests.root / "tox.ini").write_text("[tox]\nenvlist = a\n")
    os.chown(tests.root / "tox.ini", 12345, 12345)
    with pytest.raises(ManifestError, match="belongs to another user") as caught:
        tests.ask()
    assert f"chown -R 0 {tests.root}" in caught.value.remedy


def test_commands_know_where_they_stand(tests):
    ini = "[testenv]\ndeps =\ncommands_pre = x\nextra_setup_commands = z\ncommands =\n  y\n"
    one = tests.ask(files={"tox.ini": ini}).chosen[0]
    placed = (*one.work.before, *one.contents.setup, *one.work.commands)
    assert [(c.arguments, c.origin.line) for c in placed] == [(("x",), 3), (("z",), 4), (("y",), 5)]


def test_depends_on_what_is_not_there_is_noted(tests):
    ini = """\
[tox]
envlist = py312, cov
[testenv]
skip_install = true
[testenv:cov]
depends =
  py3{10,12}
  py3*, pypy*
  covv
"""
    made = tests.ask("cov", whole=False, files={"tox.ini": ini})
    found = [(n.origin.line, n.message, n.remedy) for n in made.suite.notes]
    assert found == [
        (6, "cov waits for pypy*, which is no environment", "take it out of depends"),
        (6, "cov waits for covv, which is no environment", "did you mean cov?"),
    ]
    assert made.plan().cells[0].after == ()

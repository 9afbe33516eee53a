"""Values from the command line in place of the file's, held to the installed tox."""

from __future__ import annotations

import pytest

from stead.formats.tox import override
from stead.values.errors import UsageError

INI = """\
[tox]
env_list = a, py3{10,11}
labels =
  x = a
[base]
deps = six
set =
  FROM = base
[testenv]
skip_install = true
set_env =
  {[base]set}
  A = 1
  B = {env:A}
deps =
  {[base]deps}
  py310: attrs
pass_env = X
extras = one, two
commands = x {envname} {posargs}
  y
description = {[testenv:a]description}
[testenv:py3{10,11}]
commands_pre = pre
[testenv:a]
description = of a
deps = only
"""
TOML = """\
env_list = ["a", "b"]
[env_run_base]
skip_install = true
set_env = { A = "1", B = "{env:A}" }
deps = ["six", { replace = "ref", of = ["shared", "deps"], extend = true }]
pass_env = ["X"]
commands = [["x", "{posargs}"], ["y"]]
[env.a]
description = "of {[shared]name}"
deps = ["only"]
[shared]
deps = ["seven"]
name = "base"
"""
OF_INI = [
    *("testenv.commands=z {envname} {posargs:no}", "testenv.commands+=z 'a b'"),
    *("testenv:a.deps+=more", "testenv:py310.deps+=more", "testenv.deps=six\nseven"),
    *("testenv:py311.commands_post+=post", "testenv:py311.commands_pre=other"),
    *("tox.env_list=a,lint", "tox.skip_missing_interpreters=true", "tox.work_dir={toxinidir}/w"),
    *("testenv.set_env=C=3", "testenv.set_env+=A=2", "testenv.setenv+=C={env:B}"),
    *("testenv:a.set_env+=C=3", "testenv.pass_env+=Y,Z", "testenv.passenv=Y"),
    *("testenv.extras+=three", "base.deps=eight", "base.deps+=eight", "base.set=FROM=else"),
    *("testenv.description=d", "testenv:a.description=d", "testenv.labels+=l"),
    *("testenv.ignore_errors=yes", "testenv.commands_retry=2", "tox.labels+=y=a"),
    *("pkgenv.deps+=p", "testenv.change_dir=sub", "testenv.description+=more"),
]
OF_TOML = [
    *("env_run_base.commands=z {posargs:no}", "env_run_base.commands+=z 'a b'"),
    *("env.a.deps+=more", "env.b.deps+=more", "env_run_base.deps=six,seven", "shared.deps+=nine"),
    *("env_list=a,c", "work_dir={tox_root}/w", "shared.name=else", "shared.deps=nine"),
    *("env_run_base.set_env=C=3", "env_run_base.set_env+=A=2", "env.a.set_env+=C={env:B}"),
    *("env_run_base.pass_env+=Y", "env.b.commands_retry=2", "env_run_base.ignore_errors=on"),
]


@pytest.mark.parametrize("one", OF_INI)
def test_in_an_ini_file(project, agree, one):
    agree(project({"tox.ini": INI}), ("p", "q"), (one,))


@pytest.mark.parametrize("one", OF_TOML)
def test_in_tables(project, agree, one):
    agree(project({"tox.toml": TOML}), ("p", "q"), (one,))


def test_in_tables_of_pyproject(project, agree):
    text = TOML.replace("[env", "[tool.tox.env")
    text = "[tool.tox]\n" + text
    many = ("tool.tox.env.a.deps+=more", "env_list=a,b,c", "tool.tox.env_run_base.pass_env=Q")
    agree(project({"pyproject.toml": text}), None, many)


def test_several(project, agree):
    many = ("testenv.deps+=a", "testenv.deps=b", "testenv:py310.deps+=c", "testenv.deps+=d")
    agree(project({"tox.ini": INI}), None, many)


def test_a_section_that_is_not_there(project, agree):
    agree(
        project({"tox.ini": ""}), None, ("tox.env_list=a", "testenv.commands=x", "testenv:a.deps=y")
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("testenv.deps", "has no = sign"),
        ("testenv.dpes=x", "did you mean deps"),
        ("nowhere.deps=x", "means nothing there"),
    ],
)
def test_what_means_nothing(project, agree, text, said):
    with pytest.raises(UsageError) as caught:
        agree(project({"tox.ini": INI}), None, (text,))
    assert said in str(caught.value)


def test_dots_in_names():
    one = override(r"env.py3\.11.deps+=a=b")
    assert (one.section, one.key, one.text, one.append) == ("env.py3.11", "deps", "a=b", True)

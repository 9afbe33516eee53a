"""What is wrong, or not understood, is an error with file and line."""

from __future__ import annotations

import pytest

from stead.values.errors import CycleError, InterpreterError, ManifestError
from stead.values.testenv import Note


def evaluate(reader, files, **more):
    project = reader(files, **more)
    for name in project.environments:
        project.environment(name)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("x = 1\n", 1, "before the first section"),
        ("[tox]\n[tox]\n", 2, "is there twice"),
        ("[tox]\nenvlist = a\nenvlist = b\n", 3, "envlist is given twice"),
        ("[tox]\nwhat is this\n", 2, "neither"),
        ("[tox]\nenvlist =\n  a\n  {b,c\n", 2, "not a factor expression"),
        ("[tox]\nenvlist = a, ,b\n", 2, "name of an environment"),
        ("[testenv:{a]\n", 1, "not a factor expression"),
        ("[tox]\nenvlist = a\nskipsdist = perhaps\n", 3, "neither true nor false"),
        ("[tox]\nenvlist = a\n[testenv]\n\n\nignore_errors = 2\n", 6, "neither true nor false"),
        ("[tox]\nenvlist = a\n[testenv]\npackage = whale\n", 4, "package must be one of"),
        ("[tox]\nenvlist = a\n[testenv]\nrunner = conda\n", 4, "runner"),
        ("[tox]\nenvlist = a\n[testenv]\nsetenv = A\n", 4, "NAME = value"),
        ("[tox]\nenvlist = a\n[testenv]\nsetenv = A=1; nonsense\n", 4, "marker"),
        ("[tox]\nenvlist = a\n[testenv]\nsetenv = file|no.env\n", 4, "no.env cannot be read"),
        ("[tox]\nenvlist = a\n[testenv]\nchangedir = {env:NONE:}\n", 4, "a path is empty"),
        ("[tox]\nenvlist = a\n[testenv]\ncommands = {env}\n", 4, "names no variable"),
        ("[tox]\nenvlist = a\n[testenv]\ncommands_retry = x\n", 4, "no number"),
        ("[tox]\nenvlist = a\n[testenv]\npassenv =\n  A B\n", 4, "holds blanks"),
        ("[tox]\nenvlist = py311\n[testenv]\nbasepython = python3.10\n", 4, "asks for py311"),
        ("[tox]\nenvlist = a\n[testenv]\nconstraints = -c x\n", 4, "only files and addresses"),
        ("[tox]\nenvlist = a\n[testenv]\ndeps = x{env:OPTIONS}\n", 4, "must not add options"),
        ("[tox]\nenvlist = a\n[testenv]\npassenv = A{env:TWO}\n", 4, "must not add an entry"),
    ],
)
def test_errors_of_an_ini_file(ini, text, line, message):
    variables = {"OPTIONS": " --pre", "TWO": "B,C"}
    with pytest.raises(ManifestError, match=message) as caught:
        evaluate(ini, text, variables=variables)
    assert str(caught.value.where) == f"/work/tox.ini:{line}"


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("env_list = 'a'\n", 1, "must be a list"),
        ("env_list = [1]\n", 1, "entries are names"),
        ("env_list = [{product=[['a']], prefix='b'}]\n", 1, "exclude each other"),
        ("env_list = [{prefix='py3'}]\n", 1, "start or stop"),
        ("env_list = [{product=[{posargs=['a']}]}]\n", 1, "cannot be a label"),
        ("[env]\na = 1\n", 2, "must be a table"),
        ("[env_base.a]\ndeps = ['x']\n", 1, "lacks the key factors"),
        ("[env.a]\nskip_install = 'yes'\n", 2, "must be true or false"),
        ("[env.a]\ncommands = ['pytest']\n", 2, "a list of arguments"),
        ("[env.a]\n\ncommands = [[{replace='what'}]]\n", 3, "is not understood"),
        ("[env.a]\ndeps = [{replace='ref', of=['env','b']}]\n", 2, "nothing stands at"),
        ("[env.a]\ndeps = {replace='if', condition='1 +', then='x'}\n", 2, "not a condition"),
        ("[env.a]\ndeps = {replace='if', condition='f(x)', then='x'}\n", 2, "not understood"),
        ("[env.a]\ndeps = {replace='ref', of=['env','a','deps']}\n", 2, "refers to itself"),
        ("[env.a]\nset_env = [1]\n", 2, "a table of texts"),
    ],
)
def test_errors_of_a_toml_file(tox, text, line, message):
    with pytest.raises(ManifestError, match=message) as caught:
        evaluate(tox, {"tox.toml": text})
    assert str(caught.value.where) == f"/work/tox.toml:{line}"


CIRCLES = [
    "commands = {commands}",
    "commands = {[testenv]commands}",
    "description = {[other]x}\n[other]\nx = {[other]y}\ny = {[other]x}",
    "description = {envtmpdir}\nenv_tmp_dir = {description}",
    "setenv =\n  A = {env:B}\n  B = {env:A}",
]


@pytest.mark.parametrize("text", CIRCLES)
def test_a_circle_is_an_error_with_its_path(ini, text):
    project = ini(f"[tox]\nenvlist = a\n[testenv]\n{text}\n")
    with pytest.raises(CycleError, match="→") as caught:
        project.environment("a")
    assert str(caught.value.where).startswith("/work/tox.ini:")


def test_all_unknown_keys_are_named_at_once(ini):
    project = ini("[tox]\nenvlst = a\n[testenv]\nworking = x\nown = 1\ndeps = {[testenv]own}\n")
    with pytest.raises(ManifestError) as caught:
        project.check()
    assert "/work/tox.ini:2: unknown key envlst → did you mean envlist?" in str(caught.value)
    assert "/work/tox.ini:4: unknown key working → take it out: it is none of tox's" in str(
        caught.value
    )
    assert "own" not in str(caught.value).replace("unknown", "")


def test_unknown_keys_of_a_table(tox):
    project = tox({"tox.toml": "wurk = 1\n[env.a]\ndepps = []\n[env_base.b]\nfactors = ['c']\n"})
    with pytest.raises(ManifestError, match="2 keys") as caught:
        project.check()
    assert "/work/tox.toml:3: unknown key depps → did you mean deps?" in str(caught.value)


def test_plugins_and_keys_of_old_are_noted(ini):
    project = ini(
        "[tox]\nrequires =\n  tox>=4\n  tox-uv\n  tox-gh>1\nisolated_build = 1\n[testenv]\nwhitelist_externals = x\n"
    )
    notes = project.check()
    assert [(n.message.split(",")[0], n.origin.line) for n in notes] == [
        ("isolated_build has no effect: tox 4 always builds in isolation", 6),
        ("whitelist_externals has no effect: tox 4 calls it allowlist_externals", 8),
        ("requires names tox-gh>1", 2),
    ]
    assert all(isinstance(n, Note) for n in notes)


def test_a_key_of_the_main_section_elsewhere_is_noted(ini):
    project = ini("[tox]\nenvlist = a\n[testenv]\nskipsdist = true\n")
    (note,) = project.check()
    assert (note.message, note.origin.line) == (
        "skipsdist has no effect here: it belongs to tox's main section, not to an environment's",
        4,
    )
    project.check_own("a")


def test_a_runner_that_is_not_understood_is_known_before_anything_is_evaluated(ini):
    project = ini("[tox]\nenvlist = a, b\n[testenv:a]\nrunner = virtualenv-pep-723\n")
    with pytest.raises(ManifestError, match=r"/work/tox.ini:4: runner = "):
        project.check_own("a")
    project.check_own("b")


def test_what_tox_uv_has_besides_is_noted_where_it_changes_nothing(ini):
    project = ini("[testenv]\nuv_seed = true\nuv_python_preference = managed\n")
    assert [note.message.split(" has ")[0] for note in project.check()] == [
        "uv_seed",
        "uv_python_preference",
    ]


def test_a_newer_tox_that_is_asked_for_is_noted(ini):
    (note,) = ini("[tox]\nrequires = tox>=5\n").check()
    assert "tox>=5" in note.message


def test_what_needs_a_missing_interpreter_says_so(ini):
    project = ini(
        "[tox]\nenvlist = py39\n[testenv]\ncommands = x {envsitepackagesdir}", python=None
    )
    assert project.missing("py39") == "py39"
    with pytest.raises(InterpreterError, match="py39"):
        project.environment("py39")


def test_a_builder_cannot_be_in_the_list(tox):
    text = "[tox]\nenvlist = a, b\n[testenv:a]\npackage = wheel\npackage_env = b\n"
    with pytest.raises(ManifestError, match="builds packages"):
        _ = tox({"tox.ini": text, "setup.py": ""}).environments
    text = "[tox]\nenvlist = a\n[testenv:a]\npackage = wheel\npackage_env = a\n"
    with pytest.raises(ManifestError, match="cannot build its own"):
        _ = tox({"tox.ini": text, "setup.py": ""}).builders("a")


UNMEANT = """\
[tox]
envlist = py3{11,12}, {lint}
[testenv]
pass_env = {[testenv]passenv}
description = {envnam} \\{this\\} ${HOME} {3} {{env_name}}
setenv =
  {[other]set}
  A = {[other]missing}{[other]missing:none}
commands =
  {py311}: x {posargs:{toxindir}} {env:NONE:{envname}} [] {tty:a:b} {/}{:}
  {py311}-x,py3{11}: y {jobs}  # {comment}
  # {comment}
  z {evn:HOME} {[tox]envlist} {[tox]commands} {[testenv:lint]deps}
install_command = pip {opts} {packages} {wheels}
[other]
set = B = {nothing}
unused = {nothing at all} {unused}
[testenv:lint]
depends = {py311}, {[nowhere]list}
"""


def test_references_that_mean_nothing_are_noted(ini):
    project = ini(UNMEANT)
    found = [(n.origin.line, n.message, n.remedy) for n in project.check()]
    stays = "means nothing: it stays as it is"
    assert found == [
        (4, f"{{[testenv]passenv}} {stays}", "did you mean {[testenv]pass_env}?"),
        (5, f"{{envnam}} {stays}", "did you mean {envname}?"),
        (8, f"{{[other]missing}} {stays}", "if the braces are meant, write \\{[other]missing\\}"),
        (10, f"{{toxindir}} {stays}", "did you mean {toxinidir}?"),
        (
            13,
            "{evn:…} means nothing: what follows the colon takes its place",
            "did you mean {env}?",
        ),
        (13, f"{{[tox]commands}} {stays}", "if the braces are meant, write \\{[tox]commands\\}"),
        (14, f"{{wheels}} {stays}", "if the braces are meant, write \\{wheels\\}"),
        (19, f"{{[nowhere]list}} {stays}", "if the braces are meant, write \\{[nowhere]list\\}"),
        (16, f"{{nothing}} {stays}", "if the braces are meant, write \\{nothing\\}"),
    ]
    assert project.scope("py311").value("description").startswith("{envnam} {this}")


def test_references_of_tables_that_mean_nothing_are_noted(tox):
    text = """\
env_list = ["a"]
work_dir = "{tox_rot}/x"
[env_run_base]
commands = [
  ["x", "{posargs}", "{env_nam}"],
  ["y", "{[env.a]own}", "{[env.a]none}", "{[env.b]deps}"],
]
set_env.A = "{env:B:{nothing}}"
[env.a]
own = "x"
[other]
text = "{not tox's} {own}"
"""
    found = [(n.origin.line, n.message.split(" ")[0]) for n in tox({"tox.toml": text}).check()]
    assert found == [(2, "{tox_rot}"), (5, "{env_nam}"), (6, "{[env.a]none}"), (8, "{nothing}")]


def test_sections_that_mean_nothing_are_noted(ini):
    text = """\
[tox]
min_version = 9.1
[testenv:a]
base = nowhere, common, testenv2, testenv
[testenv:b]
base = a, {[tox]min_version}
[testenv:common]
[tesetnv:c]
[textenv]
[testenv2]
[pytest]
[test:x]
"""
    assert [(n.origin.line, n.message, n.remedy) for n in ini(text).check()] == [
        (8, "[tesetnv:c] means nothing to tox", "did you mean [testenv:c]?"),
        (9, "[textenv] means nothing to tox", "did you mean [testenv]?"),
        (4, "base names nowhere, which is not there", "correct it, or take it out"),
        (2, "the configuration asks for tox 9.1; Stead reads it as tox 4.67 does", ""),
    ]


def test_tables_that_mean_nothing_are_noted(tox):
    text = """\
[tool.tox]
legacy_tox_ini = ""
[tool.tox.env_run_bse]
[tool.tox.shared]
[tool.tox.env.a]
base = ["nowhere", "b", "shared", "tool.tox.shared", "env_run_base"]
[tool.tox.env.b]
"""
    found = [(n.origin.line, n.message) for n in tox({"pyproject.toml": text}).check()]
    assert found == [
        (2, "legacy_tox_ini has no effect: there are other keys beside it"),
        (3, "[env_run_bse] means nothing to tox"),
        (6, "base names nowhere, which is not there"),
    ]

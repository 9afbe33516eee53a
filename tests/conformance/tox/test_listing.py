"""Listing, choosing and showing keys give what the installed tox gives, by its own commands."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stead.matrix import describe, keys, pythons, select
from stead.matrix.asking import Asked, Wanted
from stead.values.context import Context
from stead.values.errors import ManifestError, SteadError, UsageError
from stead.values.platform import platform_of

CORPUS = sorted((Path(__file__).parent / "corpus").iterdir())
TARGETS = {".ini": "tox.ini", ".cfg": "setup.cfg", ".toml": "tox.toml"}


def text_of(file: Path) -> str:
    """Read a file of the corpus, without the plugin that tox would install to run itself in."""
    return file.read_text(encoding="utf-8").replace("    tox-uv\n", "")


def tox(*words: str) -> tuple[int | str | None, str]:
    """Run a command of tox in this process, and give its exit code and what it prints."""
    from tox.report import HandledError
    from tox.run import main

    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(io.StringIO()):
        try:
            code: int | str | None = main([*words])
        except SystemExit as exc:
            code = exc.code
        except HandledError as exc:
            return str(exc), ""
    return code, said.getvalue()


def theirs(*words: str) -> list[str] | None:
    """Give the names that tox lists; None where it refuses."""
    code, text = tox("l", "--no-desc", *words)
    lines = (line for line in text.splitlines() if "matches filter" not in line)
    return [name for line in lines for name in line.split()] if code == 0 else None


def asked(wanted: Wanted | None = None) -> Asked:
    here = platform_of(os.uname().sysname.lower(), os.uname().machine)
    return Asked(os.getcwd(), here, "", wanted or Wanted())


@pytest.fixture
def context(tmp_path, monkeypatch, _python) -> Context:
    return Context(
        home=tmp_path / "home",
        environ=dict(os.environ),
        run=None,
        progress=SimpleNamespace(note=lambda text: None),
        now=time.time,
    )


@pytest.fixture
def _python(monkeypatch):
    """Find the interpreter that runs this test, and no other: as tox in this process does."""
    import sys

    from stead.values.interpreter import Interpreter

    number = "".join(map(str, sys.version_info[:2]))
    version = ".".join(map(str, sys.version_info[:3]))
    own = Interpreter(sys.executable, version, f"cp{number}")
    monkeypatch.setattr("stead.ecosystems.interpreters.discovered", lambda _: (own,))
    monkeypatch.setattr(pythons.Pythons, "_at", lambda _, path: own if path == own.path else None)


def ours(context: Context, wanted: Wanted | None = None) -> list[str]:
    found = describe.read(asked(), context)
    return list(select.names(found, wanted) if wanted else found.names)


@pytest.mark.parametrize("file", CORPUS, ids=lambda f: f.name)
def test_corpus(file, project, context):
    name = "pyproject.toml" if ".pyproject" in file.suffixes else TARGETS[file.suffix]
    project({name: text_of(file)})
    listed = theirs()
    assert listed is not None
    assert ours(context) == listed
    assert ours(context, Wanted()) == theirs("-d")
    found = describe.read(asked(), context)
    described = {}
    for name in found.names:
        try:
            described[name] = found.outline(name).description
        except ManifestError as exc:
            if "unknown key" not in exc.message:  # tox passes over these, as the docs list
                raise
    assert len(described) > len(found.names) // 2
    _, text = tox("l")
    for line in text.splitlines():
        shown = re.fullmatch(r"(\S+) +-> (.*)", line)
        if shown and shown[1] in described:
            assert shown[2] == (described[shown[1]] or "[no description]")


NAMES = ["a", "b", "c", "py3", "py311", "x1"]
name = st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True).map("-".join)
label = st.sampled_from(["quick", "slow"])


@st.composite
def configurations(draw) -> str:
    lines = ["[tox]", "envlist = " + ", ".join(draw(st.lists(name, max_size=4)))]
    if labels := draw(st.dictionaries(label, st.lists(name, min_size=1, max_size=2), max_size=2)):
        lines.append("labels =")
        lines += [f"  {key} = {', '.join(value)}" for key, value in labels.items()]
    lines += ["[testenv]", "package = skip", "deps ="]
    lines += [f"  {one}: six" for one in draw(st.lists(name, max_size=2))]
    for section in draw(st.lists(name, max_size=2, unique=True)):
        lines += [f"[testenv:{section}]", f"labels = {draw(label)}"]
    return "\n".join(lines) + "\n"


def several(name: str) -> bool:
    """Say whether a name asks for two interpreters, which tox finds out only later."""
    return len({"py3", "py311"} & set(name.split("-"))) > 1


@pytest.mark.slow
@settings(
    max_examples=int(os.environ.get("STEAD_SOAK") or 30),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(configurations(), name, label, st.sampled_from(["", "a", ".*b", "py"]))
def test_generated(project, context, text, factors, labelled, skip):
    project({"tox.ini": text})
    listed = theirs()
    try:
        mine = ours(context)
    except SteadError:
        assert listed is None or any(map(several, re.findall(r"[\w-]+", text)))
        return
    assert mine == listed
    for words, wanted in (
        (["-f", factors], Wanted(factors=(factors,))),
        (["-m", labelled], Wanted(labels=(labelled,))),
    ):
        expected = theirs(*words, *(["--skip-env", skip] if skip else []))
        try:
            found = ours(context, Wanted(wanted.names, wanted.labels, wanted.factors, skip))
        except UsageError:  # where tox chooses nothing, and says nothing
            found = []
        assert found == expected


@pytest.mark.slow
@settings(
    max_examples=int(os.environ.get("STEAD_SOAK") or 30),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(configurations(), st.sampled_from(["a", "b-a", "c-py312", "x1-b", "zz", "a-zz", "py3.11-a"]))
def test_names_on_the_command_line(project, context, text, chosen):
    project({"tox.ini": text})
    code, said = tox("config", "-k", "env_name", "-e", chosen)
    try:
        found = ours(context, Wanted((chosen,)))
    except SteadError:
        assert code != 0 or several(chosen)
        return
    if code and chosen in (theirs() or ()):
        return  # tox lists what only a label names, and does not take it by its name
    assert (code, re.findall(r"\[testenv:(.*)\]", said)) == (0, found)


@pytest.mark.parametrize("file", CORPUS, ids=lambda f: f.name)
def test_keys_are_those_that_tox_prints(file, project, context):
    """The same table, but for what stands in a plugin's hands or differs as documented."""
    name = "pyproject.toml" if ".pyproject" in file.suffixes else TARGETS[file.suffix]
    beside = dict.fromkeys(("req.txt", "con.txt", "a b.txt", "x.txt"), "")
    beside["vars.env"] = "A=1\n"
    project({name: text_of(file), **beside})
    _, text = tox("config", "--format", "json", "-e", "ALL", "--hashseed", "notset")
    expected = json.loads(text)
    found = json.loads(keys.as_json(keys.evaluated(asked(Wanted(("ALL",))), context)))
    meta = [name for name in expected["env"] if name.endswith("_sdist_meta")]  # tox's own
    assert [*found["env"], *meta] == list(expected["env"])
    for name, keys_of_tox in expected["env"].items():
        if keys_of_tox["type"] != "VirtualEnvRunner":
            continue
        for key, value in keys_of_tox.items():
            if key in ("type", "unused", "virtualenv_spec") or _is_error(value):
                continue
            mine = found["env"][name][key]
            assert mine == value or (_is_error(mine) and "refers to itself" in mine["error"]), (
                f"{name}.{key}"
            )


def _is_error(value) -> bool:
    return isinstance(value, dict) and value.keys() == {"error"}

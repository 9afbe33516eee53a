"""Which of several interpreters is chosen, and how uv is asked for one."""

from __future__ import annotations

import itertools
import sys

import pytest

from stead.cli.progress import Quiet
from stead.cli.runner import run
from stead.ecosystems.interpreters.fetch import environment, translate, uv_request
from stead.ecosystems.interpreters.find import _choose, describe
from stead.ecosystems.interpreters.request import parse
from stead.values.context import Context
from stead.values.errors import (
    ArtifactError,
    HashMismatchError,
    InterpreterError,
    NetworkError,
    StoreError,
)
from stead.values.interpreter import Interpreter

OWN = f"{sys.version_info[0]}.{sys.version_info[1]}"


def made(version, found="system", tag=None, path=None):
    minor = "".join(version.split(".")[:2])
    return Interpreter(path or f"/{found}/{version}", version, tag or f"cp{minor}", found)


def choice(request, *interpreters, prefer=(), only=()):
    """The choice, which must be the same in whatever order they were found."""
    answers = {
        _choose(list(order), parse(request), prefer, only)
        for order in itertools.permutations(interpreters)
    }
    assert len(answers) == 1
    return answers.pop()


def test_the_newest_that_satisfies():
    assert choice(">=3.9", made("3.9.1"), made("3.12.1"), made("3.10.3")).version == "3.12.1"
    assert choice("<3.12", made("3.9.1"), made("3.12.1"), made("3.10.3")).version == "3.10.3"
    assert choice("3.12", made("3.12.9"), made("3.12.10")).version == "3.12.10"


def test_a_prerelease_only_where_nothing_else_fits():
    assert choice(">=3.9", made("3.14.0rc1"), made("3.10.3")).version == "3.10.3"
    assert (
        choice("3.14", made("3.14.0rc1"), made("3.14.0b2"), made("3.10.3")).version == "3.14.0rc1"
    )


def test_without_a_request_the_version_stead_runs_under():
    assert choice("", made("3.99.0"), made(f"{OWN}.0"), made(f"{OWN}.1")).version == f"{OWN}.1"
    assert choice("", made("3.6.1"), made("3.7.1")).version == "3.7.1"


def test_a_preferred_kind_goes_before_a_newer_version():
    found = (made("3.13.0", "system"), made("3.12.1", "pyenv"), made("3.11.1", "conda"))
    assert choice(">=3.9", *found, prefer=("pyenv",)).found == "pyenv"
    assert choice(">=3.9", *found, prefer=("uv", "conda")).found == "conda"
    assert choice(">=3.13", *found, prefer=("pyenv",)).found == "system"


def test_only_certain_kinds():
    found = (made("3.13.0", "system"), made("3.12.1", "pyenv"))
    assert choice("", *found, only=("pyenv",)).found == "pyenv"
    assert choice("3.13", *found, only=("pyenv",)) is None


def test_of_equals_steads_own_then_pyenvs():
    kinds = ("conda", "system", "uv", "pyenv", "stead")
    found = [made("3.12.1", kind) for kind in kinds]
    order = []
    while found:
        order.append(choice("3.12", *found).found)
        found = [f for f in found if f.found != order[-1]]
    assert order == ["stead", "pyenv", "uv", "system", "conda"]


def test_a_debug_build_only_where_nothing_else_fits():
    assert choice("3.12", made("3.12.1", tag="cp312d", path="/a"), made("3.12.1")).tag == "cp312"
    assert choice("3.12", made("3.12.1", tag="cp312d")).tag == "cp312d"


def test_a_listing_names_version_path_and_kind():
    assert describe((made("3.12.10"), made("3.9.1", "pyenv"))) == [
        "3.12.10  /system/3.12.10 (system, cp312)",
        "3.9.1    /pyenv/3.9.1 (pyenv, cp39)",
    ]


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ("", ""),
        ("3.12", "3.12"),
        ("3.12.*", "3.12"),
        ("==3.12.1", "3.12.1"),
        ("3.13t", "3.13t"),
        (">=3.10,<3.13", ">=3.10,<3.13"),
        (">=3.13t", ">=3.13+freethreaded"),
        ("pypy3.10", "pypy@3.10"),
        ("pypy", "pypy"),
    ],
)
def test_a_request_in_uvs_language(request_, said):
    assert uv_request(request_) == said


def test_of_uvs_settings_only_those_of_downloading_are_passed_on(tmp_path):
    caller = {
        "HOME": "/h",
        "HTTPS_PROXY": "p",
        "UV_PYTHON_INSTALL_MIRROR": "file:///m",
        "UV_PYTHON": "3.8",
        "UV_PYTHON_INSTALL_DIR": "/elsewhere",
        "UV_OFFLINE": "1",
    }
    context = Context(home=tmp_path, environ=caller, run=run, progress=Quiet(), now=lambda: 0.0)
    assert environment(context) == {
        "HOME": "/h",
        "HTTPS_PROXY": "p",
        "UV_PYTHON_INSTALL_MIRROR": "file:///m",
        "UV_PYTHON_INSTALL_BIN": "0",
        "UV_NO_PROGRESS": "1",
    }


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("error: Hash mismatch for cpython", HashMismatchError),
        ("error: x\n  cause: No space left on device (os error 28)", StoreError),
        ("error: Permission denied (os error 13)", StoreError),
        ("error: No download found for request: cpython-3.99", InterpreterError),
        ("error: x\n  cause: dns error", NetworkError),
        ("error: something else", ArtifactError),
    ],
)
def test_what_uv_says_becomes_the_error_it_means(said, kind):
    error = translate("3.12", said, None)
    assert type(error) is kind
    assert said.splitlines()[-1].strip() in error.details

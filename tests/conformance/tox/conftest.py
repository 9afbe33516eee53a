"""The installed tox as the reference, asked in this process."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from stead.formats.tox import Caller, ToxProject, find, override, read
from stead.formats.tox._keys import RUN
from stead.values.errors import SteadError
from stead.values.interpreter import Interpreter

HOST = f"{sys.version_info[0]}.{sys.version_info[1]}"
SPECS = {
    HOST,
    HOST.replace(".", ""),
    "py" + HOST.replace(".", ""),
    "python" + HOST,
    "py3",
    "python3",
}
SPECS |= {"py", "python", sys.executable, f"cpython{HOST}"}

VARIABLES = {
    "PATH": "/usr/bin:/bin",
    "HOME": "/home/someone",
    "COLOUR": "green",
    "LISTED": "one,two",
    "BLANKS": "two words",
    "REFERS": "{env:COLOUR}!",
    "QUOTES": 'it\'s "so"',
    "EMPTY": "",
}


def interpreter(wanted: tuple[str, ...]) -> Interpreter | None:
    """Know the interpreter that runs this test, and no other."""
    if any(one in SPECS for one in wanted):
        number = "".join(map(str, sys.version_info[:2]))
        return Interpreter(sys.executable, ".".join(map(str, sys.version_info[:3])), f"cp{number}")
    return None


def load(path: str) -> str:
    return Path(path).read_text(encoding="utf-8")


def caller(posargs: tuple[str, ...] | None = None, overrides: tuple[str, ...] = ()) -> Caller:
    return Caller(
        load=load,
        exists=os.path.exists,
        variables=dict(os.environ),
        home=os.environ["HOME"],
        cwd=os.getcwd(),
        host_python=sys.executable,
        sys_platform=sys.platform,
        machine=os.uname().machine,
        interpreter=interpreter,
        posargs=posargs,
        overrides=tuple(map(override, overrides)),
    )


class Reference:
    """What tox says of a directory."""

    def __init__(
        self, posargs: tuple[str, ...] | None = None, overrides: tuple[str, ...] = ()
    ) -> None:
        from tox.run import setup_state

        words = [
            "config",
            "--hashseed",
            "notset",
            *(word for one in overrides for word in ("-x", one)),
            *(["--", *posargs] if posargs is not None else []),
        ]
        with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
            self._state = setup_state(words)
            if posargs is not None:
                self._state.conf._pos_args = posargs
            self.default = list(self._state.conf.core["env_list"]) or ["py"]
            self.environments = list(self._state.envs.iter(only_active=False))

    def values(self, name: str, keys: list[str]) -> dict[str, Any]:
        conf = self._state.envs[name].conf
        return {key: self._value(conf, key) for key in keys if key in conf}

    def core(self, key: str) -> Any:
        return self._native(self._state.conf.core[key])

    def _value(self, conf: Any, key: str) -> Any:
        try:
            return self._native(conf[key])
        except Exception as exc:  # noqa: BLE001 (whatever tox raises is the answer)
            return Failed(repr(exc))

    def _native(self, value: Any) -> Any:
        from tox.config.loader.native import to_native
        from tox.config.types import Command

        if isinstance(value, Command):
            return value.raw_args
        if isinstance(value, list) and value and isinstance(value[0], Command):
            return [one.raw_args for one in value]
        return to_native(value)


class Failed(str):
    """An error of tox, in its words."""

    __slots__ = ()


def native(value: Any) -> Any:
    """Write one of our values as the reference writes its own."""
    from stead.formats.tox._set_env import SetEnv
    from stead.values.testenv import TestCommand

    if isinstance(value, SetEnv):
        return dict(value.items())
    if isinstance(value, TestCommand):
        sign = ["-"] if value.ignore_failure else ["!"] if value.expect_failure else []
        return [*sign, *value.arguments]
    if isinstance(value, tuple):
        if value and isinstance(value[0], tuple):
            return {k: native(v) for k, v in value}
        return [native(one) for one in value]
    return value


@pytest.fixture(autouse=True)
def _surroundings(monkeypatch):
    for name in list(os.environ):
        monkeypatch.delenv(name)
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    yield
    logging.getLogger().handlers[:] = [
        h for h in logging.getLogger().handlers if type(h).__module__ != "tox.report"
    ]


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Write files into an empty project and go there."""

    def write(files: dict[str, str]) -> Path:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        monkeypatch.chdir(tmp_path)
        return tmp_path

    return write


KEYS = [k.name for k in RUN if k.name not in ("runner", "virtualenv_spec")]

LOOKS_FOR_PYTHON = {"install_command", "wheel_build_env", "py_dot_ver", "py_impl"}
LOOKS_FOR_PYTHON |= {"py_free_threaded", "py_debug", "env_bin_dir", "env_python"}
LOOKS_FOR_PYTHON |= {"env_site_packages_dir", "env_site_packages_dir_plat"}


@pytest.fixture
def agree():
    """Hold that Stead and tox say the same of a directory's environments."""

    def compare(
        root: Path, posargs: tuple[str, ...] | None = None, overrides: tuple[str, ...] = ()
    ) -> None:
        file = find(str(root), os.path.exists, load)
        ours = read(file, caller(posargs, overrides))
        theirs = Reference(posargs, overrides)
        assert list(ours.default) == theirs.default
        assert list(ours.environments) == theirs.environments
        differences: list[str] = []
        for name in theirs.environments:
            answers = [
                (key, _ours(ours, name, key), value)
                for key, value in theirs.values(name, _keys(ours, name)).items()
            ]
            # Where one key is wrong, tox fails for all that it makes from it; Stead refuses the
            # environment as a whole.
            wrong = any(isinstance(g, Failed) and isinstance(v, Failed) for _, g, v in answers)
            differences += [
                f"{name}.{key}\n  ours   {got!r}\n  theirs {value!r}"
                for key, got, value in answers
                if got != value and not _excused(got, value, wrong=wrong)
            ]
        assert not differences, "\n".join(differences)

    return compare


def _keys(project: ToxProject, name: str) -> list[str]:
    """Leave out what makes tox look for an interpreter that need not be on this machine."""
    with contextlib.suppress(SteadError):
        if not project.missing(name):
            return KEYS
    return [key for key in KEYS if key not in LOOKS_FOR_PYTHON]


def _ours(project: ToxProject, name: str, key: str) -> Any:
    try:
        return native(project.scope(name).value(key))
    except SteadError as exc:
        return Failed(str(exc))


def _excused(got: Any, value: Any, *, wrong: bool) -> bool:
    """Errors need not have the same words; tox looks for interpreters where Stead does not.

    A text that refers to itself, tox repeats a hundred times; for Stead it is an error.
    """
    if isinstance(got, Failed) and "refers to itself" in got:
        return True
    if wrong and isinstance(got, Failed):
        return True
    if not isinstance(value, Failed):
        return False
    return wrong or isinstance(got, Failed) or "Skip(" in value or "NoInterpreter" in value

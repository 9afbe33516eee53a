"""Projects of tox's files in memory."""

from __future__ import annotations

import pytest

from stead.formats.tox import Caller, find, read
from stead.values.interpreter import Interpreter

ROOT = "/work"
HERE = Interpreter("/usr/bin/python3.12", "3.12.4", "cp312")


@pytest.fixture
def tox():
    """Read files given as name = text; what is asked of the caller can be set."""

    def make(files, *, variables=None, posargs=None, python=HERE, **more):
        texts = {f"{ROOT}/{name}": text for name, text in files.items()}

        def load(path):
            if path not in texts:
                raise FileNotFoundError(2, "no such file", path)
            return texts[path]

        caller = Caller(
            load=load,
            exists=texts.__contains__,
            variables=variables or {},
            home="/home/someone",
            cwd=ROOT,
            host_python="/usr/bin/python3.12",
            sys_platform="linux",
            machine="x86_64",
            interpreter=lambda _wanted: python,
            posargs=posargs,
            **more,
        )
        return read(find(ROOT, texts.__contains__, load), caller)

    return make


@pytest.fixture
def ini(tox):
    """Read one ``tox.ini``."""
    return lambda text, **more: tox({"tox.ini": text}, **more)

from __future__ import annotations

import os
import sys
import sysconfig
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest

from stead.cli.progress import Quiet
from stead.cli.runner import run
from stead.ecosystems.protocol import BuildTarget, LockRequest
from stead.ecosystems.pypi import PyPI
from stead.testing.index import make_index
from stead.values.context import Context
from stead.values.interpreter import Interpreter
from stead.values.manifest import Index
from stead.values.platform import platform_of
from stead.values.requirement import Requirement

if TYPE_CHECKING:
    from pathlib import Path

HERE = platform_of(sys.platform, os.uname().machine)


def ask(name, spec="", **fields):
    return Requirement("pypi", name, spec, **fields)


def running_interpreter() -> Interpreter:
    path = os.path.realpath(sys.executable)
    minor = sysconfig.get_config_var("py_version_nodot")
    return Interpreter(path, sys.version.split()[0], f"cp{minor}")


@dataclass
class World:
    """One home, one workspace, one index that stands for the default one."""

    home: Path
    root: Path
    index: Path
    environ: dict[str, str] = field(default_factory=dict)
    progress: Quiet = field(default_factory=Quiet)
    indexes: tuple[Index, ...] = ()

    def context(self, **fields) -> Context:
        return Context(
            home=self.home,
            environ=self.environ,
            run=run,
            progress=self.progress,
            now=time.time,
            **fields,
        )

    def publish(self, *packages) -> None:
        make_index(self.index, packages)

    def request(self, *requirements, **fields) -> LockRequest:
        interpreter = running_interpreter()
        request = LockRequest(
            tuple(ask(r) if isinstance(r, str) else r for r in requirements),
            HERE,
            str(self.root),
            indexes=self.indexes,
            python=interpreter.minor,
            interpreter=interpreter,
        )
        return replace(request, **fields)

    def lock(self, *requirements, context=None, **fields):
        return PyPI().lock(self.request(*requirements, **fields), context or self.context())

    def target(self, name="build", **fields) -> BuildTarget:
        final = self.home / "store" / name
        prefix = final.with_name(f".tmp-{name}")
        prefix.mkdir(parents=True)
        interpreter = running_interpreter()
        target = BuildTarget(
            prefix,
            final,
            HERE,
            str(self.root),
            indexes=self.indexes,
            interpreter=interpreter,
            python=interpreter.minor,
        )
        return replace(target, **fields)

    def build(self, artifacts, name="build", context=None, **fields) -> Path:
        target = self.target(name, **fields)
        PyPI().build(artifacts, target, context or self.context())
        target.prefix.rename(target.final)
        return target.final

    def versions(self, *requirements, **fields) -> dict[str, str]:
        return {a.name: a.version for a in self.lock(*requirements, **fields)}


@pytest.fixture
def world(tmp_path) -> World:
    for name in ("home", "root", "index/simple", "index/files", "user"):
        (tmp_path / name).mkdir(parents=True)
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path / "user")}
    index = Index("main", (tmp_path / "index/simple").as_uri(), default=True)
    return World(
        tmp_path / "home", tmp_path / "root", tmp_path / "index", environ, indexes=(index,)
    )

"""A project on disk, and what describing it takes."""

from __future__ import annotations

import contextlib
import os
import time
from types import SimpleNamespace

import pytest

from stead.cli import runner
from stead.matrix import describe
from stead.matrix.asking import Asked, Wanted
from stead.values.context import Context
from stead.values.frozen import replace
from stead.values.interpreter import Interpreter
from stead.values.platform import Platform

HERE = Platform("linux-64")


def interpreter(minor: int) -> Interpreter:
    return Interpreter(f"/opt/python3.{minor}/bin/python3.{minor}", f"3.{minor}.1", f"cp3{minor}")


FOUND = tuple(map(interpreter, (13, 12, 11, 10)))


def quiet(title, unit=""):
    return contextlib.nullcontext(SimpleNamespace(total=lambda n: None, advance=lambda n=1: None))


@pytest.fixture
def tests(tmp_path, monkeypatch):
    """Write files into an empty project, and ask about its tests; 3.10 to 3.13 are there."""
    monkeypatch.setattr("stead.ecosystems.interpreters.discovered", lambda _: FOUND)
    root = tmp_path / "project"
    root.mkdir()
    context = Context(
        home=tmp_path / "home",
        environ={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        run=runner.run,
        progress=SimpleNamespace(note=lambda text: None, task=quiet),
        now=time.time,
        offline=True,
    )
    made = SimpleNamespace(root=root, context=context)
    made.asked = Asked(str(root), HERE, user_home=str(tmp_path))

    def write(files):
        for name, text in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    def ask(*names, whole=True, files=None, wanted=None, **more):
        write(files or {})
        made.asked = replace(made.asked, wanted=wanted or Wanted(names), **more)
        made.suite = describe.suite(made.asked, context, whole=whole)
        made.chosen = describe.chosen(made.suite, made.asked)
        made.names = [one.name for one in made.chosen]
        made.by_name = {one.name: one for one in made.suite.environments}
        return made

    made.ask = ask
    made.plan = lambda: describe.plan(made.suite, made.asked)
    return made

"""A virtual environment, made without a process: links to an interpreter and ``pyvenv.cfg``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stead.values.activation import Change
from stead.values.errors import SteadError
from stead.values.frozen import dataclass

if TYPE_CHECKING:
    from pathlib import Path

    from stead.values.interpreter import Interpreter

CONFIG = "pyvenv.cfg"


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a prefix keeps its Python things; paths are relative to the prefix."""

    site_packages: str
    scripts: str


def make_venv(prefix: str, interpreter: Interpreter) -> Layout:
    """Make a virtual environment of ``interpreter`` at ``prefix``, which may exist.

    Nothing in it names ``prefix``, so that it may be moved. It has no activate
    scripts: activation is Stead's. Raises SteadError on Windows, where links to
    an interpreter do not work.
    """
    if os.name == "nt":
        raise SteadError("virtual environments cannot yet be made on Windows")
    bin_ = os.path.join(prefix, "bin")
    lib = os.path.join(prefix, "lib")
    layout = Layout(f"lib/{library(interpreter)}/site-packages", "bin")
    os.makedirs(bin_, exist_ok=True)
    os.makedirs(os.path.join(prefix, layout.site_packages), exist_ok=True)
    os.makedirs(os.path.join(prefix, "include"), exist_ok=True)
    for name in ("python3", f"python{interpreter.minor}"):
        os.symlink("python", os.path.join(bin_, name))
    if os.path.isdir("/usr/lib64") and not os.path.lexists(os.path.join(prefix, "lib64")):
        os.symlink("lib", os.path.join(prefix, "lib64"))
    assert os.path.isdir(lib)
    _lead_to(prefix, interpreter)
    return layout


def reseat(prefix: str, interpreter: Interpreter) -> None:
    """Let a virtual environment that is being made use another interpreter of its tag."""
    os.unlink(os.path.join(prefix, "bin", "python"))
    os.unlink(os.path.join(prefix, CONFIG))
    _lead_to(prefix, interpreter)


def _lead_to(prefix: str, interpreter: Interpreter) -> None:
    os.symlink(interpreter.path, os.path.join(prefix, "bin", "python"))
    text = (
        f"home = {os.path.dirname(interpreter.path)}\n"
        "include-system-site-packages = false\n"
        f"version = {interpreter.version}\n"
        f"executable = {interpreter.path}\n"
    )
    with open(os.path.join(prefix, CONFIG), "w", encoding="utf-8") as file:
        file.write(text)


def library(interpreter: Interpreter) -> str:
    """Name the directory below ``lib`` that an interpreter's ``site-packages`` lies in."""
    if interpreter.tag.startswith("pp"):
        return f"pypy{interpreter.minor}"
    free_threaded = "t" if interpreter.tag.endswith("t") else ""
    return f"python{interpreter.minor}{free_threaded}"


def layout_of(prefix: str) -> Layout | None:
    """Find where a prefix keeps ``site-packages``; None when it has no Python."""
    lib = os.path.join(prefix, "lib")
    try:
        names = sorted(os.listdir(lib))
    except OSError:
        return None
    for name in names:
        if name.startswith(("python3", "pypy3")):
            site = os.path.join(lib, name, "site-packages")
            if os.path.isdir(site) and not os.path.islink(os.path.join(lib, name)):
                return Layout(f"lib/{name}/site-packages", "bin")
    return None


def activation(prefix: Path) -> tuple[Change, ...]:
    """Give ``VIRTUAL_ENV`` for a prefix that is a virtual environment, else nothing."""
    if not os.path.isfile(os.path.join(prefix, CONFIG)):
        return ()
    return (Change("set", "VIRTUAL_ENV", os.fspath(prefix)),)

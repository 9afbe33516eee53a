"""The tools that Stead is measured against: where they are, or why not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

CACHE = Path(__file__).resolve().parent.parent / "build" / "bench-peers"
"""Kept between runs; ``git clean`` and deleting ``build`` remove it."""


@dataclass(frozen=True)
class Peer:
    """A tool: its program and version, or why it could not be had."""

    name: str
    program: str = ""
    version: str = ""
    why: str = ""

    @property
    def directory(self) -> str:
        return os.path.dirname(self.program)


def mise() -> Peer:
    """Give mise, from its npm package."""
    target = CACHE / "mise"
    found = _mise_in(target)
    if found is None:
        npm = shutil.which("npm")
        if npm is None:
            return Peer("mise", why="npm is not there to install it")
        target.mkdir(parents=True, exist_ok=True)
        done = _run(
            npm, "install", "--no-audit", "--no-fund", "--prefix", str(target), "@jdxcode/mise"
        )
        found = _mise_in(target)
        if found is None:
            return Peer("mise", why=f"npm did not install it: {_last(done)}")
    return _answering("mise", found, "--version")


def _mise_in(directory: Path) -> str | None:
    # The package's own bin/mise is put there by a script that npm may not have run.
    for path in sorted(directory.glob("node_modules/@jdxcode/**/bin/mise")):
        if path.is_file() and path.stat().st_size > 1_000_000:
            path.chmod(0o755)
            return str(path)
    return None


def direnv() -> Peer:
    """Give direnv: the one that is installed, else the one in Debian's package, unpacked."""
    found = shutil.which("direnv")
    if found is None:
        target = CACHE / "direnv"
        unpacked = target / "usr" / "bin" / "direnv"
        why = "" if unpacked.is_file() else _unpack("direnv", target)
        if why:
            return Peer("direnv", why=why)
        found = str(unpacked)
    return _answering("direnv", found, "version")


def _unpack(package: str, target: Path) -> str:
    """Fetch a Debian package and unpack it into ``target``; gives why not, or nothing."""
    apt, dpkg = shutil.which("apt-get"), shutil.which("dpkg-deb")
    if apt is None or dpkg is None:
        return "it is not installed, and there is no apt-get"
    target.mkdir(parents=True, exist_ok=True)
    done = _run(apt, "-q", "download", package, cwd=target)
    if done.returncode and os.geteuid() == 0:
        _run(apt, "-q", "update")
        done = _run(apt, "-q", "download", package, cwd=target)
    for archive in target.glob("*.deb"):
        done = _run(dpkg, "-x", str(archive), str(target))
        archive.unlink()
    return f"apt-get did not fetch it: {_last(done)}" if done.returncode else ""


def uv() -> Peer:
    """Give uv, from the wheel that Stead itself depends on."""
    from uv import find_uv_bin

    return _answering("uv", find_uv_bin(), "--version")


def from_index(name: str, *requirements: str, program: str = "") -> Peer:
    """Give a Python tool from the package index, in an environment of its own."""
    tool, target = uv(), CACHE / name
    found = target / "bin" / (program or name)
    if not found.is_file():
        made = _run(tool.program, "venv", "-q", "--clear", "-p", base_python(), str(target))
        done = made.returncode or _run(
            tool.program, "pip", "install", "-q", "--compile-bytecode", "-p", str(target),
            *(requirements or [name]),
        )  # fmt: skip
        if made.returncode or not found.is_file():
            said = made if isinstance(done, int) else done
            return Peer(name, why=f"uv did not install it: {_last(said)}")
    return _answering(name, str(found), "--version")


def base_python() -> str:
    """Give the interpreter that this one's environment was made with."""
    return os.path.realpath(sys.executable)


def _answering(name: str, program: str, option: str) -> Peer:
    done = _run(program, option)
    if done.returncode:
        return Peer(name, why=f"{program} does not run: {_last(done)}")
    words = (done.stdout or done.stderr).split()  # nox says it on the other stream
    plugin = next((w for w in words if w.startswith(f"{name}-")), "").rpartition("-")[2]
    return Peer(name, program, plugin or next((w for w in words if w[0].isdigit()), ""))


def _run(*argv: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(argv, capture_output=True, text=True, check=False, cwd=cwd)


def _last(done: subprocess.CompletedProcess[str]) -> str:
    lines = (done.stderr or done.stdout).strip().splitlines()
    return lines[-1] if lines else f"exit code {done.returncode}"

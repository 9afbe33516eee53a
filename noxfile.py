"""One command per chore; CI runs the same ones.

nox -s tests            everything
nox -s tests -- --fast  the fast part
nox -s soak             what is left to chance, tried so often that little is (an hour)
nox -s lint docs bench
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import nox

nox.options.sessions = ["lint", "tests"]
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_existing_virtualenvs = True

# Two more than there are cores: tests wait for machines, ports and locks.
WORKERS = ["-n", str(min(os.cpu_count() or 1, 4) + 2), "--dist", "worksteal"]
PROJECT = nox.project.load_toml("pyproject.toml")


def in_ci(environ: Mapping[str, str]) -> bool:
    """Say whether this runs where nothing may be missing; services set various values."""
    return environ.get("CI", "").lower() not in ("", "0", "false")


def group(name: str) -> list[str]:
    return nox.project.dependency_groups(PROJECT, name)


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests; ``--fast`` leaves the slow ones out, ``--install-system`` may use apt."""
    words = list(session.posargs)
    install = "--install-system" in words or in_ci(os.environ)
    words = [w for w in words if w != "--install-system"]
    if install:
        install_system_packages(session)
    session.install("-e", ".[testing,server]", *group("tests"))
    if "--fast" in words:
        words.remove("--fast")
        words += ["-m", "not slow and not network"]
    if not any(w.startswith("-n") for w in words):
        words += WORKERS
    session.run("python", "-m", "pytest", *words, env={"PYTHONUNBUFFERED": "1"})


@nox.session
def soak(session: nox.Session) -> None:
    """Interrupt commands at 200 points each, make up as many histories, and kill a tenth as many
    runs of the matrix; or so many as named. Change all of the shipped items' interfaces.
    Cut, kill and fill up half as many deploys to real machines, and kill as many to containers.
    Compare as many configurations with what tox makes of them. Make as many builds while workers
    are killed, PostgreSQL is started anew and artifacts are refused. Ask each operation of the API as
    often for whatever may be asked.
    """
    words = list(session.posargs)
    many = words.pop(0) if words and words[0].isdigit() else "200"
    session.install("-e", ".[testing,server]", *group("tests"))
    words = words or WORKERS
    where = ["tests/acceptance/history", "tests/acceptance/session/test_killed.py"]
    where += ["tests/acceptance/test_matrix_killed.py", "tests/registry/test_mutation.py"]
    where += ["tests/registry/test_mutation_others.py"]
    modules = "tests/acceptance/modules"
    where += [f"{modules}/test_module_interrupted.py", f"{modules}/test_update_model.py"]
    where += ["tests/integration/deploy/test_faults.py", "tests/conformance/tox"]
    where += ["tests/integration/deploy_images/test_containers.py", "tests/server/database"]
    where += ["tests/server/engine/test_outages.py", "tests/server/engine/test_fairness.py"]
    where += ["tests/server/api/test_description.py"]
    session.run("python", "-m", "pytest", *where, *words, env={"STEAD_SOAK": many})


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, types and the arrows between the rooms."""
    session.install("-e", ".[testing,server]", *group("lint"), *group("tests"))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")
    session.run("lint-imports")


@nox.session
def docs(session: nox.Session) -> None:
    """Make the generated reference anew, and run the commands in the docs."""
    session.install("-e", ".[testing,server]", *group("tests"))
    session.run("python", "docs/generate.py")
    session.run("python", "-m", "pytest", "tests/docs", "-q", *WORKERS, *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure against the peers and write bench/RESULTS.md."""
    session.install(".[testing,server]", *group("tests"))
    session.run("python", "bench/run.py", *session.posargs)


def install_system_packages(session: nox.Session) -> None:
    """Install what the tests need from Debian's packages."""
    listed = Path("tests/system-packages.txt").read_text(encoding="utf-8").splitlines()
    needs = dict(line.split()[:2] for line in listed if line and not line.startswith("#"))
    missing = sorted({package for tool, package in needs.items() if not shutil.which(tool)})
    if not missing:
        return
    if not shutil.which("apt-get"):
        session.error(f"these come from Debian's packages, and there is no apt-get: {missing}")
    prefix = [] if os.geteuid() == 0 else ["sudo", "-n"]
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "-y", "--no-install-recommends", *missing]):
        done = subprocess.run([*prefix, "apt-get", "-q", *command], env=quiet, check=False)
        if done.returncode:
            session.error(f"apt-get {command[0]} failed with {done.returncode}")
    sys.stdout.flush()

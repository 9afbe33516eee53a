"""What was added runs at once: by Stead, and by pip where there is no Stead."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import uv

if TYPE_CHECKING:
    from pathlib import Path

NETWORK = re.compile(r"(UV|PIP|SSL|REQUESTS|CURL)_|(?i:https?|all|no)_proxy\Z")

pytestmark = [pytest.mark.network, pytest.mark.slow]


@pytest.fixture
def root(machine, registry, project):
    """A project with two modules, of which one needs the other and a package; and real indexes."""
    del machine.environ["UV_DEFAULT_INDEX"]
    machine.environ |= {n: v for n, v in os.environ.items() if NETWORK.match(n)}
    root = project({})
    machine.ok("module", "add", "report", cwd=root)
    return root


def test_a_module_runs_and_is_tested_at_once(machine, root):
    assert machine.run("run", "report", cwd=root, timeout=300).stdout == "report [2, 4, 6]\n"
    done = machine.run("test", "--module", "report", "--module", "plain", cwd=root, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^2 passed in", done.stderr + done.stdout, re.MULTILINE)
    machine.ok("lock", "-e", "report", cwd=root)
    locked = (root / "stead.lock").read_text()
    assert "packaging" in locked
    # An edit of the module's source is an edit of what runs.
    source = root / "modules/report/src/report/main.py"
    source.write_text(source.read_text().replace("2 * x", "3 * x"))
    assert machine.ok("run", "report", cwd=root) == "report [3, 6, 9]\n"
    assert machine.run("test", "--module", "report", cwd=root, timeout=300).returncode == 1


def test_the_projects_package_installs_with_pip_and_offers_each_module(machine, root, tmp_path):
    bin_ = tmp_path / "venv/bin"
    environ = {n: v for n, v in machine.environ.items() if not n.startswith("STEAD")}
    # What is imported is compiled then. pip takes this for the setting of what it would turn off.
    environ["PIP_NO_COMPILE"] = "0"
    environ["PATH"] = os.pathsep.join(
        part
        for part in environ["PATH"].split(os.pathsep)
        if not os.path.exists(os.path.join(part, "stead"))
    )
    assert shutil.which("stead", path=environ["PATH"]) is None

    def run(*words: str | Path, cwd=root) -> str:
        done = subprocess.run(
            words, cwd=cwd, env=environ, capture_output=True, text=True, check=False, timeout=300
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run(uv.find_uv_bin(), "venv", "-q", "--no-config", "--seed", "-p", sys.executable, bin_.parent)
    pip = (str(bin_ / "pip"), "install", "--quiet", "--disable-pip-version-check")
    run(*pip, ".[report]")
    assert run(str(bin_ / "report"), "run", cwd=tmp_path) == "report [2, 4, 6]\n"
    assert run(str(bin_ / "plain"), "run", cwd=tmp_path) == "plain [2, 4, 6]\n"
    shown = run(str(bin_ / "python"), "-c", "import packaging, report; print(report.__file__)")
    assert str(tmp_path / "venv") in shown
    run(*pip, "--force-reinstall", "./modules/plain[test]")
    words = (str(bin_ / "python"), "modules/plain/main.py", "run")
    assert run(*words) == "plain [2, 4, 6]\n"
    assert "1 passed" in run(str(bin_ / "python"), "-m", "pytest", "modules/plain")


def test_a_shipped_module_is_swapped_and_deployed_alone(machine, project, tmp_path):
    """What fits `forecast` is another library then; its tests, and the user's, hold for both."""
    del machine.environ["UV_DEFAULT_INDEX"]
    machine.environ |= {n: v for n, v in os.environ.items() if NETWORK.match(n)}
    target = '[workspace]\nname = "p"\n[target.here]\nkind = "local"\ndirectory = "../node"\n'
    root = project({"stead.toml": target})
    machine.ok("module", "add", "workflow", "--defaults", cwd=root)
    machine.ok("module", "add", "forecast", "--defaults", cwd=root)
    mine = root / "modules" / "forecast" / "tests" / "test_mine.py"
    text = "import forecast\n\n\ndef test_mine():\n    assert forecast.smoothing\n"
    mine.write_text(text)
    before = machine.tree(root / "modules" / "workflow")
    words = ("module", "swap", "forecast", "forecast", "--fit", "numpy", "--deploy", "here")
    try:
        done = machine.run(*words, cwd=root, timeout=600)
        recipes = [p.name for p in (tmp_path / "node" / "recipes").iterdir()]
    finally:
        machine.run("node", "down", "forecast", "here", cwd=root)
    assert done.returncode == 0, done.stdout + done.stderr
    assert recipes == ["forecast"]
    assert "2 files of tests kept" in done.stdout
    described = (root / "modules" / "forecast" / "pyproject.toml").read_text()
    assert 'dependencies = ["numpy>=1.24"]' in described
    assert mine.read_text() == text
    assert machine.tree(root / "modules" / "workflow") == before
    assert "numpy" in done.stdout
    assert "statsmodels" not in done.stdout


def test_the_hooks_that_it_brings_do_what_they_say(machine, registry, project, tmp_path):
    """By the real pre-commit, in the environment that they are called from."""
    root = project({})
    machine.ok("module", "add", "plain", cwd=root)
    bin_ = tmp_path / "venv" / "bin"
    environ = {n: v for n, v in os.environ.items() if NETWORK.match(n)}
    environ |= {n: v for n, v in machine.environ.items() if n.startswith(("GIT_", "HOME"))}
    environ["PATH"] = os.pathsep.join([str(bin_), "/usr/bin", "/bin"])
    environ["PRE_COMMIT_HOME"] = str(tmp_path / "pre-commit")

    def run(*words: str, code: int = 0) -> str:
        done = subprocess.run(
            words, cwd=root, env=environ, capture_output=True, text=True, check=False, timeout=300
        )
        said = done.stdout + done.stderr
        assert done.returncode == code, said
        return said

    installer = uv.find_uv_bin()
    run(installer, "venv", "-q", "--no-config", "-p", sys.executable, str(bin_.parent))
    install = [installer, "pip", "install", "-q", "--no-config", "--python", str(bin_ / "python")]
    run(*install, "pre-commit", "pytest", "./modules/plain")
    run("git", "init", "-q")
    run("git", "add", "-A")
    run("pre-commit", "install", "--hook-type", "pre-commit", "--hook-type", "pre-push")
    commit = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-q", "-m"]
    assert re.search(r"can be compiled\.+Passed", run(*commit, "one"))
    source = root / "modules" / "plain" / "src" / "plain" / "utils.py"
    sound = source.read_text()
    source.write_text(f"{sound}\nif:\n")
    run("git", "add", "-A")
    said = run(*commit, "two", code=1)
    assert re.search(r"can be compiled\.+Failed", said)
    assert "SyntaxError" in said
    source.write_text(sound)
    run("git", "add", "-A")
    pushed = ["pre-commit", "run", "--all-files", "--hook-stage", "pre-push"]
    assert re.search(r"tests of the modules\.+Passed", run(*pushed))
    test = root / "modules" / "plain" / "tests" / "test_plain.py"
    test.write_text(test.read_text().replace("== 4", "== 5"))
    said = run(*pushed, code=1)
    assert re.search(r"tests of the modules\.+Failed", said)
    assert "1 failed" in said

"""What was added runs at once: by Stead, and by pip where there is no Stead."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import venv

import pytest

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
    venv.create(tmp_path / "venv", with_pip=True)
    bin_ = tmp_path / "venv/bin"
    environ = {n: v for n, v in machine.environ.items() if not n.startswith("STEAD")}
    environ["PATH"] = os.pathsep.join(
        part
        for part in environ["PATH"].split(os.pathsep)
        if not os.path.exists(os.path.join(part, "stead"))
    )
    assert shutil.which("stead", path=environ["PATH"]) is None

    def run(*words: str, cwd=root) -> str:
        done = subprocess.run(
            words, cwd=cwd, env=environ, capture_output=True, text=True, check=False, timeout=300
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

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

"""An afternoon of somebody new: try, keep one of each, leave, undo, share it with a second clone."""

from __future__ import annotations

import json
import subprocess
import tomllib

import pytest

SHARED = ("stead.toml", "stead.lock")


@pytest.mark.slow
def test_tried_kept_undone_and_shared(machine, begin, shell, tmp_path):
    remote, mine, second = tmp_path / "remote.git", tmp_path / "mine", tmp_path / "second"
    other = {"STEAD_HOME": str(tmp_path / "second-home")}

    def git(*words, cwd):
        done = subprocess.run(
            ["git", *words], cwd=cwd, env=machine.environ, check=True, capture_output=True
        )
        return done.stdout.decode()

    def files(root):
        return [(root / name).read_bytes() for name in SHARED]

    def imports(package, root, env=None):
        """Whether a package can be imported; nothing else may be wrong."""
        done = machine.run("run", "python", "-c", f"import {package}", cwd=root, env=env)
        assert done.returncode == 0 or f"No module named '{package}'" in done.stderr
        return done.returncode == 0

    git("init", "-q", "--bare", str(remote), cwd=tmp_path)
    mine.mkdir()
    git("init", "-q", cwd=mine)
    git("remote", "add", "origin", str(remote), cwd=mine)
    machine.ok("init", cwd=mine)
    machine.ok("run", "true", cwd=mine)
    git("add", ".", cwd=mine)
    git("commit", "-qm", "begin", cwd=mine)
    git("push", "-q", "origin", "HEAD:main", cwd=mine)
    git("clone", "-q", str(remote), str(second), cwd=tmp_path)
    began = files(mine)
    assert files(second) == began

    session = begin(mine, shell)
    for package in ("tool", "leaf", "branch"):
        assert "staged" in session.run(f"stead add pypi:{package}")
        assert session.run(f"python -c 'import {package}; print(1)'") == "1"
    session.run("stead set COLOUR=red SIZE=9")
    assert (session.value("COLOUR"), session.value("SIZE")) == ("red", "9")
    session.run("stead remove branch leaf")
    session.run("stead unset SIZE")
    assert (session.value("COLOUR"), session.value("SIZE")) == ("red", "")
    assert "No module named" in session.run("python -c 'import leaf'")
    assert files(mine) == began
    assert not imports("tool", mine)
    code, said = session.leave("c")
    assert (code, "committed stead.toml" in said) == (0, True)

    kept = files(mine)
    manifest = tomllib.loads(kept[0].decode())
    assert list(manifest["packages"]["pypi"]) == ["tool"]
    assert manifest["vars"] == {"COLOUR": "red"}
    assert machine.ok("run", "printenv", "COLOUR", cwd=mine) == "red\n"
    assert machine.run("run", "printenv", "SIZE", cwd=mine).returncode == 1
    assert [imports(name, mine) for name in ("tool", "leaf", "branch")] == [True, False, False]
    [latest, first] = machine.json("log", cwd=mine)
    assert (first["number"], latest["number"]) == (1, 2)

    machine.ok("undo", cwd=mine)
    assert files(mine) == began
    assert not imports("tool", mine)
    assert machine.run("run", "printenv", "COLOUR", cwd=mine).returncode == 1
    machine.ok("redo", cwd=mine)
    assert files(mine) == kept
    assert imports("tool", mine)
    changed = "".join(f" M {name}\n" for name in sorted(SHARED))
    assert git("status", "--porcelain", "--untracked-files=all", cwd=mine) == changed
    assert git("log", "--format=%s", "main", cwd=remote) == "begin\n"

    machine.ok("history", "push", cwd=mine)
    assert git("for-each-ref", "refs/heads", "refs/tags", cwd=remote).count("\n") == 1

    done = machine.run("history", "fetch", cwd=second, env=other)
    assert done.returncode == 0, done.stderr
    assert files(second) == began
    assert git("status", "--porcelain", cwd=second) == ""
    log = machine.run("log", "--all", "-p", cwd=second, env=other).stdout
    assert "+ pypi:tool 1.0" in log
    assert "COLOUR" in log
    shown = machine.ok("log", "--all", "--json", cwd=second, env=other)
    [name] = {e["name"] for e in json.loads(shown) if e["name"].endswith(":2")}
    done = machine.run("rollback", name, cwd=second, env=other)
    assert done.returncode == 0, done.stderr
    assert files(second) == kept
    assert machine.ok("run", "printenv", "COLOUR", cwd=second, env=other) == "red\n"
    assert imports("tool", second, other)
    machine.ok("undo", cwd=second, env=other)
    assert files(second) == began
    assert not imports("tool", second, other)

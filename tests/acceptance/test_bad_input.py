"""One clear error with its place and a remedy, and nothing changed on disk."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stead.testing.index import Wheel, make_index

PROGRAM = Path(sys.prefix) / "bin" / "stead"


def snapshot(root):
    return {p: p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


def refused(machine, root, *words, code=1):
    """Run a command that must fail, and leave the tree as it is."""
    before = snapshot(root)
    message = machine.fails(*(words or ("run", "true")), cwd=root, code=code)
    assert snapshot(root) == before
    assert "→" in message, message
    return message


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ('[packages.pypi]\nleaf = "*"\n\n[vers]\nA = "1"\n', 4, "vars"),
        ('[packages.pypi]\nleaf = { vresion = "1" }\n', 2, "version"),
        ("[workspace]\nname = 3\n", 2, "name"),
        ('[tasks]\nreport = "python x.py"\n', 2, "python"),
        ('[packages.pypi]\nleaf = ">=>1"\n', 2, ">=>1"),
        ('[packages.cargo]\nserde = "1"\n', 1, "cargo"),
        ('[vars]\nA = "${B}"\nB = "${A}"\n', 2, "B"),
        ('[vars]\nA = "${paths.dta}"\n[paths]\ndata = "d"\n', 2, "data"),
        ('[packages]\nleaf = "*"\n', 2, '[packages.pypi] leaf = "*"'),
        ("[packages.pypi\nleaf = 1\n", 1, "stead.toml"),
        ('[packages.pypi]\nleaf = "*"\nleaf = "1"\n', 3, "leaf"),
    ],
    ids=[
        "unknown table",
        "unknown key",
        "wrong type",
        "task as a string",
        "bad version",
        "unknown ecosystem",
        "cycle in variables",
        "unknown path",
        "package without ecosystem",
        "syntax",
        "twice",
    ],
)
def test_manifest(machine, project, text, line, says):
    root = project({"stead.toml": text})
    message = refused(machine, root)
    assert f"stead.toml:{line}" in message, message
    assert says in message


def test_unsatisfiable_request_names_who_asks(machine, project):
    root = project({"stead.toml": '[packages.pypi]\nneeds-old-leaf = "*"\nneeds-new-leaf = "*"\n'})
    message = refused(machine, root)
    assert "leaf" in message
    assert "stead.toml:2" in message
    assert "stead.toml:3" in message


def test_contradiction_between_manifests_names_both(machine, project):
    root = project(
        {
            "stead.toml": '[workspace]\n[packages.pypi]\nleaf = "<2"\n',
            "sub/stead.toml": '[packages.pypi]\nleaf = ">=2"\n',
        }
    )
    before = snapshot(root)
    message = machine.fails("run", "true", cwd=root / "sub")
    assert "stead.toml:3" in message
    assert "sub/stead.toml:2" in message
    assert snapshot(root) == before


def test_cycle_of_modules(machine, project):
    root = project(
        {
            "stead.toml": "[uses]\na = { path = 'a' }\n",
            "a/stead.toml": "[uses]\nb = { path = '../b' }\n",
            "b/stead.toml": "[uses]\na = { path = '../a' }\n",
        }
    )
    assert "a → b → a" in refused(machine, root)


def locked(machine, project):
    root = project({"stead.toml": '[packages.pypi]\nleaf = "<2"\n'})
    machine.ok("lock", cwd=root)
    return root


def edit_lock(root, old, new):
    path = root / "stead.lock"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_lock_of_a_newer_format(machine, project):
    root = locked(machine, project)
    edit_lock(root, "version = 1\n", "version = 99\n")
    message = refused(machine, root)
    assert "newer" in message
    assert "stead.lock" in message


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("artifacts = [", "artifacts = ["[:-1] + "7"),
        ('"pypi/leaf-1.0"', '"pypi/laef-1.0"'),
        ("sha256 = ", "sha512 = "),
        ("[environment", "[environmint"),
    ],
)
def test_lock_edited_into_nonsense(machine, project, old, new):
    root = locked(machine, project)
    edit_lock(root, old, new)
    message = refused(machine, root)
    assert "stead.lock" in message


def test_hash_mismatch_names_artifact_and_origin(machine, project, tmp_path):
    own = make_index(tmp_path / "own", [Wheel("leaf", "1.0")])
    root = project({"stead.toml": '[packages.pypi]\nleaf = "*"\n'})
    machine.environ["UV_DEFAULT_INDEX"] = f"{own.as_uri()}/simple"
    machine.ok("lock", cwd=root)
    shutil.rmtree(own)
    make_index(tmp_path / "own", [Wheel("leaf", "1.0", files={"leaf.py": "evil = 1\n"})])
    message = refused(machine, root)
    assert "leaf" in message
    assert "hash" in message.lower() or "not the one" in message


def test_colliding_packages(machine, project, tmp_path):
    own = make_index(
        tmp_path / "own",
        [
            Wheel("one", "1.0", files={"same.py": "who = 1\n"}),
            Wheel("two", "1.0", files={"same.py": "who = 2\n"}),
        ],
    )
    root = project({"stead.toml": '[packages.pypi]\none = "*"\ntwo = "*"\n'})
    machine.environ["UV_DEFAULT_INDEX"] = f"{own.as_uri()}/simple"
    machine.ok("lock", cwd=root)
    message = refused(machine, root)
    assert "same.py" in message
    assert "one" in message
    assert "two" in message


def test_network_gone(machine, project):
    root = project({"stead.toml": '[packages.pypi]\nleaf = "*"\n'})
    machine.environ["UV_DEFAULT_INDEX"] = "http://127.0.0.1:9/simple"
    machine.environ["UV_HTTP_RETRIES"] = "0"
    message = refused(machine, root)
    assert "127.0.0.1" in message or "network" in message.lower() or "reach" in message


@pytest.fixture
def mounted(machine):
    """Mount a small file system where Stead keeps its things; options decide its faults."""
    machine.stead_home.mkdir()

    def mount(options: str) -> None:
        words = ["mount", "-t", "tmpfs", "-o", options, "stead-test", str(machine.stead_home)]
        subprocess.run(words, check=True)

    yield mount
    subprocess.run(["umount", str(machine.stead_home)], check=True)


def test_nothing_may_be_written(machine, project, mounted):
    root = project({"stead.toml": '[packages.pypi]\nleaf = "*"\n'})
    mounted("ro")
    message = refused(machine, root)
    assert str(machine.stead_home) in message


def test_disk_full(machine, project, tmp_path, mounted):
    mounted("size=600k")
    wheel = Wheel("big", "1.0", files={"big.bin": os.urandom(2_000_000)})
    big = make_index(tmp_path / "big", [wheel])
    machine.environ["UV_DEFAULT_INDEX"] = f"{big.as_uri()}/simple"
    root = project({"stead.toml": '[packages.pypi]\nbig = "*"\n'})
    done = machine.run("run", "true", cwd=root)
    assert done.returncode == 1, done.stderr
    assert "space" in done.stderr
    assert "→" in done.stderr
    assert not list((machine.stead_home / "store").glob("[!.]*"))


def test_truncated_cache_entry_is_mended(machine, project, index):
    from stead.testing.server import serve

    root = project({"stead.toml": '[packages.pypi]\nleaf = "*"\n'})
    with serve(index) as served:
        machine.environ["UV_DEFAULT_INDEX"] = f"{served.url}/simple"
        machine.ok("run", "true", cwd=root)
        for build in (machine.stead_home / "store").glob("*-*"):
            subprocess.run(["chmod", "-R", "u+w", str(build)], check=True)
            shutil.rmtree(build)
        damaged = 0
        for path in (machine.stead_home / "packages").rglob("*"):
            if path.is_file() and path.suffix in (".py", ".whl", ".http", ".msgpack"):
                path.chmod(0o644)
                with open(path, "r+b") as file:
                    file.truncate(max(path.stat().st_size // 2, 1))
                damaged += 1
        assert damaged
        done = machine.run("run", "python", "-c", "import leaf; print(leaf.__version__)", cwd=root)
    assert (done.returncode, done.stdout) == (0, "2.0\n") or "→" in done.stderr, done.stderr


@pytest.mark.slow
def test_interrupted_anywhere_leaves_nothing_half_done(machine, project):
    """Ctrl-C at many points: the exit code says so, and the next command works."""
    root = project({"stead.toml": '[packages.pypi]\nbranch = "*"\ntool = "*"\n'})
    text = (root / "stead.toml").read_text(encoding="utf-8")
    codes = set()
    for step in range(12):
        child = subprocess.Popen(
            ["env", "--default-signal=INT", str(PROGRAM), "run", "true"],
            cwd=root,
            env={**machine.environ, "PWD": str(root)},
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        time.sleep(0.03 + 0.06 * step)
        os.killpg(child.pid, signal.SIGINT)
        _, message = child.communicate(timeout=60)
        # Python's own start can be interrupted too; what is Stead's never shows a traceback.
        if not message.startswith("Fatal Python error: init_"):
            codes.add(child.returncode)
        assert "stead/cli" not in message, message
        assert "stead/pipeline" not in message, message
        assert (root / "stead.toml").read_text(encoding="utf-8") == text
        for build in (machine.stead_home / "store").glob("[!.]*"):
            assert (build / ".stead").is_dir()
        if child.returncode == 0:
            break
    assert codes <= {0, 130, -signal.SIGINT}, codes
    machine.ok("run", "python", "-c", "import branch, tool", cwd=root)
    machine.ok("store", "verify", cwd=root)


def test_two_processes_at_once_build_once(machine, project):
    root = project({"stead.toml": '[packages.pypi]\nbranch = "*"\n'})
    children = [
        subprocess.Popen(
            [str(PROGRAM), "run", "python", "-c", "import branch"],
            cwd=root,
            env={**machine.environ, "PWD": str(root)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for child in children:
        _, message = child.communicate(timeout=60)
        assert child.returncode == 0, message
    assert len(list((machine.stead_home / "store").glob("[!.]*"))) == 1


def test_unknown_command_and_option(machine, project):
    root = project({"stead.toml": "[vars]\n"})
    assert "stead status" in refused(machine, root, "statsu", code=2)
    refused(machine, root, "status", "--jsno", code=2)
    refused(machine, root, "run", code=2)


def test_command_that_is_not_there(machine, project):
    root = project({"stead.toml": "[vars]\n"})
    for _ in range(2):  # with Python, and without
        message = machine.fails("run", "no-such-command", cwd=root, code=127)
        assert "no-such-command" in message


def test_exit_code_and_signals_are_the_commands(machine, project):
    root = project({"stead.toml": "[vars]\n"})
    for _ in range(2):
        assert machine.run("run", "sh", "-c", "exit 42", cwd=root).returncode == 42
        assert machine.run("run", "sh", "-c", "kill -TERM $$", cwd=root).returncode in (-15, 143)

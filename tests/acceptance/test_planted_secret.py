"""A planted secret reaches the process that declares it, and is found nowhere else."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time

import pytest

PLANTED = "pl4nted-s3cret-value"

MANIFEST = """\
[workspace]
name = "x"

[packages]
python = ">=3.11"

[secrets]
recipients = ["{public}"]

[vars]
FROM_AGE = {{ type = "secret", value = "age:secrets.age#planted" }}
FROM_SOPS = {{ type = "secret", value = "sops:s.yaml#deep.planted" }}
FROM_ENV = {{ type = "secret", value = "env:CALLERS" }}
FROM_COMMAND = {{ type = "secret", value = "command:sh -c 'cat $KEPT'" }}
FROM_DOTENV = {{ type = "secret" }}
PLAIN = "shown"
"""

NAMES = ("FROM_AGE", "FROM_SOPS", "FROM_ENV", "FROM_COMMAND", "FROM_DOTENV")
SHOW = ["sh", "-c", " ".join(["echo", *(f'"${name}"' for name in NAMES)])]


@pytest.fixture
def place(machine, project, tmp_path):
    from stead.testing.sops import sops_file

    root = project({"stead.toml": "[workspace]\n"})
    public = machine.ok("secret", "keygen", cwd=root).strip()
    (root / "stead.toml").write_text(MANIFEST.format(public=public), encoding="utf-8")
    machine.run("secret", "set", "planted", cwd=root, stdin=PLANTED)
    sealed = sops_file({"deep": {"planted": PLANTED}}, [public])
    (root / "s.yaml").write_text(sealed, encoding="utf-8")
    (root / ".env").write_text(f"FROM_DOTENV={PLANTED}\n", encoding="utf-8")
    (root / ".env").chmod(0o600)
    kept = tmp_path / "kept"
    kept.write_text(f"{PLANTED}\n", encoding="utf-8")
    machine.environ |= {"CALLERS": PLANTED, "KEPT": str(kept)}
    return root


def holders(machine, root) -> list[str]:
    """All files of the account and of the project that hold it, but for the ``.env`` itself."""
    found = machine.tree(machine.home, root)
    return [
        path
        for path, (_, _, content) in found.items()
        if PLANTED.encode() in content and path != str(root / ".env")
    ]


def test_the_process_gets_it_every_time(machine, place):
    expected = " ".join([PLANTED] * len(NAMES)) + "\n"
    assert machine.ok("run", *SHOW, cwd=place) == expected
    assert machine.ok("run", *SHOW, cwd=place) == expected
    assert holders(machine, place) == []


def test_no_answer_shows_it(machine, place):
    machine.ok("run", "true", cwd=place)
    asked = [
        ("status",),
        ("status", "--json"),
        ("env", "vars"),
        ("env", "vars", "--json"),
        ("env", "vars", "--shell", "sh"),
        ("env", "show"),
        ("check",),
        ("check", "--json"),
        ("config", "list"),
        ("config", "list", "--json"),
        ("config", "diff", "default", "default"),
        ("trust", "--show"),
        ("secret", "list"),
        ("tree",),
        *(("explain", name, *more) for name in NAMES for more in ((), ("--json",))),
    ]
    for words in asked:
        done = machine.run(*words, cwd=place)
        assert PLANTED not in done.stdout + done.stderr, words
        assert "Traceback" not in done.stderr, words
    assert "shown" in machine.ok("env", "vars", cwd=place)
    machine.ok("lock", cwd=place)
    assert PLANTED not in (place / "stead.lock").read_text(encoding="utf-8")
    assert holders(machine, place) == []


def test_no_failure_shows_it_even_with_its_traceback(machine, place):
    text = (place / "s.yaml").read_text(encoding="utf-8")
    (place / "s.yaml").write_text(text.replace("planted:", "moved:"), encoding="utf-8")
    done = machine.run("run", *SHOW, cwd=place, env={"STEAD_DEBUG": "1"})
    assert done.returncode == 1
    assert "SecretError" in done.stderr
    assert "stead.toml:12" in done.stderr
    assert PLANTED not in done.stdout + done.stderr
    assert holders(machine, place) == []


@pytest.mark.needs("strace")
def test_no_process_has_it_among_its_arguments(machine, place, tmp_path):
    trace = tmp_path / "trace"
    argv = ["strace", "-f", "-qq", "-s", "4096", "-e", "trace=execve", "-o", str(trace)]
    done = subprocess.run(
        [*argv, str(machine.program), "run", *SHOW],
        cwd=place,
        env={**machine.environ, "PWD": str(place)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert PLANTED in done.stdout
    calls = trace.read_text(encoding="utf-8", errors="replace")
    assert "cat $KEPT" in calls
    assert PLANTED not in calls


def test_a_crash_leaves_no_core_and_no_report_of_it(machine, place, tmp_path):
    # A command that never ends keeps Stead waiting, with the other secrets in its memory.
    ready = tmp_path / "ready"
    text = (place / "stead.toml").read_text(encoding="utf-8")
    text = text.replace("'cat $KEPT'", f"'echo x > {ready}; exec sleep 30'")
    (place / "stead.toml").write_text(text, encoding="utf-8")
    program = str(machine.program)
    stead = subprocess.Popen(
        ["sh", "-c", 'ulimit -c "$(ulimit -Hc)"; exec "$@"', "sh", program, "run", *SHOW],
        cwd=place,
        env={**machine.environ, "PWD": str(place)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    end = time.monotonic() + 60
    while not ready.exists():
        assert stead.poll() is None, stead.communicate()[0]
        assert time.monotonic() < end
        time.sleep(0.02)
    waits = int(subprocess.check_output(["pgrep", "-P", str(stead.pid)]).split()[0])
    stead.send_signal(signal.SIGABRT)
    said, _ = stead.communicate(timeout=60)
    os.kill(waits, signal.SIGKILL)
    assert stead.returncode == -signal.SIGABRT
    assert PLANTED not in said
    assert [p.name for p in place.iterdir() if p.name.startswith("core")] == []
    assert holders(machine, place) == []


def test_the_hook_never_has_it(machine, place):
    machine.ok("trust", "--yes", cwd=place)
    machine.ok("run", "true", cwd=place)
    done = machine.run("env", "vars", "--json", cwd=place)
    assert json.loads(done.stdout)
    evaluated = machine.run("hook", "--evaluate", "bash", cwd=place)
    assert evaluated.returncode == 0, evaluated.stderr
    assert "PLAIN" in evaluated.stdout
    assert PLANTED not in evaluated.stdout + evaluated.stderr
    assert holders(machine, place) == []

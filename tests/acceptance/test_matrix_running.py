"""`stead test` runs cells: resources, time, tries, order, results of before, and Ctrl-C."""

from __future__ import annotations

import json
import os
import subprocess

import pexpect
import pytest


def layer(name, script, **keys):
    lines = [f"[layer.{name}]", f"commands = [['sh', '-c', '''{script}''']]"]
    return "\n".join([*lines, *(f"{k} = {json.dumps(v)}" for k, v in keys.items()), ""])


@pytest.fixture
def run(machine, project):
    """Write layers, and run them with words; gives what the run said, and each cell's result."""

    def test(*words, layers=(), code=0):
        root = project({"stead.toml": "\n".join(layers)} if layers else {})
        done = machine.run("test", *words, "--report-json", "report.json", cwd=root)
        assert done.returncode == code, done.stdout + done.stderr
        report = json.loads((root / "report.json").read_text())
        return done.stdout, {one["environment"]: one for one in report["cells"]}

    return test


def statuses(cells):
    return {name: one["status"] for name, one in cells.items()}


def test_what_one_alone_may_hold_is_held_by_one(run):
    script = "mkdir held && sleep 0.2 && rmdir held"
    layers = [layer(n, script, resources=["db"]) for n in "abc"]
    _, cells = run("-p", "3", layers=layers)
    assert set(statuses(cells).values()) == {"passed"}


def test_cells_run_side_by_side_and_share_the_machine(run):
    meet = 'touch {0}; until test -e {1}; do sleep 0.02; done; echo "share $STEAD_JOBS {{jobs}}"'
    out, _ = run(
        "-p", "2", layers=[layer("a", meet.format("a", "b")), layer("b", meet.format("b", "a"))]
    )
    share = max(1, len(os.sched_getaffinity(0)) // 2)
    assert out.count(f"share {share} {share}") == 2


def test_time_and_tries(run):
    once = "test -e seen || { touch seen; exit 1; }"
    layers = [
        layer("slow", "sleep 100", timeout="300ms"),
        layer("flaky", once, retries=1),
        layer("bad", "exit 7"),
    ]
    out, cells = run(layers=layers, code=1)
    assert statuses(cells) == {"slow": "timeout", "flaky": "flaky", "bad": "failed"}
    assert "passed at attempt 2\n" in out
    assert "passed at attempt 2; " not in out
    assert cells["bad"]["reason"] == "sh ended with 7"
    assert "flaky" in out


def test_the_command_line_has_the_last_word_on_time_and_tries(run):
    once = "test -e seen || { touch seen; exit 1; }"
    layers = [layer("slow", "sleep 100", timeout="1h"), layer("flaky", once)]
    _, cells = run("--timeout", "1", "--retries", "1", layers=layers, code=1)
    assert statuses(cells) == {"slow": "timeout", "flaky": "flaky"}


def test_fail_fast_begins_nothing_more(run):
    layers = [layer("a", "exit 1"), layer("b", "touch ran")]
    _, cells = run("--fail-fast", layers=layers, code=1)
    assert statuses(cells) == {"a": "failed", "b": "skipped"}
    assert cells["b"]["reason"] == "a failed before it"
    assert statuses(run("--keep-going", code=1)[1]) == {"a": "failed", "b": "passed"}


def test_what_another_waits_for_may_fail(run):
    layers = [
        layer("late", "test -e done", depends=["early"]),
        layer("early", "touch done; exit 1"),
    ]
    _, cells = run("-p", "2", layers=layers, code=1)
    assert statuses(cells) == {"early": "failed", "late": "passed"}


def test_only_what_changed_or_failed_runs_again(run, project):
    layers = [layer("good", "echo ran >>.good"), layer("bad", "echo ran >>.bad; exit 1")]
    run("--since-success", layers=layers, code=1)
    root = project({".gitignore": ".good\n.bad\nreport.json\n", "notes.txt": "1"})
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    run("--since-success", code=1)
    out, cells = run("--since-success", code=1)
    assert "runs because it failed last time" in out
    assert cells["good"]["reason"].startswith("nothing that it depends on changed since it passed")
    assert (root / ".good").read_text() == "ran\nran\n"
    project({"notes.txt": "2"})
    out, _ = run("--since-success", code=1)
    assert "runs because its sources are not as when it passed" in out
    assert (root / ".good").read_text() == "ran\nran\nran\n"
    assert (root / ".bad").read_text() == "ran\n" * 4


def test_two_runs_at_once_do_not_disturb_each_other(machine, project):
    root = project({"stead.toml": "\n".join(layer(n, f"echo from {n}; sleep 0.3") for n in "abcd")})
    command = [str(machine.program), "test", "-p", "4"]
    runs = [
        subprocess.Popen(command, cwd=root, env=machine.environ, stdout=subprocess.PIPE, text=True)
        for _ in "12"
    ]
    for one in runs:
        out, _ = one.communicate()
        assert one.returncode == 0, out
        assert all(f"from {name}" in out for name in "abcd")


def test_a_flood_and_bytes_that_are_no_text_harm_nobody(run):
    flood = r"yes | head -c 600000; printf 'caf\351\n'; exit 1"
    out, _ = run(layers=[layer("a", flood)], code=1)
    assert "caf\N{REPLACEMENT CHARACTER}" in out


def test_ctrl_c_ends_with_the_signals_code_and_tells_what_was_stopped(machine, project):
    script = "echo $$ >{0}; echo RUN'N'ING; sleep 1000"
    root = project({"stead.toml": "\n".join(layer(n, script.format(n)) for n in "ab")})
    child = pexpect.spawn(
        str(machine.program),
        ["test", "-p", "2"],
        cwd=root,
        env={**machine.environ, "TERM": "dumb"},
        encoding="utf-8",
        timeout=60,
    )
    with child:
        child.expect("RUNNING")
        child.expect("RUNNING")
        child.sendintr()
        child.expect(pexpect.EOF)
        child.close()
        assert child.exitstatus == 130
        assert "2 interrupted" in child.before
    for name in "ab":
        assert not os.path.exists(f"/proc/{int((root / name).read_text())}")


def test_a_program_that_is_not_there_is_named(run):
    layers = ["[layer.a]\ncommands = [['no-such-program']]\n"]
    out, cells = run(layers=layers, code=1)
    assert cells["a"]["reason"] == "no-such-program was not found"
    assert "install what brings it" in out


def test_an_interpreter_that_is_not_there_is_named_with_its_place(machine, project):
    root = project({"tox.ini": "[tox]\nenvlist = py299\n[testenv]\nskip_install = true\n"})
    done = machine.run("test", cwd=root)
    assert done.returncode == 1, done.stderr
    assert f"{root}/tox.ini:3: no interpreter answers py299" in done.stdout
    assert "--skip-missing-interpreters" in done.stdout


WRONG_WORDS = {
    "timeout": ("banana", "is no time"),
    "retries": ("²", "is no number"),
    "hashseed": ("abc", "is no seed"),
}


@pytest.mark.parametrize("option", WRONG_WORDS)
def test_a_word_that_is_no_number_is_a_mistake_of_the_command_line(machine, project, option):
    root = project({"tox.ini": "[testenv]\nskip_install = true\n"})
    word, said = WRONG_WORDS[option]
    done = machine.run("test", f"--{option}", word, cwd=root)
    assert done.returncode == 2
    assert f"--{option}: '{word}' {said}" in done.stderr


def test_a_debugger_can_ask_where_one_runs_alone(machine, project):
    script = "import pdb; answer = 6 * 7; pdb.set_trace(); print('went on')"
    words = ["python3", "-c", script]
    root = project({"stead.toml": f"[layer.a]\ncommands = {json.dumps([words])}\n"})
    with pexpect.spawn(
        str(machine.program),
        ["test"],
        cwd=root,
        env={**machine.environ, "TERM": "xterm"},
        encoding="utf-8",
        timeout=60,
    ) as child:
        child.expect_exact("(Pdb) ")
        child.sendline("answer + 1000")
        child.expect_exact("1042")
        child.sendline("continue")
        child.expect("passed")
        child.expect(pexpect.EOF)


def test_nobody_is_asked_where_several_run(machine, project):
    read = "if read x; then echo got; else echo nothing; fi"
    root = project({"stead.toml": "\n".join(layer(n, read) for n in "ab")})
    with pexpect.spawn(
        str(machine.program),
        ["test"],
        cwd=root,
        env={**machine.environ, "TERM": "dumb"},
        encoding="utf-8",
        timeout=60,
    ) as child:
        child.expect("\nnothing")
        child.expect("\nnothing")
        child.expect(pexpect.EOF)


def test_a_run_counts_where_its_results_cannot_be_kept(run, machine):
    run(layers=[layer("good", "exit 0")])
    (kept,) = machine.stead_home.glob("places/**/results@")
    for file in kept.iterdir():
        file.unlink()
    kept.rmdir()
    kept.write_text("in the way")
    _, cells = run()
    assert statuses(cells) == {"good": "passed"}


def test_results_are_kept_of_a_run_that_is_stopped(run, project, machine):
    root = project(
        {"stead.toml": layer("good", "exit 0") + layer("long", "touch begun; sleep 100")}
    )
    child = pexpect.spawn(
        str(machine.program),
        ["test"],
        cwd=str(root),
        env={**machine.environ, "PWD": str(root)},
        timeout=60,
    )
    try:
        child.expect("long >")
        child.sendintr()
        child.expect(pexpect.EOF)
    finally:
        child.close(force=True)
    (kept,) = machine.stead_home.glob("places/**/results.json")
    assert json.loads(kept.read_text())["cells"]["good"]["status"] == "passed"

"""Tasks: what they depend on, when they are skipped, what they get and what they give back."""

from __future__ import annotations

import os
import signal
import subprocess
import time

import pytest

from stead.testing.index import Wheel, make_index

COPY = """\
[tasks.copy]
run = ["sh", "-c", "cat in.txt > out.txt; echo x >> ran"]
inputs = ["in.txt"]
outputs = ["out.txt"]
"""


def runs(root):
    """Count how often the task has really run."""
    path = root / "ran"
    return len(path.read_text(encoding="utf-8").splitlines()) if path.exists() else 0


@pytest.fixture
def copy(machine, project):
    root = project({"stead.toml": COPY, "in.txt": "one"})
    machine.ok("run", "copy", cwd=root)
    assert runs(root) == 1
    return root


def test_skipped_while_nothing_changed(machine, copy):
    done = machine.run("run", "copy", cwd=copy)
    assert (done.returncode, done.stdout) == (0, "")
    assert "copy is up to date" in done.stderr
    assert runs(copy) == 1
    machine.ok("run", "--force", "copy", cwd=copy)
    assert runs(copy) == 2


def test_touched_but_equal_input_is_no_change(machine, copy):
    os.utime(copy / "in.txt", (1, 1))
    machine.ok("run", "copy", cwd=copy)
    (copy / "in.txt").write_text("one", encoding="utf-8")
    machine.ok("run", "copy", cwd=copy)
    assert runs(copy) == 1


def test_edited_input_runs_it_again(machine, copy):
    for text in ("two", "owt", "tow"):  # the same size, and maybe the same clock tick
        (copy / "in.txt").write_text(text, encoding="utf-8")
        machine.ok("run", "copy", cwd=copy)
        assert (copy / "out.txt").read_text(encoding="utf-8") == text
    assert runs(copy) == 4


def test_input_of_equal_size_and_time_with_other_content_runs_it_again(machine, copy):
    before = (copy / "in.txt").stat()
    (copy / "in.txt").write_text("eno", encoding="utf-8")
    os.utime(copy / "in.txt", ns=(before.st_atime_ns, before.st_mtime_ns))
    machine.ok("run", "copy", cwd=copy)
    assert runs(copy) == 2


def test_deleted_output_runs_it_again(machine, copy):
    (copy / "out.txt").unlink()
    machine.ok("run", "copy", cwd=copy)
    assert runs(copy) == 2
    assert (copy / "out.txt").exists()


def test_edited_output_runs_it_again(machine, copy):
    (copy / "out.txt").write_text("tampered", encoding="utf-8")
    machine.ok("run", "copy", cwd=copy)
    assert runs(copy) == 2
    assert (copy / "out.txt").read_text(encoding="utf-8") == "one"


def test_changed_command_runs_it_again(machine, copy):
    manifest = copy / "stead.toml"
    manifest.write_text(COPY.replace("cat in.txt", "cat  in.txt"), encoding="utf-8")
    machine.ok("run", "copy", cwd=copy)
    assert runs(copy) == 2


def test_changed_variable_runs_it_again(machine, copy):
    manifest = copy / "stead.toml"
    manifest.write_text(COPY + "[vars]\nLEVEL = '1'\n", encoding="utf-8")
    machine.ok("run", "copy", cwd=copy)
    manifest.write_text(COPY + "[vars]\nLEVEL = '2'\n", encoding="utf-8")
    machine.ok("run", "copy", cwd=copy)
    machine.ok("run", "copy", cwd=copy)
    assert runs(copy) == 3


def test_changed_package_runs_it_again(machine, copy):
    manifest = copy / "stead.toml"
    manifest.write_text(COPY + "[packages.pypi]\nleaf = '<2'\n", encoding="utf-8")
    machine.ok("run", "copy", cwd=copy)
    manifest.write_text(COPY + "[packages.pypi]\nleaf = '>=2'\n", encoding="utf-8")
    machine.ok("run", "copy", cwd=copy)
    machine.ok("run", "copy", cwd=copy)
    assert runs(copy) == 3


def test_other_arguments_are_another_run(machine, copy):
    machine.ok("run", "copy", "more", cwd=copy)
    machine.ok("run", "copy", "more", cwd=copy)
    assert runs(copy) == 2


def test_failed_task_is_not_remembered(machine, project):
    root = project(
        {
            "stead.toml": "[tasks.t]\nrun = ['sh', '-c', 'echo x >> ran; cp in.txt out.txt; exit 3']\n"
            "inputs = ['in.txt']\noutputs = ['out.txt']\n",
            "in.txt": "one",
        }
    )
    for count in (1, 2):
        assert machine.run("run", "t", cwd=root).returncode == 3
        assert runs(root) == count


def test_input_edited_while_the_task_runs_is_not_missed(machine, project):
    script = "cat in.txt > out.txt; echo x >> ran; echo later > in.txt"
    root = project(
        {
            "stead.toml": f"[tasks.t]\nrun = ['sh', '-c', '{script}']\n"
            "inputs = ['in.txt']\noutputs = ['out.txt']\n",
            "in.txt": "one",
        }
    )
    machine.ok("run", "t", cwd=root)
    machine.ok("run", "t", cwd=root)
    assert runs(root) == 2
    assert (root / "out.txt").read_text(encoding="utf-8") == "later\n"


def test_directories_and_patterns(machine, project):
    root = project(
        {
            "stead.toml": "[tasks.t]\nrun = ['sh', '-c', 'mkdir -p made/deep; cp src/a.txt made/deep; echo x >> ran']\n"
            "inputs = ['src', 'more/**/*.txt']\noutputs = ['made']\n",
            "src/a.txt": "a",
            "more/deep/b.txt": "b",
        }
    )
    machine.ok("run", "t", cwd=root)
    machine.ok("run", "t", cwd=root)
    assert runs(root) == 1
    for name in ("src/new/c.txt", "more/deep/b.txt", "more/d.txt", "made/deep/a.txt"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text("changed", encoding="utf-8")
        before = runs(root)
        machine.ok("run", "t", cwd=root)
        assert runs(root) == before + 1, name
    machine.ok("run", "t", cwd=root)
    assert runs(root) == 5


def test_output_that_a_pattern_of_inputs_takes_in_is_no_input(machine, project):
    root = project(
        {
            "stead.toml": "[tasks.t]\nrun = ['sh', '-c', 'date +%N > now.txt; echo x >> ran']\n"
            "inputs = ['*.txt']\noutputs = ['now.txt']\n",
            "a.txt": "a",
        }
    )
    machine.ok("run", "t", cwd=root)
    machine.ok("run", "t", cwd=root)
    assert runs(root) == 1


ORDER = """\
[tasks]
a = ["sh", "-c", "echo a"]
b = { run = ["sh", "-c", "echo b"], depends = ["a"] }
c = { run = ["sh", "-c", "echo c"], depends = ["a"] }
d = { run = ["sh", "-c", "echo d $*", "d"], depends = ["b", "c", "a"] }
all = { depends = ["d"] }
"""


def test_dependencies_run_once_each_and_before(machine, project):
    root = project({"stead.toml": ORDER})
    assert machine.ok("run", "d", cwd=root).split() == ["a", "b", "c", "d"]
    assert machine.ok("run", "all", cwd=root).split() == ["a", "b", "c", "d"]


def test_arguments_go_to_the_task_that_was_asked_for(machine, project):
    root = project({"stead.toml": ORDER})
    out = machine.ok("run", "d", "--flag", "two words", cwd=root)
    assert out.splitlines() == ["a", "b", "c", "d --flag two words"]
    message = machine.fails("run", "all", "--flag", cwd=root, code=2)
    assert "--flag" in message
    assert "stead.toml:6" in message


def test_two_dashes_behind_a_task_only_part_its_arguments(machine, project):
    """As with npm; what a command gets is its own, and `--` in front of it says that it is one."""
    root = project(
        {
            "stead.toml": "[tasks]\nsay = ['printf', '<%s>']\nall = { depends = ['say'] }\n"
            "[app.web]\nrun = ['printf', 'web<%s>']\n"
            "[app.many.processes]\na = ['true']\nb = ['true']\n"
        }
    )
    for _ in range(2):  # with Python, and without
        assert machine.ok("run", "say", "--", "--opt", "--", "x", cwd=root) == "<--opt><--><x>"
        assert machine.ok("run", "say", "x", "--", "y", cwd=root) == "<x><--><y>"
        assert machine.ok("run", "web", "--", "--opt", cwd=root) == "web<--opt>"
        assert machine.ok("run", "printf", "--", "<%s>", "--", cwd=root) == "<-->"
        assert machine.ok("run", "--", "printf", "--", "<%s>", "--", cwd=root) == "<-->"
    machine.ok("run", "all", "--", cwd=root)
    machine.ok("run", "many", "--", cwd=root)
    assert "argument '--opt'" in machine.fails("run", "all", "--", "--opt", cwd=root, code=2)
    assert "take '--opt'" in machine.fails("run", "many", "--", "--opt", cwd=root, code=2)


def test_failing_dependency_stops(machine, project):
    root = project(
        {
            "stead.toml": "[tasks]\nbad = ['sh', '-c', 'echo bad; exit 7']\n"
            "after = { run = ['echo', 'after'], depends = ['bad'] }\n"
        }
    )
    done = machine.run("run", "after", cwd=root)
    assert (done.returncode, done.stdout) == (7, "bad\n")


def test_missing_dependency_stops(machine, project):
    root = project(
        {
            "stead.toml": "[tasks]\nafter = { run = ['true'], depends = ['bfore'] }\nbefore = ['true']\n"
        }
    )
    message = machine.fails("run", "after", cwd=root)
    assert "did you mean 'before'" in message
    assert "stead.toml:2" in message


def test_circle_of_tasks(machine, project):
    root = project(
        {
            "stead.toml": "[tasks]\na = { run = ['true'], depends = ['b'] }\n"
            "b = { run = ['true'], depends = ['a'] }\n"
        }
    )
    message = machine.fails("run", "a", cwd=root)
    assert "a → b → a" in message
    assert "stead.toml:" in message
    assert "→ take" in message


def test_directory_and_variables(machine, project):
    root = project(
        {
            "stead.toml": "[vars]\nBASE = 'b'\nGONE = 'here'\n"
            "[tasks.t]\nrun = ['sh', '-c', 'pwd; echo $BASE $OWN ${GONE-none}']\ncwd = 'inner'\n"
            "env = { OWN = '${BASE}-own', GONE = false }\n"
            "[tasks.top]\nrun = ['sh', '-c', 'pwd; echo ${OWN-none}']\ndepends = ['t']\n",
            "inner/x": "",
            "sub/y": "",
        }
    )
    for cwd in (root, root / "sub"):
        out = machine.ok("run", "top", cwd=cwd).splitlines()
        assert out == [str(root / "inner"), "b b-own none", str(root), "none"]


def test_variables_of_a_task_refer_to_paths(machine, project):
    root = project(
        {
            "stead.toml": "[paths]\ndata = 'd'\n[layer.test.paths]\ndata = 't'\n"
            "[tasks.t]\nrun = ['sh', '-c', 'echo $OWN']\nenv = { OWN = '${paths.data}/x' }\n"
        }
    )
    assert machine.ok("run", "t", cwd=root).strip() == str(root / "d" / "x")
    assert machine.ok("run", "-e", "test", "t", cwd=root).strip() == str(root / "t" / "x")


def test_missing_directory(machine, project):
    root = project({"stead.toml": "[tasks.t]\nrun = ['true']\ncwd = 'none'\n"})
    message = machine.fails("run", "t", cwd=root)
    assert str(root / "none") in message
    assert "stead.toml:1" in message


def test_task_and_command_of_one_name(machine, project):
    root = project(
        {"stead.toml": "[tasks]\necho = ['sh', '-c', 'printf \"task %s\\n\" \"$*\"', 'x']\n"}
    )
    for _ in range(2):  # with Python, and without
        assert machine.ok("run", "echo", "1", cwd=root) == "task 1\n"
        assert machine.ok("run", "--", "echo", "1", cwd=root) == "1\n"


def test_environment_of_a_task(machine, project):
    root = project(
        {
            "stead.toml": "[layer.test.packages.pypi]\nleaf = '<2'\n[layer.test.vars]\nLEVEL = 'test'\n"
            "[layer.more.vars]\nLEVEL = 'more'\n"
            "[tasks.check]\nrun = ['python', '-c', 'import leaf, os; print(leaf.__version__, os.environ[\"LEVEL\"])']\n"
            "environment = 'test'\n"
            "[tasks.both]\nrun = ['sh', '-c', 'echo ${LEVEL-none}']\ndepends = ['check']\n"
        }
    )
    assert machine.ok("run", "check", cwd=root) == "1.0 test\n"
    assert machine.ok("run", "both", cwd=root) == "1.0 test\nnone\n"
    # What the command line says goes before.
    assert machine.run("run", "-e", "more", "check", cwd=root).returncode != 0


def test_default_environment_is_not_made_for_a_task_of_another(machine, project, tmp_path):
    own = make_index(tmp_path / "own", [Wheel("works", "1.0")])
    machine.environ["UV_DEFAULT_INDEX"] = f"{own.as_uri()}/simple"
    root = project(
        {
            "stead.toml": "[packages.pypi]\nworks = '*'\n[layer.other.packages.pypi]\nworks = '1.0'\n"
            "[tasks.check]\nrun = ['python', '-c', 'import works']\nenvironment = 'other'\n"
        }
    )
    machine.ok("run", "check", cwd=root)
    built = {row["environment"]: row["locked"] for row in machine.json("env", "list", cwd=root)}
    assert built == {"default": False, "other": True}


def child_of(machine, root, *words):
    return subprocess.Popen(
        ["env", "--default-signal=INT", str(machine.program), "run", *words],
        cwd=root,
        env={**machine.environ, "PWD": str(root)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


TRAP = 'trap "echo told; exit 5" %s; echo ready; while :; do sleep 0.05; done'


@pytest.mark.parametrize("name", ["TERM", "HUP", "USR1"])
@pytest.mark.parametrize("way", ["replaced", "child"])
def test_signals_reach_the_task(machine, project, name, way):
    files = "" if way == "replaced" else "inputs = ['in.txt']\n"
    root = project(
        {"stead.toml": f"[tasks.t]\nrun = ['sh', '-c', '''{TRAP % name}''']\n{files}", "in.txt": ""}
    )
    child = child_of(machine, root, "t")
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    os.kill(child.pid, getattr(signal, f"SIG{name}"))
    out, _ = child.communicate(timeout=90)
    assert (out, child.returncode) == ("told\n", 5)


def test_interrupt_from_the_terminal_ends_both_once(machine, project):
    """The terminal tells the whole group: the task ends as it likes, and its code is given."""
    root = project(
        {
            "stead.toml": f"[tasks.t]\nrun = ['sh', '-c', '''{TRAP % 'INT'}''']\ninputs = ['in.txt']\n"
            "[tasks.after]\nrun = ['echo', 'after']\ndepends = ['t']\n",
            "in.txt": "",
        }
    )
    child = child_of(machine, root, "after")
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    os.killpg(child.pid, signal.SIGINT)
    out, message = child.communicate(timeout=90)
    assert (out, child.returncode) == ("told\n", 5)
    assert message == "stead: task t, which after depends on, failed with code 5\n"


def test_ignored_signals_stay_ignored(machine, project):
    root = project(
        {
            "stead.toml": "[tasks.t]\nrun = ['sh', '-c', 'kill -HUP $$; echo alive']\ninputs = ['in.txt']\n",
            "in.txt": "",
        }
    )
    done = subprocess.run(
        ["nohup", str(machine.program), "run", "t"],
        cwd=root,
        env={**machine.environ, "PWD": str(root)},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "alive\n"), done.stderr


def test_task_that_died_of_a_signal(machine, project):
    root = project(
        {
            "stead.toml": "[tasks.t]\nrun = ['sh', '-c', 'kill -KILL $$']\ninputs = ['in.txt']\n",
            "in.txt": "",
        }
    )
    assert machine.run("run", "t", cwd=root).returncode == 128 + signal.SIGKILL
    assert runs(root) == 0


def test_nothing_is_left_running(machine, project):
    root = project(
        {
            "stead.toml": "[tasks.t]\nrun = ['sh', '-c', 'echo $$; exec sleep 600']\ninputs = ['in.txt']\n",
            "in.txt": "",
        }
    )
    child = child_of(machine, root, "t")
    assert child.stdout is not None
    inner = int(child.stdout.readline())
    child.send_signal(signal.SIGTERM)
    child.communicate(timeout=90)
    assert child.returncode == 128 + signal.SIGTERM
    deadline = time.monotonic() + 90
    while os.path.exists(f"/proc/{inner}") and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not os.path.exists(f"/proc/{inner}")


def test_a_file_that_is_here_and_not_where_the_task_runs_is_told(machine, project):
    root = project({"stead.toml": "[tasks]\nshow = ['cat']\n", "sub/in.txt": "x", "top.txt": "y"})
    done = machine.run("run", "show", "in.txt", cwd=root / "sub")
    assert f"stead: show runs in {root}, where in.txt is not" in done.stderr
    for words, cwd in ((["top.txt"], root / "sub"), ([str(root / "sub/in.txt")], root / "sub")):
        done = machine.run("run", "show", *words, cwd=cwd)
        assert (done.returncode, done.stderr) == (0, ""), words
    assert "is not" not in machine.run("run", "--", "cat", "in.txt", cwd=root / "sub").stderr

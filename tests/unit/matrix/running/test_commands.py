"""What the commands of a cell do, with real processes."""

from __future__ import annotations

import pytest

from stead.matrix.commands import Terms, environment, passed, program, run, shown
from stead.matrix.running import Stop, Turn
from stead.values.activation import Change
from stead.values.errors import TaskError
from stead.values.origin import Origin
from stead.values.suite import Ready, Work
from stead.values.testenv import TestCommand

CALLER = {"PATH": "/usr/bin:/bin", "HOME": "/root", "LANG": "C.UTF-8", "Secret_Key": "s"}


def sh(text, **flags):
    return TestCommand(("sh", "-c", text), **flags)


class Cell:
    """Runs works in a directory, and keeps what is said."""

    def __init__(self, directory):
        self.directory = directory
        self.said = []
        self.stop = Stop()

    def __call__(self, *, share=1, attempt=1, terms=None, **work):
        work.setdefault("directory", str(self.directory / "work"))
        return run(
            Work(**work),
            Ready("key", "/p", "/p", (str(self.directory / "bin"),)),
            Terms(CALLER, str(self.directory / "cell.log"), **(terms or {})),
            Turn("cell", lambda *said: self.said.append(said), self.stop, share, attempt),
        )

    @property
    def lines(self):
        return [text for what, text in self.said if what == "line"]

    @property
    def log(self):
        return (self.directory / "cell.log").read_bytes()


@pytest.fixture
def cell(tmp_path):
    return Cell(tmp_path)


def codes(result):
    return [one.code for one in result.commands]


def test_lists_run_in_order_with_one_log(cell):
    result = cell(before=(sh("echo 1"),), commands=(sh("echo 2"),), after=(sh("echo 3 >&2"),))
    assert (result.status, codes(result), cell.lines) == ("passed", [0, 0, 0], ["1", "2", "3"])
    assert cell.log == b"$ sh -c 'echo 1'\n1\n$ sh -c 'echo 2'\n2\n$ sh -c 'echo 3 >&2'\n3\n"


def test_steps_are_said_before_their_lines(cell):
    cell(commands=(sh("echo a"), sh("echo b")))
    assert [what for what, _ in cell.said] == ["step", "line", "step", "line"]


def test_a_failure_ends_its_list_and_after_runs(cell):
    result = cell(commands=(sh("exit 3"), sh("echo never")), after=(sh("echo always"),))
    assert (result.status, result.reason, cell.lines) == (
        "failed",
        "sh ended with 3",
        ["sh ended with 3", "always"],
    )


def test_a_failure_before_keeps_commands_from_running(cell):
    result = cell(before=(sh("exit 1"),), commands=(sh("echo never"),), after=(sh("echo x"),))
    assert (result.status, cell.lines) == ("failed", ["sh ended with 1", "x"])


def test_ignore_errors_runs_all_and_keeps_the_first_failure(cell):
    result = cell(
        before=(sh("exit 4"),), commands=(sh("exit 5"), sh("echo on")), ignore_errors=True
    )
    assert (result.status, result.reason) == ("failed", "sh ended with 4")
    assert cell.lines == ["sh ended with 4", "sh ended with 5", "on"]


def test_a_failure_after_counts(cell):
    assert cell(commands=(sh("true"),), after=(sh("exit 2"),)).reason == "sh ended with 2"


def test_dash_and_exclamation_mark(cell):
    result = cell(commands=(sh("exit 9", ignore_failure=True), sh("exit 1", expect_failure=True)))
    assert result.status == "passed"
    assert [one.ignored for one in result.commands] == [True, False]
    assert cell.lines == ["sh ended with 9, which is of no consequence"]
    assert cell(commands=(sh("true", expect_failure=True),)).status == "failed"


def test_a_command_is_tried_again_and_then_flaky(cell):
    once = "test -e seen || { touch seen; exit 1; }"
    result = cell(commands=(sh(once),), command_retries=2)
    assert (result.status, codes(result), result.attempts) == ("flaky", [1, 0], 2)
    assert cell.lines == ["sh ended with 1 (attempt 1 of 3), trying again"]


def test_commands_are_tried_again_so_often_and_not_more(cell):
    result = cell(commands=(sh("exit 1"),), command_retries=2)
    assert (result.status, codes(result)) == ("failed", [1, 1, 1])


def test_an_outcome_may_be_ignored(cell):
    result = cell(commands=(sh("exit 1"),), ignore_outcome=True)
    assert (result.status, result.ignored) == ("failed", True)


def test_a_program_that_is_not_there(cell):
    result = cell(commands=(TestCommand(("no-such-program",)),))
    assert (result.status, codes(result)) == ("failed", [127])
    assert result.reason == "no-such-program was not found"
    assert b"no-such-program" in cell.log


def test_a_missing_program_does_not_answer_an_expected_failure(cell):
    missing = TestCommand(("no-such-program",), expect_failure=True)
    assert cell(commands=(missing,)).status == "failed"


def test_a_file_without_an_interpreter_line_is_named(cell, tmp_path):
    (tmp_path / "bin").mkdir()
    script = tmp_path / "bin" / "tool"
    script.write_bytes(b"echo\n")
    script.chmod(0o755)
    result = cell(commands=(TestCommand(("tool",)),))
    assert (result.status, codes(result)) == ("failed", [126])
    assert "tool: cannot be started: Exec format error" in cell.log.decode()


def test_programs_outside_are_refused_with_a_remedy_and_after_still_runs(cell, tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "own").symlink_to("/bin/echo")
    result = cell(
        commands=(sh("echo never", ignore_failure=True),),
        after=(TestCommand(("own", "after")),),
        allowlist=("make", "/opt/*"),
    )
    assert result.status == "failed"
    assert cell.lines[0].startswith("sh (/usr/bin/sh) is not of this environment")
    assert "add sh to allowlist_externals" in cell.lines[1]
    assert cell.lines[2:] == ["after"]


def test_what_hinders_a_command_is_said_with_its_place(cell, tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "tool").write_bytes(b"echo\n")
    (tmp_path / "bin" / "tool").chmod(0o755)
    for line, name in enumerate(("no-such-program", "tool", "sh"), 4):
        command = TestCommand((name,), origin=Origin("/work/tox.ini", line))
        cell(commands=(command,), allowlist=("make",))
    assert [one for one in cell.lines if "tox.ini" in one] == [
        "/work/tox.ini:4: no-such-program is neither in the environment nor on PATH",
        f"/work/tox.ini:5: {tmp_path}/bin/tool: cannot be started: Exec format error",
        "/work/tox.ini:6: sh (/usr/bin/sh) is not of this environment, and not allowed",
    ]


@pytest.mark.parametrize("allowed", ["sh", "s*", "/usr/bin/*", "*"])
def test_programs_outside_are_allowed_by_name_path_or_pattern(cell, allowed):
    assert cell(commands=(sh("true"),), allowlist=(allowed,)).status == "passed"


def test_a_program_named_by_a_relative_path_is_the_directorys(cell, tmp_path):
    (tmp_path / "work").mkdir()
    script = tmp_path / "work" / "run"
    script.write_text("#!/bin/sh\necho here\n")
    script.chmod(0o755)
    assert cell(commands=(TestCommand(("./run",)),)).status == "passed"
    assert cell.lines == ["here"]
    with pytest.raises(TaskError):
        program("./run", Ready("", "", "", ()), "", str(tmp_path / "work"), ["sh"])


def test_the_directory_is_made(cell, tmp_path):
    deep = str(tmp_path / "a" / "b")
    cell(commands=(sh("pwd"),), directory=deep)
    assert cell.lines == [deep]


def test_jobs_are_substituted_and_told(cell):
    result = cell(
        commands=(sh('echo {jobs} "$STEAD_JOBS" "$WORKERS" "$PYTEST_XDIST_AUTO_NUM_WORKERS"'),),
        set_env=(("WORKERS", "-j{jobs}"),),
        share=3,
        terms={"shared": True},
    )
    assert cell.lines == ["3 3 -j3 3"]
    assert result.commands[0].arguments[2].startswith("echo 3")


def test_inner_programs_are_left_alone_where_nothing_else_runs(cell):
    cell(commands=(sh('echo "[$PYTEST_XDIST_AUTO_NUM_WORKERS]"'),))
    assert cell.lines == ["[]"]


def test_bytes_that_are_no_text_stay_in_the_log(cell):
    cell(commands=(TestCommand(("printf", r"caf\303\251 \377\n")),))
    assert cell.lines == ["café �"]
    assert cell.log.endswith(b"caf\xc3\xa9 \xff\n")


def test_a_second_attempt_adds_to_the_log(cell):
    cell(commands=(sh("echo 1"),))
    cell(commands=(sh("echo 2"),), attempt=2)
    assert b"1\n" in cell.log
    assert cell.log.endswith(b"2\n")


def test_what_ended_by_a_signal_says_so(cell):
    result = cell(commands=(sh("kill -KILL $$"),))
    assert (result.reason, codes(result)) == ("sh was ended by SIGKILL", [-9])


def test_variables_pass_by_pattern_in_any_case():
    caller = {"TOX_A": "1", "tox_b": "2", "LANG": "C", "LANGUAGE": "x"}
    assert passed(caller, ["tox_*", "lang"]) == {"TOX_A": "1", "tox_b": "2", "LANG": "C"}
    assert passed(caller, ["*"], ["TOX_?"]) == {"LANG": "C", "LANGUAGE": "x"}
    assert passed(caller, []) == {}


def env(programs=("/e/bin",), caller=CALLER, changes=(), terms=None, **work):
    ready = Ready("k", "/e", "/e", programs, changes=changes)
    return environment(Work(**work), ready, Terms(caller, "/l", **(terms or {})))


def test_the_environments_programs_come_first_even_where_the_work_sets_path():
    assert env()["PATH"] == "/e/bin:/usr/bin:/bin"
    assert env(pass_env=())["PATH"] == "/e/bin:/usr/bin:/bin"
    assert env(set_env=(("PATH", "/x:/e/bin"),))["PATH"] == "/e/bin:/x"


def test_what_the_work_sets_wins_over_activation_and_the_caller():
    changes = (Change("set", "A", "activation"), Change("set", "B", "b"), Change("unset", "LANG"))
    found = env(changes=changes, set_env=(("A", "work"), ("HOME", "h")))
    assert (found["A"], found["B"], found["HOME"]) == ("work", "b", "h")
    assert "LANG" not in found


def test_the_terminal_is_described_without_overruling():
    found = env(terms={"columns": 90, "rows": 20, "colour": True}, set_env=(("COLUMNS", "10"),))
    assert (found["COLUMNS"], found["LINES"], found["PY_COLORS"]) == ("10", "20", "1")
    assert "PY_COLORS" not in env()


def test_passwords_in_addresses_are_not_shown():
    assert shown(["pip", "-i", "https://me:pass@host/x"]) == "pip -i https://me:***@host/x"


def test_commands_are_shown_as_typed():
    assert shown(["a b", "c"]) == "'a b' c"

"""Errors as the user sees them."""

from __future__ import annotations

import errno
import inspect
import io
import os
import signal
import subprocess
import sys
import time
from types import ModuleType

import pytest

from stead.cli import runner
from stead.cli.errors import Ended, guard, render, wants_color
from stead.values import errors
from stead.values.errors import ContradictionError, SteadError, UsageError
from stead.values.origin import Origin


@pytest.fixture(autouse=True)
def begun_again():
    """Let other tests start programs after a signal has ended all of them."""
    yield
    runner.begin()


def shown(error, **options):
    stream = io.StringIO()
    code = render(error, stream, options.pop("color", False), **options)
    return code, stream.getvalue()


def test_shows_place_message_details_and_remedy_in_this_order():
    error = ContradictionError(
        "numpy is asked for twice",
        where=Origin("/p/stead.toml", 3),
        details=["<2 (here)", ">=2\n(there)"],
        remedy="drop one",
    )
    assert shown(error) == (
        1,
        """\
error: /p/stead.toml:3: numpy is asked for twice
  <2 (here)
  >=2
  (there)
  → drop one
""",
    )


def test_the_docstring_of_a_class_is_its_default_message():
    assert shown(UsageError()) == (2, "error: The command line cannot be understood.\n")


ALL = [c for _, c in inspect.getmembers(errors, inspect.isclass) if issubclass(c, SteadError)]


@pytest.mark.parametrize("kind", ALL)
def test_every_error_has_a_message_and_a_code(kind):
    code, text = shown(kind())
    assert code not in (0, 70)
    assert len(text.removeprefix("error: ")) > 1


def test_colours_are_only_around_the_text():
    _, plain = shown(UsageError("a", where="b", remedy="c"))
    _, colored = shown(UsageError("a", where="b", remedy="c"), color=True)
    assert "\x1b[" in colored
    import re

    assert re.sub(r"\x1b\[[0-9;]*m", "", colored) == plain


@pytest.mark.parametrize("color", [False, True])
def test_what_a_terminal_would_obey_is_made_visible(color):
    hostile = "\x1b[2J\x07\r\u202e\x9b"
    _, text = shown(
        SteadError(f"m{hostile}", where=f"w{hostile}", details=[hostile], remedy=hostile),
        color=color,
    )
    assert not any(c in text for c in "\x07\r\u202e\x9b")
    assert "\x1b[2J" not in text
    assert text.count("\\x1b[2J") == 4


def test_a_surrogate_in_a_message_is_shown():
    _, text = shown(SteadError(f"file {os.fsdecode(bytes([255]))}"))
    assert "\\udcff" in text


def test_a_stream_without_arrows_gets_letters():
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    render(UsageError("é", remedy="go"), stream, False)
    assert raw.getvalue() == b"error: \\xe9\n  -> go\n"


def test_a_closed_stream_is_no_second_error():
    stream = io.StringIO()
    stream.close()
    assert render(UsageError("x"), stream, False) == 2


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.ENOSPC, "no space is left on the file system of /s/a"),
        (errno.EDQUOT, "no space is left on the file system of /s/a"),
        (errno.EACCES, "no permission for /s/a"),
        (errno.EPERM, "no permission for /s/a"),
        (errno.EROFS, "/s/a is on a file system that is read-only"),
    ],
)
def test_what_the_system_refuses_names_path_and_remedy(number, message):
    code, text = shown(OSError(number, os.strerror(number), "/s/a"))
    assert code == 1
    assert text.splitlines()[0] == f"error: {message}"
    assert "STEAD_HOME" in text


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.EISDIR, "/s/a is a directory where a file is wanted"),
        (errno.ENOTDIR, "/s/a leads through a file where a directory is wanted"),
        (errno.ENAMETOOLONG, "/s/a is a longer path than the file system takes"),
        (errno.ELOOP, "/s/a leads through symbolic links that go in a circle"),
    ],
)
def test_a_path_of_the_wrong_kind_is_no_fault_of_steads(number, message):
    code, text = shown(OSError(number, os.strerror(number), "/s/a"))
    assert code == 1
    assert text.splitlines()[0] == f"error: {message}"
    assert text.splitlines()[1].startswith("  → ")


def test_a_full_output_is_told_too():
    assert shown(OSError(errno.ENOSPC, "No space left on device"))[1].startswith(
        "error: no space is left\n"
    )


def test_a_fault_is_one_line_and_a_hint():
    code, text = shown(ZeroDivisionError("division\nby zero"))
    assert code == 70
    assert text.splitlines()[0] == "error: a fault in Stead: ZeroDivisionError: division by zero"
    assert "STEAD_DEBUG=1" in text.splitlines()[1]
    assert len(text.splitlines()) == 2


def test_debug_shows_the_traceback_and_the_cause():
    error = SteadError("outer")
    error.__cause__ = KeyError("inner")
    code, text = shown(error, debug=True)
    assert code == 1
    assert "KeyError: 'inner'" in text
    assert text.endswith("error: outer\n")


def test_a_group_of_one_is_that_one():
    code, text = shown(ExceptionGroup("g", [ExceptionGroup("h", [UsageError("x")])]))
    assert (code, text) == (2, "error: x\n")


def test_interrupts_have_the_shells_codes():
    assert shown(KeyboardInterrupt())[0] == 130
    assert shown(Ended(15))[0] == 143
    assert shown(BrokenPipeError()) == (141, "")


def test_guard_keeps_the_code_of_what_it_ran():
    with guard(io.StringIO()) as outcome:
        outcome.code = 5
    assert outcome.code == 5


def test_guard_lets_the_exit_of_argparse_pass():
    with pytest.raises(SystemExit), guard(io.StringIO()):
        raise SystemExit(3)


def test_guard_gives_the_signals_back():
    before = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    with guard(io.StringIO()):
        assert signal.getsignal(signal.SIGTERM) is not before[signal.SIGTERM]
    assert {n: signal.getsignal(n) for n in before} == before


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_amid_the_import_of_the_runner(monkeypatch, number: int, code: int):
    monkeypatch.setitem(sys.modules, "stead.cli.runner", ModuleType("stead.cli.runner"))
    said = io.StringIO()
    with guard(said) as outcome:
        signal.raise_signal(number)
    assert outcome.code == code, said.getvalue()


class Interrupting:
    def __set_name__(self, owner, name):
        signal.raise_signal(signal.SIGINT)


def test_an_interrupt_amid_the_making_of_a_class():
    said = io.StringIO()
    with guard(said) as outcome:
        type("Made", (), {"member": Interrupting()})
    assert (outcome.code, said.getvalue()) == (130, "interrupted\n")


class Dying:
    def __init__(self, number: int) -> None:
        self.number = number

    def __del__(self) -> None:
        signal.raise_signal(self.number)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_where_python_ignores_what_is_raised(capfd, number: int, code: int):
    before = sys.unraisablehook
    said = io.StringIO()
    with guard(said) as outcome:
        Dying(number)
        time.sleep(60)
    assert outcome.code == code
    assert "Exception ignored" not in capfd.readouterr().err
    assert sys.unraisablehook is before


def test_guard_leaves_an_ignored_signal_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with guard(io.StringIO()):
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def program(body, **options):
    code = f"import sys\nfrom stead.cli.errors import guard\nwith guard() as o:\n    {body}\n"
    return subprocess.run(
        [sys.executable, "-c", code + "sys.exit(o.code)"],
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        **options,
    )


def test_nobody_reading_is_silent():
    read, write = os.pipe()
    os.close(read)
    done = program("print('x' * 100_000)", stdout=write)
    os.close(write)
    assert (done.returncode, done.stderr) == (141, "")


def test_a_short_output_nobody_reads_is_silent_too():
    read, write = os.pipe()
    os.close(read)
    done = program("print('x')", stdout=write)
    os.close(write)
    assert (done.returncode, done.stderr) == (141, "")


def test_a_full_disk_behind_the_output_is_an_error():
    with open("/dev/full", "w") as full:
        done = program("print('x')", stdout=full)
    assert done.returncode == 1
    assert done.stderr.startswith("error: no space is left")
    assert "Exception ignored" not in done.stderr


@pytest.mark.parametrize(("value", "traceback"), [("1", True), ("0", False), ("", False)])
def test_stead_debug_asks_for_the_traceback(value, traceback):
    done = program("1 / 0", env={**os.environ, "STEAD_DEBUG": value})
    assert done.returncode == 70
    assert ("Traceback" in done.stderr) is traceback


def test_colour_needs_a_terminal_that_wants_it(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert wants_color(Terminal())
    assert not wants_color(io.StringIO())
    monkeypatch.setenv("TERM", "dumb")
    assert not wants_color(Terminal())
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    assert not wants_color(Terminal())


def test_an_interrupt_is_told_on_a_line_of_its_own():
    """A terminal has shown ^C before; elsewhere nothing stands there."""

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    for stream, shown in ((Terminal(), "\ninterrupted\n"), (io.StringIO(), "interrupted\n")):
        assert render(KeyboardInterrupt(), stream, False) == 130
        assert stream.getvalue() == shown

"""Commands: versions, checks of one's own, and those that never end."""

from __future__ import annotations

import os
import sys
import time

import pytest

from stead.config.checks import bounds
from stead.values.secret import Secret


@pytest.fixture
def script(tmp_path):
    """Write an executable script and give its path."""

    def written(text, name="check"):
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        return str(path)

    return written


class TestCommand:
    def test_a_version_within_bounds(self, see):
        here = f"{sys.version_info[0]}.{sys.version_info[1]}"
        arguments = (sys.executable, "--version")
        assert see("command", arguments=arguments, expect=f">={here},<4").ok
        result = see("command", arguments=arguments, expect=">=99")
        assert f"is {here}" in result.message
        assert ">=99 is needed" in result.message

    def test_one_word_is_asked_for_its_version(self, see):
        assert see("command", arguments=("bash",), expect=">=3").ok

    def test_a_word_alone_need_only_be_there(self, see, script):
        assert see("command", arguments=(script("exit 3"),)).ok

    def test_one_that_is_not_there(self, see):
        result = see("command", arguments=("no-such-program",), expect=">=1", by="client store")
        assert "no-such-program is not there (PATH)" in result.message
        assert "needed by client store" in result.message

    def test_it_is_found_on_the_processs_own_path(self, see, script):
        directory = os.path.dirname(script("echo 7.1", "only-here"))
        environ = {"PATH": directory}
        assert see("command", arguments=("only-here",), expect="7.*", environ=environ).ok
        assert not see("command", arguments=("sh",), environ=environ).ok

    def test_one_beside_the_manifest(self, see, script):
        base = os.path.dirname(script("echo v2"))
        assert see("command", arguments=("./check",), expect="2", base=base).ok

    def test_a_version_on_standard_error(self, see, script):
        path = script("echo tool 3.4 >&2")
        assert see("command", arguments=(path, "-v"), expect=">=3.4").ok

    def test_none_is_said(self, see, script):
        result = see("command", arguments=(script("echo hello"),), expect=">=1")
        assert "does not say which version" in result.message

    def test_what_fails_says_why(self, see, script):
        result = see("command", arguments=(script("echo broken >&2; exit 4"), "x"))
        assert "ended with 4" in result.message
        assert result.details == ("broken",)


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("psql (PostgreSQL) 15.4 (Debian 15.4-1.pgdg120+1)", "15.4"),
        ("git version 2.39.2", "2.39.2"),
        ('openjdk version "17.0.8" 2023-07-18\nOpenJDK Runtime', "17.0.8"),
        ('java version "1.8.0_392"', "1.8.0"),
        ("gcc (Debian 12.2.0-14) 12.2.0", "12.2.0"),
        ("go version go1.21.3 linux/amd64", "1.21.3"),
        ("v18.19.0", "18.19.0"),
        ("Docker version 24.0.7, build afdd53b", "24.0.7"),
        ("jq-1.6", "1.6"),
        ("less 590 (GNU regular expressions)", "590"),
        ("OpenSSL 3.0.11 19 Sep 2023 (Library: OpenSSL 3.0.11 19 Sep 2023)", "3.0.11"),
        ("Python 3.13.0rc1", "3.13.0rc1"),
        ("systemd 252 (252.17-1~deb12u1)", "252.17"),
        ("tool, version 9", "9"),
        ("no version here", ""),
        ("", ""),
    ],
)
def test_a_version_is_found_in_what_programs_say(said, version):
    assert bounds.version_in(said) == version


@pytest.mark.parametrize(
    ("version", "expect", "fits"),
    [
        ("14.2", ">=14", True),
        ("13.9", ">=14", False),
        ("16.0", ">=14,<16", False),
        ("14.9", "14", True),
        ("15", "14", False),
        ("3.12.1", "3.12.*", True),
        ("15beta1", ">=14", True),
        ("3.1.4", "~=3.1", True),
        ("2.0", "!=2.0", False),
    ],
)
def test_bounds(version, expect, fits):
    assert bounds.fits(version, bounds.versions(expect)) is fits


class TestRun:
    def test_one_that_holds(self, see, script):
        assert see("run", arguments=(script("exit 0"),)).ok

    def test_it_gets_the_processs_environment_and_the_manifests_directory(
        self, see, script, tmp_path
    ):
        path = script('test "$PG_HOST" = db && test "$(pwd)" = "$HERE" && test -z "$HOME"')
        environ = {"PATH": os.environ["PATH"], "PG_HOST": "db", "HERE": str(tmp_path)}
        assert see("run", arguments=(path,), base=str(tmp_path), environ=environ).ok

    def test_what_it_says_last_is_shown(self, see, script):
        lines = "for i in 1 2 3 4 5 6 7; do echo line $i >&2; done; echo out; exit 2"
        result = see("run", arguments=(script(lines),))
        assert "ended with 2" in result.message
        assert result.details == tuple(f"line {n}" for n in range(3, 8))

    def test_what_it_says_is_shown_without_control_characters(self, see, script):
        result = see("run", arguments=(script(r"printf '\033[31mred\033[0m\007\n' >&2; exit 1"),))
        assert result.details == ("red",)

    def test_a_long_line_is_cut(self, see, script):
        result = see("run", arguments=(script("printf '%05000d' 7 >&2; exit 1"),))
        assert len(result.details[0]) == 300

    def test_secrets_are_taken_out(self, see, script):
        text = "echo 'cannot reach a p@ss/word or a%20p%40ss%2Fword' >&2; exit 1"
        result = see("run", arguments=(script(text),), secrets=[Secret("a p@ss/word")])
        assert "ss" not in result.details[0].replace("<secret>", "")
        assert result.details[0].count("<secret>") == 2

    def test_a_secret_of_many_lines_too(self, see, script):
        text = "echo MIIEowIBAAKCAQEA >&2; exit 1"
        secret = Secret("-----BEGIN-----\nMIIEowIBAAKCAQEA\n-----END-----\n")
        assert see("run", arguments=(script(text),), secrets=[secret]).details == ("<secret>",)

    def test_a_signal_ends_it(self, see, script):
        assert "ended by signal 9" in see("run", arguments=(script("kill -9 $$"),)).message

    def test_one_that_may_not_be_run(self, see, tmp_path):
        (tmp_path / "check").write_text("x")
        assert "is not there" in see("run", arguments=("./check",), base=str(tmp_path)).message

    def test_one_that_never_ends_is_killed_with_what_it_started(self, see, script, tmp_path):
        path = script(f"sleep 300 & echo $! > {tmp_path}/pid; wait")
        result = see("run", arguments=(path,), timeout="500ms")
        assert "did not end within 0.5 s" in result.message
        assert is_gone(int((tmp_path / "pid").read_text()))

    def test_one_that_talks_without_end_is_stopped(self, see):
        result = see("run", arguments=("yes",), timeout="60s")
        assert "says too much" in result.message

    def test_what_it_leaves_behind_is_ended(self, see, script, tmp_path):
        path = script(f"sleep 300 & echo $! > {tmp_path}/pid; exit 0")
        result = see("run", arguments=(path,), timeout="500ms")
        assert not result.ok
        assert "or what it started" in result.message
        assert is_gone(int((tmp_path / "pid").read_text()))

    def test_it_has_no_terminal_to_ask_at(self, see, script):
        assert see("run", arguments=(script("! read answer"),), timeout="20s").ok


def is_gone(pid):
    for _ in range(4500):
        try:
            with open(f"/proc/{pid}/stat") as file:
                if file.read().rpartition(")")[2].split()[0] == "Z":
                    return True
        except OSError:
            return True
        time.sleep(0.02)
    return False

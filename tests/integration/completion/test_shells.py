"""Real shells complete Stead's words: what is offered, and what comes to stand on the line."""

from __future__ import annotations

import re

import pytest

from stead.cli.main import COMMANDS

BOTH = pytest.mark.parametrize("shell", ["bash", "fish"])
TABS = pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])


@BOTH
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("stead ru", ["run"]),
        ("stead -C sub ru", ["run"]),
        ("stead run vie", ["viewer"]),
        ("stead run -e test vie", ["viewer"]),
        ("stead run -e ", ["default", "docs", "test"]),
        ("stead add --layer ", ["docs", "test"]),
        ("stead explain LEVE", ["LEVEE", "LEVEL"]),
        ("stead unset LEVEL", ["LEVEL"]),
        ("stead set LEVEE", ["LEVEE="]),
        ("stead remove num", ["numba", "numpy"]),
        ("stead work ", ["shared"]),
        ("stead use ", ["shared"]),
        ("stead rollback ", ["1", "2", "3", "4"]),
        ("stead diff 1 ", ["1", "2", "3", "4"]),
        ("stead keep ", []),
        ("stead config ", ["diff", "list"]),
        ("stead config diff te", ["test"]),
        ("stead run --app ", ["many", "viewer"]),
        ("stead lock --check --upg", ["--upgrade"]),
        ("stead lock --upgrade --che", ["--check"]),
        ("stead hook ", ["bash", "fish", "pwsh", "zsh"]),
        ("stead export --format req", ["requirements"]),
        ("stead env sh", ["show"]),
        ("stead run nothing-of-that-name", []),
        ("stead add ", []),
    ],
)
def test_what_is_offered(shells, shell, line, expected):
    assert shells.offered(shell, line) == expected


@BOTH
def test_every_command_is_offered(shells, shell):
    assert set(shells.offered(shell, "stead ")) == set(COMMANDS)


def test_values_after_an_equals_sign(shells):
    assert shells.offered("fish", "stead run --environment=te") == ["--environment=test"]
    assert shells.offered("bash", "stead run --environment=te") == ["test"]


def test_words_with_a_colon(shells):
    assert shells.offered("fish", "stead run many:w") == ["many:web", "many:worker"]
    # bash replaces what stands after its last break.
    assert shells.offered("bash", "stead run many:w") == ["web", "worker"]
    assert shells.offered("bash", "stead run many:") == ["web", "worker"]
    assert shells.offered("bash", "stead run man") == ["many", "many:web", "many:worker"]


@TABS
@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("stead stat\t", ["status"]),
        ("stead run vie\t", ["run", "viewer"]),
        ("stead run build:\t", ["run", "build:docs"]),
        ("stead why wit\t", ["why", "with space"]),
        ("stead why it\t", ["why", "it's"]),
        ("stead run -e te\tvie\t", ["run", "-e", "test", "viewer"]),
        ("stead run viewer a\\ f\t", ["run", "viewer", "a file"]),
        ("stead run viewer 'a f\t", ["run", "viewer", "a file"]),
        ("stead -C su\trun", ["-C", "sub/run"]),
        ("stead -C o\\ d\trun", ["-C", "o d/run"]),
        ("stead set LEVEE\tx", ["set", "LEVEE=x"]),
        ("stead lock --exc\t", ["lock", "--exclude-newer"]),
        ("stead run bun\t", ["run", "bundle"]),
        ("stead add --layer te\tx", ["add", "--layer", "test", "x"]),
        ("stead remove nump\t", ["remove", "numpy"]),
        ("stead use sha\t--drop", ["use", "shared", "--drop"]),
        ("stead work sh\t--dr\t", ["work", "shared", "--drop"]),
        # Were the number not known, no blank would follow it.
        ("stead diff 3\t4\t-e\tdef\t", ["diff", "3", "4", "-e", "default"]),
        ("stead rollback 3\t--off\t", ["rollback", "3", "--offline"]),
        ("stead pin 2\t--rem\t", ["pin", "2", "--remove"]),
    ],
)
def test_a_tab_completes_the_word(open_terminal, shell, keys, expected):
    assert open_terminal(shell).words_after(keys) == expected


HOSTILE = [
    "x$(touch harmed)",
    "y`touch harmed`",
    "z;touch harmed",
    "w'\";touch harmed #",
    "v\ntouch harmed\n",
    "u\u001b]0;x\u0007",
    "--upgrade",
    "*",
    "é ü",
]


@TABS
@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("x", "x$(touch harmed)"),
        ("y", "y`touch harmed`"),
        ("z", "z;touch harmed"),
        ("w", "w'\";touch harmed #"),
        ("é", "é ü"),
    ],
)
def test_a_hostile_name_means_itself(shells, open_terminal, shell, key, expected):
    shells.lock(HOSTILE)
    words = open_terminal(shell).words_after(f"stead why {key}\t")
    assert words == ["why", expected]
    assert not (shells.place / "harmed").exists()


@BOTH
def test_a_hostile_name_runs_nothing_by_being_offered(shells, shell):
    shells.lock(HOSTILE)
    for line in ("stead why ", "stead why x", "stead why 'x", 'stead why "y', "stead why v"):
        offered = shells.offered(shell, line)
        assert not any("\x1b" in word or word.startswith("v") for word in offered)
    assert not (shells.place / "harmed").exists()


def test_within_quotes_bash_offers_only_what_needs_none(shells):
    assert shells.offered("bash", "stead run 'bui") == ["build", "build:docs"]
    assert shells.offered("bash", "stead why 'wit") == []


@BOTH
def test_where_there_is_nothing_to_read(shells, shell, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    assert shells.offered(shell, "stead run ", cwd=empty) == []
    assert shells.offered(shell, "stead -C /nowhere run ", cwd=empty) == []
    (empty / "stead.toml").write_text("[tasks\n", encoding="utf-8")
    assert shells.offered(shell, "stead run ", cwd=empty) == []


@BOTH
def test_the_directory_that_is_named(shells, shell, tmp_path):
    assert shells.offered(shell, f"stead -C {shells.place} run vie", cwd=tmp_path) == ["viewer"]


def test_powershell_gets_the_same_table_in_its_own_words(shells):
    """By PowerShell's rules: a literal in single quotes, each quote within doubled."""
    text = shells.codes["pwsh"]
    literal = "'(?:[^'\u2018-\u201b]|''|\u2018\u2018|\u2019\u2019|\u201a\u201a|\u201b\u201b)*'"
    table = [line for line in text.splitlines() if line.startswith("$global:SteadTable['")]
    assert len(table) > len(COMMANDS)
    for line in table:
        entry = rf"\$global:SteadTable\[{literal}\] = @\((?:{literal}(?:, {literal})*)?\)"
        assert re.fullmatch(entry, line), line
    assert "Register-ArgumentCompleter -Native -CommandName stead" in text
    assert "@TABLE@" not in text
    assert "@PROGRAM@" not in text
    code = re.sub(r"(?m)#.*$|'(?:[^']|'')*'|\"[^\"]*\"", "", text)
    for opening, closing in ("{}", "()", "[]"):
        assert code.count(opening) == code.count(closing)

"""Quoting for the shells that cannot be had here, read back by their documented rules."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from stead.shells import cmd as cmd_shell
from stead.shells import powershell as powershell_shell
from stead.shells import quote
from stead.values.activation import Change, apply
from stead.values.errors import SteadError

texts = st.text(
    alphabet=st.sampled_from("ab 1\"'`$%^&|<>()!,;=\\*?~-/:@#[]{}\u2018\u2019\u201a\u201bé\n\t"),
    max_size=12,
)
single_lines = texts.filter(lambda t: "\n" not in t)


def read_powershell(source: str) -> str:
    """Read a single-quoted string: nothing is special but a quote, which is written twice.

    about_Quoting_Rules; the tokenizer takes U+2018 to U+201B for quotes too.
    """
    quotes = "'\u2018\u2019\u201a\u201b"
    assert source[0] in quotes
    result, at = "", 1
    while True:
        character = source[at]
        if character in quotes:
            if at + 1 < len(source) and source[at + 1] in quotes:
                result += source[at + 1]
                at += 2
                continue
            assert at == len(source) - 1, "the string ends before its source does"
            return result
        result += character
        at += 1


def read_cmd(line: str) -> str:
    """Read one line of a batch file up to what the command gets.

    Percent signs first: two are one. Then, outside quotes, ``^`` makes the next
    character plain and ``& | < > ( )`` end the command; a quote that is not
    escaped opens a region where all is plain.
    """
    plain, at = "", 0
    while at < len(line):
        if line[at] == "%":
            assert line[at : at + 2] == "%%", f"a variable would be expanded in {line!r}"
            at += 1
        plain += line[at]
        at += 1
    result, within, at = "", False, 0
    while at < len(plain):
        character = plain[at]
        if character == '"':
            within = not within
        elif not within:
            assert character not in "&|<>", f"{character} is not escaped in {line!r}"
            if character == "^":
                at += 1
                character = plain[at]
        result += character
        at += 1
    return result


def split_arguments(line: str) -> list[str]:
    """Split a command line as Microsoft's C library does."""
    arguments: list[str] = []
    current, within, started, at = "", False, False, 0
    while at < len(line):
        character = line[at]
        if character == "\\":
            end = at
            while end < len(line) and line[end] == "\\":
                end += 1
            count = end - at
            if end < len(line) and line[end] == '"':
                current += "\\" * (count // 2)
                if count % 2:
                    current += '"'
                    end += 1
            else:
                current += "\\" * count
            started, at = True, end
            continue
        if character == '"':
            within = not within
            started = True
        elif character in " \t" and not within:
            if started:
                arguments.append(current)
            current, started = "", False
        else:
            current += character
            started = True
        at += 1
    return [*arguments, current] if started else arguments


@given(texts)
def test_powershell_reads_back_what_was_quoted(text):
    assert read_powershell(quote.powershell(text)) == text


def test_powershell_cannot_be_given_bytes_that_are_no_text():
    with pytest.raises(SteadError, match="not UTF-8"):
        quote.powershell("a\udcff")


@given(single_lines)
def test_cmd_reads_back_what_was_escaped(text):
    assert read_cmd(quote.cmd(text)) == text


@pytest.mark.parametrize("text", ["a\nb", "a\rb"])
def test_cmd_cannot_write_a_line_break(text):
    with pytest.raises(SteadError, match="line break"):
        quote.cmd(text)


@given(st.lists(single_lines, min_size=1, max_size=4))
def test_a_launcher_for_windows_passes_its_words_on(words):
    text = cmd_shell.launcher(
        words, program=r"C:\x y\stead.exe", place="C:\\100% it's\\", environment="test"
    )
    line = text.split("\r\n")[3].removesuffix(" %*")
    assert split_arguments(read_cmd(line)) == [
        r"C:\x y\stead.exe",
        "-C",
        "C:\\100% it's\\",
        "run",
        "--here",
        "-e",
        "test",
        *words,
    ]


@given(st.lists(st.builds(Change, st.sampled_from(["set", "prepend"]), st.just("A"), single_lines)))
def test_cmd_gets_lists_computed_where_the_callers_variables_are_known(listed):
    lines = cmd_shell.render_changes(listed, {"A": "x:y"}).split("\r\n")[:-1]
    expected = apply(listed, {"A": "x:y"})
    assert [read_cmd(line) for line in lines] == ([f"@set A={expected['A']}"] if listed else [])


def test_cmd_puts_an_entry_in_front_where_they_are_not():
    text = cmd_shell.render_changes([Change("prepend", "PATH", r"C:\x & y", ";")])
    assert text == '@if defined PATH (set "PATH=C:\\x & y;%PATH%") else set PATH=C:\\x^ ^&^ y\r\n'


@given(st.tuples(single_lines, single_lines).map('"'.join))
def test_cmd_refuses_a_list_entry_that_would_end_its_quotes(text):
    with pytest.raises(SteadError, match="quote"):
        cmd_shell.render_changes([Change("append", "A", "b"), Change("prepend", "A", text)])


@given(texts)
def test_powershells_lines_hold_the_value_where_it_belongs(text):
    line = powershell_shell.render_changes([Change("set", "A", text)])
    assert line.startswith("${Env:A} = ")
    assert read_powershell(line.removeprefix("${Env:A} = ")[:-1]) == text


@given(texts)
def test_no_shell_takes_a_nul(text):
    assume("\n" not in text)
    for function in (quote.posix, quote.fish, quote.powershell, quote.cmd):
        with pytest.raises(SteadError, match="NUL"):
            function(text + "\0")


@pytest.mark.parametrize(
    ("dialect", "name", "why"),
    [
        ("posix", "a-b", "no name"),
        ("posix", "A B", "no name"),
        ("posix", "", "no name"),
        ("posix", "é", "no name"),
        ("posix", "A\n", "no name"),
        ("posix", "IFS", "own"),
        ("posix", "UID", "own"),
        ("zsh", "path", "own"),
        ("fish", "status", "own"),
        ("cmd", "A=B", "no name"),
        ("cmd", "A%B", "no name"),
        ("powershell", "A}B", "no name"),
        ("posix", "PATH", ""),
        ("posix", "path", ""),
        ("fish", "UID", ""),
        ("cmd", "ProgramFiles(x86)", ""),
    ],
)
def test_names_that_a_shell_cannot_set_are_known(dialect, name, why):
    found = quote.why_not_name(dialect, name)
    assert (why in found) if why else found == ""

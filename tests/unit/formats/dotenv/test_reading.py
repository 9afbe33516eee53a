"""Which lines of a ``.env`` are taken, and what is said of the others."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stead.formats import dotenv
from stead.formats._dotenv_faults import compared
from stead.values.errors import ManifestError

FILE = "/place/.env"


def values(text: str, dialect: str = "", **environ: str) -> dict[str, str]:
    return {e.name: e.value for e in dotenv.read(text, FILE, dialect, environ)}


def faults(text: str) -> list[str]:
    with pytest.raises(ManifestError) as caught:
        dotenv.read(text, FILE)
    return list(caught.value.details)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("A=1\n", "1"),
        ("A=1", "1"),
        ("A=\n", ""),
        ("A=", ""),
        ("A=''\n", ""),
        ('A=""\n', ""),
        ("export A=1\n", "1"),
        ("  A=1\n", "1"),
        ("A=1   \n", "1"),
        ("A=1 # said of it\n", "1"),
        ("A=1 # it's\n", "1"),
        ("A='a b'\n", "a b"),
        ('A="a b" # said of it\n', "a b"),
        ("A='a # b'\n", "a # b"),
        ("A='$HOME'\n", "$HOME"),
        ("A='C:\\Users\\me'\n", "C:\\Users\\me"),
        ("A='say \"hi\"'\n", 'say "hi"'),
        ('A="it\'s"\n', "it's"),
        ("A='one\ntwo\n'\n", "one\ntwo\n"),
        ('A="one\ntwo" # said of it\n', "one\ntwo"),
        ("A=a=b\n", "a=b"),
        ("A=postgres://u:p@h:5432/d?x=1,2\n", "postgres://u:p@h:5432/d?x=1,2"),
        ("A=a~b\n", "a~b"),
        ("A={a}\n", "{a}"),
        ("A=*.[ch]\n", "*.[ch]"),
        ("A=é\u4e2d\n", "é\u4e2d"),
        ("A=wow!\n", "wow!"),
        ("# a comment\n\nA=1\n\n# it's the end\n", "1"),
        ("A=1\n   \n", "1"),
        ("A=1\nA=1\n", "1"),
    ],
)
def test_what_all_read_alike_is_taken(text: str, value: str) -> None:
    assert values(text) == {"A": value}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("A = 1", "A: python, node, compose: as written; sh: runs the line as a command"),
        ("A= 1", "runs what follows as a command"),
        ("A=a b", "keeps the spaces inside; sh: ends the value at the space"),
        ("A=a#b", "node: drops everything from the first `#`"),
        ("A=#b", "python, compose, sh: keeps the `#`; node: drops"),
        ("A=a\t# b", "node: drops everything from the first `#`, keeps blanks"),
        ("A=$B", "A: python, node: keeps the `$`; compose, sh: replaces `$…`"),
        ("A=${B}", "python: replaces `${…}`; node: keeps the `$`"),
        ("A='${B}'", "python: replaces `${…}`"),
        ('A="$B"', "compose, sh: replaces `$…`"),
        ("A=$(date)", "sh: runs the text in `$(…)` as a command"),
        ("A=`date`", "node: takes the text between the backticks"),
        ("A=a\\b", "sh: takes the backslashes away"),
        ('A="a\\nb"', "python, compose: reads backslashes as escapes; node: reads `\\n`"),
        ("A='a\\\\b'", "python: takes the backslash before a quote or backslash away"),
        ("A='it\\'s'", "fails (a quote that nothing closes)"),
        ("A=~/x", "sh: replaces `~` by a home directory"),
        ("A=x:~/x", "sh: replaces `~` by a home directory"),
        ("A=a;b", "sh: ends the value at `;`, which it obeys"),
        ("A=a&b", "sh: ends the value at `&`"),
        ("A=(a)", "sh: reads a list"),
        ("A='a'b", "python: drops the line (text after the closing quote)"),
        ("A=a'b'", "python, node, compose: keeps the quotes; sh: takes the quotes away"),
        ("A='a'#b", "sh: takes the quotes away, keeps the `#`"),
        ("A='a", "python: drops the line (a quote that nothing closes)"),
        ('A="a', "compose: refuses the file (a quote that nothing closes)"),
        ("A=`a", "node: takes the quote as part of the value"),
        ("A+=b", "sh: appends to the value"),
        ("A[0]=b", "sh: sets an element"),
        ("export  A=1", "node: takes all before `=` for the name"),
        ("export A={a,b}", "sh: takes `{…}` apart"),
        ("export A", "sh: exports a name and sets nothing"),
        ("A.B=1", "A.B: python, compose: as written; node: takes all before `=`"),
        ("A-B=1", "A-B: python, compose: as written; node: takes all before `=`"),
        ("9A=1", "sh: runs the line as a command"),
        ("É=1", "sh: runs the line as a command"),
        ("UID=1000", "UID: python, node, compose: as written; sh: gives UID a meaning of its own"),
        ("A: 1", "compose: as written"),
        ("=1", "sh: runs the line as a command"),
    ],
)
def test_what_they_read_differently_is_refused(line: str, said: str) -> None:
    (fault,) = faults(f"BEFORE=1\n{line}\nAFTER=1\n")
    assert fault.startswith(f"{FILE}:2: ")
    assert said in fault


def test_a_bare_name_is_refused_and_not_shown() -> None:
    (fault,) = faults("A=1\nhunter2\n")
    assert "compose: takes the value that the caller's shell has" in fault
    assert "hunter2" not in fault


@pytest.mark.parametrize("line", ["MIIEvQIBADANBg==", "c2VjcmV0", "a2V5=", "s3cr3t pass=x"])
def test_the_rest_of_a_value_without_quotes_is_not_shown(line: str) -> None:
    with pytest.raises(ManifestError) as caught:
        dotenv.read(f"A=-----BEGIN KEY-----\n{line}\nB=a b\n", FILE)
    assert line.strip("=") not in str(caught.value)


SECRET = "s3cr3t-Value"


@pytest.mark.parametrize(
    "line",
    [
        f"A = {SECRET}",
        f"A={SECRET} {SECRET}",
        f"A={SECRET}#{SECRET}",
        f"A=${SECRET}",
        f"A=`{SECRET}`",
        f"A='{SECRET}",
        f"A='{SECRET}'{SECRET}",
        f"A=$({SECRET})",
        f"A={SECRET};{SECRET}",
        f"A=${{X?{SECRET}}}",
        f"{SECRET}",
        f"{SECRET} = ",
        f"A={SECRET}\0",
        f"A={SECRET}\r",
        f"A=1\nA={SECRET}",
        f"A={SECRET * 20_000}",
    ],
)
def test_no_message_shows_a_value(line: str) -> None:
    with pytest.raises(ManifestError) as caught:
        dotenv.read(f"{line}\n", FILE)
    assert SECRET not in str(caught.value)


def test_all_faults_are_named_at_once_in_the_order_of_lines() -> None:
    found = faults("A = 1\nB=1\nC=a b\nD='x\nB=2\n")
    assert [f.split(": ")[0] for f in found] == [f"{FILE}:{n}" for n in (1, 3, 4, 5)]
    with pytest.raises(ManifestError) as caught:
        dotenv.read("A=1\nB=a b\nC=a b\n", FILE)
    assert str(caught.value.where) == f"{FILE}:2"
    assert f"stead import --portable --dialect compose|node|python {FILE}" in caught.value.remedy


def test_a_quote_that_closes_elsewhere_hides_no_other_fault() -> None:
    found = faults("A='x\nB = 1\nC='y'\nD=1\n")
    assert [f.split(": ")[0] for f in found] == [f"{FILE}:1", f"{FILE}:2"]


def test_lines_within_quotes_count() -> None:
    (fault,) = faults("A='1\n2\n3'\nB=a b\n")
    assert fault.startswith(f"{FILE}:4: B: ")
    first, second = dotenv.read("A='1\n2'\n\n# c\nB=1\n", FILE)
    assert (str(first.origin), str(second.origin)) == (f"{FILE}:1", f"{FILE}:5")


def test_two_values_of_one_name_are_refused() -> None:
    (fault,) = faults("A=1\nB=1\nA=2\n")
    assert fault == f"{FILE}:3: A: line 1 gives it another value: all take the last"


@pytest.mark.parametrize(
    ("text", "mend"),
    [
        ("A = 1\n", "without blanks around `=`, or let `stead import --portable"),
        ("A=b c\n", "single quotes, or let `stead import --portable"),
        ("A='b\n", "close the quote"),
        ("\ufeffA=1\r\n", "save the file with LF line ends and without a byte order mark"),
        ("A=\0\n", "take the NUL bytes out"),
        (f"A={'x' * 200_000}\n", "keep a long value in a file, and put that file's path here"),
        ("A=1\nA=2\n", "keep one of a name's values"),
        ("A=1\n \nB=1\n", "take the blanks away that begin the line"),
    ],
)
def test_each_fault_has_its_remedy(text: str, mend: str) -> None:
    with pytest.raises(ManifestError) as caught:
        dotenv.read(text, FILE)
    assert mend in caught.value.remedy
    with pytest.raises(ManifestError) as caught:
        dotenv.read(f"{text}X = 1\n", FILE)
    assert mend in caught.value.remedy
    assert "--portable" in caught.value.remedy


def test_a_byte_order_mark_is_refused() -> None:
    (fault,) = faults("\ufeffA=1\n")
    assert fault.startswith(f"{FILE}:1: a byte order mark: node: takes it for part of the first")


def test_carriage_returns_are_told_once() -> None:
    (fault,) = faults("A=1\nB=1\r\nC=1\r\n")
    assert fault.startswith(f"{FILE}:2: 2 lines end in CRLF: sh: takes the carriage return")


@pytest.mark.parametrize("text", ["A=1\rB=2\n", "A='1\r2'\n", "# c\rA=1\n"])
def test_a_carriage_return_within_a_line_is_refused(text: str) -> None:
    (fault,) = faults(text)
    assert fault.startswith(f"{FILE}:1: ")


def test_nul_bytes_are_refused_line_by_line() -> None:
    assert faults("A=1\nB=\0\n# \0\n") == [
        f"{FILE}:2: a NUL byte, which no variable can hold",
        f"{FILE}:3: a NUL byte, which no variable can hold",
    ]


def test_blanks_that_node_takes_for_a_name_are_refused() -> None:
    assert "a comment behind blanks: node: joins it" in faults("A=1\n  # c\nB=1\n")[0]
    assert "blanks alone: node: joins it" in faults("A=1\n\t\nB=1\n")[0]
    assert "node: takes it for a name" in faults("A=1\n#B=1")[0]


@pytest.mark.parametrize("quote", ["", "'", '"'])
def test_a_line_of_ten_megabytes_is_refused(quote: str) -> None:
    (fault,) = faults(f"A={quote}{'x' * 10_000_000}{quote}\nB=1\n")
    assert fault.startswith(f"{FILE}:1: A: 10,000,00")
    assert "Linux starts no process with more than 131,071" in fault


def test_a_long_line_that_nobody_reads_alike_is_refused() -> None:
    (fault,) = faults(f"A={'x y' * 4_000_000}\nB=1\n")
    assert fault.startswith(f"{FILE}:1: A: 12,000,00")


def test_a_comment_may_be_long() -> None:
    assert values(f"# {'x' * 10_000_000}\nA=1\n") == {"A": "1"}


def test_a_file_of_faults_ends() -> None:
    found = faults("A=a b\n" * 5_000)
    assert len(found) == 1_001
    assert "was not looked at" in found[-1]


# -- as one program reads it


@pytest.mark.parametrize(
    ("dialect", "line", "value"),
    [
        ("python", "A = 1", "1"),
        ("python", "A=a#b # c", "a#b"),
        ("python", "A='${B}x'", "2x"),
        ("python", "A=${C:-d}", "d"),
        ("python", "A=$B", "$B"),
        ("python", 'A="x\\ty"', "x\ty"),
        ("python", "A='it\\'s'", "it's"),
        ("node", "A = 1", "1"),
        ("node", "A=a#b", "a"),
        ("node", "A=${B}", "${B}"),
        ("node", 'A="x\\ny\\t"', "x\ny\\t"),
        ("node", "A=`it's`", "it's"),
        ("compose", "A = 1", "1"),
        ("compose", "A=a#b # c", "a#b"),
        ("compose", "A=$B-x", "2-x"),
        ("compose", "A=${C:-d}", "d"),
        ("compose", "A=${C-$B}", "2"),
        ("compose", "A=${B:+yes}", "yes"),
        ("compose", "A=$$B", "$B"),
        ("compose", "A='$B'", "$B"),
        ("compose", "A='Let\\'s go!'", "Let's go!"),
        ("compose", 'A="{\\"hello\\": \\"json\\"}"', '{"hello": "json"}'),
        ("compose", 'A="some\\tvalue"', "some\tvalue"),
        ("compose", "A='some\\tvalue'", "some\\tvalue"),
        ("compose", "A: 1", "1"),
        ("compose", 'A="\\$B"', "$B"),
        ("compose", "A=VAL# not a comment", "VAL# not a comment"),
        ("compose", 'A="VAL # not a comment"', "VAL # not a comment"),
        ("compose", 'A="VAL" # comment', "VAL"),
    ],
)
def test_a_dialect_is_read_as_its_program_does(dialect: str, line: str, value: str) -> None:
    assert values(f"B=2\n{line}\n", dialect) == {"B": "2", "A": value}


def test_a_dialect_takes_the_last_of_two_values() -> None:
    for dialect in ("python", "node", "compose"):
        assert values("A=1\nA=2\n", dialect) == {"A": "2"}


def test_a_dialect_reads_any_line_ends_and_marks() -> None:
    for dialect in ("python", "compose"):
        assert values("\ufeffA=1\r\nB=2\r\n", dialect) == {"A": "1", "B": "2"}


def test_references_to_the_callers_variables_are_told() -> None:
    (entry,) = dotenv.read("A=x${HOME}\n", FILE, "compose")
    assert (entry.value, entry.refers) == ("x", ("HOME",))
    (entry,) = dotenv.read("A=x${HOME}\n", FILE, "compose", {"HOME": "/h"})
    assert (entry.value, entry.refers) == ("x/h", ())


def test_what_compose_refuses_is_an_error_with_its_line() -> None:
    with pytest.raises(ManifestError) as caught:
        dotenv.read("A=1\nB='x\n", FILE, "compose")
    assert str(caught.value.where) == f"{FILE}:2"
    with pytest.raises(ManifestError, match="no dialect 'ruby'"):
        dotenv.read("A=1\n", FILE, "ruby")


def test_what_python_drops_is_left_out() -> None:
    assert values("A=1\nB='x\nC=1\n", "python") == {"A": "1", "C": "1"}


PIECES = st.sampled_from(
    ["A", "b", "=", "'", '"', "`", "\\", " ", "\t", "#", "$", "{", "}", "~", ":", ";", "é", "1"]
)


@given(st.lists(PIECES, max_size=10).map("".join))
def test_who_reads_differently_is_described_differently(value: str) -> None:
    reading, words = compared(f"A={value}\n")
    if reading is not None or not words:
        return
    said = [group.partition(": ")[2] for group in words.split("; ")]
    assert len(said) > 1
    assert len(set(said)) == len(said)


@given(st.lists(PIECES | st.just("\n"), max_size=30).map("".join))
def test_any_text_is_read_or_refused(text: str) -> None:
    for dialect in ("", "python", "node", "compose"):
        try:
            dotenv.read(text, FILE, dialect)
        except ManifestError as exc:
            assert exc.where is not None  # noqa: PT017 (refusing is one of two right answers)


@pytest.mark.parametrize(
    "text",
    [
        "A='" + "x" * 1_000_000,
        "A=x " + " " * 100_000 + "y\n",
        "A='" + "${B" * 30_000 + ":}'",
        'A="' + "${B:-" * 20_000 + '"',
    ],
    ids=["open", "blanks", "references", "defaults"],
)
def test_hostile_text_is_read_in_time(text: str) -> None:
    """Any of these takes minutes where a pattern goes back over what it has read."""
    for dialect in ("", "python", "node", "compose"):
        try:
            dotenv.read(text, FILE, dialect)
        except ManifestError as exc:
            assert exc.details or exc.where  # noqa: PT017

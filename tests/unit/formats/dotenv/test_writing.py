"""Writing and editing a ``.env``."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stead.formats import dotenv
from stead.formats._dotenv_faults import compared
from stead.values.errors import ManifestError

FILE = "/place/.env"
NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,8}", fullmatch=True).filter(lambda n: n not in OWN)
OWN = dotenv._own_names()
TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=30) | st.text(
    "ab'\"`\\$#{} \n\t~=;", max_size=12
)


def values(text: str) -> dict[str, str]:
    return {e.name: e.value for e in dotenv.read(text, FILE)}


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("", "A=\n"),
        ("a", "A=a\n"),
        ("https://x.org/?a=1,2", "A=https://x.org/?a=1,2\n"),
        ("a b", "A='a b'\n"),
        (" a ", "A=' a '\n"),
        ("a#b", "A='a#b'\n"),
        ("$5", "A='$5'\n"),
        ("it's", 'A="it\'s"\n'),
        ('say "hi"', "A='say \"hi\"'\n"),
        ("one\ntwo\n", "A='one\ntwo\n'\n"),
        ("C:\\a", "A='C:\\a'\n"),
        ("~", "A='~'\n"),
    ],
)
def test_the_simplest_form_is_written(value: str, line: str) -> None:
    assert dotenv.write([("A", value)]) == line
    assert values(line) == {"A": value}


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("A", 'it\'s "this"', "a single quote beside"),
        ("A", "it's $5", "a single quote beside"),
        ("A", "\\\\server\\share", "two backslashes in a row"),
        ("A", "C:\\", "ends in one"),
        ("A", "${B}", "python-dotenv replaces even in single quotes"),
        ("A", "a\r\nb", "carriage return"),
        ("A", "a\0", "NUL byte"),
        ("A", "\ud800", "not Unicode"),
        ("A", "x" * 140_000, "bytes long"),
        ("A.B", "1", "a shell cannot set"),
        ("", "1", "a shell cannot set"),
        ("UID", "1", "bash keeps for itself"),
    ],
)
def test_what_cannot_be_written_is_named_with_a_remedy(name: str, value: str, why: str) -> None:
    with pytest.raises(ManifestError) as caught:
        dotenv.write([("GOOD", "1"), (name, value)])
    (detail,) = caught.value.details
    assert detail.startswith(name)
    assert why in detail
    assert "stead.toml" in caught.value.remedy
    assert len(str(caught.value)) < 500


def test_all_that_cannot_be_written_is_named() -> None:
    with pytest.raises(ManifestError) as caught:
        dotenv.write([("A", "\0"), ("B", "1"), ("C", "'\"")])
    assert [d.split()[0] for d in caught.value.details] == ["A", "C"]


@given(st.dictionaries(NAMES, TEXTS, max_size=5))
def test_what_is_written_is_read_back(entries: dict[str, str]) -> None:
    written = {}
    for name, value in entries.items():
        try:
            line = dotenv.line_for(name, value)
        except ManifestError:
            continue
        written[name] = value
        # Each of the programs' readers finds exactly this.
        reading, words = compared(line)
        assert not words
        assert reading is not None
        assert (reading.name, reading.value) == (name, value)
    assert values(dotenv.write(written.items())) == written


@given(TEXTS.filter(lambda v: "\0" not in v and "\r" not in v))
def test_what_single_quotes_can_hold_is_not_refused(value: str) -> None:
    plain = value.replace("'", "").replace("\\", "").replace("${", "")
    assert values(dotenv.line_for("A", plain)) == {"A": plain}


# -- editing


def test_only_the_line_changes() -> None:
    text = "# mine\n\nA=1\nexport B='x y'  # said of it\nC=\"1\n2\"\n# end"
    assert dotenv.edit(text, "A", "it's") == text.replace("A=1", 'A="it\'s"')
    assert dotenv.edit(text, "B", "2") == text.replace("'x y'", "2")
    assert dotenv.edit(text, "C", "3") == text.replace('"1\n2"', "3")
    assert dotenv.edit(text, "C", None) == text.replace('C="1\n2"\n', "")
    assert dotenv.edit(text, "D", "4") == text + "\nD=4\n"
    assert dotenv.edit(text, "D", None) == text


def test_of_several_definitions_one_stays() -> None:
    text = "A=1\nB=1\nA=2\nC=1\n"
    assert dotenv.edit(text, "A", "3") == "B=1\nA=3\nC=1\n"
    assert dotenv.edit(text, "A", None) == "B=1\nC=1\n"


def test_lines_that_nobody_reads_alike_stay_as_they_are() -> None:
    text = "X = 1\nY='open\n  # A=0\nA = a b\n"
    assert dotenv.edit(text, "A", "2") == "X = 1\nY='open\n  # A=0\nA=2\n"


def test_line_ends_stay() -> None:
    assert dotenv.edit("A=1\r\nB=2\r\n", "A", "3") == "A=3\r\nB=2\r\n"
    assert dotenv.edit("A=1\r\n", "C", "3") == "A=1\r\nC=3\r\n"


def test_a_byte_order_mark_stays() -> None:
    assert dotenv.edit("\ufeffA=1\nB=1\n", "B", "2") == "\ufeffA=1\nB=2\n"
    assert dotenv.edit("\ufeffA=1\nB=1\n", "A", "2") == "\ufeffA=2\nB=1\n"


def test_a_comment_is_not_a_definition() -> None:
    assert dotenv.edit("#A=1\n# A=2\n", "A", "3") == "#A=1\n# A=2\nA=3\n"


def test_a_value_that_cannot_be_written_changes_nothing() -> None:
    with pytest.raises(ManifestError, match="A cannot be written"):
        dotenv.edit("A=1\n", "A", "'\"")


@given(
    st.lists(st.tuples(NAMES, TEXTS), max_size=5),
    NAMES,
    TEXTS,
    st.sampled_from(["", "# a comment\n", "\n"]),
)
def test_editing_changes_one_variable(
    entries: list[tuple[str, str]], name: str, value: str, head: str
) -> None:
    held = {}
    for key, text in entries:
        try:
            dotenv.line_for(key, text)
            held[key] = text
        except ManifestError:
            continue
    text = head + dotenv.write(held.items())
    try:
        dotenv.line_for(name, value)
    except ManifestError:
        return
    assert values(dotenv.edit(text, name, value)) == {**held, name: value}
    held.pop(name, None)
    assert values(dotenv.edit(text, name, None)) == held

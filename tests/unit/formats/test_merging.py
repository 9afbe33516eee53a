from __future__ import annotations

import json
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stead.formats.merging import kind_of, merge
from stead.formats.merging_json import merge_json
from stead.formats.merging_values import DisagreementError, merged

NAMES = ("yours", "item 2.0")

SCALARS = st.one_of(st.integers(0, 3), st.booleans(), st.sampled_from(["x", 'ä"', ""]), st.none())
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from("abcd"), inner, max_size=4)
    ),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.sampled_from("abcd"), VALUES, max_size=4)
LAYOUTS = st.sampled_from(
    [
        {"indent": 2},
        {"indent": "\t"},
        {"indent": 4, "separators": (",", " : ")},
        {},
        {"separators": (",", ":")},
    ]
)


@given(OBJECTS, OBJECTS, OBJECTS, LAYOUTS, LAYOUTS)
def test_json_by_key_reads_as_the_merged_values(base, mine, theirs, layout, other) -> None:
    texts = [json.dumps(base, **layout), json.dumps(mine, **layout), json.dumps(theirs, **other)]
    done = merge_json(*texts)
    try:
        wanted = merged(base, mine, theirs)
    except DisagreementError:
        assert done is None
        return
    assert done is not None, "every layout can be written"
    assert json.loads(done) == wanted
    if mine == wanted:
        assert done == texts[1]


@pytest.mark.parametrize(
    ("base", "mine", "theirs", "expected"),
    [
        (
            '{\n  "a": 1,\n  "b": [1, 2]\n}\n',
            '{\n  "a": 2,\n  "b": [1, 2]\n}\n',
            '{\n  "a": 1,\n  "c": {\n    "d": 1.50\n  },\n  "b": [1, 2]\n}\n',
            '{\n  "a": 2,\n  "c": {\n    "d": 1.50\n  },\n  "b": [1, 2]\n}\n',
        ),
        ('{"a": 1, "b": 2}', '{"a": 1, "b": 3}', '{"b": 2}', '{"b": 3}'),
        ('{"a":  1}', '{"a":  1, "m": 1}', '{"a":  1, "t": 1}', '{"a":  1, "t": 1, "m": 1}'),
        ("{}", '{"m": 1}', '{"t": 1}', '{"m": 1, "t": 1}'),
        (
            '{"a": {}}\n\n',
            '{"a": {"x": 1}}\n\n',
            '{"a": {}, "b": 0}',
            '{"a": {"x": 1}, "b": 0}\n\n',
        ),
    ],
)
def test_json_keeps_its_layout(base: str, mine: str, theirs: str, expected: str) -> None:
    assert merge_json(base, mine, theirs) == expected


@pytest.mark.parametrize(
    ("base", "mine", "theirs"),
    [
        ('{"a": 1}', '{"a": 2}', '{"a": 3}'),
        ('{"a": 1}', "{}", '{"a": 3}'),
        ('{"a": 1}', '{"a": 2, "a": 2}', '{"a": 1, "b": 1}'),
        ('{"a": 1}', '{"a": 2', '{"a": 1, "b": 1}'),
        ('{"a": 1} // x', '{"a": 2}', '{"a": 1, "b": 1}'),
        ("[" * 5000 + "]" * 5000, "[1]", "[2]"),
    ],
)
def test_json_that_cannot_be_merged(base: str, mine: str, theirs: str) -> None:
    assert merge_json(base, mine, theirs) is None


@pytest.mark.parametrize(
    ("path", "base", "mine", "theirs", "expected"),
    [
        ("a.py", "x\ny\nz\n", "X\ny\nz\n", "x\ny\nZ\n", "X\ny\nZ\n"),
        # lines that touch, and keys that do not
        ("a.toml", "a = 1\nb = 1\n", "a = 2\nb = 1\n", "a = 1\nb = 2\n", "a = 2\nb = 2\n"),
        ("a.toml", "a = 1\r\nb = 1\r\n", "a = 2\nb = 1\n", "a = 1\r\nb = 2\r\n", "a = 2\nb = 2\n"),
        ("a.json", '{"a": 1, "b": 1}', '{"a": 2, "b": 1}', '{"a": 1, "b": 2}', '{"a": 2, "b": 2}'),
        # lines that fit together would say what nobody meant: mine renamed the table
        (
            "a.toml",
            "[v]\n\na = 1\n",
            "[w]\n\na = 1\n",
            "[v]\n\na = 1\nb = 1\n",
            "[w]\n\na = 1\n\n[v]\nb = 1\n",
        ),
        # elements of a list that lie apart
        (
            "a.toml",
            'd = [\n  "a",\n  "b",\n  "c",\n]\n',
            'd = [\n  "A",\n  "b",\n  "c",\n]\n',
            'd = [\n  "a",\n  "b",\n  "C",\n]\n',
            'd = [\n  "A",\n  "b",\n  "C",\n]\n',
        ),
        (
            "a.yml",
            "a: 1\n# c\nb: 1\n",
            "a: 2\n# c\nb: 1\n",
            "a: 1\n# c\nb: 2\n",
            "a: 2\n# c\nb: 2\n",
        ),
        (
            "a.yml",
            "a: !x 1\n\nb: 1\n",
            "a: !x 2\n\nb: 1\n",
            "a: !x 1\n\nb: 2\n",
            "a: !x 2\n\nb: 2\n",
        ),
        ("a.csv", "a,b\n1,2\n3,4\n", "a,b\n1,2\n3,9\n", "a,B\n1,2\n3,4\n", "a,B\n1,2\n3,9\n"),
        (
            "a.ini",
            "[a]\nx=1\n\ny=1\n",
            "[a]\nx=2\n\ny=1\n",
            "[a]\nx=1\n\ny=2\n",
            "[a]\nx=2\n\ny=2\n",
        ),
        ("requirements.txt", "a\nb\nc\n", "A\nb\nc\n", "a\nb\nC\n", "A\nb\nC\n"),
    ],
)
def test_what_merges(path: str, base: str, mine: str, theirs: str, expected: str) -> None:
    done = merge(path, base.encode(), mine.encode(), theirs.encode(), names=NAMES)
    assert done is not None
    assert (done.content.decode(), done.markers) == (expected, 0)


@pytest.mark.parametrize(
    ("path", "base", "mine", "theirs"),
    [
        ("a.toml", "a = 1\n", "a = 2\n", "a = 3\n"),
        # both add a key: no valid file
        ("a.toml", "x = 1\n\n\ny = 1\n", "n = 1\nx = 1\n\n\ny = 1\n", "x = 1\n\n\ny = 1\nn = 2\n"),
        # a comment of mine that merging by key would lose
        ("a.toml", "a = [1]\nb = 1\n", "a = [1, # mine\n]\nb = 2\n", "a = [1, 2]\nb = 1\n"),
        ("a.yml", "a: 1\n", "a: 2\n", "a: 3\n"),
        ("a.yml", "a:\n\n  x: 1\n", "b:\n\n  x: 1\n", "a:\n\n  x: 1\n  y: 1\n"),
        # a row of mine lacks the column that upstream put in
        ("a.csv", "a,b\n1,2\n\n", "a,b\n1,2\n\n5,6\n", "a,b,c\n1,2,3\n\n"),
        ("requirements.txt", "a\n", "b\n", "c\n"),
        ("a.bin", "a\0\n\nb\n", "A\0\n\nb\n", "a\0\n\nB\n"),
        ("data.py", "a\0\n\nb\n", "A\0\n\nb\n", "a\0\n\nB\n"),
    ],
)
def test_what_does_not_and_gets_no_markers(path: str, base: str, mine: str, theirs: str) -> None:
    assert merge(path, base.encode(), mine.encode(), theirs.encode(), names=NAMES) is None


def test_other_text_gets_markers() -> None:
    done = merge("a.py", b"a = 1\n", b"a = 2\n", b"a = 3\n", names=NAMES)
    assert done is not None
    assert done.content == b"<<<<<<< yours\na = 2\n=======\na = 3\n>>>>>>> item 2.0\n"


PROJECT = """\
[project]
name = "a"
dependencies = [
  "numpy>=1",  # arrays
  "pandas",
]
"""


@pytest.mark.parametrize(
    ("mine", "theirs", "expected"),
    [
        # both add at the end
        (
            PROJECT.replace('"pandas",\n', '"pandas",\n  "mine>=1",  # why\n'),
            PROJECT.replace('"pandas",\n', '"pandas",\n  "theirs",\n'),
            PROJECT.replace('"pandas",\n', '"pandas",\n  "mine>=1",  # why\n  "theirs",\n'),
        ),
        # one adds, the other raises a bound and takes one out
        (
            PROJECT.replace('"pandas",\n', '"pandas",\n  "mine",\n'),
            PROJECT.replace(">=1", ">=2").replace('  "pandas",\n', ""),
            PROJECT.replace(">=1", ">=2").replace('"pandas"', '"mine"'),
        ),
    ],
)
def test_requirements_are_merged_by_name(mine: str, theirs: str, expected: str) -> None:
    texts = [text.encode() for text in (PROJECT, mine, theirs)]
    done = merge("x/pyproject.toml", *texts, names=NAMES)
    assert done is not None
    assert done.content.decode() == expected


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [
        (PROJECT.replace(">=1", ">=2"), PROJECT.replace(">=1", ">=3")),
        (PROJECT.replace('  "pandas",\n', ""), PROJECT.replace('"pandas"', '"pandas>2"')),
        # one package twice: by markers
        (
            PROJECT.replace('"pandas"', '"pandas; a", "pandas; b"'),
            PROJECT.replace('"pandas"', '"pandas", "x"'),
        ),
    ],
)
def test_requirements_that_both_changed_are_a_conflict(mine: str, theirs: str) -> None:
    texts = [text.encode() for text in (PROJECT, mine, theirs)]
    assert merge("pyproject.toml", *texts, names=NAMES) is None


def test_other_lists_are_whole() -> None:
    texts = [b'a = ["x"]\n', b'a = ["x", "y"]\n', b'a = ["x", "z"]\n']
    assert merge("a.toml", *texts, names=NAMES) is None


TOML = st.dictionaries(
    st.sampled_from(["v", "w.x", "w"]),
    st.dictionaries(st.sampled_from("abc"), st.sampled_from(["1", "2", "[1]", "[1, 2]", '"t"'])),
    max_size=3,
).filter(lambda tables: not ("w" in tables and "x" in tables["w"]))


def _toml(tables, comments: str) -> bytes:
    return "".join(
        f"# {comments} {name}\n[{name}]\n" + "".join(f"{k} = {v}  # {k}\n" for k, v in keys.items())
        for name, keys in tables.items()
    ).encode()


@given(TOML, TOML, TOML, st.sampled_from(["base", "mine"]))
def test_toml_that_merges_reads_as_the_merged_values(base, mine, theirs, comments) -> None:
    texts = [_toml(base, "base"), _toml(mine, comments), _toml(theirs, "base")]
    done = merge("a.toml", *texts, names=NAMES)
    values = [tomllib.loads(text.decode()) for text in texts]
    if done is not None:
        assert not done.markers
        read = tomllib.loads(done.content.decode())
        for table in {*values[0], *values[1], *values[2]}:
            for key in "abc":
                was, own, then = (v.get(table, {}).get(key) for v in values)
                if own == was:
                    assert read.get(table, {}).get(key) == then
                elif then == was:
                    assert read.get(table, {}).get(key) == own


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("a/pyproject.toml", "toml"),
        ("uv.lock", "toml"),
        ("A.JSON", "json"),
        ("requirements-dev.txt", "data"),
        ("notes.txt", ""),
        (".env.local", "data"),
        ("Dockerfile.a", ""),
        ("toml", ""),
        ("a.py", ""),
    ],
)
def test_data_files_are_known_by_their_names(path: str, kind: str) -> None:
    assert kind_of(path) == kind


NAMES_OF_FILES = ["a.py", "a.toml", "pyproject.toml", "a.json", "a.yaml", "a.csv", "a.ini", "a.xml"]
PIECES = st.sampled_from(
    [
        *[
            "a",
            "b",
            "1",
            "=",
            ":",
            "#",
            "{",
            "}",
            "[",
            "]",
            '"',
            "'",
            ",",
            "\\",
            "&",
            "*",
            "\t",
            "é",
            "<<<<<<<",
            "[a]",
            "[[a]]",
            '"""',
            "dependencies",
        ],
        " ",
        "\n",
        "\r\n",
        "- ",
        "&x ",
        "*x",
        "\ufeff",
    ]
)
CHAOS = st.one_of(
    st.binary(max_size=12), st.lists(PIECES, max_size=12).map("".join).map(str.encode)
)


@given(st.sampled_from(NAMES_OF_FILES), CHAOS, CHAOS, CHAOS)
def test_whatever_the_bytes_a_merge_ends_in_order(path, base, mine, theirs) -> None:
    done = merge(path, base, mine, theirs, names=NAMES)
    if kind_of(path):
        assert done is None or not done.markers
    if done is not None and mine == base and b"\n" not in base + theirs:
        assert done.content == theirs

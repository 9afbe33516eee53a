from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stead.formats.merging_keys import merge_keys
from stead.formats.merging_lines import merge

KEYS = st.sampled_from(["a", "b", "c"])
TABLES = st.dictionaries(st.sampled_from(["v", "w"]), st.dictionaries(KEYS, st.integers(1, 3)))


def written(tables: dict[str, dict[str, int]]) -> str:
    return "".join(
        f"[{name}]\n" + "".join(f"{k} = {v}\n" for k, v in keys.items())
        for name, keys in tables.items()
    )


@given(TABLES, TABLES, TABLES)
def test_each_key_is_as_whoever_changed_it_has_it(base, mine, theirs) -> None:
    text = merge_keys(written(base), written(mine), written(theirs))
    merged = None if text is None else tomllib.loads(text)
    for table in {*base, *mine, *theirs}:
        for key in "abc":
            was, own, then = (t.get(table, {}).get(key) for t in (base, mine, theirs))
            if own not in (was, then) and then != was:
                assert merged is None
            elif merged is not None:
                assert merged.get(table, {}).get(key) == (own if then in (was, own) else then)


@pytest.mark.parametrize(
    ("base", "mine", "theirs", "expected"),
    [
        # what is here is as it was then, but for one key
        ("A = 7\nC = 5\n", "A = 2\nC = 5\n", "A = 2\n", "A = 2\n"),
        (
            "[v]\na = 1\nb = 1\n",
            "[v]\na = 2 # mine\n",
            "[v]\na = 2\nb = 1\n",
            "[v]\na = 2 # mine\n",
        ),
        ("a = 1\r\nb = 1\r\n", "a = 2\r\nb = 1\r\n", "a = 2\r\n", "a = 2\r\n"),
        # a table that came
        ("a = 1\n", "a = 2\n", "a = 2\n[v]\nb = { c = 1 }\n", "a = 2\n\n[v]\nb = { c = 1 }\n"),
    ],
)
def test_what_lines_cannot_bring_together(base, mine, theirs, expected) -> None:
    assert merge_keys(base, mine, theirs) == expected


@pytest.mark.parametrize(
    ("base", "mine", "theirs", "expected"),
    [
        # above and behind what nobody else touched, of what came, and at the end
        (
            "a = 1\nb = 1\n\n[t]\nx = 1\n",
            "b = 1\na = 2\n\n[t]\ny = 2  # mine\nx = 1\n",
            "a = 1\n# b\nb = 3  # three\n\n# the t\n\n[t]  # tt\n# x\nx = 1\n# new\nq = 4 # four\n# end",
            "# b\nb = 3  # three\na = 2\n\n# the t\n\n[t]  # tt\ny = 2  # mine\n# x\nx = 1\n# new\nq = 4 # four\n# end",
        ),
        # what the user wrote another value for, or said something of, stays as it is
        (
            "a = 1\nb = 1\nc = 1\n",
            "a = 2\n# mine\nb = 1\nc = 1\n",
            "# a\na = 1\n# b\nb = 1\nc = 2\n",
            "a = 2\n# mine\nb = 1\nc = 2\n",
        ),
        # one that upstream changed, and one that it took away
        (
            "# one\na = 1\n# two\nb = 1\nc = 1\n",
            "# one\na = 1\n# two\nb = 1\nc = 3\nd = 1\n",
            "# eins\na = 1\nb = 2\nc = 1\n",
            "# eins\na = 1\nb = 2\nc = 3\nd = 1\n",
        ),
        # what looks like a comment and is none
        (
            'a = "# a"\nb = 1\n',
            'b = 2\na = "# a"\n',
            'a = "# a" # of a\nb = 1\nc = """\n# text\n""" # c\n',
            'b = 2\na = "# a" # of a\nc = "# text\\n" # c\n',
        ),
    ],
)
def test_upstreams_comments_come_along(base, mine, theirs, expected) -> None:
    assert merge_keys(base, mine, theirs) == expected
    ends = [text.replace("\n", "\r\n") for text in (base, mine, theirs, expected)]
    assert merge_keys(*ends[:3]) == ends[3]


SAID = st.dictionaries(
    st.sampled_from(["v", "w", "v.a", "v.b", "w.a"]), st.sampled_from(["x", "y"]), max_size=5
)


def commented(tables: dict[str, dict[str, int]], said: dict[str, str], who: str) -> str:
    """Write tables with comments above and behind: those of ``who``, or what all say."""

    def comment(name: str) -> str:
        word = said.get(name)
        return "" if word is None else f"# {who if word == 'y' else 'all'} {name}"

    lines = []
    for table, keys in tables.items():
        lines += [comment(table), f"[{table}]  {comment(f'{table}.b')}"]
        for key, value in keys.items():
            lines += [comment(f"{table}.a") if key == "a" else "", f"{key} = {value}"]
    return "\n".join(lines) + "\n"


@given(TABLES, TABLES, TABLES, st.tuples(SAID, SAID, SAID))
def test_comments_change_no_value_and_none_of_mine_is_lost(base, mine, theirs, said) -> None:
    whose = zip((base, mine, theirs), said, ("base", "mine", "theirs"), strict=True)
    texts = [commented(tables, words, who) for tables, words, who in whose]
    done = merge_keys(*texts)
    plain = merge_keys(*map(written, (base, mine, theirs)))
    assert (done is None) == (plain is None)
    if done is None or plain is None:
        return
    assert tomllib.loads(done) == tomllib.loads(plain)
    for line in texts[1].split("\n"):
        table = line.removeprefix("# mine ").partition(".")[0]
        if line.startswith("# mine") and "." not in line and table in tomllib.loads(done):
            assert line in done


@pytest.mark.parametrize(
    ("base", "mine", "theirs"),
    [
        ("a = 1\n", "a = 2\n", "a = 3\n"),
        ("a = 1\n", "a = true\n", "a = 1.0\n"),
        ("a = 1\n", "a = 2\n", ""),
        ("a = 1\n", "a = \n", "a = 2\n"),
        ("[a]\nb = 1\n", "[a]\nb = 2\n", "a = 1\n"),
    ],
)
def test_what_contradicts_itself(base, mine, theirs) -> None:
    assert merge_keys(base, mine, theirs) is None


def test_a_conflict_shows_only_lines_that_differ() -> None:
    _, (conflict,) = merge("a\nb\n", "x\nc\n", "x\nd\n")
    assert conflict.apart == (("c\n",), ("d\n",))

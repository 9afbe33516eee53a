"""What counts as changed by hand, and what stays of it on another environment."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stead.pipeline.hand import Hand, by_hand, on_top, parse, taking_back
from stead.values.activation import apply

BASE = {"A": "1", "B": "2", "PATH": "/x:/y", "LANG": "C"}


def test_each_kind_is_told_by_name():
    now = {"A": "1", "B": "3", "NEW": "n", "PATH": "/mine:/x:/y:/late"}
    found = by_hand(BASE, now)
    assert [(h.name, h.kind) for h in found] == [
        ("B", "changed"),
        ("LANG", "unset"),
        ("NEW", "new"),
        ("PATH", "path"),
    ]
    assert [w for h in found for w in h.words] == [
        "B changed",
        "LANG unset",
        "NEW set",
        "/mine added to PATH",
        "/late added to PATH",
    ]


def test_what_shells_change_themselves_does_not_count():
    now = {
        **BASE,
        "PWD": "/",
        "OLDPWD": "/a",
        "SHLVL": "3",
        "_": "x",
        "STEAD_APPLIED": "A",
        "BASH_FUNC_f%%": "() { :; }",
    }
    assert by_hand(BASE, now) == ()


def test_values_are_never_in_words():
    found = by_hand({}, {"TOKEN": "hush-hush"})
    assert "hush" not in " ".join(w for h in found for w in h.words)


def test_taken_back_is_as_it_was():
    now = {"B": "3", "NEW": "n", "PATH": "/mine:/x:/y", "LANG": "C"}
    assert apply(taking_back(by_hand(BASE, now)), now) == BASE


def test_put_on_top_of_the_same_is_as_it_was_by_hand():
    now = {"A": "1", "B": "3", "NEW": "n", "PATH": "/mine:/x:/y:/late"}
    hands = by_hand(BASE, now)
    kept, changes = on_top(hands, BASE)
    assert kept == hands
    assert apply(changes, BASE) == now


def test_what_the_environment_changed_since_is_its_own():
    hands = by_hand(BASE, {**BASE, "B": "3", "NEW": "n"})
    kept, changes = on_top(hands, {**BASE, "B": "9", "NEW": "n"})
    assert kept == ()
    assert changes == ()


def test_directories_are_put_around_the_list_that_is_there_now():
    hands = by_hand({"PATH": "/x:/y"}, {"PATH": "/mine:/x:/y:/late"})
    _, changes = on_top(hands, {"PATH": "/staged:/x:/y"})
    assert apply(changes, {})["PATH"] == "/mine:/staged:/x:/y:/late"
    kept, changes = on_top(hands, {"PATH": "/mine:/x:/y"})
    assert apply(changes, {})["PATH"] == "/mine:/x:/y:/late"
    assert kept[0].added == ("/late",)


def test_a_directory_taken_out_by_hand_stays_out_and_is_nothing_to_keep():
    hands = by_hand({"PATH": "/x:/y"}, {"PATH": "/y"})
    assert [w for h in hands for w in h.words] == []
    _, changes = on_top(hands, {"PATH": "/staged:/x:/y"})
    assert apply(changes, {})["PATH"] == "/staged:/y"


def test_in_another_shell_what_was_there_before_says_nothing():
    hands = by_hand({"EDITOR": "nano"}, {"EDITOR": "vim"})
    assert on_top(hands, {})[0] == ()
    kept, changes = on_top(hands, {}, elsewhere=True)
    assert kept == (Hand("new", "EDITOR", None, "vim"),)
    assert apply(changes, {}) == {"EDITOR": "vim"}


names = st.sampled_from(["A", "B", "C", "PATH"])
environs = st.dictionaries(names, st.sampled_from(["", "1", "/x", "/x:/y", "/y:/z", "/m:/x:/y"]))


@given(environs, environs)
def test_taking_back_and_putting_on_top_undo_each_other(base, now):
    hands = by_hand(base, now)
    assert apply(taking_back(hands), now) == base
    kept, changes = on_top(hands, base)
    after = apply(changes, base)
    for name in {*base, *now} - {"PATH"}:
        assert after.get(name) == now.get(name)
    assert set(_entries(after)) == set(_entries(now)) or "PATH" not in now
    assert {h.name for h in kept} <= {h.name for h in hands}


def _entries(environ):
    return [e for e in environ.get("PATH", "").split(":") if e]


def test_exports_are_read_whatever_they_hold():
    assert parse(b"A=1\0B=x=y\nz\0C=\0\xff\0D=\xff\0") == {
        "A": "1",
        "B": "x=y\nz",
        "C": "",
        "D": "\udcff",
    }

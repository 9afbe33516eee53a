from __future__ import annotations

import tomllib

import pytest

from stead.modules.update_root import Entry, fingerprint, recorded, updated

FILE = "stead.toml"


def _entry(path: str, value: object) -> Entry:
    return Entry(FILE, tuple(path.split(".")), value)


WRITTEN = (
    _entry("app.a.run", ["a", "run"]),
    _entry("app.a.listen", {"PORT": 8000}),
    _entry("tasks.a.run", ["a", "run"]),
)
TEXT = """\
# mine
[app.a]
run = ["a", "run"] # how it starts

[app.a.listen]
PORT = 8000 # not taken elsewhere

[tasks.a]
run = ["a", "run"]
"""


@pytest.mark.parametrize(
    ("text", "news", "expected", "actions"),
    [
        (TEXT, {}, TEXT, {}),
        (
            TEXT,
            {"app.a.run": ["a", "serve"], "app.a.listen": {"PORT": 8000, "ADMIN": 8001}},
            TEXT.replace('["a", "run"] #', '["a", "serve"] #').replace(
                "elsewhere\n", "elsewhere\nADMIN = 8001\n"
            ),
            {"app.a.run": "replaced", "app.a.listen": "replaced"},
        ),
        # changed by the user: upstream's is told where it is another
        (TEXT.replace("8000", "9000"), {}, None, {"app.a.listen": "kept"}),
        (
            TEXT.replace("8000", "9000").replace('["a", "run"] #', '["mine"] #'),
            {"app.a.run": ["a", "serve"]},
            None,
            {"app.a.listen": "kept", "app.a.run": "kept!"},
        ),
        # changed to the same
        (TEXT.replace("8000", "9000"), {"app.a.listen": {"PORT": 9000}}, None, {}),
        # taken out: stays so, also what would be new in its table
        ("[tasks.a]\nrun = ['a', 'run']\n", {"app.a.run": ["x"], "app.a.libs": ["a"]}, None, {
            "app.a.run": "deleted", "app.a.listen": "kept", "app.a.libs": "deleted",
        }),
        ("", {"app.a.run": ["x"]}, None, {
            "app.a.run": "deleted", "app.a.listen": "kept", "tasks.a.run": "kept",
        }),
        # new upstream
        (
            TEXT,
            {"app.a.libs": ["a"], "lib.a.accepts.LEVEL": {"type": "str"}},
            TEXT.replace("starts\n", 'starts\nlibs = ["a"]\n')
            + '\n[lib.a.accepts]\nLEVEL = { type = "str" }\n',
            {"app.a.libs": "added", "lib.a.accepts.LEVEL": "added"},
        ),
        (TEXT.replace("\n", "\r\n"), {"tasks.a.run": ["x"]}, TEXT.replace("\n", "\r\n").replace(
            '[tasks.a]\r\nrun = ["a", "run"]', '[tasks.a]\r\nrun = ["x"]'), {"tasks.a.run": "replaced"}),
        # a file that cannot be read stays as it is
        ("[app.a", {"tasks.a.run": ["x"]}, None, {"tasks.a.run": "kept!"}),
        (None, {"tasks.a.run": ["x"]}, None, {"tasks.a.run": "kept!"}),
        ("app = 1\n", {"app.a.libs": ["x"]}, None, {
            "app.a.run": "kept", "app.a.listen": "kept", "app.a.libs": "deleted",
            "tasks.a.run": "kept",
        }),
    ],
)  # fmt: skip
def test_entries_follow_the_table(text, news, expected, actions) -> None:
    wanted = {entry.path: entry for entry in WRITTEN}
    for path, value in news.items():
        entry = _entry(path, value)
        wanted[entry.path] = entry
    after, changes = updated(FILE, text, dict(recorded(WRITTEN)), wanted.values())
    assert after == (text if expected is None else expected)
    found = {
        c.key.partition(":")[2]: c.action + ("!" if c.lines and c.action == "kept" else "")
        for c in changes
        if c.action != "same"
    }
    assert found == actions


def test_an_entry_that_upstream_has_no_more_stays_and_is_told() -> None:
    after, changes = updated(FILE, TEXT, dict(recorded(WRITTEN)), WRITTEN[:2])
    assert after == TEXT
    assert [c.key for c in changes if c.action == "dropped"] == ["stead.toml:tasks.a.run"]


def test_what_would_be_there_is_told_as_lines() -> None:
    text = TEXT.replace('["a", "run"] #', '["mine"] #')
    _, (change, *_) = updated(
        FILE, text, dict(recorded(WRITTEN)), [_entry("app.a.run", ["a", "serve"])]
    )
    assert change.lines == ("[app.a]", 'run = ["a", "serve"]')
    tomllib.loads("\n".join(change.lines))


def test_fingerprints_are_of_values() -> None:
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
    assert len({fingerprint(v) for v in (1, 1.0, True, "1", [1])}) == 5

"""The text that a script's shell evaluates does what the same changes do in Python."""

from __future__ import annotations

import os
import shutil
import subprocess

from hypothesis import example, given, settings
from hypothesis import strategies as st

from stead.shells import script
from stead.shells.state import undo
from stead.values.activation import Change

SHELLS = {
    "dash": ["dash"],
    "bash": ["bash", "--norc", "--noprofile"],
    "zsh": ["zsh", "--emulate", "sh", "-f"],
    "ksh": ["ksh"],
    "busybox": ["busybox", "sh"],
}
OWN = {"PWD", "OLDPWD", "SHLVL", "_", "A__z", "HOME", "LOGNAME"}

value = st.text("ab:'\" $*\\\n-", max_size=6)
entry = st.text("ab'$* ", min_size=1, max_size=4)
THERE = [shell for shell, words in SHELLS.items() if shutil.which(words[0])]

name = st.sampled_from(["LIST", "OTHER", "PLAIN"])
change = st.one_of(
    st.builds(Change, st.just("set"), name, value),
    st.builds(Change, st.just("unset"), name),
    st.builds(Change, st.just("default"), name, value),
    st.builds(Change, st.sampled_from(["prepend", "append"]), name, entry, st.just(":")),
)
changes = st.lists(change, max_size=4)
start = st.dictionaries(name, value, max_size=3)


def evaluated(shell: str, text: str, environ: dict[str, str]) -> dict[str, str]:
    """Evaluate a text in a shell, and give its environment."""
    done = subprocess.run(
        [*SHELLS[shell], "-c", f"{text}\nexec env -0"],
        env=environ,
        capture_output=True,
        check=True,
    )
    pairs = (p.decode("utf-8", "surrogateescape").partition("=") for p in done.stdout.split(b"\0"))
    return {n: v for n, sign, v in pairs if sign and n not in OWN}


_LIST_WITH_DEFAULT = [Change("default", "LIST", "x:y"), Change("prepend", "LIST", "a")]


@example({}, _LIST_WITH_DEFAULT, [])
@example({"LIST": "y:mine"}, _LIST_WITH_DEFAULT, [Change("append", "LIST", "b")])
@example({}, [Change("default", "LIST", ":"), Change("prepend", "LIST", "a")], [])
@settings(max_examples=15)
@given(start, changes, changes)
def test_one_environment_after_another(before, first, second):
    for shell in THERE:
        environ = {"PATH": os.environ["PATH"], **before}
        inside = script.environment(first, environ)
        text = script.render(second)
        now = evaluated(shell, text, inside)
        expected = script.environment(second, undo(inside))
        assert now == expected, shell
        # And out of it again, everything is as it was.
        assert undo(now) == environ


@settings(max_examples=10)
@given(entry, entry, changes)
def test_what_the_script_puts_into_a_list_stays(mine, theirs, second):
    second = [c for c in second if c.name != "LIST"]
    inside = script.environment([Change("prepend", "LIST", theirs, ":")], {"PATH": "/bin"})
    assert inside["LIST"] == theirs
    inside["LIST"] = f"{mine}:{inside['LIST']}"
    for shell in THERE:
        now = evaluated(shell, script.render(second), inside | {"PATH": os.environ["PATH"]})
        if mine != theirs:
            assert undo(now)["LIST"] == mine, shell

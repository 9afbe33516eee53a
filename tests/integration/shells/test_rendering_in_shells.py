"""Each shell's text does what ``values.activation.apply`` does, in the shell itself."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from stead.shells import render
from stead.values.activation import Activation, Change, apply

SHELLS = {
    "dash": ("sh", ["dash", "-c"]),
    "bash": ("bash", ["bash", "--norc", "-c"]),
    "bash as sh": ("sh", ["bash", "--posix", "-c"]),
    "busybox": ("sh", ["busybox", "ash", "-c"]),
    "zsh": ("zsh", ["zsh", "-f", "-c"]),
    "fish": ("fish", ["fish", "--no-config", "-c"]),
}
EXAMPLES = {"fish": 60}

# Some shells add these where they are missing.
STARTING = {
    "LC_ALL": "C.UTF-8",
    "HOME": "/nonexistent",
    "LOGNAME": "u",
    "USER": "u",
    "TERM": "dumb",
}

# What a shell sets by itself, whatever is evaluated.
OWN = {"PWD", "OLDPWD", "SHLVL", "_"}

hostile = st.text(
    alphabet=st.sampled_from("ab/: '\"$`\\\n\t*?[]{}!~-#%&|<>()=^,;@é雪\udcff\udc80\x01\r"),
    max_size=8,
).map(lambda text: os.fsdecode(os.fsencode(text)))
names = st.sampled_from(
    ["A", "SOME_TEXT", "XDG_DATA_DIRS", "PYTHONPATH", "LD_LIBRARY_PATH", "PATH"]
)
entries = st.sampled_from(["a", "b", "/opt/x y", "", "*", "$HOME", "-n", "é"]) | hostile
lists = st.lists(entries, max_size=5).map(":".join)
changes = st.builds(
    Change,
    st.sampled_from(["set", "unset", "default", "prepend", "append"]),
    names,
    entries,
    st.sampled_from([":", ":", ":", " ", ",", ";"]),
)
environments = st.dictionaries(names, lists | hostile, max_size=4)


def environment_after(shell: str, text: str, environ: dict[str, str]) -> dict[bytes, bytes]:
    """Evaluate ``text`` in a fresh shell and give what a child of it is given."""
    argv = [*SHELLS[shell][1], f"{text}\nexec /usr/bin/env -0"]
    program = shutil.which(argv[0])
    assert program, f"{argv[0]} is missing: install what the tests need"
    done = subprocess.run(
        [program, *argv[1:]], env=environ, capture_output=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == b""
    pairs = (line.split(b"=", 1) for line in done.stdout.split(b"\0") if line)
    return {name: value for name, value in pairs if os.fsdecode(name) not in OWN}


def as_text(environ: dict[bytes, bytes]) -> dict[str, str]:
    return {os.fsdecode(n): os.fsdecode(v) for n, v in environ.items()}


def as_bytes(environ: dict[str, str]) -> dict[bytes, bytes]:
    return {os.fsencode(n): os.fsencode(v) for n, v in environ.items()}


@pytest.mark.parametrize(
    "shell", [pytest.param(n, marks=pytest.mark.needs(SHELLS[n][1][0])) for n in SHELLS]
)
def test_a_shell_changes_its_environment_as_apply_does(shell: str) -> None:
    @settings(
        max_examples=EXAMPLES.get(shell, 100),
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    @given(st.lists(changes, max_size=6), environments)
    @example([Change("prepend", "PATH", "/x")], {"PATH": "/a:/x:/x:/b:/x"})
    @example([Change("append", "PATH", "/x")], {"PATH": "/x"})
    @example([Change("prepend", "PATH", "a:b")], {"PATH": "a:b:c"})
    @example([Change("prepend", "PYTHONPATH", "")], {"PYTHONPATH": "::a::"})
    @example([Change("prepend", "A", "a\n", ",")], {"A": "b\n,a\n,c\n"})
    @example([Change("append", "A", "a\n", " ")], {"A": "\n\n"})
    @example([Change("default", "A", "new")], {"A": ""})
    @example([Change("unset", "A"), Change("unset", "PATH")], {"A": "x"})
    def check(listed: list[Change], given_environment: dict[str, str]) -> None:
        # fish writes the empty entries of PATH, which mean the same, as a dot.
        searched = [c.value for c in listed if c.name == "PATH"] + [
            given_environment.get("PATH", "/usr/bin")
        ]
        assume(shell != "fish" or not any("" in value.split(":") for value in searched))
        environ = {**STARTING, **given_environment}
        environ.setdefault("PATH", "/usr/bin")
        text = render(SHELLS[shell][0], Activation("/p", "/p", "default", tuple(listed)))
        # Some shells give an odd PATH another value before they are told anything.
        before = as_text(environment_after(shell, "", environ))
        assert environment_after(shell, text, environ) == as_bytes(apply(listed, before))

    check()


@pytest.mark.parametrize(
    "shell", [pytest.param(n, marks=pytest.mark.needs(n)) for n in ("bash", "zsh")]
)
def test_aliases_and_strict_options_do_not_matter(shell: str) -> None:
    listed = (
        Change("unset", "GONE"),
        Change("default", "D", "d"),
        Change("prepend", "P", "x"),
        Change("set", "S", "s"),
    )
    text = render(shell, Activation("/p", "/p", "default", listed))
    options = "setopt aliases ksh_arrays rc_quotes extended_glob null_glob"
    before = {
        "bash": "shopt -s expand_aliases extglob nullglob; set -eu",
        "zsh": f"{options}; set -eu",
    }[shell]
    hostile_aliases = "alias export='echo export'; alias unset='echo unset'"
    script = f"{before}\n{hostile_aliases}\neval {quoted(text)}"
    environ = {**STARTING, "PATH": "/usr/bin", "GONE": "x", "P": "a:x"}
    assert environment_after(shell, script, environ) == as_bytes(apply(listed, environ))


def quoted(text: str) -> str:
    from stead.shells.quote import posix

    return posix(text)

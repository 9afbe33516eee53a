"""Values that others keep: variables, commands, keyrings."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from stead.config.secrets import attempt, failed, resolve
from stead.values.errors import SecretError
from stead.values.secret import Secret


def said(person, text, **options):
    with pytest.raises(SecretError) as caught:
        person.get(text, **options)
    return str(caught.value)


def test_a_variable_of_the_caller(person):
    person.environ["PGPASSWORD"] = "hunter2"
    person.environ["EMPTY"] = ""
    assert person.get("env:PGPASSWORD") == "hunter2"
    assert person.get("env:EMPTY") == ""
    assert "PGPASWORD is not set; did you mean PGPASSWORD?" in said(person, "env:PGPASWORD")


def test_a_command_prints_it(person):
    assert person.get("command:printf 'two words'") == "two words"
    assert person.get("command:printf 'a\\n\\n'") == "a\n"
    assert person.get("command:echo $HOME '*' ';' id") == "$HOME * ; id"  # there is no shell


def test_a_command_has_the_callers_variables_and_its_manifests_directory(person):
    person.environ["TOKEN"] = "hunter2"
    assert person.get("command:sh -c 'printf %s \"$TOKEN\"'") == "hunter2"
    assert person.get("command:pwd") == str(person.place)
    program = person.place / "get.sh"
    program.write_text("#!/bin/sh\necho from the tree\n", encoding="utf-8")
    program.chmod(0o755)
    assert person.get("command:./get.sh") == "from the tree"


def test_a_command_that_fails_says_what_it_said_and_not_what_it_printed(person):
    text = said(person, "command:sh -c 'echo hunter2; echo hunter2 refused >&2; exit 3'")
    assert "the command ended with code 3" in text
    assert "it said: … refused" in text
    assert "hunter2" not in text.partition("could not be had:")[2]


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("true", "printed nothing"),
        ("echo", "printed nothing"),
        ("nonesuch-program", "was not found"),
        ("./nonesuch", "was not found"),
        ("sh -c 'kill -9 $$'", "ended with signal 9"),
        ("cat /dev/zero", "printed more than 1 MiB"),
        ("sh -c 'yes; exit 1'", "printed more than 1 MiB"),
        ("printf '\\377\\376'", "not text in UTF-8"),
        ("printf 'a\\000b'", "NUL"),
    ],
)
def test_commands_that_give_no_value(person, command, why):
    assert why in said(person, f"command:{command}")


def test_a_command_that_hangs_is_ended(person):
    pid = person.home / "pid"
    command = f"command:sh -c 'echo $$ > {pid}; exec sleep 600'"
    # Until it was long enough for it to begin.
    for seconds in (0.5, 5, 50):
        assert f"did not end within {seconds} seconds" in said(person, command, timeout=seconds)
        if pid.exists() and pid.read_text():
            break
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)


def test_a_command_cannot_ask_on_the_terminal(person):
    assert "printed nothing" in said(person, "command:cat")


def test_commands_run_side_by_side_and_each_once(person):
    # Each waits for the other's file: one after the other, neither would end.
    a, b = person.home / "a", person.home / "b"
    wait = "until [ -e {1} ]; do sleep 0.02; done; echo x >> {0}.count; echo v"
    one = person.reference(f"command:sh -c 'touch {a}; {wait.format(a, b)}'", 1)
    two = person.reference(f"command:sh -c 'touch {b}; {wait.format(b, a)}'", 2)
    again = person.reference(str(one), 3)
    found = resolve([one, two, again, one], context=person.context, timeout=90)
    assert [s.reveal() for s in found.values()] == ["v", "v"]
    assert Path(f"{a}.count").read_text(encoding="utf-8") == "x\n"


def test_all_failures_come_together_with_their_places(person):
    person.environ["GOOD"] = "g"
    person.encrypt("lab.age", "a = 'x'")
    texts = ["env:GOOD", "env:NONE", "age:lab.age#a", "age:lab.age#b", "command:false"]
    references = [person.reference(t, n) for n, t in enumerate(texts, 1)]
    with pytest.raises(SecretError) as caught:
        resolve(references, context=person.context)
    lines = str(caught.value).splitlines()
    assert lines[0] == "4 secrets could not be had"
    manifest = person.place / "stead.toml"
    for number, text in list(enumerate(texts, 1))[1:]:
        assert any(line.strip().startswith(f"{manifest}:{number}: {text}: ") for line in lines)
    tried = f"tried {person.home}/.config/stead/identity.txt: no such file"
    assert sum(line.strip() == tried for line in lines) == 1
    found, failures = attempt(references, context=person.context)
    assert found == {references[0]: Secret("g")}
    assert [f.reference for f in failures] == references[1:]
    assert str(failed(failures)) == str(caught.value)


def test_a_file_is_opened_once_and_is_not_tried_again(person):
    person.has_key()
    person.encrypt("lab.age", "a = 'x'\nb = 'y'")
    opened = []

    class Counting(type(person.asked([])[0])):
        def decrypt(self, data):
            opened.append(1)
            return super().decrypt(data)

    references = [person.reference(f"age:lab.age#{key}") for key in "ab"]
    references.append(person.reference("age:../place/lab.age#a"))
    found = resolve(references, context=person.context, identities=Counting(person.context.environ))
    assert [s.reveal() for s in found.values()] == ["x", "y"]
    assert len(opened) == 1


def test_nothing_to_resolve_imports_nothing(person):
    program = (
        "import sys; from stead.config.secrets import resolve; "
        "from stead.testing.world import make_context; "
        "assert resolve([], context=make_context('/nonesuch')) == {}; "
        "print(sorted({m.partition('.')[0] for m in sys.modules} & "
        "{'pyrage', 'cryptography', 'keyring', 'yaml', 'ctypes'}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_a_keyring(person, monkeypatch):
    # The plain back end of `keyrings.alt`: a real file, in a directory of the test.
    import keyring
    from keyrings.alt.file import PlaintextKeyring

    backend = PlaintextKeyring()
    backend.file_path = str(person.home / "keyring.cfg")
    former = keyring.get_keyring()
    keyring.set_keyring(backend)
    try:
        keyring.set_password("db.example.org", "ada@lab", "hunter2")
        assert person.get("keyring:db.example.org#ada@lab") == "hunter2"
        text = said(person, "keyring:db.example.org#bob")
        assert "holds no password of 'bob' for 'db.example.org'" in text
        assert "keyring set db.example.org bob" in text
    finally:
        keyring.set_keyring(former)


def test_a_keyring_that_waits_or_fails(person):
    import keyring
    from keyring.backend import KeyringBackend

    ended = threading.Event()

    class Waiting(KeyringBackend):
        priority = 1

        def get_password(self, service, username):
            if service == "locked":
                ended.wait(90)
            raise OSError("hunter2 is what it said")

        def set_password(self, service, username, password):
            raise NotImplementedError

    former = keyring.get_keyring()
    keyring.set_keyring(Waiting())
    try:
        assert "did not answer within 0.2 seconds" in said(person, "keyring:locked#a", timeout=0.2)
        text = said(person, "keyring:broken#a")
        assert "could not answer (OSError)" in text
        assert "hunter2" not in text
    finally:
        ended.set()
        keyring.set_keyring(former)
        time.sleep(0.05)


def test_without_the_library_it_says_how_to_install_it(person, tmp_path):
    program = (
        "import sys; sys.modules['keyring'] = None\n"
        "from stead.config.secrets import resolve\n"
        "from stead.testing.world import make_context\n"
        "from stead.values.secret import parse_reference\n"
        "resolve([parse_reference('keyring:a#b', '/')], context=make_context('/nonesuch'))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert "stead[keyring]" in done.stderr

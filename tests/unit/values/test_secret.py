"""References to secrets, and the wrapper around a value."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import traceback

import pytest

from stead.values.digest import canonical, plain
from stead.values.errors import ManifestError
from stead.values.origin import Origin
from stead.values.secret import Secret, SecretReference, parse_reference

HERE = Origin("/p/stead.toml", 31)


@pytest.mark.parametrize(
    "text",
    [
        "age:lab.age#pg_pass",
        "age:whole.age",
        "age:dir/with space/lab.age#a-b.c",
        "sops:conf/secrets.yaml#a.b.0",
        "keyring:https://example.org/x#me@example.org",
        "env:PGPASSWORD",
        "command:pass show 'db/my pass'",
    ],
)
def test_a_reference_is_shown_as_it_was_written(text):
    assert str(parse_reference(text, "/p", HERE)) == text


def test_its_parts():
    age = parse_reference("age:../lab.age#pg", "/p/sub")
    assert (age.file, age.key, age.files) == ("/p/lab.age", "pg", ("/p/lab.age",))
    whole = parse_reference("age:lab.age", "/p")
    assert (whole.file, whole.key) == ("/p/lab.age", "")
    keyring = parse_reference("keyring:a#b#c", "/p")
    assert (keyring.service, keyring.key, keyring.files) == ("a#b", "c", ())
    program = parse_reference("command:./get 'two words'", "/p")
    assert (program.argv, program.files) == (("./get", "two words"), ("/p/get",))
    assert parse_reference("command:pass show x", "/p").files == ()
    assert parse_reference("env:A", "/p").files == ()


def test_what_means_the_same_is_equal_wherever_it_was_written():
    one = parse_reference("age:lab.age#k", "/p", HERE)
    two = parse_reference("age:../lab.age#k", "/p/sub", Origin("/p/sub/stead.toml", 2))
    assert one == two
    assert hash(one) == hash(two)
    assert parse_reference("env:A", "/p") == parse_reference("env:A", "/q")
    assert parse_reference("command:./a", "/p") != parse_reference("command:./a", "/q")
    assert parse_reference("age:lab.age#k", "/p") != parse_reference("sops:lab.age#k", "/p")
    assert one != "age:lab.age#k"


@pytest.mark.parametrize("text", ["", "plain", "postgres://x:y@h/db", "aged:x", "AGE:x", "age"])
def test_other_text_is_no_reference(text):
    assert parse_reference(text, "/p") is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("age:", "nothing follows"),
        ("age:#key", "no file"),
        ("age:lab.age#", "empty"),
        ("age:~/lab.age#k", "`~`"),
        ("age:dir/#k", "directory"),
        ("age:a\nb#k", "line end"),
        ("sops:conf.yaml", "key is missing"),
        ("keyring:service", "user's name is missing"),
        ("keyring:#user", "no service"),
        ("env:1A", "cannot name a variable"),
        ("env:A B", "cannot name a variable"),
        ("command:'x", "quote is not closed"),
        ("command:   ", "nothing follows"),
        ("command:''", "no program"),
    ],
)
def test_a_malformed_reference_is_an_error_with_its_place_and_form(text, why):
    with pytest.raises(ManifestError) as caught:
        parse_reference(text, "/p", HERE)
    assert why in str(caught.value)
    assert "/p/stead.toml:31" in str(caught.value)
    assert caught.value.remedy


def test_a_malformed_reference_is_not_repeated_since_it_could_be_a_secret():
    with pytest.raises(ManifestError) as caught:
        parse_reference("env:hunter2 is my password", "/p", HERE)
    assert "hunter2" not in str(caught.value)


def test_a_reference_goes_into_a_digest_and_its_place_does_not():
    one = parse_reference("env:A", "/p", HERE)
    assert canonical(one) == canonical(parse_reference("env:A", "/p"))
    assert plain(one)["body"] == "A"
    assert isinstance(one, SecretReference)


def test_a_secret_is_shown_nowhere(caplog):
    secret = Secret("hunter2")
    logging.getLogger("x").warning("got %s and %r", secret, [secret])
    shown = [
        str(secret),
        repr(secret),
        f"{secret}",
        f"{secret:>20}",
        "%s" % secret,  # noqa: UP031
        repr({"a": (secret,)}),
        caplog.text,
    ]
    with pytest.raises(RuntimeError) as caught:
        raise RuntimeError(secret)
    told = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    shown.append("".join(told.format()))
    assert not [text for text in shown if "hunter2" in text]
    assert secret.reveal() == "hunter2"


def test_a_secret_is_not_written_down():
    with pytest.raises(TypeError):
        pickle.dumps(Secret("hunter2"))
    with pytest.raises(TypeError):
        json.dumps(plain({"a": Secret("hunter2")}))
    with pytest.raises(TypeError):
        canonical([Secret("hunter2")])


def test_secrets_compare_by_value():
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a")}) == 1
    assert copy.deepcopy([Secret("a")])[0] == Secret("a")

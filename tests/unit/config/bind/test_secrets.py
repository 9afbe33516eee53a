"""Secrets: what holds one is one, and its value stands nowhere."""

from __future__ import annotations

import json
import traceback
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stead.config.outcome import references, render, secret_entries, to_changes
from stead.values.digest import canonical, plain
from stead.values.errors import SecretError
from stead.values.platform import Platform
from stead.values.secret import Secret, SecretReference
from stead.values.table import LiteralSecret

PLANTED = "Pl4nted!s3cret"
LINUX = Platform("linux-64")


def shown(table):
    """Everything that could be written of a table."""
    return repr(table) + canonical(table).decode() + json.dumps(plain(table))


def test_what_refers_to_a_secret_is_one(composition):
    composition.host("h", secrets={"pw": "age:lab.age#pw"})
    composition.declare(URL="url", PW="secret")
    composition.vars(PW="age:a.age#k", A="x${PW}y", B="${A}", URL="x://u:{host.secrets.pw}@h/")
    table = composition.resolve()
    assert not table.findings
    assert [e.name for e in secret_entries(table)] == ["A", "B", "PW", "URL"]
    assert all(e.value is None for e in table.entries)
    assert to_changes(table) == ()
    own = SecretReference("age", "a.age#k", "/p")
    assert table.entry("B").parts == ("x", own, "y")
    url = table.entry("URL")
    assert (url.parts[1], url.encoded) == (SecretReference("age", "lab.age#pw", "/p"), True)
    secret = {references(url)[0]: Secret("p/w@#")}
    assert render(url, secret, platform=LINUX) == "x://u:p%2Fw%40%23@h/"


def test_a_secret_is_encoded_as_often_as_it_is_put_into_an_address(composition):
    composition.declare(PW="secret", IN="url", OUT="url", TEXT_="str")
    composition.vars(
        PW="env:PW", IN="x://u:${PW}@h/?a=%20", TEXT_="${IN}|${PW}", OUT="y://h/?t=${TEXT_}&u=${IN}"
    )
    table = composition.resolve()
    assert not table.findings
    held = {SecretReference("env", "PW", ""): Secret("a b")}
    rendered = {e.name: render(e, held, platform=LINUX) for e in table.entries}
    assert rendered["IN"] == "x://u:a%20b@h/?a=%20"
    assert rendered["TEXT_"] == "x://u:a%20b@h/?a=%20|a b"
    assert rendered["OUT"] == (
        "y://h/?t=x%3A%2F%2Fu%3Aa%2520b%40h%2F%3Fa%3D%2520%7Ca%20b&u=x://u:a%20b@h/?a=%20"
    )


@pytest.mark.parametrize("password", ["p@w", "p/w", "p?w", "p#w", "100%", "a b"])
def test_a_secret_that_would_break_an_address_that_is_none_by_type_is_an_error(
    composition, password
):
    composition.host("h", secrets={"pw": "age:lab.age#pw"})
    composition.vars(DSN="pg://u:{host.secrets.pw}@h/d", QUERY="pg://h/@?p={host.secrets.pw}")
    table = composition.resolve()
    (reference,) = references(table.entry("DSN"))
    held = {reference: Secret(password)}
    with pytest.raises(SecretError, match="DSN is an address that a secret in it") as caught:
        render(table.entry("DSN"), held, platform=LINUX)
    assert 'declare DSN with type = "url"' in caught.value.remedy
    assert password not in "".join(traceback.format_exception(caught.value)).partition("Error: ")[2]
    # What breaks nothing, or is encoded already, is put in as it is.
    assert render(table.entry("QUERY"), held, platform=LINUX) == f"pg://h/@?p={password}"
    for fine in ("p%40w", "a:b", "é!$&"):
        held = {reference: Secret(fine)}
        assert render(table.entry("DSN"), held, platform=LINUX) == f"pg://u:{fine}@h/d"


def test_an_address_may_be_a_secret_as_a_whole(composition):
    composition.host("h", secrets={"url": "sops:prod.env#URL"})
    composition.declare(URL={"type": "url", "scheme": ["postgres"]})
    composition.vars(URL="{host.secrets.url}")
    table = composition.resolve()
    (reference,) = references(table.entry("URL"))
    held = {reference: Secret("postgres://u:p%40@h/")}
    assert render(table.entry("URL"), held, platform=LINUX) == "postgres://u:p%40@h/"
    with pytest.raises(SecretError) as caught:
        render(table.entry("URL"), {reference: Secret(f"mysql://u:{PLANTED}@h/")}, platform=LINUX)
    assert "expected an address that begins with postgres://" in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    locals_ = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    assert PLANTED not in "".join(locals_.format())


def test_the_rest_of_an_address_is_checked_before_the_secret_is_known(composition, only):
    composition.declare(URL={"type": "url", "scheme": ["postgres"]}, PW="secret")
    composition.vars(URL="mysql://u:${PW}@h/", PW="env:PW")
    assert only(composition.resolve()).message == (
        "URL: expected an address that begins with postgres://"
    )


def test_a_secret_in_a_tracked_file_is_named_and_not_shown(composition):
    composition.declare(PW={"type": "secret", "default": PLANTED + "1"})
    composition.vars(PW=PLANTED)
    composition.define("layer", {"PW": PLANTED + "{2"}, by="layer prod")
    composition.host("h", secrets={"x": PLANTED})
    composition.vars(X="{host.secrets.x}")
    table = composition.resolve()
    assert [(f.message, f.where.line) for f in table.findings] == [
        ("PW is a secret, and stands in a tracked file", 1),
        ("PW is a secret, and stands in a tracked file", 2),
        ("PW is a secret, and stands in a tracked file", 3),
        ("secrets.x of host h is no reference: a secret stands in a tracked file", 5),
    ]
    assert PLANTED not in shown(table)


@pytest.mark.parametrize("text", [PLANTED, PLANTED + "${", PLANTED + "${x y}", "${" + PLANTED])
def test_no_finding_quotes_a_secret(composition, text):
    composition.declare(PW={"type": "secret", "pattern": "[0-9]+"})
    composition.vars(PW=text)
    composition.vars(PW=PLANTED + "other")
    table = composition.resolve()
    assert table.findings
    assert PLANTED not in repr([(f.message, f.details, f.remedy) for f in table.findings])


def test_a_secret_in_dotenv_or_on_the_command_line_is_kept_in_memory_alone(composition):
    composition.declare(PW="secret", TOKEN="secret", SHELL_="secret", URL="url")
    composition.more["adopt"] = ("SHELL_",)
    composition.dotenv(PW=PLANTED + "${1}")
    composition.vars(URL="x://u:${PW}@h/")
    table = composition.resolve(given={"TOKEN": PLANTED}, ambient={"SHELL_": PLANTED})
    assert not table.findings
    assert PLANTED not in shown(table)
    pw, token = table.entry("PW").parts[0], table.entry("TOKEN").parts[0]
    assert (pw.name, pw.file) == ("PW", "/p/.env")
    assert (token.name, token.file) == ("TOKEN", "")
    assert render(table.entry("PW"), {}, platform=LINUX) == PLANTED + "${1}"
    assert render(table.entry("URL"), {}, platform=LINUX) == "x://u:Pl4nted%21s3cret%24%7B1%7D@h/"
    # One that was read back from a file has to be looked up again.
    again = {LiteralSecret("PW", "/p/.env"): Secret("new")}
    assert render(table.entry("PW"), again, platform=LINUX) == "new"
    assert table.entry("SHELL_").parts == (SecretReference("env", "SHELL_", ""),)


def test_a_reference_in_dotenv_is_one_too(composition):
    composition.declare(PW="secret")
    composition.dotenv(PW="keyring:db#me")
    assert references(composition.resolve().entry("PW")) == (
        SecretReference("keyring", "db#me", "/p"),
    )


def test_a_reference_that_is_none_is_named(composition, only):
    composition.declare(PW="secret")
    composition.vars(PW="sops:file")
    assert "begins with `sops:`, but a key is missing" in only(composition.resolve()).message


def test_a_reference_that_would_be_taken_as_text_is_named(composition, only):
    composition.vars(PW="age:lab.age#pw")
    finding = only(composition.resolve())
    assert (finding.kind, finding.where.line) == ("warning", 1)
    assert "is taken as text" in finding.message


def test_a_secret_that_was_not_resolved_is_named(composition):
    composition.declare(PW="secret")
    composition.vars(PW="age:a.age#k")
    with pytest.raises(SecretError) as caught:
        render(composition.resolve().entry("PW"), {}, platform=LINUX)
    assert "PW needs age:a.age#k, which was not resolved" in str(caught.value)


def test_no_conflict_shows_a_secret(composition, only):
    composition.declare(PW="secret")
    composition.dotenv(PW=PLANTED)
    composition.dotenv(PW=PLANTED + "2")
    finding = only(composition.resolve())
    assert "different values" in finding.message
    assert finding.details == ("'<secret>' (.env:2)", "'<secret>' (.env:3)")


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20))
def test_any_secret_survives_being_put_into_an_address(new_composition, text):
    c = new_composition()
    c.declare(URL="url", PW="secret")
    c.vars(URL="https://u:${PW}@h/", PW="env:PW")
    table = c.resolve()
    held = {SecretReference("env", "PW", ""): Secret(text)}
    url = render(table.entry("URL"), held, platform=LINUX)
    assert unquote(urlsplit(url).password) == text


def test_a_secret_that_refers_to_none_is_named(composition, only):
    composition.declare(PW="secret")
    composition.vars(PW="${PLAIN}")
    composition.dotenv(PLAIN=PLANTED)
    finding = only(composition.resolve())
    assert finding.message == "PW is a secret, and what it refers to is none: ${PLAIN}"


def test_a_secret_is_written_as_what_holds_it_asks_for(composition):
    composition.declare(PW="secret", J="json", URL="url")
    composition.vars(PW="env:PW", J='{"pw": "${PW}"}', URL="https://h/?j=${J}&p=${PW}")
    table = composition.resolve()
    assert not table.findings
    held = {SecretReference("env", "PW", ""): Secret('"\\ü')}
    inner = render(table.entry("J"), held, platform=LINUX)
    assert json.loads(inner) == {"pw": '"\\ü'}
    query = urlsplit(render(table.entry("URL"), held, platform=LINUX)).query
    assert {k: json.loads(v) if k == "j" else v for k, v in parse_qsl(query)} == {
        "j": {"pw": '"\\ü'}, "p": '"\\ü'
    }  # fmt: skip

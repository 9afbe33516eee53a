"""Which servers a person knows, and where their tokens lie."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from stead.remote import logins
from stead.remote.logins import Known, Server
from stead.values.errors import RemoteError, UsageError
from stead.values.secret import Secret

TEAM = Server("team", "https://store.example", Secret("stead_secret"))
OTHER = Server("other", "https://other.example:8443/under", Secret("stead_other"))


@pytest.fixture
def environ(tmp_path):
    return {"HOME": str(tmp_path)}


def test_what_is_written_is_for_its_owner_alone_and_is_read_again(environ):
    assert logins.read(environ) == Known()
    known = Known().with_server(TEAM, default=False).with_server(OTHER, default=False)
    assert known.default == "team"
    logins.write(known, environ)
    path = logins.path_of(environ)
    assert os.stat(path).st_mode & 0o777 == 0o600
    again = logins.read(environ)
    assert again == known
    assert [s.token.reveal() for s in again.servers] == ["stead_other", "stead_secret"]
    assert "stead_secret" not in repr(again)
    logins.write(again.without("team"), environ)
    assert logins.read(environ).default == "other"
    assert "stead_secret" not in Path(path).read_text()


def test_a_file_that_others_may_read_is_not_used(environ):
    logins.write(Known((TEAM,), "team"), environ)
    os.chmod(logins.path_of(environ), 0o640)
    with pytest.raises(RemoteError, match="others may read") as caught:
        logins.read(environ)
    assert "chmod 600" in caught.value.remedy


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"servers": []}', '{"servers": {"x": {}}}', '{"servers": {"x": {"address": "ftp://x"}}}'],
)  # fmt: skip
def test_a_file_that_is_none_is_named(environ, text):
    logins.write(Known(), environ)
    with open(logins.path_of(environ), "w") as file:
        file.write(text)
    with pytest.raises(RemoteError, match="is not as") as caught:
        logins.read(environ)
    assert str(caught.value.where) == logins.path_of(environ)


def test_a_server_is_named_by_option_variable_or_default(environ):
    with pytest.raises(UsageError, match="no store server is known"):
        logins.choose("", environ)
    logins.write(Known((OTHER, TEAM), "team"), environ)

    def chosen(named: str = "", **more: str) -> tuple[str, str]:
        found = logins.choose(named, environ | more)
        return found.address, found.token.reveal() if found.token else ""

    assert chosen() == (TEAM.address, "stead_secret")
    assert chosen("other") == chosen(STEAD_REMOTE="other") == (OTHER.address, "stead_other")
    assert chosen("team", STEAD_REMOTE="other") == (TEAM.address, "stead_secret")
    assert chosen("HTTPS://Store.Example/") == (TEAM.address, "stead_secret")
    # A token goes to the address that it was given for.
    assert chosen("https://store.example:444") == ("https://store.example:444", "")
    assert chosen("http://store.example") == ("http://store.example", "")
    assert chosen(STEAD_REMOTE_TOKEN="given") == (TEAM.address, "given")
    assert chosen("https://new.example", STEAD_REMOTE_TOKEN="x") == ("https://new.example", "x")
    with pytest.raises(UsageError, match="did you mean other"):
        logins.choose("othr", environ)
    logins.write(Known((OTHER, TEAM)), environ)
    with pytest.raises(UsageError, match="which store server"):
        logins.choose("", environ)


def test_an_address_gets_only_the_token_that_was_given_for_it(environ):
    assert logins.token_for(TEAM.address, {}) is None
    assert logins.token_for(TEAM.address, environ) is None
    logins.write(Known((OTHER, TEAM), "team"), environ)
    environ |= {"STEAD_REMOTE_TOKEN": "of another", "STEAD_REMOTE": "team"}
    assert logins.token_for(TEAM.address, environ).reveal() == "stead_secret"
    for elsewhere in ("https://store.example:444", "http://store.example", "https://x.example"):
        assert logins.token_for(elsewhere, environ) is None


def test_a_token_never_goes_in_clear(environ):
    with pytest.raises(UsageError, match="in clear"):
        logins.choose("http://store.example", environ | {"STEAD_REMOTE_TOKEN": "x"})
    assert logins.choose("http://127.0.0.1:1", environ | {"STEAD_REMOTE_TOKEN": "x"}).token


@pytest.mark.parametrize(
    "text",
    [
        *("", "store.example", "ftp://store.example", "https://", "https://h:99999", "https://h:0"),
        *("https://me:hidden@h", "https://h/?token=hidden", "https://h/#x", "https://st\u043ere.example"),
        *("https://h\n.example", "https://h /x", "file:///etc/passwd"),
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused_and_no_password_shown(text):
    with pytest.raises(UsageError) as caught:
        logins.address_of(text)
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("text", ["", " \n", "a b", "a\nb", "tok\u00e9n", "x" * 20_000])
def test_what_is_no_token_is_refused_and_not_shown(text):
    with pytest.raises(UsageError) as caught:
        logins.token_of(text, "the file")
    assert not text.strip() or text not in str(caught.value)
    assert json.dumps(str(caught.value)).isascii()


BACKEND = """\
import json, os, pathlib
from keyring.backend import KeyringBackend
from keyring.errors import PasswordDeleteError

PATH = pathlib.Path(os.environ["KEYRING_FILE"])

def held():
    return json.loads(PATH.read_text()) if PATH.exists() else {}

class Keyring(KeyringBackend):
    priority = 1

    def get_password(self, service, user):
        return held().get(f"{service} {user}")

    def set_password(self, service, user, password):
        PATH.write_text(json.dumps({**held(), f"{service} {user}": password}))

    def delete_password(self, service, user):
        known = held()
        if known.pop(f"{service} {user}", None) is None:
            raise PasswordDeleteError
        PATH.write_text(json.dumps(known))
"""


def test_a_token_may_lie_in_the_keyring(environ, tmp_path, monkeypatch):
    (tmp_path / "filekeyring.py").write_text(BACKEND)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("KEYRING_FILE", str(tmp_path / "ring.json"))
    import keyring

    before = keyring.get_keyring()
    import filekeyring

    keyring.set_keyring(filekeyring.Keyring())
    try:
        logins.keep_in_keyring(TEAM.address, Secret("in the ring"))
        logins.write(Known((Server("team", TEAM.address, keyring=True),), "team"), environ)
        assert "ring" not in Path(logins.path_of(environ)).read_text().replace("keyring", "")
        assert logins.choose("", environ).token.reveal() == "in the ring"
        logins.forget_in_keyring(TEAM.address)
        logins.forget_in_keyring(TEAM.address)
        with pytest.raises(RemoteError, match="holds no password"):
            logins.choose("", environ)
    finally:
        keyring.set_keyring(before)


def test_logins_at_the_same_time_lose_nothing(environ):
    names = [f"s{number}" for number in range(16)]

    def log_in(name: str) -> None:
        server = Server(name, f"https://{name}.example", Secret(name))
        logins.change(lambda known: known.with_server(server, default=False), environ, print)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(log_in, names))
    assert {s.name for s in logins.read(environ).servers} == set(names)

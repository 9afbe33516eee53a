"""What `[stores]` says, in a project and in a person's settings."""

from __future__ import annotations

import pytest

from stead.formats import stead_toml, user_settings
from stead.values.errors import ManifestError

URL = "https://stead.example.org"


def project(text):
    return stead_toml.read("/w/stead.toml", lambda _: text).stores


def person(text):
    return user_settings.read("/w/config.toml", text).stores


@pytest.mark.parametrize("read", [project, person])
def test_a_store_is_an_address_or_a_table(read):
    first, second = read(
        f"""
[stores]
plain = "{URL}/"
[stores.team]
url = "{URL}/team"
priority = 7
token = "env:STEAD_TEAM_TOKEN"
"""
    )
    assert (first.name, first.url, first.priority, first.token) == ("plain", URL, 0, None)
    assert (second.url, second.priority, str(second.token)) == (
        f"{URL}/team",
        7,
        "env:STEAD_TEAM_TOKEN",
    )
    assert (first.origin.line, second.origin.line) == (3, 4)


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ('team = "../store"', "begins with https:// or http://"),
        ("team = {}", "begins with https:// or http://"),
        ('team = "https://me:hush@stead.example.org"', "must not hold a password"),
        (f'team = {{ url = "{URL}", token = "hush" }}', "where the token is to be had"),
        (f'team = {{ url = "{URL}", token = "env:" }}', "nothing follows"),
        ('team = { url = "http://s.example.org", token = "env:STEAD_T" }', "in clear"),
        (f'team = {{ url = "{URL}", priority = "x" }}', "priority"),
        (f'team = {{ url = "{URL}", other = 1 }}', "other"),
    ],
)
@pytest.mark.parametrize("read", [project, person])
def test_a_store_that_cannot_be_is_refused_with_its_line(read, written, says):
    with pytest.raises(ManifestError, match=says) as caught:
        read(f"[stores]\n{written}\n")
    assert caught.value.where.line == 2
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("token", "allowed"),
    [
        ("env:STEAD_TEAM_TOKEN", True),
        (f"keyring:{URL}#me", True),
        ("env:OTHER_TOKEN", False),
        ("keyring:bank#me", False),
        ("command:cat secret", False),
        ("age:secrets.age#token", False),
    ],
)
def test_a_project_does_not_say_which_secrets_leave(token, allowed):
    text = f'[stores.team]\nurl = "{URL}"\ntoken = "{token}"\n'
    assert str(person(text)[0].token) == token
    if allowed:
        assert str(project(text)[0].token) == token
        return
    with pytest.raises(ManifestError, match="a project may not say"):
        project(text)


def test_over_http_a_token_goes_to_this_machine():
    (found,) = project('[stores.a]\nurl = "http://127.0.0.1:8787"\ntoken = "env:STEAD_A"\n')
    assert found.token is not None

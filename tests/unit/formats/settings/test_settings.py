"""What is taken from other stores of settings, and what is written of it."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stead.formats import compose_yml, settings_proposal, stead_toml
from stead.formats.private_names import is_private
from stead.formats.settings_proposal import Proposed, Section
from stead.values.errors import ManifestError

FILE = "/place/docker-compose.yml"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DB_PASSWORD", "x"),
        ("PGPASSWORD", "x"),
        ("SECRET_KEY", "x"),
        ("API_TOKEN", "x"),
        ("AWS_SECRET_ACCESS_KEY", "x"),
        ("APIKEY", "x"),
        ("db_pass", "x"),
        ("GITHUB_CREDENTIALS", "x"),
        ("DATABASE_URL", "postgres://app:pw@db/x"),
        ("CACHE", "redis://:pw@cache:6379"),
    ],
)
def test_what_looks_like_a_secret_is_one(name: str, value: str) -> None:
    assert is_private(name, value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "8000"),
        ("KEYBOARD", "de"),
        ("MONKEYS", "3"),
        ("POSTGRES_PASSWORD_FILE", "/run/secrets/pw"),
        ("TOKEN_LIFETIME", "60"),
        ("PASSENGERS", "4"),
        ("PWD", "/srv"),
        ("DATABASE_URL", "postgres://app@db/x"),
        ("SITE", "https://example.org:8000/a@b"),
    ],
)
def test_what_only_sounds_alike_is_none(name: str, value: str) -> None:
    assert not is_private(name, value)


@given(st.dictionaries(st.from_regex(r"[A-Z][A-Z0-9_]{0,6}", fullmatch=True), st.text()))
def test_a_proposal_holds_what_was_put_in(values: dict[str, str]) -> None:
    made = tuple(Proposed(n, v, "said\nof it") for n, v in values.items())
    text = settings_proposal.write("made by\nsomebody", [Section(("vars",), made)])
    held = tomllib.loads(text)["vars"]
    assert {n: str(v) for n, v in held.items()} == values


def test_a_proposal_is_a_manifest() -> None:
    table = {"type": "int", "default": 5, "min": 1, "description": 'a "word"'}
    sections = [
        Section(("vars",), (Proposed("A", "1"), Proposed("B", table))),
        Section(("app", "web.1", "vars"), (Proposed("C", "x"),), "Service web."),
    ]
    text = settings_proposal.write("head", sections)
    manifest = stead_toml.read("/place/stead.toml", lambda _: text)
    assert {v.name for v in manifest.layers[0].variables} >= {"A"}


def services(text: str, files: dict[str, str] | None = None):
    held = {f"/place/{name}": content for name, content in (files or {}).items()}
    found, notes = compose_yml.read(text, FILE, held.get)
    return {s.name: dict(s.variables) for s in found}, notes


def test_environments_of_both_shapes_are_read() -> None:
    found, notes = services(
        "services:\n"
        "  a: {environment: {A: 1, B: true, C: null, D: 1.10, E: '1.10'}}\n"
        "  b: {environment: [A=1, B=x=y, C, 'D=']}\n"
        "  c: {image: x}\n"
    )
    assert found == {
        "a": {"A": "1", "B": "true", "C": None, "D": "1.1", "E": "1.10"},
        "b": {"A": "1", "B": "x=y", "C": None, "D": ""},
        "c": {},
    }
    assert notes == ()


def test_files_of_variables_come_first_and_in_order() -> None:
    found, notes = services(
        "services: {a: {env_file: [one.env, two.env, {path: no.env, required: false}, gone.env],"
        " environment: {C: here}}}",
        {"one.env": "A=1\nB=1\nC=1\n", "two.env": "B=2\nC=2\nD=$A\n", ".env": "A=9\n"},
    )
    assert found == {"a": {"A": "1", "B": "2", "C": "here", "D": "9"}}
    assert notes == ("service a: env_file /place/gone.env is not there",)


def test_references_take_the_file_s_own_env() -> None:
    found, notes = services(
        "services: {a: {environment: {A: 'x${B}', C: '${D:-d}', E: '$$F', G: '${H}', I: '${J?no}'}}}",
        {".env": "B=2\n"},
    )
    assert found["a"]["A"] == "x2"
    assert (found["a"]["C"], found["a"]["E"], found["a"]["G"]) == ("d", "$F", "")
    assert found["a"]["I"] == "${J?no}"
    assert any("uses H" in n for n in notes)
    assert any("a value for J is required" in n for n in notes)


def test_what_is_not_taken_is_said() -> None:
    _, notes = services(
        "services: {a: {extends: {service: b}, environment: {A: [1]},"
        " env_file: [{path: x, format: raw}]}}"
    )
    assert len(notes) == 3


@pytest.mark.parametrize("text", ["", "x: 1", "[]", "services: 3", "services: {a: 1}", "a: {"])
def test_what_is_no_compose_file_is_an_error(text: str) -> None:
    with pytest.raises(ManifestError):
        services(text)

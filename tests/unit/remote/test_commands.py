"""What commands about store servers ask before a loss, and how they read values."""

from __future__ import annotations

import io
import sys
from argparse import Namespace
from types import SimpleNamespace

import pytest
from jsonschema import Draft7Validator

from stead.cli import _remote_token
from stead.cli._remote_builds import short
from stead.cli._remote_common import agreed
from stead.cli._remote_settings import value_of
from stead.cli._remote_spec import MOST_BYTES, specification
from stead.cli.schema import REMOTE
from stead.remote.schemas import SCHEMAS
from stead.values.errors import ManifestError, UsageError


@pytest.mark.parametrize(("answer", "goes_on"), [("y", True), ("YES", True), ("", False), ("no", False)])  # fmt: skip
def test_before_a_loss_it_is_asked(monkeypatch, capsys, answer, goes_on):
    told: list[str] = []
    app = SimpleNamespace(interactive=True, err=told.append)
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{answer}\n"))
    assert agreed(Namespace(yes=False), app, ["all of it goes"]) is goes_on
    assert told == ["all of it goes"]
    assert "[y/N]" in capsys.readouterr().err


def test_where_nobody_can_be_asked_nothing_is_lost():
    app = SimpleNamespace(interactive=False, err=lambda _: None)
    with pytest.raises(UsageError, match="cannot be taken back"):
        agreed(Namespace(yes=False), app, ["all of it goes"])
    assert agreed(Namespace(yes=True), app, ["all of it goes"])


@pytest.mark.parametrize(
    ("text", "now", "value"),
    [
        ("a, b", [], ["a", "b"]),
        ("", ["a"], []),
        ('["a,b"]', [], ["a,b"]),
        ("5", "4", "5"),
        ("5", 4, 5),
        ("true", True, True),
        ("", 4, None),
        ("7", None, 7),
        ("seven", None, "seven"),
    ],
)
def test_a_value_is_read_as_the_kind_that_it_has(text, now, value):
    assert value_of(text, now) == value
    assert type(value_of(text, now)) is type(value)


def test_a_list_that_is_none_is_refused():
    with pytest.raises(UsageError, match="is no list"):
        value_of("[a", [])


def test_schemas_are_schemas_and_each_is_printed_by_name():
    assert set(REMOTE) == set(SCHEMAS)
    for schema in SCHEMAS.values():
        Draft7Validator.check_schema(schema)


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("any.toml", "name = 'x'\n", "stead"),
        ("any.yml", "dependencies: [x]\n", "conda"),
        ("any", "dependencies: [x]\n", "conda"),
        ("conda-lock.yml", "version: 1\npackage: []\n", "lock"),
    ],
)
def test_a_file_is_known_by_what_is_in_it(tmp_path, name, text, kind):
    (tmp_path / name).write_text(text)
    wanted = specification(name, SimpleNamespace(cwd=str(tmp_path)))
    assert (wanted.kind, wanted.text, wanted.lock) == (kind, text, "")


@pytest.mark.parametrize("name", ["pyproject.toml", "requirements.txt", "stead.lock"])
def test_files_that_mean_nothing_alone_are_refused(tmp_path, name):
    (tmp_path / name).write_text("[project]\nname = 'x'\n")
    with pytest.raises(UsageError, match=f"does not take a {name} by itself") as caught:
        specification(name, SimpleNamespace(cwd=str(tmp_path)))
    assert "leave FILE out" in caught.value.remedy


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"- a\n- list\n", "this is no specification"),
        (b"just text", "this is no specification"),
        (b"a: [", "YAML"),
        (b"\xff\xfe\x00", "UTF-8"),
        (b"# " + b"x" * MOST_BYTES + b"\na: 1\n", "at most 4 MiB"),
        (None, "cannot be read"),
    ],
    ids=range(6),
)
def test_what_is_no_specification_is_refused_before_anything_is_sent(tmp_path, content, words):
    if content is not None:
        (tmp_path / "env.yml").write_bytes(content)
    with pytest.raises((UsageError, ManifestError), match=words) as caught:
        specification("env.yml", SimpleNamespace(cwd=str(tmp_path)))
    assert "env.yml" in str(caught.value.where)


@pytest.mark.parametrize(
    ("reason", "shown"),
    [
        ("", ""),
        ("no channel has it\nasked for by: x", "no channel has it"),
        ("no channel has it: asked for by: environment.yml:6: conda x", "no channel has it"),
        ("x" * 100, "x" * 100),
        ("x" * 101, "x" * 99 + "…"),
    ],
)
def test_a_table_shows_a_reasons_gist(reason, shown):
    assert short(reason) == shown


@pytest.mark.parametrize("text", ["tomorrow", "31.1.2027", ""])
def test_a_token_ends_on_a_date(text):
    args = Namespace(roles=["geo/*=viewer"], namespace=None, expires=text, server="")
    with pytest.raises(UsageError, match="is no date") as caught:
        _remote_token.execute(args, None)
    assert "2027-01-31" in caught.value.remedy

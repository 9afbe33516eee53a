"""What `stead.toml` gets of a module, and what it keeps."""

from __future__ import annotations

import tomllib

import pytest

from stead.modules import entries
from stead.modules.root_files import Part
from stead.values.errors import ManifestError
from stead.values.item import Commands, Item, ItemFile
from stead.values.kinds import Declaration, Type

FILE = "/work/stead.toml"
TEXT = """\
# mine
[workspace]
name = "work"  # said of it

[tasks]
old = ["old"]   # kept

[app.old]
run = ["old"]
listen = { PORT = 8000 }
"""
NODE = Item(
    "web",
    "app",
    "1.0",
    "Shows",
    language="node",
    files=(ItemFile("package-lock.json", b""), ItemFile("package.json", b"")),
    accepts=(
        Declaration("PORT", Type("port"), "8000"),
        Declaration("SIZE", Type("int", minimum="1", maximum="9"), "3", description="how many"),
        Declaration("LEVEL", Type("enum", choices=("a", "b")), required=True),
        Declaration("ON", Type("bool"), "true"),
        Declaration("URL", Type("url", schemes=("http", "https"), pattern="h.*")),
    ),
    listens=("PORT",),
    commands=Commands((("npm", "ci"), ("npm", "run", "build")), ("node", "x"), (("npm", "test"),)),
)
PYTHON = Item("demand", "lib", "1.0", "", files=(ItemFile("tests/test_it.py", b""),))
PART = Part("demand", "modules/demand/src", ("numpy",), (("demand", "demand.cli:main"),))


def web(text: str = TEXT) -> entries.Entries:
    return entries.entries(NODE, "modules/web", None, {}, entries.ports_of(NODE, text))


def test_an_item_of_another_language_runs_by_its_commands() -> None:
    text = entries.with_entries(TEXT, web(), FILE)
    data = tomllib.loads(text)
    assert data["app"]["web"]["listen"] == {"PORT": 8001}  # the other app has 8000
    assert data["layer"]["web"] == {
        "commands": [["npm", "ci"], ["npm", "run", "build"], ["npm", "test"]],
        "cwd": "modules/web",
    }
    tasks = data["tasks"]
    assert tasks["web"]["depends"] == ["web:install-2"]
    assert tasks["web:install-2"]["depends"] == ["web:install"]
    assert tasks["web:install"]["inputs"] == ["package.json", "package-lock.json"]
    assert "inputs" not in tasks["web:install-2"]  # a build has other inputs than packages
    assert data["lib"]["web"]["accepts"] == {
        "SIZE": {"type": "int", "min": 1, "max": 9, "default": 3, "description": "how many"},
        "LEVEL": {"type": "enum", "choices": ["a", "b"], "required": True},
        "ON": {"type": "bool", "default": True},
        "URL": {"type": "url", "scheme": ["http", "https"], "pattern": "h.*"},
    }


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_every_line_that_is_there_stays(ends: str, mark: str) -> None:
    text = mark + TEXT.replace("\n", ends)
    added = entries.with_entries(text, web(), FILE)
    assert added.startswith(mark)
    assert [line for line in TEXT.splitlines() if line not in added.split(ends)] == [
        *(["# mine"] if mark else [])
    ]
    assert added.count("\n") == added.count(ends)
    assert entries.with_entries(added, web(), FILE) == added


def test_a_lib_has_no_app_and_a_need_is_a_package_beside_it() -> None:
    made = entries.entries(PYTHON, "modules/demand", PART, {"base": "libs/base"}, ())
    data = tomllib.loads(entries.with_entries("", made, FILE))
    assert "app" not in data
    assert data["tasks"]["demand"] == {"run": ["demand", "run"], "environment": "demand"}
    assert data["layer"]["demand"]["packages"]["pypi"] == {
        "demand": {"path": "modules/demand", "editable": True},
        "base": {"path": "libs/base", "editable": True},
    }


def test_what_says_something_else_is_named_and_stays() -> None:
    text = TEXT + '\n[app.web]\nrun = ["mine"]\n'
    wanted = web()
    assert entries.collisions(text, wanted, FILE) == ["[app.web]"]
    data = tomllib.loads(entries.with_entries(text, wanted, FILE))
    assert data["app"]["web"] == {"run": ["mine"]}
    assert data["tasks"]["web"]["run"] == ["node", "x"]
    assert entries.collisions(TEXT, wanted, FILE) == []


def test_a_module_that_describes_itself_is_used() -> None:
    net = Item("office", "net", "1.0", "", language="none", files=(ItemFile("stead.toml", b""),))
    made = entries.entries(net, "modules/office", None, {}, ())
    text = entries.with_entries('[uses]\nother = { path = "x" }\n', made, FILE)
    assert tomllib.loads(text) == {
        "uses": {"other": {"path": "x"}, "office": {"path": "modules/office"}}
    }


def test_entries_that_the_manifest_cannot_hold_are_refused_with_what_to_add() -> None:
    item = Item("default", "lib", "1.0", "", files=PYTHON.files)
    made = entries.entries(item, "modules/default", PART, {}, ())
    with pytest.raises(ManifestError, match="default layer") as caught:
        entries.with_entries(TEXT, made, FILE)
    assert any("[layer.default-test] commands" in line for line in caught.value.details)


def test_tables_that_are_written_inline_get_their_entries_there() -> None:
    text = "tasks = { a = ['x'] }\nlayer = {}\n"
    data = tomllib.loads(entries.with_entries(text, web(""), FILE))
    assert data["tasks"]["a"] == ["x"]
    assert data["tasks"]["web"]["cwd"] == data["layer"]["web"]["cwd"] == "modules/web"

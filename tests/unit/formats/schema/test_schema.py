"""The shipped schema and the reference say what the reader does."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import jsonschema
import pytest

from stead.formats import schema, stead_toml
from stead.formats._grammar import Root
from stead.formats.models import Model, table_of
from stead.values.errors import ManifestError

ROOT = Path(__file__).parents[4]
REFERENCE = ROOT / "docs/reference/stead-toml.md"
MANIFESTS = sorted(
    p
    for folder in ("examples", "tests", "docs", "bench")
    for p in (ROOT / folder).rglob("stead.toml")
    if ".stead" not in p.parts
)


@pytest.fixture(scope="module")
def validator():
    made = json.loads(schema.text())
    jsonschema.Draft7Validator.check_schema(made)
    return jsonschema.Draft7Validator(made)


def test_the_shipped_schema_is_current():
    assert schema.text() == schema.generate(), (
        "run: python -m stead.formats.schema > src/stead/formats/stead.schema.json"
    )


def test_the_reference_is_current():
    assert REFERENCE.read_text(encoding="utf-8") == schema.markdown(), (
        "run: python -m stead.formats.schema --markdown > docs/reference/stead-toml.md"
    )


def test_the_schema_and_the_reference_of_items_are_current():
    name = "stead-item.toml"
    jsonschema.Draft7Validator.check_schema(json.loads(schema.text(name)))
    assert schema.text(name) == schema.generate(name), (
        "run: python -m stead.formats.schema --item > src/stead/formats/stead-item.schema.json"
    )
    page = REFERENCE.with_name("stead-item.md").read_text(encoding="utf-8")
    assert page == schema.markdown(name), (
        "run: python -m stead.formats.schema --item --markdown > docs/reference/stead-item.md"
    )


def test_every_shipped_item_is_accepted():
    validator = jsonschema.Draft7Validator(json.loads(schema.text("stead-item.toml")))
    for path in sorted((ROOT / "src/stead/registry").glob("*/stead-item.toml")):
        validator.validate(tomllib.loads(path.read_text(encoding="utf-8")))


def test_there_are_examples_to_check():
    assert ROOT / "examples/wine/stead.toml" in MANIFESTS


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_manifest_of_the_repository_is_accepted(validator, path):
    text = path.read_text(encoding="utf-8")
    validator.validate(tomllib.loads(text))
    stead_toml.read(str(path), lambda _: text)


def models(model, path=()):
    """Give each table of the grammar with a place where it stands."""
    yield model, path
    table = table_of(model)
    for field in [*table.fields.values(), *([table.rest] if table.rest else [])]:
        if field.entry.closed:
            continue
        key = () if field is table.rest else (field.key,)
        inside = ("one",) * str(field.hint).count("dict[")
        for inner in _inner(field.hint):
            yield from models(inner, (*path, *key, *inside))


def _inner(hint):
    if isinstance(hint, type) and issubclass(hint, Model):
        return [hint]
    return [m for a in getattr(hint, "__args__", ()) for m in _inner(a)]


def _cases():
    for model, path in models(Root):
        table = table_of(model)
        for field in [*table.fields.values(), *([table.rest] if table.rest else [])]:
            for example in field.entry.examples:
                wrap = "dict[" in str(field.hint) and field is not table.rest
                if wrap and not example.startswith(f"{field.key} = "):
                    yield pytest.param("", (*path, field.key), example, id=example)
                else:
                    name = f"{'.'.join(path)}: {example}"
                    yield pytest.param(model.__name__, path, example, id=name)


# What an entry needs beside it to make sense, by table; "" for each entry of it.
COMPANIONS = {
    "PypiPackage": {
        "editable": {"path": "."},
        **{k: {"git": "https://example.org/x"} for k in ("rev", "tag", "branch", "subdirectory")},
    },
    "IndexTable": {"": {"url": "x"}},
    "TaskTable": {"": {"run": ["x"]}},
    "AppTable": {"release": {"commands": {"migrate": ["x"]}}},
    "HealthTable": {k: {"url": "http://x"} for k in ("status", "timeout")},
    "TargetTable": {"kind": {"hosts": ["x"]}, "hosts": {"kind": "ssh"}},
    "UseTable": {
        **{k: {"git": "https://example.org/x"} for k in ("rev", "subdirectory")},
        "options": {"version": "1.0"},
    },
    "RegistryTable": {
        **{k: {"git": "https://example.org/x"} for k in ("rev", "subdirectory")},
    },
    "StoreTable": {k: {"url": "https://stead.example.org"} for k in ("priority", "token")},
    "CheckTable": {
        "is": {"path": "x"},
        "status": {"url": "http://x"},
        "version": {"command": ["x"]},
        "at": {"space": 1},
        "memory": {"gpu": True},
        "message": {"path": "x"},
        "timeout": {"path": "x"},
    },
    "FileTable": {
        "names": {"format": "env"},
        "section": {"format": "ini"},
    },
    "LibTable": {"connections": {"accepts": {"PG_POOL": {"type": "int"}}}},
    "ClientTable": {"": {"uses": "x"}},
    "EndpointTable": {
        "app": {"listener": "X"},
        "listener": {"app": "x"},
        "": {"host": "x"},
    },
    "ModuleTable": {"": {"kind": "data"}},
    "PackageTable": {
        **{k: {} for k in ("builder", "recipe", "file", "version")},
        **{k: {"version": "1"} for k in ("format", "distribution")},
        "command": {"outputs": ["dist/*.whl"]},
        "outputs": {"command": ["x"]},
        "": {"builder": "wheel"},
    },
}


@pytest.mark.parametrize(("model", "path", "example"), list(_cases()))
def test_every_documented_example_is_read_and_accepted(validator, model, path, example):
    value = tomllib.loads(example)
    key = next(iter(value))
    beside = COMPANIONS.get(model, {})
    value = beside.get(key, beside.get("", {})) | value
    for part in reversed(path):
        value = {part: [value] if part == "indexes" else value}
    validator.validate(value)
    stead_toml.from_table(value, stead_toml.Lines(""), "/w/stead.toml")


@pytest.mark.parametrize(
    "text",
    [
        "unknown = 1",
        "[packages.npm]\nx = '1'",
        "[packages]\npython = 3.12",
        "[packages.conda]\nchannels = 'x'",
        "[packages.conda]\nx = 1",
        "[packages.conda]\nx = true",
        "[packages.conda]\nx = { verson = '1' }",
        "[packages.pypi]\n'x y' = '1'",
        "[packages.pypi]\nindexes = [{ name = 'x' }]",
        "[packages.pypi]\nx = { extras = 'a' }",
        "[tasks]\na = 'python x.py'",
        "[tasks]\na = { rum = ['x'] }",
        "[vars]\n'a b' = '1'",
        "[vars]\na = { typ = 'int' }",
        "[layer.test]\ninherit = true",
        "[workspace]\nchannel-priority = 'x'",
        "[workspace]\nexclude-newer = 'x'",
        "inherit = 'x'",
        "[uses]\na = 1",
        "[registries]\na = 1",
        "[registries]\na = { pth = 'x' }",
    ],
)
def test_what_the_schema_refuses_the_reader_refuses_too(validator, text):
    data = tomllib.loads(text)
    assert not validator.is_valid(data)
    with pytest.raises(ManifestError):
        stead_toml.read("/w/stead.toml", lambda _: text)


def test_a_package_that_bears_the_name_of_a_list_is_accepted(validator):
    validator.validate(
        tomllib.loads("[packages.conda]\nchannels = { version = '1' }\n[packages.pypi.indexes]\n")
    )


def test_the_command_prints_the_schema(capsys):
    import argparse
    from types import SimpleNamespace

    from stead.cli import schema as command

    parser = argparse.ArgumentParser()
    command.configure(parser)
    said = []
    assert command.execute(parser.parse_args([]), SimpleNamespace(out=said.append)) == 0
    assert json.loads(said[0])["title"] == "stead.toml"

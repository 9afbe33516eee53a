"""`stead-item.toml`: what is read of it, and what is refused."""

from __future__ import annotations

import pytest

from stead.formats import item as item_file
from stead.values.errors import ManifestError

WHOLE = """\
name = "elasticity"
kind = "app"
version = "1.0.0"
summary = "Price elasticity of demand"
expects = ["a CSV file with the columns price and quantity"]
render = ["src/elasticity/main.py"]
listens = ["PORT"]

[options.type]
type = "enum"
choices = ["loglog", "linear"]
default = "loglog"
question = "Which demand curve?"

[options.folds]
type = "int"
default = 5

[needs.pgstore]
version = "1.2.0"
integrity = "sha256:{zeros}"
options = {{ pool = 4 }}

[accepts.PG_URL]
type = "url"
scheme = "postgres"
required = true
""".format(zeros="0" * 64)

FILES = {
    "README.md": (b"read me\n", False),
    "run.sh": (b"#!/bin/sh\n", True),
    "src/elasticity/main.py": (b"TYPE = '{{ type }}'\n", False),
}


def complete(text: str = WHOLE, files: dict[str, tuple[bytes, bool]] = FILES):
    return item_file.complete(item_file.read(text, "/r/elasticity/stead-item.toml"), files)


def test_a_description_becomes_an_item() -> None:
    item = complete()
    assert (item.name, item.kind, item.version, item.language) == (
        "elasticity",
        "app",
        "1.0.0",
        "python",
    )
    assert [(o.name, o.type, o.default) for o in item.options] == [
        ("type", "enum", "loglog"),
        ("folds", "int", 5),
    ]
    assert item.options[0].choices == ("loglog", "linear")
    assert item.needs[0].options == (("pool", 4),)
    assert item.accepts[0].type.schemes == ("postgres",)
    assert [(f.path, f.rendered, f.executable) for f in item.files] == [
        ("README.md", False, False),
        ("run.sh", False, True),
        ("src/elasticity/main.py", True, False),
    ]


def test_the_integrity_follows_from_what_an_item_holds_and_from_nothing_else() -> None:
    integrity = complete().integrity
    assert integrity.startswith("sha256:")
    assert complete("# a comment\n\n" + WHOLE).integrity == integrity
    assert complete(WHOLE.replace("Which", "What")).integrity != integrity
    other = {**FILES, "README.md": (b"read\n", False)}
    assert complete(files=other).integrity != integrity
    assert complete(files={**FILES, "run.sh": (b"#!/bin/sh\n", False)}).integrity != integrity
    renamed = {**FILES, "READ.md": FILES["README.md"]}
    del renamed["README.md"]
    assert complete(files=renamed).integrity != integrity


@pytest.mark.parametrize(
    ("before", "after", "line", "message"),
    [
        ('name = "elasticity"', 'name = "Elasticity"', 1, "a name of an item"),
        ('version = "1.0.0"', 'version = "one"', 3, "a version"),
        ('kind = "app"', 'kind = "apps"', 2, "kind must be"),
        ('default = "loglog"', 'default = "cubic"', 12, "one of its choices, not"),
        ('choices = ["loglog", "linear"]\n', "", 10, "no choices"),
        ("default = 5", 'default = "5"', 17, "a whole number, not"),
        ("default = 5", 'choices = ["a"]', 17, "is no enum"),
        ("[needs.pgstore]\n", "[needs.pgstore]\nrev = 1\n", 20, "unknown key rev"),
        ("sha256:0", "md5:0", 21, "64 hexadecimal digits"),
        ("[accepts.PG_URL]", "[commands]\nrun = ['x']\n[accepts.PG_URL]", 24, "no commands"),
    ],
)
def test_a_mistake_is_named_with_its_line(before, after, line, message) -> None:
    assert before in WHOLE
    with pytest.raises(ManifestError, match=message) as caught:
        item_file.read(WHOLE.replace(before, after), "/r/stead-item.toml")
    assert str(caught.value.where) == f"/r/stead-item.toml:{line}"


def test_a_pattern_that_names_no_file_is_refused() -> None:
    with pytest.raises(ManifestError, match=r"src/elasticity/main\.py.* names no file"):
        complete(files={"README.md": (b"", False)})

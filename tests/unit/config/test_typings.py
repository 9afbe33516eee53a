"""The text of the stub."""

from __future__ import annotations

import ast
import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from stead.config.typings import MARK, Named, annotation, joined, stub, variable
from stead.values.kinds import TYPES, Declaration, Type
from stead.values.table import Entry


def test_each_type_has_the_annotation_of_what_project_gives():
    given = {name: annotation(Type(name)) for name in TYPES}
    assert given == {
        "str": "str",
        "int": "int",
        "float": "float",
        "bool": "bool",
        "enum": "str",
        "url": "str",
        "host": "str",
        "port": "int",
        "path": "Path",
        "paths": "list[Path]",
        "duration": "timedelta",
        "bytes": "int",
        "json": "Any",
        "data": "Path",
        "secret": "Secret",
    }


def test_choices_are_literals_and_secret_text_is_secret():
    assert annotation(Type("enum", choices=("a", 'b"c'))) == 'Literal["a", \'b"c\']'
    assert annotation(Type("url"), secret=True) == "Secret"
    assert annotation(Type("int"), secret=True) == "int"


def test_a_variable_brings_its_description_and_who_declared_it():
    declared = Declaration("PG_POOL", Type("int"), description="Connections kept open.")
    entry = Entry("PG_POOL", Type("int"), "5", declared=declared, by="lib pgdriver")
    assert variable(entry) == Named("PG_POOL", "int", "Connections kept open (lib pgdriver)")
    assert variable(Entry("X", value="1")) == Named("X", "str", "")
    assert variable(Entry("X", value="1", by="[vars]")) == Named("X", "str", "")


def test_environments_are_joined_and_a_name_of_two_types_may_be_either():
    dev = [Named("DB", "Path", "a file"), Named("ONLY_DEV", "bool")]
    prod = [Named("DB", "str"), Named("POOL", "int")]
    expected = (
        Named("DB", "Path | str", "a file"),
        Named("ONLY_DEV", "bool"),
        Named("POOL", "int"),
    )
    assert joined([dev, prod]) == expected
    assert [n.type for n in joined([prod, dev])] == [n.type for n in expected]


def test_no_value_and_no_location_stands_in_it():
    entry = Entry("TOKEN", Type("secret"), "hunter2", secret=True)
    text = stub([variable(entry)], paths=[Named("raw")])
    assert text.startswith(MARK)
    assert "hunter2" not in text
    assert "def TOKEN(self) -> Secret: ..." in text
    assert text == stub([variable(entry)], paths=[Named("raw")])


def test_names_that_cannot_be_attributes_are_items_only():
    text = stub([], paths=[Named(n) for n in ("raw-data", "class", "property", "keys", "_x")])
    for name in ("raw-data", "class", "property", "keys", "_x"):
        assert f'"{name}"' in text
        assert f"def {name}(self) -> Path" not in text


@given(
    st.lists(
        st.builds(
            Named,
            st.text(min_size=1, max_size=8) | st.sampled_from(["get", "None", "Literal", "é", "ª"]),
            st.sampled_from(sorted({annotation(Type(name)) for name in TYPES})),
            st.text(max_size=20) | st.sampled_from(['"""', "\\", 'ends with "', "a\nb"]),
        ),
        max_size=6,
    )
)
def test_any_names_and_descriptions_give_python(names):
    tree = ast.parse(stub(names, paths=names))
    classes = {n.name: n for n in tree.body if isinstance(n, ast.ClassDef)}
    literals = {
        node.value
        for node in ast.walk(classes["_Vars"])
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert {n.name for n in names} <= literals
    stub(names).encode("utf-8")


def test_the_stub_has_all_that_the_module_has():
    """What is public in `stead.project` is what a checker is told of."""
    listed = subprocess.run(
        [sys.executable, "-c", "import stead.project as p; print(*p.__all__)"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    tree = ast.parse(stub([]))
    names = {n.name for n in tree.body if isinstance(n, ast.ClassDef)}
    names |= {
        n.target.id
        for n in tree.body
        if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name)
    }
    assert {n for n in names if not n.startswith("_")} == set(listed)

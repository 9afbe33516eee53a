"""Edits of stead.toml change one entry and no other byte."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from stead.formats import edit, stead_toml
from stead.values.errors import ManifestError
from stead.values.manifest import Variable
from stead.values.requirement import Requirement

FILE = "/w/stead.toml"

TEXT = """\
# The scans.

[workspace]
name = "scans"   # for people

# From conda
[packages.conda]
channels = [
  "conda-forge", # first
]
numpy = ">=2"  # why

# From PyPI
[packages.pypi]
requests = "*"
# httpx = "*"

# The end
[vars]
A = "1"
"""


def read(text):
    return stead_toml.read(FILE, lambda _: text)


def changed(before, after):
    """Give the lines that went and the lines that came."""
    import difflib

    lines = list(difflib.ndiff(before.split("\n"), after.split("\n")))
    return [x[2:] for x in lines if x[0] == "-"], [x[2:] for x in lines if x[0] == "+"]


def test_a_new_request_stands_behind_the_others_of_its_table():
    got = edit.add_requirement(FILE, TEXT, "conda", "scipy", ">=1")
    assert got == TEXT.replace("# why\n", '# why\nscipy = ">=1"\n')
    got = edit.add_requirement(FILE, TEXT, "pypi", "rich")
    assert got == TEXT.replace('requests = "*"\n', 'requests = "*"\nrich = "*"\n')


def test_a_changed_request_keeps_its_place_spelling_and_comment():
    got = edit.add_requirement(FILE, TEXT, "conda", "NumPy", "==2.1")
    assert got == TEXT.replace('numpy = ">=2"', 'numpy = "==2.1"')


def test_a_request_may_be_a_table_or_false():
    got = edit.add_requirement(
        FILE, TEXT, "pypi", "requests", {"version": ">=2", "extras": ["socks"]}
    )
    assert changed(TEXT, got)[1] == ['requests = { version = ">=2", extras = ["socks"] }']
    got = edit.add_requirement(FILE, TEXT, "pypi", "requests", False)
    assert read(got).layer("").removed == (Requirement("pypi", "requests"),)


def test_python_is_asked_for_in_its_own_table_before_the_tables_in_it():
    got = edit.add_requirement(FILE, TEXT, "python", "", "3.12")
    assert got == TEXT.replace("# From conda\n", '[packages]\npython = "3.12"\n\n# From conda\n')


def test_a_new_layer_gets_a_table_behind_what_is_like_it():
    one = edit.add_requirement(FILE, TEXT, "pypi", "pytest", ">=8", layer="test")
    assert one == TEXT + '\n[layer.test.packages.pypi]\npytest = ">=8"\n'
    two = edit.set_variable(FILE, one, "CI", "1", layer="test")
    three = edit.add_requirement(FILE, two, "pypi", "mkdocs", layer="docs-site")
    assert read(three).layer("docs-site").requirements == (Requirement("pypi", "mkdocs"),)
    assert read(three).layer("test").variables == (Variable("CI", "1"),)
    assert three.startswith(TEXT)


def test_remove_takes_exactly_its_line():
    assert edit.remove_requirement(FILE, TEXT, "conda", "numpy") == TEXT.replace(
        'numpy = ">=2"  # why\n', ""
    )


def test_add_then_remove_gives_the_former_text():
    got = edit.add_requirement(FILE, TEXT, "conda", "scipy", ">=1")
    assert edit.remove_requirement(FILE, got, "conda", "scipy") == TEXT


def test_a_channel_is_added_behind_the_others_once():
    got = edit.add_channel(FILE, TEXT, "bioconda")
    assert got == TEXT.replace("# first\n", '# first\n  "bioconda",\n')
    assert edit.add_channel(FILE, got, "bioconda") == got


def test_variables_and_tasks():
    got = edit.set_variable(FILE, TEXT, "A", 'two "quotes" and \\')
    assert read(got).layer("").variables == (Variable("A", 'two "quotes" and \\'),)
    assert edit.unset(FILE, TEXT, "A") == TEXT.replace('A = "1"\n', "")
    got = edit.set_variable(FILE, TEXT, "B", False)
    assert read(got).layer("").variables[1] == Variable("B", None)
    got = edit.add_task(FILE, TEXT, "report", ["python", "x y.py"])
    assert read(got).layer("").tasks[0].command == ("python", "x y.py")
    assert read(edit.remove_task(FILE, got, "report")) == read(TEXT)


@pytest.mark.parametrize(
    "text",
    [
        'packages = { pypi = { requests = "*", b = "1" } }\n',
        '[packages]\npypi = { requests = "*", b = "1" } # c\n',
        '[packages]\npypi.requests = "*"\npypi.b = "1"\n',
        'packages.pypi.requests = "*"\npackages.pypi.b = "1"\n[vars]\nA = "1"\n',
        '[packages.pypi.requests]\nversion = "*"\n[packages.pypi.b]\nversion = "1"\n',
        '[packages.pypi]\nrequests.version = "*"\nrequests.extras = ["x"]\nb = "1"\n',
        "[packages.pypi]\n\"requests\" = '''\n*\n'''\nb = \"1\"",
        '[packages]\n[packages.pypi]\n  requests = "*"\n  b = "1"\n[vars]\n',
        '[packages.pypi]\nrequests = { version = "*",extras=["a" , "b"]}\nb = "1"\n',
        '[layer.x.vars]\nA = "1"\n[packages.pypi]\nrequests = "*"\nb="1"',
    ],
)
def test_every_way_to_write_a_table_can_be_edited(text):
    old = {r.name: r for r in read(text).layer("").requirements}
    assert set(old) == {"requests", "b"}
    added = edit.add_requirement(FILE, text, "pypi", "new", ">=1")
    assert {r.name: r for r in read(added).layer("").requirements} == {
        **old,
        "new": Requirement("pypi", "new", ">=1"),
    }
    replaced = edit.add_requirement(FILE, text, "pypi", "requests", ">=3")
    assert {r.name: r.spec for r in read(replaced).layer("").requirements} == {
        "requests": ">=3",
        "b": "==1",
    }
    removed = edit.remove_requirement(FILE, text, "pypi", "requests")
    assert [r.name for r in read(removed).layer("").requirements] == ["b"]
    nothing = edit.remove_requirement(FILE, removed, "pypi", "b")
    assert read(nothing).layer("").requirements == ()
    again = edit.add_requirement(FILE, nothing, "pypi", "requests", ">=3")
    assert read(again).layer("").requirements == (Requirement("pypi", "requests", ">=3"),)


@pytest.mark.parametrize(
    "text", ["", "\n", "# only a comment", "[vars]", "inherit = false", "[vars] # x\n\n\n# end\n"]
)
def test_a_table_can_be_added_to_anything(text):
    got = edit.add_requirement(FILE, text, "conda", "a", ">=1")
    assert read(got).layer("").requirements == (Requirement("conda", "a", ">=1"),)
    assert got.startswith(text.rstrip("\n") if text.strip() else "")


def test_line_ends_and_a_byte_order_mark_stay():
    windows = "\ufeff" + TEXT.replace("\n", "\r\n")
    got = edit.add_requirement(FILE, windows, "conda", "scipy", ">=1")
    want = edit.add_requirement(FILE, TEXT, "conda", "scipy", ">=1")
    assert got == "\ufeff" + want.replace("\n", "\r\n")


def test_mixed_line_ends_stay_as_they_are():
    mixed = TEXT.replace('name = "scans"   # for people\n', 'name = "scans"   # for people\r\n')
    got = edit.add_requirement(FILE, mixed, "pypi", "rich")
    assert got.replace('rich = "*"\r\n', "").replace('rich = "*"\n', "") == mixed


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: edit.remove_requirement(FILE, TEXT, "pypi", "numpy"), "not asked for here"),
        (lambda: edit.remove_requirement(FILE, TEXT, "conda", "numpy", layer="t"), "in layer t"),
        (lambda: edit.add_requirement(FILE, TEXT, "pypi", "x", "^2"), "PEP 440"),
        (lambda: edit.add_requirement(FILE, TEXT, "pypi", "x y"), "x y"),
        (lambda: edit.add_requirement(FILE, "[vars\n", "pypi", "x"), "TOML"),
        (lambda: edit.add_requirement(FILE, "[varz]\n", "pypi", "x"), "did you mean vars"),
        (lambda: edit.unset(FILE, TEXT, "NOPE"), "no variable NOPE"),
        (lambda: edit.set_variable(FILE, TEXT, "not a name", "x"), "not a name"),
        (lambda: edit.add_requirement("/w/setup.py", "", "pypi", "x"), "does not edit setup.py"),
        (lambda: edit.set_variable("/w/requirements.txt", "", "A", "1"), "cannot hold a variable"),
        (lambda: edit.add_requirement(FILE, "packages = 1\n", "pypi", "x"), "must be a table"),
    ],
)
def test_an_edit_that_cannot_be_made_says_why(call, says):
    with pytest.raises(ManifestError) as caught:
        call()
    assert says in str(caught.value)


# -- any file, any edit

comments = st.sampled_from(["", "# c\n", "\n", "\n# = [x]\n\n", "   \n"])
package = st.sampled_from(["numpy", "a-b", "requests", "x1"])
wishes = st.sampled_from(
    ["*", ">=2", "==1.5", {"version": ">=1"}, {"extras": ["s"]}, {"path": "./p", "editable": True}]
)
layers = st.sampled_from(["", "test", "dev.x"])


@st.composite
def manifests(draw):
    """Write a manifest in some layout, with comments in all places."""
    text = draw(comments)
    for layer in draw(st.permutations(["", "test"])):
        prefix = f'layer."{layer}".' if layer else ""
        style = draw(st.integers(0, 3))
        held = draw(st.dictionaries(package, st.sampled_from(['"*"', '">=1"', "{ version='1' }"])))
        pairs = [f"{k} = {v}" for k, v in held.items()]
        if style == 0 and held:
            text += f"[{prefix}packages.pypi]\n"
            text += "".join(draw(comments) + "  " + p + " # e\n" for p in pairs)
        elif style == 1 and held:
            text += f"[{prefix}packages]\npypi = {{ {', '.join(pairs)} }}\n"
        elif style == 2:
            text += f"[{prefix}packages]\n" + "".join(f"pypi.{p}\n" for p in pairs)
        text += draw(comments)
        if draw(st.booleans()):
            text += f"[{prefix}vars]\n" + draw(comments) + 'A = """\n[x]\n"""\nB = 1\n'
        text += draw(comments)
    if draw(st.booleans()):
        text = text.rstrip("\n")
    tomllib.loads(text)
    return text


def facts(text):
    manifest = read(text)
    return {(layer.name, r.name): r for layer in manifest.layers for r in layer.requirements}, {
        (layer.name, v) for layer in manifest.layers for v in layer.variables
    }


def is_subsequence(short, long):
    rest = iter(long)
    return all(line in rest for line in short)


@given(manifests(), package, wishes, layers)
def test_adding_changes_the_one_request_and_no_other_line(text, name, wish, layer):
    before, variables = facts(text)
    got = edit.add_requirement(FILE, text, "pypi", name, wish, layer=layer)
    after, same = facts(got)
    assert same == variables
    assert {k: v for k, v in after.items() if k != (layer, name)} == {
        k: v for k, v in before.items() if k != (layer, name)
    }
    assert (layer, name) in after
    others = [line for line in text.split("\n") if name not in line and "pypi = {" not in line]
    assert is_subsequence(others if others[-1] else others[:-1], got.split("\n"))
    assert edit.add_requirement(FILE, got, "pypi", name, wish, layer=layer) == got


@given(manifests(), st.data())
def test_removing_takes_the_one_request_and_no_other_line(text, data):
    before, variables = facts(text)
    assume(before)
    layer, name = data.draw(st.sampled_from(sorted(before)))
    got = edit.remove_requirement(FILE, text, "pypi", name, layer=layer)
    after, same = facts(got)
    assert same == variables
    assert after == {k: v for k, v in before.items() if k != (layer, name)}
    others = [line for line in text.split("\n") if name not in line and "pypi = {" not in line]
    assert is_subsequence(others, got.split("\n"))
    assert len(got.split("\n")) <= len(text.split("\n"))


@given(manifests(), st.sampled_from(["A", "NEW"]), st.text(max_size=6), layers)
def test_any_value_can_be_set_and_unset(text, name, value, layer):
    assume("\0" not in value)
    before, variables = facts(text)
    got = edit.set_variable(FILE, text, name, value, layer=layer)
    after, now = facts(got)
    assert after == before
    others = {(where, v) for where, v in variables if (where, v.name) != (layer, name)}
    assert now == others | {(layer, Variable(name, value))}
    assert facts(edit.unset(FILE, got, name, layer=layer))[1] == others

"""`registry validate`: every mistake, with file and line, before anybody takes an item."""

from __future__ import annotations

import pytest

from stead.modules.registry.directory import Directory
from stead.modules.registry.opening import shipped_directory
from stead.modules.registry.validate import validate
from stead.values.errors import RegistryError

README = {"README.md": "x\n"}
APP = {
    "README.md": "x\n",
    "pyproject.toml": "[project]\n",
    "main.py": "x = 1\n",
    "Dockerfile.whole": "FROM x\n",
    "src/whole/__init__.py": "",
    "src/whole/main.py": "y = {{ size }}\n",
    "src/whole/cli.py": "",
    "src/whole/utils.py": "",
    "tests/test_whole.py": "",
}
SIZE = 'render = ["src/whole/main.py"]\n[options.size]\ntype = "int"\n'


def said(registry):
    _, wrong = validate(str(registry))
    return [str(one).removeprefix(f"{registry}/") for one in wrong]


def test_nothing_is_wrong_with_the_shipped_registry():
    names, wrong = validate(shipped_directory())
    assert "elasticity" in names
    assert [str(one) for one in wrong] == []


def test_a_whole_item_is_right(put):
    assert said(put("whole", kind="app", more=SIZE, files=APP)) == []


def test_each_file_that_every_module_has_is_missed(put):
    registry = put("whole", kind="app", files={"x": ""})
    found = "\n".join(said(registry))
    for path in APP:
        if not path.startswith("tests"):
            assert f"there is no {path}" in found
    assert "there are no tests" in found


def test_a_description_is_told_with_its_lines(put):
    registry = put("tiny", files=README, more='langage = "python"\n[options.a]\ntype = "enum"\n')
    found = said(registry)
    assert len(found) == 2
    assert found[0].startswith("tiny/stead-item.toml:5: ")
    assert found[1].startswith("tiny/stead-item.toml:7: option a has no choices")


@pytest.mark.parametrize(
    ("files", "more", "says"),
    [
        ({"a.py": "def\n"}, "", "tiny/files/a.py:1: this is not Python"),
        ({"a.toml": "x =\n"}, "", "tiny/files/a.toml: this cannot be read"),
        ({"a.json": "{\n"}, "", "tiny/files/a.json: this cannot be read"),
        (
            {"package-lock.json": '{"packages": {"a": {"resolved": "https://example.org/a"}}}'},
            "",
            "tiny/files/package-lock.json: a has the address of a registry",
        ),
        ({"a.py": "{{ no }}"}, 'render = ["a.py"]', "tiny/files/a.py: this template cannot be"),
        ({"a.py": "{% if %}"}, 'render = ["a.py"]', "tiny/files/a.py:1: this template cannot be"),
        ({"a.py": "1"}, 'render = ["b.py"]', '"b.py" in render names no file'),
        ({}, '[options.x]\ndefault = "1"', "tiny/stead-item.toml:5: no template uses the option x"),
        ({"a/NUL": ""}, "", "names a device of Windows"),
        ({"a": "", "A": ""}, "", "one file where case does not count"),
    ],
)
def test_what_lands_must_be_readable(put, files, more, says):
    found = said(put("tiny", files={**README, **files}, more=more))
    assert len(found) == 1
    assert says in found[0]


def test_each_choice_is_tried(put):
    option = '[options.kind]\ntype = "enum"\nchoices = ["good", "bad"]\n'
    text = '{% if kind == "bad" %}def{% else %}x = 1{% endif %}\n'
    found = said(put("tiny", files={**README, "a.py": text}, more=f'render = ["a.py"]\n{option}'))
    assert [one.partition(":1: ")[0] for one in found] == ["tiny/files/a.py"]
    other = '{% if kind == "bad" %}{{ no }}{% endif %}\n'
    found = said(put("tiny", files={"a.py": other}, more=f'render = ["a.py"]\n{option}'))
    assert len(found) == 1
    assert "(with kind = bad)" in found[0]


@pytest.mark.parametrize("name", ["json", "import"])
def test_pythons_own_names_are_refused(put, name):
    assert f"{name} is Python's own name" in said(put(name, files=README))[0]


def test_needs_must_be_here_as_they_are_pinned(put):
    registry = put("tiny", files=README)
    right = Directory("x", str(registry), "x").item("tiny").integrity
    need = '[needs.{}]\nversion = "{}"\nintegrity = "{}"\n'
    put("good", files=README, more=need.format("tiny", "1.0", right))
    assert said(registry) == []
    put("good", files=README, more=need.format("tiny", "1.0", f"sha256:{'0' * 64}"))
    (found,) = said(registry)
    assert found.startswith("good/stead-item.toml:5: tiny 1.0 is sha256:")
    put("good", files=README, more=need.format("tiny", "2.0", right))
    assert "tiny is 1.0 here, not 2.0" in said(registry)[0]
    put("good", files=README, more=need.format("other", "2.0", right))
    assert "there is no item other here" in said(registry)[0]


def test_the_book_is_looked_at_too(put):
    option = 'render = ["a"]\n[options.k]\ntype = "enum"\nchoices = ["x"]\n'
    registry = put("tiny", files={**README, "a": "{{ k }}"}, more=option)
    (registry / "book").mkdir()
    page = registry / "book" / "one.md"
    page.write_text("---\nquestion: x\nmodules:\n  tiny: { k: y }\n  gone:\n---\n")
    found = said(registry)
    assert [one.partition(": ")[0] for one in found] == ["book/one.md:4", "book/one.md:5"]
    page.write_text("# x\n")
    assert said(registry)[0].startswith("book/one.md:1: this page does not say")


def test_a_directory_without_items_is_told(tmp_path):
    with pytest.raises(RegistryError, match="has no items"):
        validate(str(tmp_path))
    with pytest.raises(RegistryError, match="cannot be read"):
        validate(str(tmp_path / "nowhere"))

"""The book: pages that name modules, added together, and tested where there is no Stead."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

PAGE = """\
---
question: How do we greet?
modules:
  hello: {{ word: {word} }}
  counted:
---
# Greeting

Both together.
"""

HELLO = """
name = "hello"
kind = "app"
version = "1.0"
summary = "Greets"
language = "none"
render = ["hello.sh"]
[options.word]
type = "enum"
choices = ["hi", "ahoy"]
default = "hi"
[commands]
run = ["sh", "hello.sh", "run"]
test = [["sh", "tests.sh"]]
"""

COUNTED = """
name = "counted"
kind = "app"
version = "1.0"
summary = "Counts"
language = "none"
[commands]
install = [["sh", "-c", "echo 3 > count"]]
run = ["cat", "count"]
test = [["grep", "3", "count"]]
"""

# What a repository's reader would have: neither the program nor its variables.
TESTS = """
test "$(sh hello.sh)" = ahoy || exit 1
command -v stead && exit 2
env | grep STEAD_ && exit 3
exit 0
"""


@pytest.fixture
def registry(tmp_path):
    """A registry of two items in no particular language, with a book of its own."""
    top = tmp_path / "registry"
    for name, text, files in (
        ("hello", HELLO, {"hello.sh": "echo {{ word }}\n", "tests.sh": TESTS}),
        ("counted", COUNTED, {"README.md": ""}),
    ):
        (top / name / "files").mkdir(parents=True)
        (top / name / "stead-item.toml").write_text(text)
        for path, content in files.items():
            (top / name / "files" / path).write_text(content)
    (top / "book").mkdir()
    (top / "book" / "greeting.md").write_text(PAGE.format(word="ahoy"))
    return top


@pytest.fixture
def place(project, registry):
    return project({"stead.toml": '[workspace]\nname = "p"\n[registries]\nteam = "../registry"\n'})


def write(place, name="ours", word="ahoy"):
    (place / "book").mkdir(exist_ok=True)
    (place / "book" / f"{name}.md").write_text(PAGE.format(word=word))
    (place / "book" / "README.md").write_text("No page.\n")


def test_the_book_holds_the_projects_pages_and_those_of_registries(machine, place):
    write(place)
    found = machine.json("book", "list", cwd=place)
    named = [(page["source"], page["name"]) for page in found]
    assert named[:2] == [("", "ours"), ("team", "greeting")]
    assert all(source == "stead" for source, _ in named[2:])
    assert "team/greeting" in machine.ok("book", "list", cwd=place)
    shown = machine.ok("book", "show", "greeting", cwd=place)
    assert shown.splitlines()[:3] == ["How do we greet?", "  hello --word ahoy", "  counted"]
    assert "Both together." in shown


def test_the_shipped_book_is_there_without_a_project(machine, tmp_path):
    found = machine.json("book", "list", cwd=tmp_path)
    assert {page["source"] for page in found} == {"stead"}
    for page in found:
        assert page["question"].endswith("?")
        assert page["modules"]


def test_a_combination_is_added_whole(machine, place):
    planned = machine.json("book", "add", "greeting", "--plan", cwd=place)
    assert [m["name"] for m in planned["modules"]] == ["hello", "counted"]
    assert not (place / "modules").exists()
    machine.ok("book", "add", "greeting", cwd=place)
    assert machine.ok("run", "hello", cwd=place) == "ahoy\n"
    assert machine.ok("run", "counted", cwd=place) == "3\n"


def test_a_combination_is_added_whole_or_not_at_all(machine, place):
    (place / "modules" / "counted").mkdir(parents=True)
    (place / "modules" / "counted" / "README.md").write_text("mine\n")
    before = machine.tree(place)
    said = machine.fails("book", "add", "greeting", cwd=place)
    assert "modules/counted/README.md" in said
    assert machine.tree(place) == before


def test_what_is_there_already_stays_as_it_is(machine, place):
    machine.ok("module", "add", "hello", "--word", "hi", cwd=place)
    done = machine.run("book", "add", "greeting", cwd=place)
    assert done.returncode == 0
    assert "hello 1.0 is here already" in done.stderr
    assert machine.ok("run", "hello", cwd=place) == "hi\n"
    assert machine.ok("run", "counted", cwd=place) == "3\n"
    assert "are here already" in machine.fails("book", "add", "greeting", cwd=place, code=2)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("ahoy", "ahoi"), "did you mean ahoy?"),
        (("counted:", "conted:"), "did you mean counted?"),
        (("counted:", "counted@2.0:"), "has no counted 2.0"),
        (("word:", "wort:"), "did you mean word?"),
    ],
)
def test_a_page_that_names_what_is_not_there_is_told_with_its_line(machine, place, change, says):
    write(place)
    page = place / "book" / "ours.md"
    page.write_text(page.read_text().replace(*change))
    done = machine.run("book", "add", "ours", cwd=place)
    assert done.returncode in (1, 2)
    assert says in done.stderr
    assert f"{page}:" in done.stderr
    assert not (place / "modules").exists()


def test_a_page_that_is_not_there_is_told_with_the_nearest(machine, place):
    said = machine.fails("book", "show", "greetin", cwd=place, code=2)
    assert "did you mean greeting?" in said


def test_a_page_that_is_none_hinders_no_other_and_is_told(machine, place):
    write(place)
    (place / "book/broken.md").write_text("---\nquestion Why?\nmodules:\n  hello: {}\n---\n")
    done = machine.run("book", "list", cwd=place)
    assert done.returncode == 0
    assert "ours" in done.stdout
    assert "book/broken.md" in done.stderr
    assert "modules/hello" in machine.ok("book", "add", "ours", "--plan", cwd=place)
    done = machine.run("book", "test", cwd=place)
    assert done.returncode == 1
    assert "ours: passed in" in done.stdout
    assert "book/broken.md" in done.stderr


def test_a_page_is_tested_where_there_is_no_stead(machine, place):
    """The tests of the item look for it themselves, and fail if they find it."""
    write(place)
    assert shutil.which("stead", path=machine.environ["PATH"])
    before = machine.tree(place)
    said = machine.ok("book", "test", cwd=place)
    assert "ours: passed in" in said
    assert machine.tree(place) == before
    (found,) = machine.json("book", "test", "team/greeting", cwd=place)
    assert [step["module"] for step in found["steps"]] == ["hello", "counted", "counted"]


def test_a_combination_whose_tests_fail_fails(machine, place, tmp_path):
    write(place, word="hi")
    done = machine.run("book", "test", "ours", "--keep", "../kept", cwd=place)
    assert done.returncode == 1
    assert "ours: hello: sh tests.sh: code 1" in done.stdout
    assert "ours: failed in" in done.stdout
    assert (tmp_path / "kept" / "ours" / "ours" / "modules" / "hello" / "hello.sh").exists()


def test_pages_are_goals_of_the_matrix(machine, place):
    """A page whose modules pass, and one whose modules do not; of other goals none is in the way."""
    write(place)
    write(place, "wrong", word="hi")
    found = machine.json("test", "--list", cwd=place)["environments"]
    assert [(one["name"], one["labels"]) for one in found] == [
        ("book-ours", ["book"]),
        ("book-wrong", ["book"]),
    ]
    assert found[0]["where"] == f"{place / 'book' / 'ours.md'}:1"
    before = machine.tree(place)
    done = machine.run("test", cwd=place)
    assert done.returncode == 1
    assert "passed  book-ours" in done.stdout
    assert "failed  book-wrong" in done.stdout
    assert "wrong: hello: sh tests.sh: code 1" in done.stdout
    assert machine.tree(place) == before
    # What registries hold may have changed: a page passes anew each time.
    words = ("test", "-f", "book-ours", "--since-success")
    for _ in range(2):
        assert "book-ours: passed" in machine.ok(*words, cwd=place)


def test_layers_and_pages_are_goals_together(machine, place):
    write(place)
    text = (place / "stead.toml").read_text()
    layer = f'{text}\n[layer.unit]\ncommands = [["true"]]\n'
    (place / "stead.toml").write_text(layer)

    def listed():
        found = machine.json("test", "--list", cwd=place)["environments"]
        return [(one["name"], one["default"]) for one in found]

    assert listed() == [("unit", True), ("book-ours", True)]
    (place / "stead.toml").write_text(f'{layer}[test]\nenvironments = ["unit"]\n')
    assert listed() == [("unit", True), ("book-ours", False)]
    (place / "stead.toml").write_text(f'{layer}[layer.book-ours]\ncommands = [["true"]]\n')
    assert machine.json("test", "book-ours", "--plan", cwd=place)["steps"][-1]["commands"] == [
        ["true"]
    ]
    # Where tox's files describe the tests, they alone do.
    (place / "stead.toml").write_text(text)
    (place / "tox.ini").write_text("[testenv:own]\nskip_install = true\ncommands = true\n")
    assert [name for name, _ in listed()] == ["py", "own"]
    # Other Markdown in a directory of that name makes no goals.
    (place / "tox.ini").unlink()
    (place / "book" / "ours.md").write_text("---\ntitle: A chapter\n---\nmodules: none\n")
    assert "nothing here says what there is to test" in machine.fails("test", cwd=place)


def test_pages_of_a_registry_behind_an_address(machine, place, tmp_path):
    from stead.testing.server import serve

    machine.ok("registry", "build", "registry", "out", cwd=tmp_path)
    with serve(tmp_path / "out") as site:
        (place / "stead.toml").write_text(
            f'[workspace]\nname = "p"\n[registries]\nteam = "{site.url}"\n'
        )
        assert "ahoy" in machine.ok("book", "show", "team/greeting", cwd=place)
        machine.ok("book", "add", "greeting", cwd=place)
    assert machine.ok("run", "hello", cwd=place) == "ahoy\n"


def test_a_registry_that_is_gone_hides_no_other_page(machine, place):
    text = (place / "stead.toml").read_text()
    (place / "stead.toml").write_text(f'{text}gone = "../nowhere"\n')
    done = machine.run("book", "list", cwd=place)
    assert done.returncode == 0
    assert "team/greeting" in done.stdout
    assert "gone" in done.stderr or "nowhere" in done.stderr


def test_a_page_cannot_tell_the_terminal_what_to_do(machine, place, registry):
    page = registry / "book" / "greeting.md"
    page.write_text(page.read_text() + "\x1b]0;owned\x07\n")
    assert "\x1b" not in machine.ok("book", "show", "greeting", cwd=place)


@pytest.mark.network
@pytest.mark.slow
def test_the_shipped_book_holds(machine, tmp_path):
    """Each combination in a project of its own, installed with pip, where there is no Stead."""
    environ = {n: v for n, v in os.environ.items() if not n.startswith(("STEAD_", "PYTEST"))}
    # What builds is not compiled either: pip takes this for what `--no-compile` would turn off.
    environ["PIP_NO_COMPILE"] = "0"
    done = subprocess.run(
        [machine.program, "book", "test", "--all"],
        cwd=tmp_path,
        env={**environ, "STEAD_HOME": str(machine.stead_home)},
        capture_output=True,
        text=True,
        check=False,
        timeout=1800,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 failed" in done.stdout or "passed in" in done.stdout

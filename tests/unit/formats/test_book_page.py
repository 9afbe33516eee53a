"""Pages of the book: what their heads say, and what is wrong with them."""

from __future__ import annotations

import pytest

from stead.formats import book_page
from stead.values.book import Wanted
from stead.values.errors import ManifestError

PAGE = """\
---
question: What does a price
  change do?
modules:
  elasticity: { type: loglog, level: 1.10 }
  team/forecast@1.2.0:
---

# Prices

Text.
"""


def test_a_page_names_modules_options_and_the_question():
    page = book_page.read(PAGE, "/p/book/prices.md", "prices")
    assert page.question == "What does a price change do?"
    assert page.modules == (
        Wanted("elasticity", options=(("level", "1.10"), ("type", "loglog"))),
        Wanted("forecast", "team", "1.2.0"),
    )
    assert [one.origin.line for one in page.modules] == [5, 6]
    assert page.text == "# Prices\n\nText.\n"


@pytest.mark.parametrize("change", [lambda t: t.replace("\n", "\r\n"), lambda t: f"\ufeff{t}"])
def test_it_is_read_whatever_wrote_it(change):
    assert book_page.read(change(PAGE), "/p", "x") == book_page.read(PAGE, "/p", "x")


def test_modules_may_be_a_list():
    page = book_page.read("---\nquestion: x\nmodules: [a, team/b]\n---\n", "/p", "x")
    assert page.modules == (Wanted("a"), Wanted("b", "team"))


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("# Prices\n", 1, "does not say which modules"),
        ("", 1, "does not say which modules"),
        ("---\nquestion: x\n", 1, "does not say which modules"),
        ("---\nmodules: [a]\n---\n", 1, "has no question"),
        ("---\nquestion: x\n---\n", 1, "has no modules"),
        ("---\nquestion: x\nmodule: [a]\n---\n", 3, "did you mean modules?"),
        ("---\nquestion: x\nmodules: [A/../b]\n---\n", 3, "names no module"),
        ("---\nquestion: x\nmodules:\n  a@x:\n---\n", 4, "names no module"),
        ("---\nquestion: x\nmodules:\n  a:\n  team/a:\n---\n", 3, "a stands twice"),
        ("---\nquestion: x\nmodules:\n  a:\n    b: [1]\n---\n", 5, "must be text"),
        ("---\nquestion: x: y\nmodules: [a]\n---\n", 2, "not YAML"),
        ("---\nquestion: [x]\nmodules: [a]\n---\n", 2, "must be text"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text, line, says):
    with pytest.raises(ManifestError) as caught:
        book_page.read(text, "/p/book/x.md", "x")
    assert says in str(caught.value)
    assert str(caught.value.where) == f"/p/book/x.md:{line}"

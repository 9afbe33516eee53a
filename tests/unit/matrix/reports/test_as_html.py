"""The HTML page, and the grid in it."""

from __future__ import annotations

import itertools
import re
from html.parser import HTMLParser

import pytest

from stead.matrix.reports import as_html
from stead.matrix.reports.facts import About
from stead.matrix.reports.grid import grid, split
from stead.values.suite import CommandResult, Result

ABOUT = About("/root", "tox.ini", "thing", {}, 1.7e9, 12.5, "host", "1")
VOID = {"meta", "link", "br", "img", "input", "hr"}


class Page(HTMLParser):
    """Elements with their attributes and text; fails where they are not nested rightly."""

    def __init__(self, html):
        super().__init__()
        self.open = []
        self.seen = []
        self.text = ""
        self.cells = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        if tag == "tr":
            self.cells.append([])
        if tag in ("td", "th"):
            self.cells[-1].append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.text += data
        if "td" in self.open or "th" in self.open:
            self.cells[-1][-1] += data

    def all(self, tag):
        return [attributes for name, attributes in self.seen if name == tag]


def cell(environment, definition="", status="passed", **more):
    label = f"({definition}) {environment}" if definition else environment
    return Result(label, "cell", status, 1, environment=environment, definition=definition, **more)


@pytest.mark.parametrize(
    ("environment", "parts"),
    [
        ("py312", ("py312", "")),
        ("py312-linux-venv", ("py312", "linux-venv")),
        ("django42-py39", ("py39", "django42")),
        ("3.13-cov", ("3.13", "cov")),
        ("3.14t", ("3.14t", "")),
        ("pypy310", ("pypy310", "")),
        ("pypy3.10-x", ("pypy3.10", "x")),
        ("lint", ("", "lint")),
        ("py-lowest", ("py", "lowest")),
        ("python-docs", ("", "python-docs")),
        ("", ("", "")),
    ],
)
def test_the_factor_that_names_the_interpreter(environment, parts):
    assert split(environment) == parts


def test_columns_stand_by_version():
    names = ["py310", "pypy310", "py39", "3.8", "py313", "py3", "py312", "pypy39", "py314t", "py27"]
    columns = grid(cell(name) for name in names).columns
    assert columns == (
        "py27", "py3", "3.8", "py39", "py310", "py312", "py313", "py314t", "pypy39", "pypy310"
    )  # fmt: skip


def test_the_matrix_is_a_grid():
    matrix = itertools.product(("wheel", "sdist"), ("venv", "conda"), ("py310", "py39"))
    results = [cell(f"{python}-{kind}", package) for package, kind, python in matrix]
    results[1] = cell("py39-venv", "wheel", "failed")
    del results[2]
    page = Page(as_html.report([*results, cell("docs")], ABOUT))
    assert page.cells == [
        ["package", "environment", "py39", "py310"],
        ["wheel", "venv", "✗ failed1.0 s", "✓ passed1.0 s"],
        ["wheel", "conda", "✓ passed1.0 s", ""],
        ["sdist", "venv", "✓ passed1.0 s", "✓ passed1.0 s"],
        ["sdist", "conda", "✓ passed1.0 s", "✓ passed1.0 s"],
        ["", "docs", "✓ passed1.0 s"],
    ]


def test_cells_that_differ_in_the_order_of_factors_share_a_place():
    page = Page(as_html.report([cell("py39-a"), cell("a-py39", status="failed")], ABOUT))
    assert page.cells[1] == ["a", "✓ passed1.0 s✗ failed1.0 s"]
    assert {"class": "failed"} in page.all("td")


def test_each_link_leads_to_a_job(results):
    page = Page(as_html.report(results, ABOUT))
    there = {a["id"] for _, a in page.seen if "id" in a}
    links = [a["href"] for a in page.all("a")]
    assert len(links) == len([r for r in results if r.kind == "cell"])
    assert all(link[0] == "#" and link[1:] in there for link in links)
    assert len(there) == len(results)


def test_the_page_needs_nothing_from_elsewhere(results):
    html = as_html.report(results, ABOUT)
    page = Page(html)
    assert not page.all("script")
    assert not page.all("link")
    assert not any("src" in a or any(name.startswith("on") for name in a) for _, a in page.seen)
    assert "url(" not in html
    assert "@import" not in html
    policy = next(a for a in page.all("meta") if "http-equiv" in a)
    assert policy["content"].startswith("default-src 'none'")
    assert "prefers-color-scheme: dark" in html


def test_nothing_that_is_shown_becomes_markup(tmp_path):
    evil = "</pre></title><script>alert('1')</script>\"' onload=x \x00\ufffe"
    log = tmp_path / "log"
    log.write_text(evil)
    bad = Result(evil, "cell", "failed", 1, evil, str(log), environment=evil, definition=evil,
                 commands=(CommandResult((evil,), 1, 0),))  # fmt: skip
    clean = Page(as_html.report([cell("x-y", "z", "failed", reason="r", log=str(log))], ABOUT))
    page = Page(as_html.report([bad], About("/root", evil, evil, {}, 1, 1, evil, evil)))
    assert not page.all("script")
    assert page.text.count("alert(") >= 5
    assert {tag for tag, _ in page.seen} <= {tag for tag, _ in clean.seen}


def test_no_results():
    page = Page(as_html.report([], ABOUT))
    assert "nothing to run in 12 s" in page.text
    assert page.cells == []


def test_five_hundred_cells_with_huge_logs_stay_a_page(tmp_path):
    log = tmp_path / "log"
    log.write_bytes(b"<noise> & noise\n" * 100_000)
    many = [cell(f"py3{n % 10}-v{n // 10}", status="failed", log=str(log)) for n in range(500)]
    html = as_html.report(many, ABOUT)
    assert len(html) < as_html.ALL_LOGS_BYTES * 2
    assert html.count("<tr>") == 51
    assert html.count("&lt;noise&gt; &amp; noise\n") > 100_000


def test_what_did_not_go_well_is_open_and_comes_first(results):
    page = Page(as_html.report(results, ABOUT))
    opened = ["open" in a for a in page.all("details")]
    assert opened == sorted(opened, reverse=True)
    assert sum(opened) == 3
    assert re.search(r"Jobs\s*✗ failed \(wheel\) py313", page.text)

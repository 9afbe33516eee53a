"""The pages on configuration name every type, rank, kind of check, format and scheme there is."""

from __future__ import annotations

import re
from typing import get_args, get_type_hints

import pytest
from pages import ROOT

from stead.config.render.embed import FILTERS
from stead.formats._grammar_values import CheckTable, FileTable
from stead.formats.models import table_of
from stead.values.kinds import KINDS, TYPES
from stead.values.secret import SCHEMES
from stead.values.table import RANKS

DOCS = ROOT / "docs"
FORMATS = get_args(get_args(get_type_hints(FileTable)["format"])[0])


def first_column(page: str) -> set[str]:
    """Give the words of the first column of a page's tables."""
    text = (DOCS / page).read_text("utf-8")
    cells = re.findall(r"^\| ([^|]+) \|", text, re.MULTILINE)
    return {word.strip(" `*") for cell in cells for word in re.split(r", |:", cell)}


def test_the_keys_are_really_read():
    assert "json" in FORMATS
    assert {"path", "is", "run"} <= keys_of_checks()


def keys_of_checks() -> set[str]:
    return set(table_of(CheckTable).fields)


@pytest.mark.parametrize(
    ("page", "there_are"),
    [
        ("nouns.md", set(KINDS)),
        ("configuration.md", set(TYPES)),
        ("configuration.md", set(RANKS)),
        ("how-to/checks.md", keys_of_checks() - {"message", "timeout"}),
        ("how-to/files.md", set(FORMATS)),
        ("how-to/secrets.md", set(SCHEMES)),
    ],
)
def test_a_page_lists_all_that_there_are(page, there_are):
    assert there_are - first_column(page) == set()


def test_ranks_stand_in_their_order():
    text = (DOCS / "configuration.md").read_text("utf-8")
    section = text.partition("## Ranks")[2].partition("\n## ")[0]
    named = [word.strip(" `") for word in re.findall(r"^\| ([^|]+) \|", section, re.MULTILINE)]
    assert [n for n in named if n in RANKS] == list(RANKS)


def test_filters_of_templates_are_named():
    text = (DOCS / "how-to/files.md").read_text("utf-8")
    assert {name for name in FILTERS if f"`{name}`" not in text} == set()


def test_each_file_that_the_architecture_names_is_there():
    text = (DOCS / "architecture.md").read_text("utf-8")
    named = set(re.findall(r"`((?:[a-z_]+/)+[a-z_]+\.(?:py|md))`", text))
    assert len(named) > 40
    roots = (ROOT, ROOT / "src" / "stead")
    assert {name for name in named if not any((root / name).exists() for root in roots)} == set()

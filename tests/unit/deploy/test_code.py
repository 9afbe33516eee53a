"""Which files are code."""

from __future__ import annotations

import pytest

from stead.deploy.code import matches


@pytest.mark.parametrize(
    ("path", "pattern", "meant"),
    [
        ("docs/a/b.md", "docs", True),
        ("docs/a/b.md", "docs/", True),
        ("docs/a/b.md", "docs/**", True),
        ("docs/a/b.md", "**/*.md", True),
        ("b.md", "**/*.md", True),
        ("docs/a/b.md", "*.md", True),
        ("docs/a/b.md", "doc", False),
        ("src/docs/x", "docs", False),
        ("build/site/x.js", "build/*.js", True),
        ("a.py", "*.md", False),
    ],
)
def test_patterns(path, pattern, meant):
    assert matches(path, [pattern]) is meant

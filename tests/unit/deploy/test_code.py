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
        ("src/docs/x", "docs", True),
        ("src/docs/x", "/docs", False),
        ("docs", "docs/**", False),
        ("build/x.js", "build/*.js", True),
        ("build/x.js", "./build/*.js", True),
        ("build/site/x.js", "build/*.js", False),
        ("build/site/x.js", "build/**/*.js", True),
        ("build/x.js", "build/**/*.js", True),
        ("a.py", "*.md", False),
        ("data/x.csv", "**/data", True),
        ("src/data/x.csv", "**/data", True),
        ("metadata/x.csv", "**/data", False),
        ("contest/x.py", "**/test", False),
        ("a/d.py", "a/**/d.py", True),
        ("a/b/c/d.py", "a/**/d.py", True),
        ("a/bad.py", "a/**/d.py", False),
        ("a.py", "", False),
        ("a.py", "**", True),
    ],
)
def test_patterns(path, pattern, meant):
    assert matches(path, [pattern]) is meant

"""How to report, by who is looking."""

from __future__ import annotations

import pytest

from stead.matrix import reports


@pytest.mark.parametrize(
    ("environ", "terminal", "cells", "style", "colour"),
    [
        ({"TERM": "xterm"}, True, 4, "board", True),
        ({"TERM": "xterm"}, True, 1, "plain", True),
        ({"TERM": "xterm"}, False, 4, "plain", False),
        ({"TERM": "xterm", "NO_COLOR": "1"}, True, 4, "board", False),
        ({"TERM": "xterm", "NO_COLOR": ""}, True, 4, "board", True),
        ({"TERM": "dumb"}, True, 4, "plain", False),
        ({}, True, 4, "plain", False),
        ({"FORCE_COLOR": "1"}, False, 4, "plain", True),
        ({"FORCE_COLOR": "0"}, False, 4, "plain", False),
        ({"CLICOLOR_FORCE": "1", "NO_COLOR": "1"}, False, 4, "plain", False),
        ({"GITHUB_ACTIONS": "true", "CI": "true"}, False, 4, "github", False),
        ({"GITLAB_CI": "true", "FORCE_COLOR": "1"}, False, 4, "gitlab", True),
        ({"CI": "true"}, False, 4, "plain", False),
        ({"TERM": "xterm", "GITHUB_ACTIONS": "true"}, True, 4, "github", True),
    ],
)
def test_style(environ, terminal, cells, style, colour):
    chosen, where = reports.outlet(environ, terminal=terminal, cells=cells)
    assert (chosen, where.colour) == (style, colour)


@pytest.mark.parametrize(
    ("encoding", "symbols"), [("utf-8", True), ("UTF8", True), ("ANSI_X3.4-1968", False), ("latin-1", False)]
)  # fmt: skip
def test_symbols_need_an_encoding_that_has_them(encoding, symbols):
    assert reports.outlet({}, terminal=False, encoding=encoding)[1].symbols is symbols

"""What is asked for on the command line."""

from __future__ import annotations

import pytest

from stead.formats._specs import SpecError, pypi
from stead.pipeline.change import parse_wish


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("git+https://h.example/a/tool.git", "tool", {"git": "https://h.example/a/tool.git"}),
        (
            "pypi:git+https://h.example/a/tool.git@v1",
            "tool",
            {"git": "https://h.example/a/tool.git", "rev": "v1"},
        ),
        ("tool@git+https://h.example/a/x", "tool", {"git": "https://h.example/a/x"}),
        ("tool @ git+https://h.example/a/x", "tool", {"git": "https://h.example/a/x"}),
    ],
)
def test_a_repository_is_no_path(text, name, value):
    wish = parse_wish(text, "/nowhere")
    assert (wish.name, wish.value) == (name, value)


@pytest.mark.parametrize(
    ("text", "meant"), [("=>1", ">=1"), ("=<2.0", "<=2.0"), ("=~ 1.4", "~=1.4"), ("=1.2", "==1.2")]
)
def test_a_sign_the_wrong_way_round_is_put_right(text, meant):
    with pytest.raises(SpecError) as caught:
        pypi(text)
    assert meant in str(caught.value.args) + caught.value.remedy
    pypi(meant)

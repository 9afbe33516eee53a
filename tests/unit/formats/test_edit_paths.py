"""Adding a path at one end of the list that a variable is."""

from __future__ import annotations

import pytest

from stead.formats import edit
from stead.values.errors import ManifestError

FILE = "/p/stead.toml"


def put(text: str, *, last: bool) -> str:
    return edit.put_path(
        FILE, text, "PATH", "tools", absolute="/p/tools", separator=":", last=last
    ).removeprefix("[vars]\n")


@pytest.mark.parametrize(
    ("held", "first", "last"),
    [
        (
            "",
            'PATH = { type = "paths", value = ["tools", "${PATH}"] }\n',
            'PATH = { type = "paths", value = ["${PATH}", "tools"] }\n',
        ),
        ('PATH = "/a:/b"\n', 'PATH = "/p/tools:/a:/b"\n', 'PATH = "/a:/b:/p/tools"\n'),
        (
            'PATH = { type = "paths", value = "a:b" }\n',
            'PATH = { type = "paths", value = "tools:a:b" }\n',
            'PATH = { type = "paths", value = "a:b:tools" }\n',
        ),
        (
            'PATH = { type = "paths", value = ["a"] }\n',
            'PATH = { type = "paths", value = ["tools", "a"] }\n',
            'PATH = { type = "paths", value = ["a", "tools"] }\n',
        ),
    ],
)
def test_at_either_end(held, first, last):
    assert put(f"[vars]\n{held}", last=False) == first
    assert put(f"[vars]\n{held}", last=True) == last


@pytest.mark.parametrize("value", ['["a", "${PATH}"]', '"a:${PATH}"'])
def test_beside_what_is_at_that_end_already(value):
    text = f'[vars]\nPATH = {{ type = "paths", value = {value} }}\n'
    assert "tools" in put(text, last=False)
    with pytest.raises(ManifestError, match="at its beginning here") as caught:
        put(text, last=True)
    assert "put /p/tools at the beginning" in str(caught.value.remedy)


@pytest.mark.parametrize("value", ['["${PATH}", "a"]', '"${PATH}:a"'])
def test_behind_what_is_at_the_other_end(value):
    text = f'[vars]\nPATH = {{ type = "paths", value = {value} }}\n'
    assert "tools" in put(text, last=True)
    with pytest.raises(ManifestError, match="at its end here"):
        put(text, last=False)

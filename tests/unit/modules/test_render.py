"""Rendering an item's files: as Jinja would, also where Jinja is not asked."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stead.config.render.sandbox import Environment
from stead.modules import render
from stead.values.errors import RegistryError
from stead.values.item import Item, ItemFile

NAMES = {"type": "loglog", "folds": 5, "exact": True, "rate": 0.5, "max_rows": 7}


def rendered(text: str) -> str:
    files = (ItemFile("a.py", text.encode(), rendered=True),)
    item = Item("x", "app", "1.0", "", files=files)
    options = [(name.replace("_", "-"), value) for name, value in NAMES.items()]
    (file,) = render.written(item, options)
    assert not file.rendered
    return file.content.decode()


def test_files_that_carry_no_options_are_copied() -> None:
    files = (ItemFile("data.bin", b"\xff{{ type }}", executable=True),)
    assert render.written(Item("x", "app", "1.0", "", files=files), ()) == files


PIECES = st.sampled_from(
    (
        *("a", "\n", " ", "{", "}", "é", "#", "%", "}}", "%}", "\r\n", "{# gone #}"),
        *("{{ type }}", "{{type}}", "{{ folds }}", "{{ exact }}", "{{ rate }}", "{{ max_rows }}"),
        *("{{ type|upper }}", "{{- type -}}", "{% if exact %}yes{% endif %}"),
    )
)


@settings(max_examples=200, deadline=None)
@given(st.lists(PIECES, max_size=12).map("".join))
def test_it_renders_as_jinja_does(text: str) -> None:
    try:
        expected = Environment(None, (), text).from_string(text).render(NAMES)
    except Exception:  # noqa: BLE001 (whatever it is, it must be refused)
        with pytest.raises(RegistryError):
            rendered(text)
    else:
        assert rendered(text) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{{ tipe }}", "tipe"),
        ("{% if %}", "line 1"),
        ("{{ ''.__class__.__mro__ }}", "not there"),
        ("{{ 'x' * 100000000 }}", "too much"),
        ("{% include 'other' %}", "loader"),
        ("{{ folds / 0 }}", "ZeroDivisionError"),
    ],
)
def test_a_template_that_cannot_be_rendered_is_refused(text: str, said: str) -> None:
    with pytest.raises(RegistryError, match=r"cannot be rendered") as caught:
        rendered(text)
    assert said in f"{caught.value.where} {caught.value.message}"


def test_naming_options_does_not_load_the_engine() -> None:
    import subprocess

    code = (
        "import sys\n"
        "from stead.modules.render import written\n"
        "from stead.values.item import Item, ItemFile\n"
        "f = ItemFile('a', b'{{ type }}', rendered=True)\n"
        "written(Item('x', 'app', '1', '', files=(f,)), [('type', 'a')])\n"
        "print('jinja2' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"

"""Rendering an item's files: as Jinja would, also where Jinja is not asked."""

from __future__ import annotations

import os
import sys

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stead.config.render.sandbox import Environment
from stead.modules import render
from stead.values.errors import RegistryError
from stead.values.item import Item, ItemFile

NAMES = {"type": "loglog", "folds": 5, "exact": True, "rate": 0.5, "max_rows": 7}
NAMES |= {"none": "few", "self": "own", "plain": False, "empty": ""}


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


PLAIN = ("a", "\n", " ", "{", "}", "é", "#", "%", "}}", "%}", "#}", "\r\n")
PRINTED = ("type", " type ", "- type -", " folds", "exact ", " rate ", " max_rows -", " none ")
CONDITIONS = (
    *("exact", "plain", "not exact", "not  plain", "empty", "folds", "type == 'loglog'"),
    *('type == "linear"', 'type!="linear"', "not type == 'loglog'", "type == '=='", "type == ''"),
    *("folds == 5", "folds != 05", "exact == 1", "rate == 0", "type == folds", "type == 'it\\n'"),
    *("exact and plain", "not not exact", "folds > 3", "tipe", "none", "true", "", "self"),
)
MARKS = ("if", "elif", "else", "endif", " if", "if ", "raw", "endraw")
SIGNS = st.sampled_from(("", "-"))


def tag(start: str, inside: st.SearchStrategy[str], end: str) -> st.SearchStrategy[str]:
    return st.builds(lambda a, text, b: start + a + text + b + end, SIGNS, inside, SIGNS)


def conditional(within: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    asked = st.sampled_from(CONDITIONS)
    start = tag("{%", asked.map(lambda c: f" if {c} "), "%}")
    other = tag("{%", asked.map(lambda c: f" elif {c} "), "%}")
    last = tag("{%", st.just(" else "), "%}")
    end = tag("{%", st.just(" endif "), "%}")
    return st.one_of(
        st.tuples(start, within, end),
        st.tuples(start, within, last, within, end),
        st.tuples(start, within, other, within, last, within, end),
    ).map("".join)


PIECES = st.one_of(
    st.sampled_from(PLAIN),
    tag("{{", st.sampled_from(PRINTED), "}}"),
    tag("{#", st.sampled_from((" gone ", "", "{{ type }}", "\n")), "#}"),
)
TEXTS = st.lists(PIECES, max_size=4).map("".join)
WHOLE = st.recursive(
    TEXTS, lambda inner: st.lists(conditional(inner) | inner, max_size=3).map("".join), max_leaves=8
)
BROKEN = st.lists(
    PIECES
    | tag(
        "{%", st.builds("{} {}".format, st.sampled_from(MARKS), st.sampled_from(CONDITIONS)), "%}"
    )
    | st.sampled_from(("{{ type|upper }}", "{{", "{%", "{#", "{% endif %}", "{% else %}")),
    max_size=8,
).map("".join)


@settings(max_examples=int(os.environ.get("STEAD_SOAK") or 300), deadline=None)
@given(WHOLE | BROKEN)
@example("{% if type == 'linear' %}1{% elif exact %}2{% else %}3{% endif %}")
@example(
    "{% if exact %}{% if plain %}a{% else %}b{% endif %}{% else %}{% if exact %}c{% endif %}{% endif %}"
)
@example("{% if exact %}a{% else %}b{% else %}c{% endif %}")
@example("{% if exact %}a{% else %}b{% elif plain %}c{% endif %}")
@example("{% if exact %}a{% elif type == 'loglog' %}b{% else %}c{% endif %}")
@example("{% if folds != 05 %}a{% endif %}")
@example(r"{% if type == 'log\x6cog' %}a{% endif %}")
@example("{{ self }}")
@example(" {%- if plain -%} {%- else -%} \n b {#- -#} c {%- endif %} ")
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


@pytest.mark.parametrize(
    "text",
    [
        "{{ type }}",
        "{% if type == 'b' %}1{% elif type != 'c' %}2{% else %}3{% endif %}",
        "{%- if not type -%} none {%- endif %}{# nothing #}",
    ],
)
def test_naming_options_and_asking_for_them_does_not_load_the_engine(text: str) -> None:
    import subprocess

    code = (
        "import sys\n"
        "from stead.modules.render import written\n"
        "from stead.values.item import Item, ItemFile\n"
        "f = ItemFile('a', sys.argv[1].encode(), rendered=True)\n"
        "written(Item('x', 'app', '1', '', files=(f,)), [('type', 'a')])\n"
        "print('jinja2' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, text], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"

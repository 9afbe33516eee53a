"""Templates: values as a process gets them, and every mistake named with its line."""

from __future__ import annotations

import pytest

from stead.config.render import included, render, used
from stead.values.errors import ManifestError
from stead.values.kinds import RenderedFile
from stead.values.origin import Origin

FILE = RenderedFile(
    "viewer.ini", template="conf/viewer.tmpl", base="/p", origin=Origin("/p/stead.toml", 3)
)
VALUES = {
    "PG_URL": "postgres://a%40b:x@h/db",
    "PORT": 5,
    "DEBUG": True,
    "SEARCH": ["/a", "/b c"],
    "QUOTE": 'it\'s "wow"',
    "items": "odd",
}
TEXTS = {
    "PG_URL": "postgres://a%40b:x@h/db",
    "PORT": "5",
    "DEBUG": "yes",
    "SEARCH": "/a:/b c",
    "QUOTE": 'it\'s "wow"',
    "items": "odd",
}


def made(text, *, beside=None, known=()):
    return render(
        FILE, text, VALUES, {"raw": "/p/raw"}, TEXTS, load=(beside or {}).get, known=known
    )


def refused(text, **options):
    with pytest.raises(ManifestError) as caught:
        made(text, **options)
    return caught.value


class TestValues:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("{{ PG_URL }}", "postgres://a%40b:x@h/db"),
            ("{{ vars.PORT }}", "5"),
            ("{{ vars['PORT'] }}", "5"),
            ("{{ paths.raw }}", "/p/raw"),
            ("{{ vars.items }}", "odd"),
            ("{{ PORT + 1 }}", "6"),
            ("a\n", "a\n"),
            ("a", "a"),
            ("<{{ QUOTE }}>", '<it\'s "wow">'),
            ("{% if DEBUG %}on{% else %}off{% endif %}", "on"),
            ("{% for d in SEARCH %}[{{ d }}]{% endfor %}", "[/a][/b c]"),
            ("{% set PORT = 7 %}{{ PORT }}", "7"),
            ("{{ GONE is defined }}", "false"),
            ("{{ GONE | default('x') }}", "x"),
            ("{{ vars.GONE | default('x') }}", "x"),
        ],
    )
    def test_what_a_template_gives(self, text, expected):
        assert made(text) == expected

    @pytest.mark.parametrize("text", ["{{ DEBUG }}", "{{ vars.DEBUG }}", "{{ DEBUG | shell }}"])
    def test_a_printed_variable_is_the_text_that_a_process_gets(self, text):
        assert made(text) == "yes"

    def test_so_is_one_that_is_joined_to_text(self):
        assert made("{{ 'is ' ~ DEBUG }} {{ SEARCH }}") == "is yes /a:/b c"

    def test_truth_that_is_computed_is_written_like_everywhere_else(self):
        assert made("{{ PORT == 5 }} {{ not DEBUG }}") == "true false"

    def test_line_ends_of_the_template_are_kept(self):
        assert made("a = {{ PORT }}\r\nb\r\n") == "a = 5\r\nb\r\n"
        assert made("a = {{ PORT }}\nb\n") == "a = 5\nb\n"

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("{{ QUOTE | json }}", '"it\'s \\"wow\\""'),
            ("{{ PORT | json }} {{ DEBUG | json }} {{ SEARCH | json }}", '5 true ["/a", "/b c"]'),
            ("{{ SEARCH | yaml }}", '["/a", "/b c"]'),
            ("{{ QUOTE | toml }} {{ PORT | toml }}", '"it\'s \\"wow\\"" 5'),
            ("{{ QUOTE | shell }}", "'it'\"'\"'s \"wow\"'"),
            ("{{ PG_URL | urlencode }}", "postgres%3A%2F%2Fa%2540b%3Ax%40h%2Fdb"),
            ("{{ PG_URL | ini('double') }}", "postgres://a%%40b:x@h/db"),
            ("{{ PG_URL | ini('keep') }}", "postgres://a%40b:x@h/db"),
            ("{{ 'é = x' | properties }}", "\\u00E9 = x"),
        ],
    )
    def test_filters_fit_a_value_to_where_it_stands(self, text, expected):
        assert made(text) == expected


class TestUnknownNames:
    def test_one_is_named_with_template_line_and_what_was_meant(self):
        error = refused("a\n{{ PG_ULR }}\n")
        assert error.where == Origin("/p/conf/viewer.tmpl", 2)
        assert "PG_ULR" in error.message
        assert "viewer.ini" in error.message
        assert "PG_URL" in error.remedy

    def test_all_of_a_template_are_named_at_once(self):
        error = refused(
            "{{ PG_ULR }}\n{{ vars.PORTT }}\n{{ paths.rwa }}\n{% if DEBGU %}x{% endif %}"
        )
        said = str(error)
        for line, name in ((1, "PG_ULR"), (2, "PORTT"), (3, "paths.rwa"), (4, "DEBGU")):
            assert f"viewer.tmpl:{line}: " in said
            assert name in said

    def test_one_in_a_branch_that_is_not_taken_is_named_too(self):
        assert "PG_ULR" in refused("{% if not DEBUG %}{{ PG_ULR }}{% endif %}").message

    def test_a_known_name_without_a_value_may_be_asked_for(self):
        assert made("{% if PG_SSL is defined %}x{% endif %}", known=["PG_SSL"]) == ""
        error = refused("{{ PG_SSL }}", known=["PG_SSL"])
        assert "PG_SSL has no value" in error.message

    def test_a_misspelt_name_may_not_even_be_asked_for(self):
        error = refused("{% if PG_SLS is defined %}x{% endif %}", known=["PG_SSL"])
        assert "did you mean PG_SSL?" in error.remedy

    def test_names_that_a_template_sets_itself_are_known(self):
        text = "{% macro m(x) %}<{{ x }}>{% endmacro %}{% for p in SEARCH %}{{ m(p) }}{% endfor %}"
        assert made(text) == "</a></b c>"


class TestOtherMistakes:
    def test_of_syntax(self):
        error = refused("a\nb\n{{ PORT ")
        assert error.where == Origin("/p/conf/viewer.tmpl", 3)

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("x\n{{ SEARCH[0] + PORT }}", "PORT or SEARCH"),
            ("x\n{{ QUOTE.nothing }}", "QUOTE"),
            ("x\n{{ PORT // 0 }}", "PORT"),
            ("x\n{{ PG_URL | ini }}", "PG_URL"),
            ("x\n{{ vars.SEARCH | shell(1) }}", "SEARCH"),
        ],
    )
    def test_when_rendering_name_line_and_variable(self, text, said):
        error = refused(text)
        assert error.where == Origin("/p/conf/viewer.tmpl", 2)
        assert said in error.message

    @pytest.mark.parametrize(
        "text",
        [
            "{{ ''.__class__ }}",
            "{{ vars.__init__ }}",
            "{{ SEARCH.append('x') }}",
            "{{ 'x' * 99999999999 }}",
            "{{ 9 ** 99999999 }}",
            "{{ range(999999999) | list }}",
            "{{ 'x'.__class__.__mro__[1].__subclasses__() }}",
        ],
    )
    def test_the_sandbox_holds(self, text):
        assert refused(text).where == Origin("/p/conf/viewer.tmpl", 1)

    @pytest.mark.parametrize(
        "text",
        [
            "{{ {}[QUOTE] }}",
            "{{ QUOTE[QUOTE] }}",
            "{{ QUOTE + 1 }}",
            "{{ QUOTE | float + QUOTE }}",
            "{{ [1] | sum(attribute=QUOTE) }}",
            "{{ QUOTE | batch(QUOTE) | list }}",
            "{{ ('%d' | format(QUOTE)) }}",
            "{{ paths[QUOTE] }}",
            "{{ vars[QUOTE] }}",
        ],
    )
    def test_no_message_shows_a_value(self, text):
        error = refused(text)
        assert "wow" not in str(error)
        assert error.__cause__ is None or "wow" not in str(error.__cause__)

    def test_a_list_has_no_text_of_its_own(self):
        assert "json" in refused("{{ SEARCH + [] }}").message

    def test_what_differs_each_time_is_not_offered(self):
        assert "random" in refused("{{ SEARCH | random }}").message


class TestOtherTemplates:
    def test_one_beside_it_may_be_included(self):
        beside = {"part.tmpl": "{{ PORT }}", "sub/x": "{{ DEBUG }}"}
        text = "{% include 'part.tmpl' %} {% include 'sub/x' %}"
        assert made(text, beside=beside) == "5 yes"

    def test_imported_macros_see_the_variables(self):
        beside = {"m": "{% macro line(n) %}{{ n }} = {{ PORT }}{% endmacro %}"}
        assert made("{% from 'm' import line %}{{ line('x') }}", beside=beside) == "x = 5"

    def test_a_template_may_extend_another(self):
        beside = {"base": "<{% block b %}{% endblock %}>"}
        text = "{% extends 'base' %}{% block b %}{{ PORT }}{% endblock %}"
        assert made(text, beside=beside) == "<5>"

    @pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/../../x", "C:/x", "a\\..\\x"])
    def test_nothing_outside_its_directory_is_read(self, name):
        asked = []

        def load(path):
            asked.append(path)
            return "read"

        with pytest.raises(ManifestError):
            render(FILE, f"{{% include {name!r} %}}", VALUES, {}, TEXTS, load=load)
        assert asked == []

    def test_a_mistake_in_one_is_found_with_its_own_line(self):
        error = refused("{% include 'part' %}", beside={"part": "\n\n{{ NO }}"})
        assert error.where == Origin("/p/conf/part", 3)

    def test_what_the_including_one_sets_is_known_in_it(self):
        text = "{% set here = 1 %}{% include 'part' %}"
        assert made(text, beside={"part": "{{ here }}"}) == "1"

    def test_one_that_is_not_there(self):
        error = refused("x\n{% include 'part' %}")
        assert error.where == Origin("/p/conf/viewer.tmpl", 2)
        assert made("x{% include 'part' ignore missing %}") == "x"

    def test_a_computed_name_is_refused(self):
        assert "computed" in refused("{% include QUOTE %}").message

    def test_all_that_take_part_are_told(self):
        beside = {"a": "{% include 'b' %}", "b": "x"}
        text = "{% include 'a' %}{% include 'c' ignore missing %}"
        assert included(FILE, text, load=beside.get) == ("a", "b", "c")

    def test_templates_that_include_each_other_end(self):
        beside = {"a": "{% include 'a' %}"}
        assert "without end" in refused("{% include 'a' %}", beside=beside).message


class TestUsed:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("{{ PORT }}", {"PORT"}),
            ("{{ vars.PORT }} {{ vars['DEBUG'] }}", {"PORT", "DEBUG"}),
            ("{{ NO }}", set()),
            ("{% if PORT is defined %}{% endif %}", {"PORT"}),
            ("{% include 'part' %}", {"QUOTE"}),
            ("{{ vars }}", set(VALUES)),
            ("{% for n in vars.keys() %}{% endfor %}", set(VALUES)),
            ("{{ vars[PORT] }}", set(VALUES)),
            ("{{ ", set(VALUES)),
            ("no variables", set()),
        ],
    )
    def test_a_template_tells_which_variables_may_show(self, text, expected):
        assert used(FILE, text, VALUES, load={"part": "{{ QUOTE }}"}.get) == expected

    def test_one_that_is_not_there_may_show_all(self):
        assert used(FILE, None, VALUES) == set(VALUES)


def test_a_template_that_is_not_there_is_named():
    with pytest.raises(ManifestError, match="viewer") as caught:
        render(FILE, None, VALUES, {}, TEXTS)
    assert caught.value.where == FILE.origin

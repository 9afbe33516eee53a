"""Files of values: what a real reader of each format reads back is what was in the table."""

from __future__ import annotations

import configparser
import io
import json
import math
import shlex
import subprocess
import tomllib
from urllib.parse import unquote

import dotenv
import javaproperties
import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from stead.config.render import embed, format_of, render, used
from stead.formats import dotenv as formats_dotenv
from stead.values.errors import ManifestError
from stead.values.kinds import RenderedFile
from stead.values.origin import Origin

VALUES = {
    "PG_URL": "postgres://a%40b:x@h/db?q=1#f",
    "PORT": 5432,
    "RATIO": 0.5,
    "LARGE": 1e16,
    "DEBUG": True,
    "SEARCH": ["/a", "/b c"],
    "LIMITS": {"a": [1, {"b": None}], "é": "ß"},
    "EMPTY": "",
    "NO": "no",
    "OCTAL": "0o14",
    "EXPONENT": "1e3",
    "TIME": "12:30:45",
    "QUOTED": 'say "it\'s" \\ done',
    "GREEK": "αβγ 😀",
}
ONE_LINE = {n: v for n, v in VALUES.items() if not isinstance(v, list | dict)}
TEXTS = {name: str(value) for name, value in VALUES.items()} | {"DEBUG": "yes"}


def made(format_, values=VALUES, texts=TEXTS, **rest):
    options = {n: rest.pop(n) for n in ("declared", "known") if n in rest}
    file = RenderedFile("out", format=format_, origin=Origin("stead.toml", 9), **rest)
    return render(file, None, values, {}, texts, dotenv_writer=formats_dotenv.write, **options)


def read_json(text):
    return json.loads(text)


def read_yaml11(text):
    return yaml.safe_load(text)


def read_yaml12(text):
    return YAML(typ="safe", pure=True).load(io.StringIO(text))


def read_toml(text):
    return tomllib.loads(text)


def read_ini(text):
    parser = configparser.ConfigParser(interpolation=configparser.BasicInterpolation())
    parser.optionxform = str
    parser.read_string(text)
    return {name: dict(parser[name]) for name in parser if parser[name] or name != "DEFAULT"}


TYPED = {
    "json": [read_json],
    "yaml": [read_yaml11, read_yaml12],
    "toml": [read_toml],
}
CASES = [(name, reader) for name, readers in TYPED.items() for reader in readers]


@pytest.mark.parametrize(("format_", "read"), CASES)
class TestTyped:
    def test_values_keep_their_types(self, format_, read):
        values = dict(VALUES)
        if format_ == "toml":
            values["LIMITS"] = {"a": [1, {"b": 2}], "é": "ß"}
        found = read(made(format_, values))
        assert found == values
        assert {n: type(v) for n, v in found.items()} == {n: type(v) for n, v in values.items()}

    def test_values_may_stand_in_tables(self, format_, read):
        found = read(made(format_, {"A": 1}, section="tool.no"))
        assert found == {"tool": {"no": {"A": 1}}}

    def test_a_file_of_nothing(self, format_, read):
        assert read(made(format_, {})) == {}

    def test_other_types_are_their_text(self, format_, read):
        odd = complex(1, 2)
        assert read(made(format_, {"A": odd}, {"A": "1+2j"})) == {"A": "1+2j"}

    @given(value=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
    @example(value="y")
    @example(value="1_000")
    @example(value="0b1")
    @example(value="~")
    @example(value="a: b")
    @example(value="- a")
    @example(value="\x85\u2028\x7f\ufeff\x1b")
    @example(value=".inf")
    @example(value="2001-01-01")
    @example(value="=")
    @example(value="<<")
    @example(value="\ufffe\uffff")
    def test_any_text_is_read_back(self, format_, read, value):
        assert read(made(format_, {"A": value}, {"A": value})) == {"A": value}

    @given(
        value=st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**63), 2**63 - 1)
    )
    def test_any_number_is_read_back(self, format_, read, value):
        found = read(made(format_, {"A": value}, {}))["A"]
        assert found == value
        assert type(found) is type(value)


@pytest.mark.parametrize("format_", ["yaml", "toml"])
def test_numbers_that_are_none(format_):
    text = made(format_, {"A": math.inf, "B": -math.inf, "C": math.nan}, {})
    found = (yaml.safe_load if format_ == "yaml" else tomllib.loads)(text)
    assert found["A"] == math.inf
    assert found["B"] == -math.inf
    assert math.isnan(found["C"])


class TestIni:
    def test_values_are_the_texts_that_a_process_gets(self):
        values = {n: v for n, v in ONE_LINE.items() if n != "PG_URL"}
        found = read_ini(made("ini", values, section="viewer"))
        assert found == {"viewer": {n: TEXTS[n] for n in values}}

    def test_without_a_section_they_are_the_defaults_of_all(self):
        assert read_ini(made("ini", {"A": 1}, {"A": "1"})) == {"DEFAULT": {"A": "1"}}

    def test_names_that_differ_in_case_only(self):
        with pytest.raises(ManifestError, match="cannot hold a"):
            made("ini", {"A": "1", "a": "2"}, {"A": "1", "a": "2"})

    @pytest.mark.parametrize("section", ["a]b", "a\nb", " a"])
    def test_a_section_that_cannot_be(self, section):
        with pytest.raises(ManifestError, match="section"):
            made("ini", {"A": "1"}, {}, section=section)

    @given(value=st.text(st.characters(exclude_categories=["Cs"]), max_size=12))
    @example(value="a%b")
    @example(value="a ; b")
    @example(value="#a")
    @example(value='"a"')
    @example(value="a\u2028b")
    def test_a_value_is_read_back_or_refused(self, value):
        try:
            text = made("ini", {"A": value}, {"A": value})
        except ManifestError:
            return
        assert read_ini(text) == {"DEFAULT": {"A": value}}
        plain = configparser.RawConfigParser(inline_comment_prefixes=("#", ";"))
        plain.read_string(text)
        assert plain["DEFAULT"]["A"] == value

    @given(value=st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=12))
    def test_the_filter_says_for_which_reader(self, value):
        for percent, interpolation in (
            ("double", configparser.BasicInterpolation()),
            ("keep", None),
        ):
            try:
                text = embed.ini(value, percent)
            except embed.UnholdableError:
                return
            parser = configparser.ConfigParser(interpolation=interpolation)
            parser.read_string(f"[s]\nA = {text}\n")
            assert parser["s"]["A"] == value


class TestProperties:
    def test_values_are_the_texts_that_a_process_gets(self):
        found = javaproperties.loads(made("properties", ONE_LINE))
        assert found == {n: TEXTS[n] for n in ONE_LINE}

    def test_a_section_goes_before_the_names(self):
        assert made("properties", {"A": 1}, {"A": "1"}, section="spring.x") == "spring.x.A=1\n"

    @given(value=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
    @example(value="  a")
    @example(value="!a=:\\\n")
    def test_any_text_is_read_back(self, value):
        text = made("properties", {"A": value}, {"A": value})
        assert text.isascii()
        assert javaproperties.loads(text) == {"A": value}

    @given(
        name=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)
    )
    def test_any_name_is_too(self, name):
        line = f"{embed.properties_key(name)}=x\n"
        assert javaproperties.loads(line) == {name: "x"}


class TestEnv:
    def test_values_are_the_texts_that_a_process_gets(self):
        values = {n: v for n, v in ONE_LINE.items() if n != "QUOTED"}
        found = dotenv.dotenv_values(stream=io.StringIO(made("env", values)))
        assert found == {n: TEXTS[n] for n in values}

    def test_what_readers_differ_about_is_refused(self):
        values = {"A": "it's $HOME", "B": "b\r", "C": "c"}
        with pytest.raises(ManifestError) as caught:
            made("env", values, values)
        assert "out" in caught.value.message
        assert [line.split()[0] for line in caught.value.details] == ["A", "B"]

    def test_there_are_no_sections(self):
        with pytest.raises(ManifestError, match="no sections"):
            made("env", {"A": "1"}, {"A": "1"}, section="x")


class TestUnholdable:
    @pytest.mark.parametrize("format_", ["json", "yaml", "toml", "ini", "properties"])
    @pytest.mark.parametrize("value", ["planted\0", "planted\udcff"])
    def test_variable_and_file_are_named_and_the_value_is_not(self, format_, value):
        with pytest.raises(ManifestError) as caught:
            made(format_, {"GOOD": "x", "TOKEN": value}, {"GOOD": "x", "TOKEN": value})
        error = caught.value
        assert error.where == Origin("stead.toml", 9)
        assert "TOKEN" in error.message
        assert "out" in error.message
        assert "planted" not in str(error)

    @pytest.mark.parametrize(
        ("format_", "value"),
        [
            ("json", math.nan),
            ("json", [math.inf]),
            ("toml", None),
            ("toml", 2**63),
            ("toml", {"a": [None]}),
            ("ini", "a\nb"),
            ("ini", " a"),
            ("ini", "100%"),
        ],
    )
    def test_what_a_format_has_not(self, format_, value):
        with pytest.raises(ManifestError, match="cannot hold A"):
            made(format_, {"A": value}, {})

    def test_all_at_once(self):
        with pytest.raises(ManifestError) as caught:
            made("ini", {"A": "a\n", "B": "b", "C": " c"}, {})
        assert [line[0] for line in caught.value.details] == ["A", "C"]


class TestWhich:
    def test_names_may_be_patterns(self):
        assert read_json(made("json", names=("P*", "DEBUG"))) == {
            n: VALUES[n] for n in ("PG_URL", "PORT", "DEBUG")
        }

    def test_without_any_it_is_what_is_declared(self):
        assert read_json(made("json", declared={"PORT", "GONE"})) == {"PORT": 5432}

    def test_a_misspelt_name_is_an_error(self):
        with pytest.raises(ManifestError, match="PROT") as caught:
            made("json", names=("PROT",))
        assert "PORT" in caught.value.remedy

    def test_a_known_one_without_a_value_is_left_out(self):
        assert read_json(made("json", names=("PORT", "PG_SSL"), known=["PG_SSL"])) == {"PORT": 5432}

    def test_names_tell_what_is_used(self):
        file = RenderedFile("x.json", format="json", names=("P*",))
        assert used(file, None, VALUES) == {"PG_URL", "PORT"}
        whole = RenderedFile("x.json", format="json")
        assert used(whole, None, VALUES) == set(VALUES)
        assert used(whole, None, VALUES, declared=["PORT"]) == {"PORT"}

    @pytest.mark.parametrize(
        ("path", "format_"),
        [
            ("a.json", "json"),
            ("a.YML", "yaml"),
            ("a.toml", "toml"),
            ("a.cfg", "ini"),
            ("conf/.env", "env"),
            (".env.prod", "env"),
            ("a.properties", "properties"),
        ],
    )
    def test_the_format_shows_in_the_name(self, path, format_):
        assert format_of(RenderedFile(path)) == format_

    def test_or_has_to_be_said(self):
        with pytest.raises(ManifestError, match="format"):
            format_of(RenderedFile("a.conf"))


@given(value=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_a_url_holds_any_text(value):
    found = embed.urlencode(value)
    assert unquote(found) == value
    assert not set(found) & set("/?#&@: \"'<>")


@given(value=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_a_shell_word_is_one_word(value):
    assert shlex.split(embed.shell(value)) == [value]


def test_a_real_shell_reads_it_back():
    value = 'it\'s "so" $HOME `x` \\ \n é'
    said = subprocess.run(
        ["sh", "-c", f"printf %s {embed.shell(value)}"], capture_output=True, check=True
    )
    assert said.stdout.decode() == value

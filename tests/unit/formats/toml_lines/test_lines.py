"""Every key path has the line it was written on, however it was written."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stead.formats.toml_lines import Lines, parse
from stead.values.errors import ManifestError

TEXT = '''\
# a comment with [brackets] and = signs
top = 1
"quoted key" = "a # b" # why
'literal.key' = 'c'
a.b.c = true
date = 1979-05-27 07:32:00

[table] # [not.this]
list = [ # first
  "x",
  # y = 1
  ["deep", """
two lines"""],
  { inner = 1, other.deeper = [1, 2] },
]
text = """
[not.a.table]
key = "no"
"""
after = \'\'\'
'' quotes ''\'\'\'
last = "\\" # not a comment"

[[array]]
name = "first"

[array.sub]
k = 1

[[array]]
name = "second"
[[array.inner]]
z = 1
[[array.inner]]
z = 2

[x.y."z w"]
k = 1
[x]
own = 1
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("top",), 2),
        (("quoted key",), 3),
        (("literal.key",), 4),
        (("a",), 5),
        (("a", "b", "c"), 5),
        (("date",), 6),
        (("table",), 8),
        (("table", "list"), 9),
        (("table", "list", 0), 10),
        (("table", "list", 1), 12),
        (("table", "list", 1, 1), 12),
        (("table", "list", 2), 14),
        (("table", "list", 2, "inner"), 14),
        (("table", "list", 2, "other", "deeper", 1), 14),
        (("table", "text"), 16),
        (("table", "after"), 20),
        (("table", "last"), 22),
        (("array",), 24),
        (("array", 0), 24),
        (("array", 0, "name"), 25),
        (("array", 0, "sub", "k"), 28),
        (("array", 1), 30),
        (("array", 1, "name"), 31),
        (("array", 1, "inner", 1), 34),
        (("array", 1, "inner", 1, "z"), 35),
        (("x", "y", "z w"), 37),
        (("x", "y"), 37),
        (("x",), 39),
        (("x", "own"), 40),
    ],
)
def test_each_path_has_its_line(path, line):
    tomllib.loads(TEXT)
    assert Lines(TEXT).at(*path) == line
    assert Lines(TEXT.replace("\n", "\r\n")).at(*path) == line


def test_an_unknown_path_has_the_line_of_its_nearest_parent():
    lines = Lines(TEXT)
    assert lines.at("table", "missing", "deep") == 8
    assert lines.at("array", 1, "missing") == 30
    assert lines.at("missing") == 0
    assert lines.at() == 0


bare = st.from_regex(r"[A-Za-z0-9_-]{1,6}", fullmatch=True)
hostile = st.text(st.sampled_from("ab .#[]{}='\","), min_size=0, max_size=6)
words = st.text(st.sampled_from("ab \"'#[]{}=,\\é€"), max_size=8)


def quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


@st.composite
def keys(draw):
    if draw(st.booleans()):
        name = draw(bare)
        return name, name
    name = draw(hostile)
    return name, quoted(name)


class Writer:
    """Writes random TOML and notes where each path went."""

    def __init__(self, draw):
        self.draw = draw
        self.text = ""
        self.expected = {}

    @property
    def line(self):
        return self.text.count("\n") + 1

    def gap(self):
        while self.draw(st.integers(0, 3)) == 0:
            self.text += self.draw(st.sampled_from(["\n", "# [c] = 'x'\n", "   \n"]))

    def value(self, path, depth, *, one_line=False):
        self.expected[path] = min(self.expected.get(path, self.line), self.line)
        kind = self.draw(st.integers(0, 7 if depth else 4))
        if kind == 0:
            self.text += self.draw(st.sampled_from(["1", "3.5", "true", "1979-05-27", "-inf"]))
        elif kind == 1:
            self.text += quoted(self.draw(words))
        elif kind == 2:
            self.text += "'" + self.draw(words).replace("'", "") + "'"
        elif kind == 3 and not one_line:
            inner = self.draw(words).replace("\\", "").replace('"', "")
            self.text += f'"""\n[{inner}]\n# x = "y"\n{inner}"""'
        elif kind == 4 and not one_line:
            self.text += "'''\n" + self.draw(words).replace("'", "") + "\n'''"
        elif kind in (5, 6):
            self.text += "["
            for index in range(self.draw(st.integers(0, 3))):
                if not one_line:
                    self.text += self.draw(st.sampled_from(["", "\n  ", " # c ]\n "]))
                self.value((*path, index), depth - 1, one_line=one_line)
                self.text += ","
            self.text += "" if one_line else self.draw(st.sampled_from(["", "\n"]))
            self.text += "]"
        else:
            self.text += "{ "
            names = self.draw(st.lists(keys(), max_size=2, unique_by=lambda k: k[0]))
            for number, (name, written) in enumerate(names):
                self.text += ", " if number else ""
                here = self.line
                self.text += f"{written} = "
                self.value((*path, name), depth - 1, one_line=True)
                self.expected[(*path, name)] = here
            self.text += " }"

    def pairs(self, path):
        names = self.draw(st.lists(keys(), max_size=3, unique_by=lambda k: k[0]))
        for name, written in names:
            self.gap()
            here = self.line
            if self.draw(st.integers(0, 3)) == 0:
                last, second = self.draw(keys())
                self.text += f"{written}.{second} = "
                self.expected[(*path, name)] = here
                target = (*path, name, last)
            else:
                self.text += f"  {written}="
                target = (*path, name)
            self.expected[target] = here
            self.value(target, 2)
            self.text += self.draw(st.sampled_from(["\n", " # end\n"]))
        return {name for name, _ in names}

    def document(self):
        taken = self.pairs(())
        for name, written in self.draw(
            st.lists(
                keys().filter(lambda k: k[0] not in taken), max_size=3, unique_by=lambda k: k[0]
            )
        ):
            self.gap()
            if self.draw(st.booleans()):
                self.expected[(name,)] = self.line
                self.text += f"[{written}]\n"
                self.pairs((name,))
                continue
            self.expected[(name,)] = self.line
            for index in range(self.draw(st.integers(1, 2))):
                self.expected[(name, index)] = self.line
                self.text += f"[[ {written} ]]\n"
                own = self.pairs((name, index))
                if "sub" not in own and self.draw(st.booleans()):
                    self.expected[(name, index, "sub")] = self.line
                    self.text += f"[{written}.sub]\n"
                    self.pairs((name, index, "sub"))
        return self


@settings(max_examples=50)
@given(st.data())
def test_generated_toml_has_every_path_on_its_line(data):
    made = Writer(data.draw).document()
    tomllib.loads(made.text)
    lines = Lines(made.text)
    assert {path: lines.at(*path) for path in made.expected} == made.expected


@given(st.text(st.sampled_from("ab=[]{}\"'#.,\n \\"), max_size=60))
def test_no_text_is_too_broken_to_look_at(text):
    assert Lines(text).at("a", "b") <= text.count("\n") + 1


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("a = 1\nb = text\n", 2, "quotes"),
        ("a = 1\na = 2\n", 2, "once"),
        ("[a]\n[b]\n[a]\n", 3, "once"),
        ('a = "x\nb = 1\n', 1, "close the quote"),
        ("a = 1 b = 2\n", 1, "one statement per line"),
        ("a\n", 1, "key = value"),
        ("a = 1\n\n\nb = [1,\n", 4, ""),
        ("a = 1\n<<<<<<< HEAD\nb = 2\n=======\n", 2, "merge conflict"),
        ("a = " + "[" * 5000, 1, ""),
    ],
)
def test_a_syntax_error_names_its_line_and_what_to_do(text, line, says):
    with pytest.raises(ManifestError) as caught:
        parse(text, "/w/stead.toml")
    assert caught.value.where.file == "/w/stead.toml"
    assert caught.value.where.line in (line, 0 if "[[[[" in text else line)
    assert says in caught.value.remedy


def test_a_number_keeps_its_spelling():
    data, _ = parse("v = 3.10\n", "f")
    assert data["v"] == 3.1
    assert data["v"].text == "3.10"


def test_a_byte_order_mark_is_passed_over():
    data, lines = parse("\ufeffa = 1\r\nb = 2\r\n", "f")
    assert data == {"a": 1, "b": 2}
    assert lines.at("b") == 2

"""A lock that makes no sense is an error with file and line."""

from __future__ import annotations

import pytest

from stead.formats import stead_lock
from stead.values.errors import LockError

FILE = "/w/stead.lock"
BASE = """\
version = 1

[environment."."."default"."linux-64"]
python = "3.12"
artifacts = [
  "pypi/a-1.0",
]

[pin."m"]
location = "https://example.org/m.git"
commit = "abc"

[artifact."pypi/a-1.0"]
name = "a"
version = "1.0"
source = { kind = "path", location = "a" }
files = [
  { name = "a.whl", sha256 = "00", size = 1 },
]
depends = [
  "b >=1",
]
extra = { "k" = 1 }
"""


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("version = 1\n", "version = 2\n", 1, "newer Stead"),
        ("version = 1\n", "version = 99999\n", 1, "newer Stead"),
        ("version = 1\n", "", 0, "no format version"),
        ("version = 1\n", "version = 'one'\n", 1, "no format version"),
        ("version = 1\n", "version = 1\nother = 2\n", 2, "no key 'other'"),
        ('"pypi/a-1.0",\n', '"pypi/a-1.1",\n', 6, "pypi/a-1.1 is listed, but not described"),
        ('"pypi/a-1.0",\n', '"pypi/a-1.0",\n  "pypi/a-1.0",\n', 7, "listed twice"),
        ('  "pypi/a-1.0",\n', "  1,\n", 5, "list of strings"),
        ('python = "3.12"', "python = 3.12", 4, "python must be a string"),
        ('python = "3.12"', 'pyton = "3.12"', 4, "no key 'pyton'"),
        ('commit = "abc"\n', "", 9, "commit is missing"),
        ('name = "a"\n', "", 13, "name is missing"),
        ('name = "a"\n', 'name = "b"\n', 13, "not how b 1.0 is called"),
        ('name = "a"\n', 'name = "a"\nname = "a"\n', 15, "TOML"),
        ('kind = "path"', 'kind = "ftp"', 16, "none that Stead knows"),
        ("size = 1 ", "size = -1 ", 18, "number of bytes"),
        ("size = 1 ", 'size = 1, mtime = "x" ', 18, "no key 'mtime'"),
        ('sha256 = "00", ', "", 18, "sha256 is missing"),
        ('files = [\n  { name = "a.whl", sha256 = "00", size = 1 },\n]', "files = 1", 17, "a list"),
        ('"k" = 1 }', '"k" = 2026-11-01 }', 23, "dates"),
        ('"k" = 1 }', '"k" = inf }', 23, "infinite"),
        ('extra = { "k" = 1 }', "extra = 1", 23, "must be a table"),
        ('depends = [\n  "b >=1",\n]', 'depends = "b"', 20, "list of strings"),
        ('[artifact."pypi/a-1.0"]', "[artifact", 13, "TOML"),
        ('[environment."."."default"."linux-64"]', '[environment."."]', 4, "must be a table"),
        ('"b >=1",\n', '"b >=1",\n<<<<<<< HEAD\n', 22, "merge conflict"),
    ],
)
def test_nonsense_names_its_line(old, new, line, says):
    assert old in BASE
    stead_lock.read(BASE, FILE)
    with pytest.raises(LockError) as caught:
        stead_lock.read(BASE.replace(old, new), FILE)
    error = caught.value
    assert says in error.message
    assert (error.where.file, error.where.line) == (FILE, line)
    assert error.remedy


def test_a_newer_format_is_refused_before_the_rest_is_looked_at():
    text = "version = 7\n[[things]]\nname = 'new'\n"
    for read in (stead_lock.read, stead_lock.read_conflicted):
        with pytest.raises(LockError, match="newer Stead"):
            read(text, FILE)


def test_what_stands_in_a_file_of_the_lock_is_no_format_version():
    text = BASE.replace('"b >=1"', '"version = 9"')
    assert stead_lock.read(text, FILE).version == 1


@pytest.mark.parametrize("text", ["", "# nothing\n", "hello", "[environment]\n", "\x00"])
def test_what_is_no_lock_is_an_error(text):
    with pytest.raises(LockError) as caught:
        stead_lock.read(text, FILE)
    assert str(caught.value).startswith(FILE)

"""Each mistake has one clear error with file, line and a remedy."""

from __future__ import annotations

import pytest

from stead.formats import stead_toml
from stead.values.errors import ManifestError

FILE = "/w/stead.toml"


def mistake(text):
    with pytest.raises(ManifestError) as caught:
        stead_toml.read(FILE, lambda _: text)
    return caught.value


@pytest.mark.parametrize(
    ("text", "line", "says", "remedy"),
    [
        ("a = 1\n[packges]\n", 1, "2 mistakes", "mend each"),
        ("\n[packges]\n", 2, "unknown key packges", "did you mean packages?"),
        ("[workspace]\nmember = []\n", 2, "unknown key member in [workspace]", "members"),
        ("[vars]\n[zzz]\n", 2, "unknown key zzz", "known here: adopt, app"),
        ("[layer.t.varz]\n", 1, "unknown key varz in [layer.t]", "did you mean vars?"),
        ("channels = ['x']\n", 1, "unknown key channels", "channels stand in [packages.conda]"),
        ("[layer.t]\nchannels = []\n", 2, "channels in", "stand in [layer.t.packages.conda]"),
        ("[tasks.a]\nrum = ['x']\n", 2, "unknown key rum in [tasks.a]", "did you mean run?"),
        ("[packages.cnda]\nx = '1'\n", 1, "unknown ecosystem cnda", "did you mean conda?"),
        ("[packages.zzz]\nx = '1'\n", 1, "unknown ecosystem zzz", "known are conda, pypi"),
        ("[packages]\npython = 3.12\n", 2, "not the number 3.12", 'python = "3.12"'),
        ("[packages]\npython = 3.10\n", 2, "3.10", 'python = "3.10"'),
        ("[packages.conda]\nchannels = 'x'\n", 2, "a list of strings", 'channels = ["x"]'),
        ("[packages.pypi]\nx = 1\n", 2, "a string, false or a table", 'x = "1"'),
        ("[packages.pypi]\nx = true\n", 2, "not true", ""),
        ("[packages.pypi]\n'x y' = '1'\n", 2, '"x y"', "another name"),
        ("inherit = 'no'\n", 1, "inherit must be true or false", ""),
        ("[workspace]\nmembers = ['a', 1]\n", 2, "members[1] must be a string", ""),
        ("[workspace]\nplatforms = [\n'linux-64',\n'linux']\n", 4, "unknown platform", "osx-arm64"),
        ("[workspace]\nmembers = ['../x']\n", 2, "below this directory", ""),
        ("[workspace]\nexclude-newer = 'monday'\n", 2, "RFC 3339", "exclude-newer = "),
        ("[workspace]\nchannel-priority = 'strickt'\n", 2, '"strict"', 'did you mean "strict"?'),
        ("[vars]\n'A B' = '1'\n", 2, "not a name of a variable", ""),
        ("[vars]\nA = [['x']]\n", 2, "vars.A[0] must be", ""),
        ('[vars]\nA = "a\\u0000b"\n', 2, "NUL", ""),
        ("[tasks]\na = 'python x.py'\n", 2, "not the string", '["python", "x.py"]'),
        ("[tasks]\na = 'x && y'\n", 2, "not the string", '["sh", "-c", "x && y"]'),
        ("[tasks]\na = { run = 'x y' }\n", 2, "a list of strings", 'run = ["x", "y"]'),
        ("[tasks]\na = []\n", 2, "nothing to do", "for example"),
        ("[tasks]\n'-a' = ['x']\n", 2, "not a name of a task", ""),
        ("[uses]\na = {}\n", 2, "either path, git,", "path ="),
        ("[uses]\na = { path = 'x', git = 'y' }\n", 2, "either path, git,", ""),
        ("[uses]\na = { path = 'x', rev = 'y' }\n", 2, "rev goes with git", "remove rev"),
        ("[uses]\na = { git = 'u', subdirectory = '../x' }\n", 2, "leads out", ""),
        ("link = '../x'\n", 1, "inside this directory", '".venv"'),
        ("link = '.git/hooks'\n", 1, "must not lie in .git", '".venv"'),
        ("link = 'a/.JJ'\n", 1, "must not lie in .jj", '".venv"'),
        ("[vars]\nSTEAD_APPLIED = 'x'\n", 2, "are Stead's own", "otherwise"),
        ("[tasks]\na = { run = ['b'], env = { STEAD_HOME = 'x' } }\n", 2, "Stead's own", ""),
        ("link = '/abs'\n", 1, "inside this directory", '".venv"'),
        ("[layer.default]\n", 1, "top-level tables", "another name"),
        ("[layer.'a b']\n", 1, "not a name of a layer", ""),
        ("[packages.pypi]\nx = '^2.1'\n", 2, "PEP 440", ">=2.1,<3"),
        ("[packages.pypi]\nx = '~2.1'\n", 2, "PEP 440", ">=2.1,<2.2"),
        ("[packages.pypi]\nx = '^0.3.1'\n", 2, "PEP 440", ">=0.3.1,<0.4"),
        ("[packages.pypi]\nx = '=2'\n", 2, "PEP 440", '"==2"'),
        ("[packages.pypi]\nx = 'two'\n", 2, "no request for versions", "for example"),
        ("[packages.pypi]\nx = '>=2; os_name'\n", 2, "marker", "marker ="),
        ("[packages.pypi]\nx = 'git+https://e.org/x'\n", 2, "an address", "git ="),
        ("[packages.pypi]\npython = '3.12'\n", 2, "not a package of PyPI", "[packages]"),
        ("[packages.pypi]\na-b = '1'\nA_B = '2'\n", 3, "twice", "keep one"),
        ("[packages.pypi]\nx = { marker = 'platfrm' }\n", 2, "no marker", "for example"),
        (
            "[packages.pypi]\nx = { path = 'a', version = '1' }\n",
            2,
            "comes from path",
            "remove version",
        ),
        ("[packages.pypi]\nx = { path = 'a', git = 'b' }\n", 2, "exclude each other", "keep one"),
        ("[packages.pypi]\nx = { git='b', rev='1', tag='2' }\n", 2, "rev and tag", "most exact"),
        ("[packages.pypi]\nx = { editable = true }\n", 2, "editable goes with path", "remove"),
        ("[packages.pypi]\nx = { url = 'x.whl' }\n", 2, "whole address", "path ="),
        ("[packages.pypi]\nx = { git = 'https://u:hunter2@e.org/x' }\n", 2, "password", "netrc"),
        ("[packages.pypi]\nindexes = ['https://u:hunter2@e.org/s']\n", 2, "password", "netrc"),
        (
            "[packages.pypi]\nx = { url = 'https://e.org/x.whl?sig=s3' }\n",
            2,
            "sig=",
            "sig=${TOKEN}",
        ),
        ("[packages.pypi]\nindexes = [{ name = 'x' }]\n", 2, "lacks the key url", "add url"),
        (
            "[packages.pypi]\nindexes = [\n{ name = 'x', url = 'a' },\n{ name = 'x', url = 'b' }]\n",
            4,
            "two indexes",
            "name",
        ),
        ("[packages.conda]\nx = '^2.1'\n", 2, "no conda request", ">=2.1,<3"),
        ("[packages.conda]\nx = '>=2,'\n", 2, "no request for versions", ""),
        ("[packages.conda]\nx = '>=a b c'\n", 2, "no build string", ""),
        ("[packages.conda]\nx = { version = '2 b', build = 'c' }\n", 2, "already", "once"),
        ("[packages]\npython = ''\n", 2, "", ""),
    ],
)
def test_a_mistake_names_its_line_and_the_remedy(text, line, says, remedy):
    if text == "[packages]\npython = ''\n":
        # An empty text is no request, as in every other place.
        assert stead_toml.read(FILE, lambda _: text).layer("").requirements == ()
        return
    error = mistake(text)
    assert (error.where.file, error.where.line) == (FILE, line)
    assert says in error.message
    assert remedy in error.remedy
    assert "hunter2" not in str(error)


def test_all_mistakes_of_a_file_are_told_at_once_in_order():
    error = mistake("[vars]\n'A B' = '1'\n[packages.cnda]\n[tasks]\na = 'x'\nb = 1\n")
    assert "4 mistakes" in error.message
    assert [line.split(": ")[0] for line in error.details] == [f"{FILE}:{n}" for n in (2, 3, 5, 6)]


def test_a_file_that_is_no_text_says_so():
    def load(_):
        return b"a = 1\nb = '\xff'\n".decode()

    with pytest.raises(ManifestError) as caught:
        stead_toml.read(FILE, load)
    assert caught.value.where.line == 2
    assert "UTF-8" in caught.value.message

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stead.formats import requirements_txt
from stead.values.errors import CycleError, ManifestError
from stead.values.requirement import Source

FILE = "/p/requirements.txt"


def texts(tree, text, **files):
    manifest = requirements_txt.read(FILE, tree({"requirements.txt": text, **files}).load)
    return [str(r) for r in manifest.layers[-1].requirements]


def one(tree, text, **files):
    manifest = requirements_txt.read(FILE, tree({"requirements.txt": text, **files}).load)
    (found,) = manifest.layers[-1].requirements
    return found


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("numpy", "pypi numpy"),
        ("NumPy_Thing.x", "pypi numpy-thing-x"),
        ("numpy >= 1.2, < 2", "pypi numpy >=1.2,<2"),
        ("numpy (>=1.2)", "pypi numpy >=1.2"),
        ("numpy==1.26.*", "pypi numpy ==1.26.*"),
        ("numpy~=1.26", "pypi numpy ~=1.26"),
        ("torch==2.1+cpu", "pypi torch ==2.1+cpu"),
        ("numpy===1.0", "pypi numpy ===1.0"),
        ("requests[socks, Use_Chardet]>=2", "pypi requests[socks,use-chardet] >=2"),
        (
            'tomli; python_version < "3.11"  # backport',
            'pypi tomli ; python_version < "3.11"',
        ),
        (
            "x;(python_version<'3.8' or os_name=='nt') and extra != 'y'",
            'pypi x ; (python_version < "3.8" or os_name == "nt") and extra != "y"',
        ),
        ("x @ https://example.org/x-1.0.zip", "pypi x @ https://example.org/x-1.0.zip"),
        (
            "x @ https://example.org/x-1.0.zip ; os_name == 'nt'",
            "pypi x @ https://example.org/x-1.0.zip ; os_name == 'nt'",
        ),
        (
            "https://example.org/a/X_y-1.0-py3-none-any.whl",
            "pypi x-y @ https://example.org/a/X_y-1.0-py3-none-any.whl",
        ),
        (
            "https://example.org/x/archive/refs/tags/v1-2.zip",
            "pypi  @ https://example.org/x/archive/refs/tags/v1-2.zip",
        ),
        (
            "git+https://example.org/x/y.git@v1#egg=Why",
            "pypi why @ git+https://example.org/x/y.git@v1",
        ),
        ("git+ssh://git@example.org/x/y.git", "pypi  @ git+ssh://git@example.org/x/y.git"),
        (
            "y @ git+https://example.org/y@abc#subdirectory=py/lib",
            "pypi y @ git+https://example.org/y@abc#subdirectory=py/lib",
        ),
        ("./wheels/x-1.0-py3-none-any.whl", "pypi x @ /p/wheels/x-1.0-py3-none-any.whl"),
        ("x-1.0.tar.gz", "pypi x @ /p/x-1.0.tar.gz"),
        ("file:///srv/x-1.0.tar.gz", "pypi x @ /srv/x-1.0.tar.gz"),
        ("x @ file:///srv/my%20x", "pypi x @ /srv/my x"),
        ("../lib", "pypi  @ /lib"),
        ("-e ../lib[test,docs]", "pypi [docs,test] @ /lib (editable)"),
        ("--editable=.", "pypi  @ /p (editable)"),
        ("-e git+https://example.org/y#egg=y", "pypi y @ git+https://example.org/y"),
        (
            "x @ git+https://user:${TOKEN}@example.org/x",
            "pypi x @ git+https://user:${TOKEN}@example.org/x",
        ),
    ],
)
def test_a_line_means(tree, line, text):
    assert texts(tree, line) == [text]


def test_names_of_paths_come_from_their_files_without_running_them(tree):
    found = texts(
        tree,
        "-e ./a\n-e ./b\n./c\n-e ./d\n",
        **{
            "a/pyproject.toml": '[project]\nname = "Alpha_One"\n',
            "b/setup.py": "raise SystemExit\nNAME = 'beta'\nfrom setuptools import setup\nsetup(name=NAME)\n",
            "c/setup.cfg": "[metadata]\nname = gamma\n",
            "d/setup.py": "from setuptools import setup\nsetup(name=compute())\n",
        },
    )
    assert found == [
        "pypi alpha-one @ /p/a (editable)",
        "pypi beta @ /p/b (editable)",
        "pypi gamma @ /p/c",
        "pypi  @ /p/d (editable)",
    ]


def test_comments_continuations_and_hashes(tree):
    text = "# first\n\nfoo==1 \\\n    --hash=sha256:AB \\\n    --hash sha256:cd  # why\nbar#baz\n"
    manifest = requirements_txt.read(
        FILE, tree({"requirements.txt": text.replace("bar#baz", "bar")}).load
    )
    foo, bar = manifest.layers[0].requirements
    assert (foo.hashes, foo.origin.line) == (("sha256:ab", "sha256:cd"), 3)
    assert bar.origin.line == 6


def test_a_url_keeps_the_hash_of_its_fragment(tree):
    found = one(tree, "x @ https://example.org/x-1.zip#sha256=AB&subdirectory=sub")
    assert found.hashes == ("sha256:ab",)
    assert found.source == Source("url", "https://example.org/x-1.zip", subdirectory="sub")


def test_windows_line_ends_and_a_byte_order_mark(tree):
    assert texts(tree, "\ufefffoo>=1\r\nbar\r\n") == ["pypi foo >=1", "pypi bar"]


def test_includes_and_constraints(tree):
    files = tree(
        {
            "requirements.txt": "-r deep/more.txt\n-c limits.txt\nfoo\n",
            "deep/more.txt": "bar\n-e ../lib\n--requirement=last.txt",
            "deep/last.txt": "baz\n",
            "limits.txt": "bar<2\n-r also.txt\n",
            "also.txt": "baz<3\n",
        }
    )
    manifest = requirements_txt.read(FILE, files.load)
    layer = manifest.layers[0]
    assert [str(r.origin) for r in layer.requirements] == [
        "/p/deep/more.txt:1",
        "/p/deep/more.txt:2",
        "/p/deep/last.txt:1",
        "/p/requirements.txt:3",
    ]
    assert layer.requirements[1].source == Source("path", "/p/lib", editable=True)
    assert [str(r) for r in layer.constraints] == ["pypi bar <2", "pypi baz <3"]
    assert set(manifest.reads) == {
        "/p/deep/more.txt",
        "/p/deep/last.txt",
        "/p/limits.txt",
        "/p/also.txt",
    }


def test_one_file_included_twice_is_no_cycle(tree):
    files = {"a.txt": "-r c.txt", "b.txt": "-r c.txt", "c.txt": "x"}
    assert texts(tree, "-r a.txt\n-r b.txt", **files) == ["pypi x", "pypi x"]


def test_indexes(tree):
    text = (
        "-i https://me:${PW}@example.org/simple/\n--extra-index-url=https://example.net/whl/cpu\n"
        "-f wheels\n--trusted-host example.org\n"
    )
    manifest = requirements_txt.read(FILE, tree({"requirements.txt": text}).load)
    assert [(i.name, i.url, i.base, i.default, i.flat) for i in manifest.layers[0].indexes] == [
        ("example-org", "https://me:${PW}@example.org/simple/", "/p", True, False),
        ("example-net-whl-cpu", "https://example.net/whl/cpu", "/p", False, False),
        ("wheels", "wheels", "/p", False, True),
    ]


def test_no_index_lets_the_found_links_replace_the_default(tree):
    text = "--no-index\n-i https://example.org/simple\n--find-links ./wheels\nfoo"
    (index,) = requirements_txt.read(FILE, tree({"requirements.txt": text}).load).layers[0].indexes
    assert (index.url, index.flat, index.default) == ("./wheels", True, True)


def test_a_layer_of_its_own(tree):
    files = tree({"requirements-dev.txt": "pytest"})
    manifest = requirements_txt.read("/p/requirements-dev.txt", files.load, "dev")
    assert [layer.name for layer in manifest.layers] == ["", "dev"]
    assert manifest.layer("").requirements == ()
    assert [r.name for r in manifest.layer("dev").requirements] == ["pytest"]


@pytest.mark.parametrize(
    ("text", "line", "message", "remedy"),
    [
        ("\nfoo bar", 2, "'foo bar' is not a requirement", "NAME>=VERSION"),
        ("foo>=1.*.2", 1, "is not a requirement", "NAME>=VERSION"),
        ("foo>>1", 1, "is not a requirement", "NAME>=VERSION"),
        ("foo[a", 1, "is not a requirement", "NAME>=VERSION"),
        ("foo[a b]", 1, "is not a requirement", "NAME>=VERSION"),
        ("foo; python_versoin < '3'", 1, "is not an environment marker", "python_version"),
        ("foo --hash=sha256:xyz", 1, "is not a hash", "--hash=sha256"),
        ("foo --hash=rot13:abc", 1, "is not a hash", "--hash=sha256"),
        ("foo --no-clean", 1, "unknown option --no-clean", "did you mean"),
        ("--zzz x.txt", 1, "unknown option --zzz", "take the line out"),
        ("--requirment x.txt", 1, "unknown option --requirment", "did you mean --requirement?"),
        ("--pre", 1, "--pre cannot be honoured", "rc1"),
        ("--only-binary :all:", 1, "--only-binary cannot be honoured", "take the line out"),
        ("--no-binary=foo", 1, "--no-binary cannot be honoured", "take the line out"),
        ("foo --config-settings x=1", 1, "--config-settings cannot be honoured", "pyproject.toml"),
        ("-r", 1, "-r lacks its value", "same line"),
        ("foo\n-r gone.txt", 2, "gone.txt does not exist", "make /p/gone.txt"),
        ("-r sub", 1, "sub cannot be read", "readable"),
        ("-r https://example.org/r.txt", 1, "included from a URL", "keep a copy"),
        ("-e foo-1.0 bar", 1, "", ""),
        ("-e https://example.org/x-1.zip", 1, "cannot be installed editable", "directory"),
        ("x @ svn+https://example.org/x", 1, "cannot be fetched by 'svn+https'", "git+https"),
        ("x @ git+https://me:secret@example.org/x", 1, "contains a password", "${TOKEN}"),
        (
            "x @ https://e.org/x-1-py3-none-any.whl?token=s3",
            1,
            "credential (token=…)",
            "token=${TOKEN}",
        ),
        ("x @ git+https://e.org/x?private_token=s3", 1, "private_token=…", "${TOKEN}"),
        ("https://e.org/x-1.zip?a=b&X-Amz-Signature=s3", 1, "X-Amz-Signature", "${TOKEN}"),
        ("--no-index", 1, "leaves nowhere to take packages from", "--find-links"),
        ("-", 1, "neither a requirement nor an option", "NAME"),
    ],
)
def test_bad_lines_name_their_place_and_a_remedy(tree, text, line, message, remedy):
    if not message:  # a path with a space is one path
        assert texts(tree, text) == ["pypi  @ /p/foo-1.0 bar (editable)"]
        return
    with pytest.raises(ManifestError) as caught:
        texts(tree, text, **{"sub/x": ""})
    assert message in caught.value.message
    assert str(caught.value.where) == f"{FILE}:{line}"
    assert remedy in caught.value.remedy
    assert "secret" not in str(caught.value)


def test_files_that_include_each_other(tree):
    with pytest.raises(
        CycleError, match=r"a\.txt → /p/requirements\.txt|requirements\.txt → "
    ) as caught:
        texts(tree, "-r a.txt", **{"a.txt": "\n-r requirements.txt"})
    assert str(caught.value.where) == "/p/a.txt:2"


def test_every_option_of_pip_that_changes_nothing_says_why():
    assert all(reason for reason in requirements_txt.IGNORED.values())
    assert not requirements_txt.IGNORED.keys() & requirements_txt.REFUSED.keys()


names = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,8}[A-Za-z0-9])?", fullmatch=True)
versions = st.from_regex(
    r"[0-9]{1,3}(\.[0-9]{1,3}){0,3}((a|b|rc)[0-9]{1,2})?(\.post[0-9])?(\.dev[0-9])?", fullmatch=True
)
clauses = st.builds(
    lambda op, space, v: f"{op}{space}{v}",
    st.sampled_from(["==", "!=", ">=", "<=", "<", ">"]),
    st.sampled_from(["", " "]),
    versions,
)
requirements = st.builds(
    lambda name, extras, specs, marker: (
        f"{name}{'[' + ','.join(extras) + ']' if extras else ''}{' , '.join(specs)}{marker}"
    ),
    names,
    st.lists(names, max_size=2),
    st.lists(clauses, max_size=3),
    st.sampled_from(
        ["", "; os_name == 'nt'", " ; python_version >= '3.9' and sys_platform != 'x'"]
    ),
)


@given(requirements)
def test_the_quick_way_agrees_with_packaging(text):
    from packaging.markers import Marker
    from packaging.requirements import Requirement
    from packaging.specifiers import SpecifierSet
    from packaging.utils import canonicalize_name

    from stead.formats._pep508 import parse
    from stead.values.origin import Origin

    ours, theirs = parse(text, "/p", Origin("f", 1)), Requirement(text)
    assert ours.name == canonicalize_name(theirs.name)
    assert set(ours.extras) == {canonicalize_name(e) for e in theirs.extras}
    assert SpecifierSet(ours.spec) == theirs.specifier
    assert (Marker(ours.marker) if ours.marker else None) == theirs.marker


@given(st.text(alphabet=" abc1=<>~!,;[]()@#\\\"'-:/.*+\t", max_size=30))
def test_no_line_escapes_as_another_error(text):
    from stead.formats._pep508 import parse
    from stead.values.origin import Origin

    error = None
    try:
        parse(text, "/p", Origin("f", 1))
    except ManifestError as exc:
        error = exc
    assert error is None or (error.remedy and str(error.where) == "f:1")

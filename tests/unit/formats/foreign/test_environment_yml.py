from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stead.formats import environment_yml
from stead.formats._conda_spec import parse
from stead.values.errors import ManifestError
from stead.values.origin import Origin

FILE = "/p/environment.yml"
HERE = Origin("f", 1)


def read(tree, text, **files):
    return environment_yml.read(FILE, tree({"environment.yml": text, **files}).load)


@pytest.mark.parametrize(
    ("text", "name", "spec", "index"),
    [
        ("numpy", "numpy", "", ""),
        ("NumPy", "numpy", "", ""),
        ("numpy *", "numpy", "", ""),
        ("numpy=1.26", "numpy", "1.26.*", ""),
        ("numpy = 1.26", "numpy", "1.26.*", ""),
        ("numpy=1.26.*", "numpy", "1.26.*", ""),
        ("numpy=1.26*", "numpy", "1.26.*", ""),
        ("numpy 1.26", "numpy", "==1.26", ""),
        ("numpy 1.26.*", "numpy", "1.26.*", ""),
        ("numpy==1.26.4", "numpy", "==1.26.4", ""),
        ("numpy=1.26.4=py312*", "numpy", "==1.26.4 py312*", ""),
        ("numpy==1.26.4=py312h_0", "numpy", "==1.26.4 py312h_0", ""),
        ("numpy 1.26.4 py312_0", "numpy", "==1.26.4 py312_0", ""),
        ("numpy=1.26.*=*_openblas", "numpy", "1.26.* *_openblas", ""),
        ("blas=*=*mkl", "blas", "* *mkl", ""),
        ("blas * openblas", "blas", "* openblas", ""),
        ("numpy >=1", "numpy", ">=1", ""),
        ("numpy>=1, <2", "numpy", ">=1,<2", ""),
        ("numpy >= 1 , < 2", "numpy", ">=1,<2", ""),
        ("numpy >=1.2|==0.9", "numpy", ">=1.2|==0.9", ""),
        ("numpy=1.26|=1.27", "numpy", "1.26.*|1.27.*", ""),
        ("numpy>=1,!=1.2.*", "numpy", ">=1,!=1.2.*", ""),
        ("numpy>=1.2.*", "numpy", ">=1.2", ""),
        ("numpy==1.2.*", "numpy", "1.2.*", ""),
        ("numpy~=1.2", "numpy", "~=1.2", ""),
        ("openssl=1.1.1w", "openssl", "1.1.1w.*", ""),
        ("conda-forge::numpy", "numpy", "", "conda-forge"),
        ("conda-forge::numpy=2", "numpy", "2.*", "conda-forge"),
        ("https://example.org/ch::numpy >=1", "numpy", ">=1", "https://example.org/ch"),
        ("conda-forge/linux-64::numpy", "numpy", '[subdir="linux-64"]', "conda-forge"),
        ("conda-forge/label/rc::numpy", "numpy", "", "conda-forge/label/rc"),
        ("pkg[version='>=1']", "pkg", ">=1", ""),
        ("pkg[version='>=1,<2', build=\"py*\", channel=x]", "pkg", ">=1,<2 py*", "x"),
        ("pkg=1.0[build=py_0]", "pkg", "==1.0 py_0", ""),
        ("pkg[build_number='>=2']", "pkg", '[build_number=">=2"]', ""),
        ("_libgcc_mutex", "_libgcc_mutex", "", ""),
        ("__glibc >=2.17", "__glibc", ">=2.17", ""),
        ("numpy=1.26  # why", "numpy", "1.26.*", ""),
    ],
)
def test_an_entry_means(text, name, spec, index):
    found = parse(text, HERE)
    assert (found.ecosystem, found.name, found.spec, found.index) == ("conda", name, spec, index)


def test_the_address_of_one_package():
    found = parse("https://example.org/ch/linux-64/a-b-1.0-py_0.conda#" + "0" * 32, HERE)
    assert (found.name, found.spec) == ("a-b", "==1.0 py_0")
    assert found.source.location == "https://example.org/ch/linux-64/a-b-1.0-py_0.conda"
    assert found.hashes == ("md5:" + "0" * 32,)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a b c d",
        "numpy>=",
        "numpy >=1 py*! x",
        "*",
        "::x y z w",
        "a[version",
        "a[x=1]",
        "a ^1.*$",
    ],
)
def test_what_is_no_entry(text):
    with pytest.raises(ManifestError) as caught:
        parse(text, HERE)
    assert caught.value.where == HERE
    assert caught.value.remedy


@given(st.text(alphabet=" abc1=<>~!,|[]()*:'\".-_/", max_size=25))
def test_no_entry_escapes_as_another_error(text):
    found = error = None
    try:
        found = parse(text, HERE)
    except ManifestError as exc:
        error = exc
    assert error is None or error.remedy
    assert found is None or (found.name == found.name.lower() and " " not in found.name)


WHOLE = """\
name: analysis
channels:
  - conda-forge
  - ./channel
  - nodefaults
dependencies:
  - python=3.12
  - conda-forge::numpy >=1.10
  - pip
  - pip:
      - requests>=2 ; os_name == "posix"
      - -r more.txt
      - -e .
      - --extra-index-url https://example.org/simple
variables:
  LEVEL: 1.10
  FLAG: yes
  TEXT: "a: b"
prefix: /opt/conda/envs/analysis
"""


def test_a_whole_file(tree):
    manifest = read(tree, WHOLE, **{"more.txt": "\nextra\n"})
    (layer,) = manifest.layers
    assert [(str(r), str(r.origin)) for r in layer.requirements] == [
        ("conda python 3.12.*", f"{FILE}:7"),
        ("conda numpy >=1.10 (conda-forge)", f"{FILE}:8"),
        ("conda pip", f"{FILE}:9"),
        ('pypi requests >=2 ; os_name == "posix"', f"{FILE}:11"),
        ("pypi extra", "/p/more.txt:2"),
        ("pypi  @ /p (editable)", f"{FILE}:13"),
    ]
    assert [(c.name, c.base, c.origin.line) for c in layer.channels] == [
        ("conda-forge", "/p", 3),
        ("./channel", "/p", 4),
    ]
    assert [(v.name, v.value, v.origin.line) for v in layer.variables] == [
        ("LEVEL", "1.10", 16),
        ("FLAG", "yes", 17),
        ("TEXT", "a: b", 18),
    ]
    assert [i.url for i in layer.indexes] == ["https://example.org/simple"]
    assert manifest.reads == ("/p/more.txt",)
    assert (manifest.format, manifest.foreign, manifest.directory) == (
        "environment.yml",
        True,
        "/p",
    )


@pytest.mark.parametrize(
    "text", ["", "# nothing\n", "name: x\n", "dependencies:\n", "dependencies: []\n"]
)
def test_a_file_that_asks_for_nothing(tree, text):
    assert read(tree, text).layers[0].requirements == ()


def test_keys_of_other_tools_are_passed_over(tree):
    text = "platforms: [linux-64]\ncategory: dev\nx-mine: {a: b}\ndependencies: [a]"
    assert [r.name for r in read(tree, text).layers[0].requirements] == ["a"]


@pytest.mark.parametrize(
    ("text", "line", "message", "remedy"),
    [
        ("name: x\ndependancies:\n  - a", 2, "unknown key 'dependancies'", "mean dependencies?"),
        ("channel: x\n", 1, "unknown key 'channel'", "mean channels?"),
        ("- a\n- b", 1, "the file must be a mapping, not a list", "KEY: VALUE"),
        ("dependencies: numpy", 1, "dependencies must be a list, not a text", "'- '"),
        ("dependencies:\n  - a\n  - [b]", 3, "a dependency must be text, not a list", "value"),
        ("dependencies:\n  - a\n  -", 3, "a dependency must be text, not nothing", "value"),
        ("dependencies:\n  - npm:\n    - x", 2, "no packages can be had by 'npm'", "pip:"),
        ("dependencies:\n  - pip:\n    - a b", 3, "'a b' is not a requirement", "NAME"),
        ("dependencies:\n  - a >>1", 2, "'a >>1' is not a conda requirement", "NAME=1.26"),
        ("dependencies: [a\n", 2, "not YAML", "correct"),
        ("a: b: c\n", 1, "not YAML", "correct"),
        ("variables:\n  A: x\n  STEAD_HOME: y\n", 3, "are Stead's own", "otherwise"),
        ("name: x\nname: y\n", 2, "'name' stands twice in the file (before in line 1)", "join"),
        ("variables:\n  A: [1]", 2, "the variable A must be text", "value"),
        ("variables: [A]", 1, "variables must be a mapping", "KEY: VALUE"),
        ("\tname: x", 1, "not YAML", "indent with spaces"),
        ("? [a]\n: b", 1, "a key of the file must be a plain word", "quotes"),
    ],
)
def test_bad_files_name_their_place_and_a_remedy(tree, text, line, message, remedy):
    with pytest.raises(ManifestError) as caught:
        read(tree, text)
    assert message in caught.value.message
    assert str(caught.value.where) == f"{FILE}:{line}"
    assert remedy in caught.value.remedy

"""What export and import decide before any tool is asked."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stead.formats import manifest_text, pixi_toml, stead_toml
from stead.formats.exported import is_marked, marked
from stead.pipeline import exchange, taking
from stead.pipeline._pieces import roots
from stead.values.errors import ManifestError, UsageError
from stead.values.lock import Artifact
from stead.values.manifest import Channel, Index, Layer, Manifest, PathEntry, Task, Variable
from stead.values.requirement import PYTHON, Requirement, Source


@pytest.mark.parametrize(
    ("url", "clean"),
    [
        ("https://u:p@host/simple", "https://host/simple"),
        ("https://token@host/simple", "https://host/simple"),
        ("https://:p@host/x", "https://host/x"),
        ("https://${USER}:${TOKEN}@host/x", "https://${USER}:${TOKEN}@host/x"),
        ("https://${TOKEN}@host/x", "https://${TOKEN}@host/x"),
        ("https://${USER}:p@host/x", "https://host/x"),
        ("ssh://git@host/x.git", "ssh://git@host/x.git"),
        ("ssh://git:p@host/x.git", "ssh://git@host/x.git"),
        ("git+ssh://git@host/x.git", "git+ssh://git@host/x.git"),
        ("https://host:8080/a@b", "https://host:8080/a@b"),
        ("file:///srv/x", "file:///srv/x"),
    ],
)
def test_no_secret_stays_in_an_address(url, clean):
    assert exchange.without_secrets(url) == clean


@pytest.mark.parametrize(
    ("name", "format_"),
    [
        ("environment.yml", "environment.yml"),
        ("sub/environment-dev.yaml", "environment.yml"),
        ("conda-lock.yml", "conda-lock"),
        ("prod.conda-lock.yml", "conda-lock"),
        ("pylock.toml", "pylock"),
        ("pylock.dev.toml", "pylock"),
        ("requirements.txt", "requirements"),
        ("dev-requirements.txt", "requirements"),
        ("pixi.lock", "pixi"),
        ("conda-osx-arm64.lock", "explicit"),
        ("explicit.txt", "explicit"),
        ("spec-file.txt", "explicit"),
        ("poetry.lock", ""),
        ("notes.txt", ""),
    ],
)
def test_a_file_name_says_its_format(name, format_):
    assert exchange.format_of(name) == format_


def test_an_explicit_list_by_another_name_is_known_by_its_content(tmp_path):
    path = tmp_path / "requirements.txt"
    path.write_text("# made by conda\n@EXPLICIT\n", encoding="utf-8")
    assert taking.format_of(str(path)) == "explicit"
    path.write_text("leaf\n", encoding="utf-8")
    assert taking.format_of(str(path)) == "requirements"
    (tmp_path / "what.txt").write_text("leaf\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"what\.txt"):
        taking.format_of(str(tmp_path / "what.txt"))


def test_the_mark_is_put_once():
    assert is_marked(marked("x\n"))
    assert marked(marked("x\n")) == marked("x\n")
    assert not is_marked("x\n# Exported by Stead\n")


def test_roots_are_what_no_other_package_needs():
    artifacts = [
        Artifact("pypi", "app", "1", depends=("lib>=1", "optional ; extra == 'more'")),
        Artifact("pypi", "lib", "1", depends=("Deep_One",)),
        Artifact("pypi", "deep-one", "1"),
        Artifact("pypi", "optional", "1"),
        Artifact("conda", "python", "3.12.1"),
        Artifact("conda", "numpy", "2", depends=("python >=3.12,<3.13.0a0", "zlib")),
        Artifact("conda", "zlib", "1"),
    ]
    found = roots(artifacts)
    assert [(r.ecosystem, r.name) for r in found] == [
        ("pypi", "app"),
        ("pypi", "optional"),
        ("conda", "numpy"),
    ]


def test_a_circle_has_one_head():
    artifacts = [
        Artifact("pypi", "a", "1", depends=("b",)),
        Artifact("pypi", "b", "1", depends=("a",)),
    ]
    assert [r.name for r in roots(artifacts)] == ["a"]


def read_back(text: str, directory: str = "/p/here") -> Manifest:
    return stead_toml.read(f"{directory}/stead.toml", lambda _: text)


def test_a_written_manifest_asks_for_the_same():
    layers = (
        Layer(
            requirements=(
                Requirement(PYTHON, PYTHON, "==3.12.*"),
                Requirement("conda", "numpy", ">=2,<3 py312*", index="conda-forge"),
                Requirement("conda", "zlib", "==1.2"),
                Requirement("conda", "xz", "5.*"),
                Requirement("pypi", "leaf", ">=1,<2", extras=("a", "b")),
                Requirement("pypi", "tree", "", marker="sys_platform == 'linux'"),
                Requirement("pypi", "own", "==1", index="inner"),
                Requirement("pypi", "here", source=Source("path", "/p/lib", editable=True)),
                Requirement(
                    "pypi",
                    "there",
                    source=Source("git", "https://host/x.git", revision="v1", subdirectory="sub"),
                ),
                Requirement(
                    "pypi",
                    "far",
                    source=Source("url", "https://host/far-1.zip"),
                    hashes=("sha256:" + "a" * 64,),
                ),
            ),
            removed=(Requirement("pypi", "gone"),),
            channels=(Channel("conda-forge", "/p/here"), Channel("./own", "/p/here")),
            indexes=(Index("inner", "https://host/simple", "/p/here", explicit=True),),
            variables=(Variable("A", 'it\'s "x"\n'), Variable("B", None)),
            paths=(PathEntry("data", "data/raw", "/p/here"),),
            tasks=(
                Task("one", ("python", "-c", "x"), cwd="/p/here"),
                Task("two", ("x",), depends=("one",), inputs=("*.csv",), cwd="/p/here/sub"),
            ),
        ),
        Layer("test", requirements=(Requirement("pypi", "pytest"),), inherits=("more",)),
        Layer("more"),
    )
    manifest = Manifest("/p/here/x", "x", "/p/here", layers=layers)
    text, notes = manifest_text.write(manifest, "/p/here", head="Made.")
    assert notes == ()
    back = read_back(text)
    assert set(back.layers[0].requirements) == set(layers[0].requirements)
    for field in ("removed", "indexes", "variables", "paths", "tasks"):
        assert getattr(back.layers[0], field) == getattr(layers[0], field), field
    assert [c.name for c in back.layers[0].channels] == ["conda-forge", "./own"]
    assert back.layers[1:] == layers[1:]


@given(
    st.dictionaries(
        st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,9}", fullmatch=True),
        st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0")),
        min_size=1,
    )
)
def test_any_value_of_a_variable_is_written(values):
    variables = tuple(Variable(n, v) for n, v in values.items())
    manifest = Manifest("/p/x", "x", "/p", layers=(Layer(variables=variables),))
    text, _ = manifest_text.write(manifest, "/p")
    assert read_back(text).layers[0].variables == variables


def test_what_has_no_words_is_named():
    layer = Layer(
        requirements=(
            Requirement("pypi", "leaf", ">=1"),
            Requirement("pypi", "leaf", "<1", marker="sys_platform == 'win32'"),
            Requirement("conda", "odd", "*[md5=x]"),
        ),
        constraints=(Requirement("pypi", "leaf", "<3"), Requirement("pypi", "other", "<3")),
        indexes=(Index("secret", "https://u:p@host/simple"),),
    )
    manifest = Manifest("/p/x", "x", "/p", layers=(layer,))
    text, notes = manifest_text.write(manifest, "/p", holds=lambda _: False)
    (leaf,) = read_back(text).layers[0].requirements
    assert set(leaf.spec.split(",")) == {">=1", "<3"}
    said = "\n".join(notes)
    for word in ("several markers", "odd", "other", "secret"):
        assert word in said
    assert "u:p" not in text


def test_a_package_without_a_name_is_refused():
    layer = Layer(requirements=(Requirement("pypi", "", source=Source("url", "https://h/x")),))
    with pytest.raises(ManifestError, match="no name"):
        manifest_text.write(Manifest("/p/x", "x", "/p", layers=(layer,)), "/p")


def test_pixi_tables():
    text = """\
[project]
name = "old"
channels = ["conda-forge", { channel = "./own", priority = 1 }]
platforms = ["linux-64", "osx-arm64"]
[dependencies]
python = "3.12.*"
numpy = { version = ">=2", build = "py312*", subdir = "x" }
[pypi-dependencies]
mine = { path = ".", editable = true }
rich = { version = ">=13", extras = ["jupyter"] }
[target.linux.dependencies]
only-linux = "*"
[target.osx-arm64.dependencies]
nobody = "*"
[feature.test.dependencies]
pytest = "*"
[feature.doc.tasks]
doc = { cmd = ["mkdocs"], cwd = "d", depends-on = [{ task = "x" }] }
[environments]
test = ["test"]
all = { features = ["test", "doc"] }
"""
    manifest, notes = pixi_toml.read("/p/pixi.toml", lambda _: text)
    assert any("osx-arm64" in n for n in notes)
    assert any("subdir" in n for n in notes)
    assert manifest.workspace
    assert manifest.workspace.platforms == ("linux-64", "osx-arm64")
    default = manifest.layers[0]
    assert [str(r) for r in default.requirements] == [
        "conda python 3.12.*",
        "conda numpy >=2 py312*",
        "pypi mine @ /p (editable)",
        "pypi rich[jupyter] >=13",
    ]
    assert [c.name for c in default.channels] == ["conda-forge", "./own"]
    layers = {layer.name: layer for layer in manifest.layers}
    assert [r.name for r in layers["linux"].requirements] == ["only-linux"]
    assert layers["all"].inherits == ("test", "doc")
    (task,) = layers["doc"].tasks
    assert (task.command, task.depends, task.cwd) == (("mkdocs",), ("x",), "/p/d")

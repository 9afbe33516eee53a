"""Packages of projects, built with their own back ends: once for the same facts."""

from __future__ import annotations

import os
import subprocess
import tarfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from stead.ecosystems import interpreters
from stead.matrix import builders, products
from stead.store.builds import release_leases
from stead.store.gc import collect
from stead.store.layout import Layout
from stead.testing.world import make_context
from stead.values.errors import ArtifactError, ManifestError
from stead.values.package import FORMAT_OF, PackageDefinition

if TYPE_CHECKING:
    from pathlib import Path

    from stead.values.context import Context
    from stead.values.package import Builder
    from stead.values.suite import Product


def definition(builder: Builder, **values: object) -> PackageDefinition:
    return PackageDefinition(builder, builder, FORMAT_OF[builder], **values)


def make(builder: Builder, project: Path, context: Context, **values: object) -> Product:
    return products.make(definition(builder, **values), str(project), None, context)


def backend(project: Path, body: str) -> None:
    """Give a project a back end whose ``build_wheel`` is ``body``."""
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    (project / "backend.py").write_text(
        "import os, sys, zipfile\n"
        "def write(path, name='spam', version='1.5'):\n"
        "    with zipfile.ZipFile(path, 'w') as z:\n"
        "        z.writestr(f'{name}-{version}.dist-info/METADATA', f'Name: {name}\\nVersion: {version}\\n')\n"
        f"def build_wheel(directory, settings=None, metadata=None):\n{lines}\n"
    )


def test_a_wheel_is_built_once(project: Path, context: Context) -> None:
    first = make("wheel", project, context)
    again = make("wheel", project, context)
    assert (first.name, first.version, first.requires) == ("spam", "1.5", ("ham>=1",))
    assert (first.format, first.definition) == ("wheel", "wheel")
    assert first.tags == ("py3-none-any",)
    assert os.path.basename(first.path) == "spam-1.5-py3-none-any.whl"
    assert not first.reused
    assert again.reused
    assert again.path == first.path
    with zipfile.ZipFile(first.path) as archive:
        assert "spam/__init__.py" in archive.namelist()


def test_a_source_distribution_is_built(project: Path, context: Context) -> None:
    made = make("sdist", project, context)
    assert os.path.basename(made.path) == "spam-1.5.tar.gz"
    with tarfile.open(made.path) as archive:
        assert "spam-1.5/pyproject.toml" in archive.getnames()


def test_the_key_follows_what_a_build_reads(project: Path, context: Context) -> None:
    wheel = definition("wheel", variables=("SPAM_*",))

    def key(**environ: str) -> str:
        world = make_context(context.home, environ={**context.environ, **environ})
        return products.key(wheel, str(project), None, world)

    before = key()
    assert key(OTHER="1") == before
    assert key(SPAM_LEVEL="1") != before
    assert key(CFLAGS="-O0") != before
    (project / "src" / "spam" / "__init__.py").write_text("x = 1\n")
    assert key() != before


def test_editing_what_is_not_in_the_wheel_leaves_its_content(
    project: Path, context: Context
) -> None:
    first = make("wheel", project, context)
    (project / "test_spam.py").write_text("assert False\n")
    second = make("wheel", project, context)
    assert not second.reused
    assert second.content == first.content


def test_what_earlier_builds_left_does_not_enter(project: Path, context: Context) -> None:
    (project / "build" / "lib").mkdir(parents=True)
    (project / "build" / "lib" / "stale.py").write_text("")
    backend(
        project,
        "assert not os.path.exists('build'), 'stale'\n"
        "open('left.txt', 'w').close()\n"
        "write(os.path.join(directory, 'spam-1.5-py3-none-any.whl'))\n"
        "return 'spam-1.5-py3-none-any.whl'",
    )
    make("wheel", project, context)
    assert not (project / "left.txt").exists()


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("return 'spam-1.5-py3-none-any.whl'", "the build left no wheel"),
        (
            (
                "write(directory + '/spam-1.5-py3-none-any.whl')\n"
                "write(directory + '/spam-1.5-py2-none-any.whl')\n"
                "return 'spam-1.5-py3-none-any.whl'"
            ),
            "several packages: spam-1.5-py2-none-any.whl, spam-1.5-py3-none-any.whl",
        ),
        (
            (
                "write(directory + '/eggs-1.5-py3-none-any.whl', 'eggs')\n"
                "return 'eggs-1.5-py3-none-any.whl'"
            ),
            "the project is called spam, but its build made eggs-1.5",
        ),
        (
            (
                "write(directory + '/spam-2.0-py3-none-any.whl', version='2.0')\n"
                "return 'spam-2.0-py3-none-any.whl'"
            ),
            "the project's version is 1.5, but its build made spam-2.0",
        ),
        (
            (
                "write(directory + '/spam-1.5-py3-none-any.whl', version='2.0')\n"
                "return 'spam-1.5-py3-none-any.whl'"
            ),
            "holds metadata of version 2.0",
        ),
        (
            "write(directory + '/spam-1.5.tar.gz')\nreturn 'spam-1.5.tar.gz'",
            "was to make a package of format wheel, but made spam-1.5.tar.gz",
        ),
        (
            (
                "open(directory + '/spam-1.5-py3-none-any.whl', 'w').close()\n"
                "return 'spam-1.5-py3-none-any.whl'"
            ),
            "this is no wheel",
        ),
        ("raise RuntimeError('no compiler')", "build_wheel failed: RuntimeError: no compiler"),
        ("sys.exit(3)", "build_wheel failed: it ended with 3"),
        ("os._exit(7)", "its process ended with 7"),
    ],
)
def test_a_build_that_goes_wrong_is_named(
    project: Path, context: Context, body: str, says: str
) -> None:
    backend(project, f"print('compiling spam')\n{body}")
    with pytest.raises(ArtifactError) as raised:
        make("wheel", project, context)
    assert says in str(raised.value)
    assert not list((context.home / "scratch").iterdir())
    assert not [p for p in (context.home / "store").iterdir() if "spam" in p.name]


def test_a_failing_build_shows_the_end_of_what_it_said(project: Path, context: Context) -> None:
    backend(project, "for n in range(100): print('line', n)\nraise RuntimeError('no')")
    lines: list[str] = []
    with pytest.raises(ArtifactError) as raised:
        products.make(definition("wheel"), str(project), None, context, lines.append)
    assert "line 99" in raised.value.details
    assert "line 3" not in raised.value.details
    assert "line 3" in lines
    assert str(raised.value.where) == f"{project / 'pyproject.toml'}:7"


def test_a_back_end_that_is_not_there_is_named_with_its_line(
    project: Path, context: Context
) -> None:
    text = (project / "pyproject.toml").read_text()
    (project / "pyproject.toml").write_text(text.replace('"backend"', '"not_there"'))
    with pytest.raises(ManifestError, match="not_there") as raised:
        make("wheel", project, context)
    assert str(raised.value.where) == f"{project / 'pyproject.toml'}:7"


def test_a_hook_that_is_not_there_is_named(project: Path, context: Context) -> None:
    backend(project, "return ''")
    with pytest.raises(ManifestError, match="has no hook build_sdist"):
        make("sdist", project, context)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[build-system]\nrequires = 'x'\n", "requires must be a list of strings"),
        ("[build-system]\nbuild-backend = 'x'\n", "requires must be a list of strings"),
        ("[build-system]\nrequires = []\nbuild-backend = 1\n", "build-backend must be a string"),
        (
            "[build-system]\nrequires = []\nbuild-backend = 'x'\nbackend-path = ['..']\n",
            "backend-path must lie in the project",
        ),
        ("[build-system\n", "pyproject.toml:1"),
    ],
)
def test_a_build_system_that_is_none_is_refused(
    project: Path, context: Context, text: str, says: str
) -> None:
    (project / "pyproject.toml").write_text(text)
    with pytest.raises(ManifestError) as raised:
        make("wheel", project, context)
    assert says in str(raised.value)


def test_a_directory_without_a_project_is_refused(tmp_path: Path, context: Context) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "notes.txt").write_text("")
    with pytest.raises(ManifestError, match="nothing to build here"):
        make("wheel", tmp_path / "empty", context)


def test_a_version_from_git_is_that_of_the_repository(project: Path, context: Context) -> None:
    def git(*arguments: str) -> None:
        who = ("-c", "user.name=Ann", "-c", "user.email=ann@example.org")
        subprocess.run(["git", "-C", str(project), *who, *arguments], check=True)

    text = (project / "pyproject.toml").read_text().replace('version = "1.5"', "")
    (project / "pyproject.toml").write_text(text)
    backend(
        project,
        "import subprocess\n"
        "v = subprocess.check_output(['git', 'describe', '--tags', '--dirty'], text=True).strip()\n"
        "v = v.replace('-', '+', 1).replace('-', '.')\n"
        "write(directory + f'/spam-{v}-py3-none-any.whl', version=v)\n"
        "return f'spam-{v}-py3-none-any.whl'",
    )
    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "one")
    git("tag", "2.5")
    assert make("wheel", project, context).version == "2.5"
    git("tag", "-d", "2.5")
    git("tag", "2.6")
    assert make("wheel", project, context).version == "2.6"
    (project / "src" / "spam" / "__init__.py").write_text("edited = 1\n")
    assert make("wheel", project, context).version == "2.6+dirty"


def test_a_file_that_changes_during_the_build_is_built_as_it_then_is(
    project: Path, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = project / "src" / "spam" / "__init__.py"
    true = builders.building.copy
    changes = iter(["changed = 1\n"])

    def copy(*arguments: object) -> str:
        for text in changes:
            file.write_text(text)
        return true(*arguments)

    monkeypatch.setattr(builders.building, "copy", copy)
    made = make("wheel", project, context)
    with zipfile.ZipFile(made.path) as archive:
        assert archive.read("spam/__init__.py") == b"changed = 1\n"
    monkeypatch.undo()
    assert make("wheel", project, context).path == made.path


def test_declared_files_lie_beside_the_copy_as_beside_the_project(
    project: Path, context: Context
) -> None:
    (project.parent / "shared" / "deep").mkdir(parents=True)
    (project.parent / "shared" / "deep" / "x.txt").write_text("one")
    (project / ".gitignore").write_text("generated.txt\n")
    (project / "generated.txt").write_text("made before")
    subprocess.run(["git", "init", "-q", project], check=True)
    backend(
        project,
        "print(open('../shared/deep/x.txt').read(), open('generated.txt').read())\n"
        "write(directory + '/spam-1.5-py3-none-any.whl')\n"
        "return 'spam-1.5-py3-none-any.whl'",
    )
    inputs = (str(project.parent / "shared" / "**"), str(project / "generated.txt"))
    asked = definition("wheel", inputs=inputs)
    lines: list[str] = []
    products.make(asked, str(project), None, context, lines.append)
    assert "one made before" in lines
    (project.parent / "shared" / "deep" / "x.txt").write_text("two")
    products.make(asked, str(project), None, context, lines.append)
    assert "two made before" in lines


def test_every_interpreter_found_calls_hooks(project: Path, context: Context) -> None:
    made = set()
    for python in interpreters.discovered(context):
        if python.version.startswith(("2.", "3.5")):
            continue
        product = products.make(definition("wheel"), str(project), python, context)
        made.add(os.path.dirname(product.path))
        assert product.version == "1.5"
    assert made
    release_leases()
    collect(Layout(context.home), now=context.now())
    assert all(os.path.isdir(path) for path in made)


def test_two_at_once_build_once(project: Path, context: Context) -> None:
    backend(
        project,
        f"open({str(project.parent / 'built')!r}, 'a').write('x')\n"
        "import time; time.sleep(0.3)\n"
        "write(directory + '/spam-1.5-py3-none-any.whl')\n"
        "return 'spam-1.5-py3-none-any.whl'",
    )
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: make("wheel", project, context), range(4)))
    assert len({one.path for one in made}) == 1
    assert (project.parent / "built").read_text() == "x"


def test_collection_keeps_what_the_place_needs_and_takes_the_rest(
    project: Path, context: Context
) -> None:
    first = make("wheel", project, context)
    (project / "new.txt").write_text("")
    second = make("wheel", project, context)
    left = context.home / "scratch" / "build-aaaaaaaaaaaaaaaaaaaa"
    left.mkdir(parents=True)
    release_leases()
    collect(Layout(context.home), now=context.now())
    assert not os.path.exists(first.path)
    assert os.path.exists(second.path)
    assert not left.exists()
    assert make("wheel", project, context).reused

"""Which files a build is made from, and that they are read once."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from stead.matrix import repository, sources
from stead.store import hashing
from stead.testing.world import make_context
from stead.values.errors import ManifestError, SteadError
from stead.values.origin import Origin

if TYPE_CHECKING:
    from pathlib import Path

    from stead.matrix.sources import Sources


def git(directory: Path, *arguments: str) -> str:
    who = ("-c", "user.name=Ann", "-c", "user.email=ann@example.org", "-c", "commit.gpgsign=false")
    return subprocess.run(
        ["git", "-C", str(directory), *who, *arguments], check=True, capture_output=True, text=True
    ).stdout


def write(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(path)


def names(found: Sources) -> list[str]:
    return [file.path for file in found.files]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    write(root, "pyproject.toml", "src/a.py", "tests/test_a.py")
    return root


def look(project: Path) -> Sources:
    return sources.look(str(project), make_context(project.parent / "home"))


def test_without_git_all_count_but_what_tools_leave_behind(project: Path) -> None:
    write(
        project,
        "src/__pycache__/a.pyc", "build/lib/a.py", "dist/a-1.0.tar.gz", ".tox/py312/x", "a.egg-info/PKG-INFO",
        "own/pyvenv.cfg", "own/bin/x", "conda/conda-meta/x.json", "conda/lib/x", "src/build/kept.py", "data/dist/kept.whl",
    )  # fmt: skip
    assert names(look(project)) == [
        "data/dist/kept.whl", "pyproject.toml", "src/a.py", "src/build/kept.py", "tests/test_a.py",
    ]  # fmt: skip


def test_a_package_called_build_counts_without_git(project: Path) -> None:
    write(project, "build/__init__.py", "dist/notes.txt")
    assert {"build/__init__.py", "dist/notes.txt"} <= {*names(look(project))}


def test_with_git_what_it_does_not_ignore_counts(project: Path) -> None:
    git(project, "init", "-q")
    write(project, ".gitignore", "new.py", "built/x", "kept.log", "gone.py")
    (project / ".gitignore").write_text("built/\n*.log\n")
    git(project, "add", "-f", ".gitignore", "src", "kept.log", "gone.py")
    (project / "gone.py").unlink()
    found = look(project)
    assert names(found) == [
        ".gitignore", "kept.log", "new.py", "pyproject.toml", "src/a.py", "tests/test_a.py",
    ]  # fmt: skip
    assert [f.path for f in found.files if f.tracked] == [".gitignore", "kept.log", "src/a.py"]


def test_below_a_repository_its_own_files_count(project: Path) -> None:
    git(project, "init", "-q")
    write(project, "lib/one/setup.py", "lib/two/setup.py")
    found = look(project / "lib" / "one")
    assert names(found) == ["setup.py"]
    assert found.repository is not None
    assert found.repository.top == str(project)


def test_submodules_and_repositories_within_are_looked_into(project: Path) -> None:
    git(project, "init", "-q")
    write(project, "vendor/x.c", "vendor/x.o", "vendor/.gitignore")
    (project / "vendor" / ".gitignore").write_text("*.o\n")
    git(project / "vendor", "init", "-q")
    assert [n for n in names(look(project)) if "vendor" in n] == ["vendor/.gitignore", "vendor/x.c"]


def test_a_project_that_a_repository_ignores_counts_as_without_git(project: Path) -> None:
    git(project.parent, "init", "-q")
    (project.parent / ".gitignore").write_text("*\n")
    found = look(project)
    assert names(found) == ["pyproject.toml", "src/a.py", "tests/test_a.py"]
    assert found.repository is None


def test_an_environment_that_git_is_not_told_to_ignore_does_not_count(project: Path) -> None:
    git(project, "init", "-q")
    write(project, "own/pyvenv.cfg", "own/lib/x.py", "x.egg-info/PKG-INFO")
    write(project, "other/conda-meta/history", "other/lib/x.so", "dist/a-1.0.tar.gz")
    write(project, "build/lib/a.py", "build/bdist.linux-x86_64/x", "build/lib.linux-x86_64-3/a.so")
    assert names(look(project)) == ["pyproject.toml", "src/a.py", "tests/test_a.py"]


@pytest.mark.parametrize("with_git", [True, False])
def test_what_a_run_has_written_counts_once_somebody_changes_it(
    project: Path, with_git: bool
) -> None:
    if with_git:
        git(project, "init", "-q")
    context = make_context(project.parent / "home")
    before = names(look(project))
    write(project, "report.xml", "out/r.html", ".coverage.host.1.x", "own.xml")
    outside = project.parent / "elsewhere.xml"
    outside.write_text("x")
    paths = [str(project / "report.xml"), str(project / "out" / "r.html"), str(outside)]
    sources.wrote(paths, str(project), context)
    assert names(look(project)) == sorted([*before, "own.xml"])
    (project / "report.xml").write_text("mine")
    assert names(look(project)) == sorted([*before, "own.xml", "report.xml"])
    sources.wrote([str(project / "own.xml")], str(project), context)
    (project / "out" / "r.html").unlink()
    assert names(look(project)) == sorted([*before, "report.xml"])


def test_what_git_tracks_counts_though_a_run_has_written_it(project: Path) -> None:
    git(project, "init", "-q")
    write(project, "report.xml")
    git(project, "add", "report.xml")
    sources.wrote(
        [str(project / "report.xml")], str(project), make_context(project.parent / "home")
    )
    assert "report.xml" in names(look(project))


def test_a_directory_that_ignores_itself_does_not_count(project: Path) -> None:
    before = names(look(project))
    write(project, "work/log/a.log", "kept/a.c")
    (project / "work" / ".gitignore").write_text("# made by a tool\n*\n")
    (project / "kept" / ".gitignore").write_text("*.o\n")
    assert names(look(project)) == sorted([*before, "kept/.gitignore", "kept/a.c"])


def test_the_digest_follows_content_name_and_right_to_execute(project: Path) -> None:
    seen = [look(project).digest]
    (project / "src" / "a.py").write_text("other")
    seen.append(look(project).digest)
    (project / "src" / "a.py").chmod(0o755)
    seen.append(look(project).digest)
    (project / "src" / "a.py").rename(project / "src" / "b.py")
    seen.append(look(project).digest)
    assert len({*seen}) == 4
    os.utime(project / "src" / "b.py", (1, 1))
    assert look(project).digest == seen[-1]


def test_links_inside_stay_links_and_those_outside_are_what_they_lead_to(project: Path) -> None:
    (project / "inner").symlink_to("src/a.py")
    (project.parent / "LICENSE").write_text("free")
    (project / "LICENSE").symlink_to("../LICENSE")
    kinds = {file.path: file.kind for file in look(project).files}
    assert kinds["inner"] == "l"
    assert kinds["LICENSE"] == "f"
    before = look(project).digest
    (project.parent / "LICENSE").write_text("freer")
    assert look(project).digest != before


def test_a_directory_behind_a_link_that_leads_out_is_in_the_project(project: Path) -> None:
    write(project.parent, "shared/data/x.csv", "shared/y.csv")
    (project / "shared").symlink_to("../shared")
    (project / "nowhere").symlink_to("../nowhere")
    found = {file.path: file.kind for file in look(project).files}
    assert found["shared/data/x.csv"] == found["shared/y.csv"] == "f"
    assert found["nowhere"] == "l"
    before = look(project).digest
    (project.parent / "shared" / "y.csv").write_text("other")
    assert look(project).digest != before


def test_what_is_unchanged_is_not_read_again(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in project.rglob("*"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
    later = make_context(project.parent / "home")
    ahead = later.now() + 60
    context = make_context(project.parent / "home", now=lambda: ahead)
    first = sources.look(str(project), context)
    read: list[str] = []

    def counting(path: str) -> str:
        read.append(path)
        return hashing.hash_file(path)

    monkeypatch.setattr(sources, "hash_file", counting)
    assert sources.look(str(project), context) == first
    assert read == []
    (project / "src" / "a.py").write_text("other")
    assert sources.look(str(project), context) != first
    assert read == [str(project / "src" / "a.py")]


def test_a_file_just_written_is_not_taken_for_unchanged(project: Path) -> None:
    context = make_context(project.parent / "home")
    file = project / "src" / "a.py"
    before = sources.look(str(project), context)
    info = file.stat()
    file.write_text("x" * info.st_size)
    os.utime(file, ns=(info.st_atime_ns, info.st_mtime_ns))
    assert sources.look(str(project), context).digest != before.digest


def test_a_memory_that_is_damaged_is_none(project: Path) -> None:
    found = look(project)
    memory = next((project.parent / "home").rglob(sources.MEMORY), None)
    assert memory is None or memory.write_text('{"format": 1, "files": [')
    assert look(project) == found


@pytest.mark.skipif(
    not os.path.exists("/proc/self/mem"), reason="no file here is unreadable to all"
)
def test_a_file_that_cannot_be_read_is_named(project: Path) -> None:
    (project / "memory").symlink_to("/proc/self/mem")
    with pytest.raises(SteadError, match="cannot be read") as raised:
        look(project)
    assert raised.value.where == str(project / "memory")


def test_declared_inputs_are_hashed_and_must_be_there(project: Path) -> None:
    context = make_context(project.parent / "home")
    write(project.parent, "shared/x.json", "shared/deep/y.json")
    pattern = str(project.parent / "shared")
    found = sources.further([pattern], context)
    assert [path for path, _ in found] == [
        f"{pattern}/deep/y.json",
        f"{pattern}/x.json",
    ]
    with pytest.raises(ManifestError, match="there is no") as raised:
        sources.further([str(project / "*.nothing")], context, Origin("stead.toml", 3))
    assert str(raised.value.where) == "stead.toml:3"


def test_what_a_version_is_computed_from_follows_tags_commits_and_edits(project: Path) -> None:
    git(project, "init", "-q")
    git(project, "add", ".")
    git(project, "commit", "-qm", "one")
    context = make_context(project.parent / "home")

    def state() -> str:
        found = sources.look(str(project), context)
        tracked = (file.path for file in found.files if file.tracked)
        return str(repository.state(found.root, tracked, context))

    seen = [state(), state()]
    assert seen[0] == seen[1]
    git(project, "tag", "v1.0")
    seen.append(state())
    (project / "src" / "a.py").write_text("edited")
    seen.append(state())
    git(project, "commit", "-qam", "two")
    seen.append(state())
    assert len({*seen}) == 4


def test_a_linked_copy_has_its_history_and_leaves_the_repository_alone(project: Path) -> None:
    git(project, "init", "-q")
    write(project, "lib/setup.py")
    git(project, "add", ".")
    git(project, "commit", "-qm", "one")
    git(project, "tag", "v1.0")
    copy = project.parent / "copy"
    write(copy, "lib/setup.py")
    context = make_context(project.parent / "home")
    found = repository.find(str(project / "lib"))
    assert found is not None
    index = (project / ".git" / "index").read_bytes()
    repository.link(found, str(project / "lib"), str(copy), context)
    assert git(copy, "describe", "--dirty", "--tags").strip() == "v1.0"
    (copy / "lib" / "setup.py").write_text("other")
    assert git(copy, "describe", "--dirty", "--tags").strip() == "v1.0-dirty"
    git(copy, "add", ".")
    assert (project / ".git" / "index").read_bytes() == index
    assert git(project, "status", "--short").strip() == ""

"""Hidden references in real repositories: nothing else of a repository is ever touched."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from stead.history import refs
from stead.store.generations import History
from stead.testing.world import make_context, recorder
from stead.values.generation import Generation

if TYPE_CHECKING:
    from pathlib import Path

CLEAN = {
    "PATH": os.environ["PATH"],
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    "LC_ALL": "C.UTF-8",
}
PERSON = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "T"), ("EMAIL", "t@example.invalid"))
}


def git(directory: Path, *words: str, ok: bool = True) -> str:
    done = subprocess.run(
        ["git", "-c", "protocol.file.allow=always", *words],
        cwd=directory,
        env={**CLEAN, **PERSON, "HOME": str(directory)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0 or not ok, done.stderr
    return done.stdout


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "the repo"
    root.mkdir()
    git(root, "init", "-q", "-b", "main")
    (root / "code.py").write_text("1\n")
    git(root, "add", ".")
    git(root, "commit", "-qm", "first")
    return root


def everything(root: Path) -> dict[str, object]:
    """All of a repository that is not objects or Stead's references, byte for byte."""
    found: dict[str, object] = {}
    for parent, directories, files in os.walk(root):
        if parent.endswith(".git") or "/.git/modules/" in parent:
            directories[:] = [d for d in directories if d != "objects"]
        if parent.endswith("refs"):
            directories[:] = [d for d in directories if d != "stead"]
        for name in files:
            path = os.path.join(parent, name)
            with open(path, "rb") as file:
                found[path] = file.read(), os.stat(path).st_mtime_ns
    return found


def record(home: Path, place: Path, texts: dict[str, bytes], environment: str = "default", **more):
    """Append a generation with these manifests and commit it; gives the reference."""
    import hashlib

    history = History(home, str(place), environment)

    def make(_: Generation | None, number: int):
        return Generation(
            number=number,
            time=1_700_000_000.0 + number,
            who="ann@box",
            place=str(place),
            environment=environment,
            platform="linux-64",
            command=("add", "leaf"),
            files={n: hashlib.sha256(t).hexdigest() for n, t in texts.items() if n[0] != "@"},
            lock_file=hashlib.sha256(texts["@lock"]).hexdigest() if "@lock" in texts else "",
            at=number,
            base=number,
            **more,
        ), texts

    generation = history.append(make)
    assert generation is not None
    context = make_context(home, environ={**CLEAN, "HOME": str(home)})
    name = refs.commit(history, generation, context)
    assert recorder(context).notes == []
    return name


TEXTS = {"stead.toml": '[vars]\nA = "ü"\r\n\xff'.encode("latin-1"), "@lock": b"version = 1\n"}


def test_a_commit_holds_manifests_and_lock_alone(repository: Path, tmp_path: Path) -> None:
    (repository / "staged.txt").write_text("x")
    git(repository, "add", "staged.txt")
    (repository / "code.py").write_text("2\n")
    before = everything(repository)
    name = record(tmp_path / "home", repository, TEXTS, reason="because\nof this")
    again = record(tmp_path / "home", repository, {**TEXTS, "stead.toml": b"new\n"})
    assert everything(repository) == before
    assert name == again == "refs/stead/main/%2E/default"
    assert git(repository, "ls-tree", "-r", "--name-only", name).split() == [
        "stead.lock",
        "stead.toml",
    ]
    assert git(repository, "log", "--format=%an %s", name).splitlines() == [
        "ann@box stead add leaf",
        "ann@box because",
    ]
    raw = subprocess.run(
        ["git", "cat-file", "blob", f"{name}~:stead.toml"],
        cwd=repository,
        capture_output=True,
        check=True,
    ).stdout
    assert raw == TEXTS["stead.toml"]
    assert git(repository, "branch", "-a", "--format=%(refname)").split() == ["refs/heads/main"]
    git(repository, "fsck", "--strict")


def test_without_a_name_and_where_commits_are_signed_and_hooks_refuse(
    repository: Path, tmp_path: Path
) -> None:
    git(repository, "config", "commit.gpgSign", "true")
    git(repository, "config", "user.useConfigOnly", "true")
    git(repository, "config", "gpg.program", "/bin/false")
    hooks = repository / ".git" / "hooks"
    for hook in ("reference-transaction", "pre-commit", "post-commit", "pre-auto-gc"):
        (hooks / hook).write_text(f"#!/bin/sh\ntouch '{tmp_path}/hook-ran'\nexit 1\n")
        (hooks / hook).chmod(0o755)
    name = record(tmp_path / "home", repository, TEXTS)
    assert git(repository, "rev-parse", name)
    assert not (tmp_path / "hook-ran").exists()


def test_a_linked_working_tree_has_its_own(repository: Path, tmp_path: Path) -> None:
    linked = tmp_path / "main"
    git(repository, "worktree", "add", "-q", "-b", "other", str(linked))
    before = everything(repository), everything(linked)
    first = record(tmp_path / "home", repository, TEXTS)
    second = record(tmp_path / "home", linked, TEXTS)
    assert (everything(repository), everything(linked)) == before
    assert second == "refs/stead/linked-main/%2E/default" != first
    assert git(linked, "rev-parse", second)


@pytest.mark.parametrize("how", ["merge", "rebase", "detached", "unborn"])
def test_whatever_the_repository_is_in_the_middle_of(
    repository: Path, tmp_path: Path, how: str
) -> None:
    if how in ("merge", "rebase"):
        git(repository, "checkout", "-q", "-b", "side")
        (repository / "code.py").write_text("side\n")
        git(repository, "commit", "-qam", "side")
        git(repository, "checkout", "-q", "main")
        (repository / "code.py").write_text("main\n")
        git(repository, "commit", "-qam", "main")
        git(repository, how, "side", ok=False)
        mark = "MERGE_HEAD" if how == "merge" else "rebase-merge"
        assert (repository / ".git" / mark).exists()
    elif how == "detached":
        git(repository, "checkout", "-q", "--detach")
    else:
        git(repository, "checkout", "-q", "--orphan", "empty")
    before = everything(repository)
    name = record(tmp_path / "home", repository, TEXTS)
    assert everything(repository) == before
    assert git(repository, "rev-parse", name)


def test_a_shallow_clone(repository: Path, tmp_path: Path) -> None:
    (repository / "code.py").write_text("3\n")
    git(repository, "commit", "-qam", "second")
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", "--depth", "1", repository.as_uri(), str(clone))
    assert (clone / ".git" / "shallow").exists()
    before = everything(clone)
    name = record(tmp_path / "home", clone, TEXTS)
    assert everything(clone) == before
    assert git(clone, "rev-parse", name)


def test_a_submodule(repository: Path, tmp_path: Path) -> None:
    outer = tmp_path / "outer"
    outer.mkdir()
    git(outer, "init", "-q")
    git(outer, "submodule", "add", "-q", repository.as_uri(), "inner")
    git(outer, "commit", "-qm", "with it")
    before = everything(outer)
    name = record(tmp_path / "home", outer / "inner", TEXTS)
    assert everything(outer) == before
    assert git(outer / "inner", "rev-parse", name)
    assert git(outer, "for-each-ref", "refs/stead") == ""
    assert git(outer, "status", "--porcelain") == ""


def test_nested_places_and_odd_names(repository: Path, tmp_path: Path) -> None:
    names = ["a", "a/b", "with space", "über", "x.lock", "-dash", 'q"uote', "tab\there"]
    found = []
    for place in names:
        (repository / place).mkdir(parents=True)
        found.append(record(tmp_path / "home", repository / place, TEXTS, "py312-conda.x"))
        listed = git(repository, "ls-tree", "-rz", "--name-only", found[-1]).split("\0")
        assert listed == [f"{place}/stead.lock", f"{place}/stead.toml", ""]
    assert len(set(found)) == len(names)
    assert found[1] == "refs/stead/main/a%2Fb/py312-conda%2Ex"
    for name in found:
        git(repository, "check-ref-format", name)


def test_the_caller_s_own_git_variables_lead_nowhere_else(repository: Path, tmp_path: Path) -> None:
    """As in a hook, where git points everything at its own repository."""
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "-q")
    home = tmp_path / "home"
    history = History(home, str(repository), "default")
    record(home, repository, TEXTS)
    generation = (
        history.get(1) if history.newest else History(home, str(repository), "default").get(1)
    )
    environ = {
        **CLEAN,
        "HOME": str(home),
        "GIT_DIR": str(other / ".git"),
        "GIT_INDEX_FILE": str(other / "index"),
    }
    context = make_context(home, environ=environ)
    assert refs.commit(History(home, str(repository), "default"), generation, context)
    assert git(other, "for-each-ref") == ""
    assert len(git(repository, "log", "--format=%H", "refs/stead/main/%2E/default").split()) == 2


def test_what_git_refuses_is_a_note_and_nothing_more(repository: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    record(home, repository, TEXTS)
    lock = repository / ".git" / "refs" / "stead" / "main" / "%2E" / "default.lock"
    lock.write_text("")
    history = History(home, str(repository), "default")
    context = make_context(home, environ={**CLEAN, "HOME": str(home)})
    assert refs.commit(history, history.get(1), context) == ""
    (note,) = recorder(context).notes
    assert "git does not take this change" in note
    assert lock.exists()


def test_without_git_and_outside_of_a_repository(repository: Path, tmp_path: Path) -> None:
    home, plain = tmp_path / "home", tmp_path / "plain"
    plain.mkdir()
    assert record(home, plain, TEXTS) == ""
    history = History(home, str(plain), "default")
    context = make_context(home, environ={"PATH": str(tmp_path), "HOME": str(home)})
    assert refs.commit(history, history.get(1), context) == ""
    assert recorder(context).notes == []
    assert History(home, str(plain), "default").get(1).command == ("add", "leaf")

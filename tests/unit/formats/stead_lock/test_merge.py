"""Branches that add different packages merge; what conflicts is saved."""

from __future__ import annotations

import subprocess

import pytest

from stead.formats import stead_lock
from stead.values.errors import LockError
from stead.values.lock import Lock

from .conftest import conda, locked, pypi

PLATFORMS = ("linux-64", "osx-arm64")
BASE = [f"{letter}{word}" for letter in "abcdefghijklmnopqrstuvwxyz" for word in ("lib", "tool")]


def lock_of(names):
    return Lock(
        tuple(
            locked(
                *(conda(n, platform=platform, depends=("python >=3.12",)) for n in names),
                pypi("httpx"),
                platform=platform,
            )
            for platform in PLATFORMS
        )
    )


class Repository:
    def __init__(self, path):
        self.path = path
        self.file = path / "stead.lock"
        self.git("init", "-q", "-b", "main", ".")

    def git(self, *arguments, check=True):
        identity = [
            "-c",
            "user.name=t",
            "-c",
            "user.email=t@example.org",
            "-c",
            "core.autocrlf=false",
        ]
        return subprocess.run(
            ["git", *identity, *arguments],
            cwd=self.path,
            check=check,
            capture_output=True,
            text=True,
        )

    def commit(self, lock, branch=None, start="main"):
        if branch:
            self.git("checkout", "-q", "-b", branch, start)
        self.file.write_text(stead_lock.write(lock), encoding="utf-8", newline="\n")
        self.git("add", "stead.lock")
        self.git("commit", "-q", "-m", "lock")

    def merge(self, branch):
        return self.git("merge", "-q", "-m", "merge", branch, check=False).returncode

    @property
    def text(self):
        return self.file.read_text(encoding="utf-8")


@pytest.fixture
def repository(tmp_path):
    return Repository(tmp_path)


def test_branches_that_add_different_packages_merge(repository):
    repository.commit(lock_of(BASE))
    repository.commit(lock_of([*BASE, "dask", "distributed"]), "one")
    repository.commit(lock_of([*BASE, "pandas", "pytz"]), "two")
    assert repository.merge("one") == 0
    both = stead_lock.read(repository.text, "stead.lock")
    wanted = lock_of([*BASE, "dask", "distributed", "pandas", "pytz"])
    assert both == wanted
    assert stead_lock.write(both) == repository.text


def test_branches_that_add_and_remove_merge(repository):
    repository.commit(lock_of(BASE))
    repository.commit(lock_of([n for n in BASE if n != "clib"]), "one")
    repository.commit(lock_of([*BASE, "pandas"]), "two")
    assert repository.merge("one") == 0
    assert stead_lock.read(repository.text, "stead.lock") == lock_of(
        [*(n for n in BASE if n != "clib"), "pandas"]
    )


def test_a_platform_and_a_package_added_at_once_merge(repository):
    base = lock_of(BASE)
    other = base.with_environment(locked(pypi("httpx"), environment="docs"))
    repository.commit(base)
    repository.commit(other, "one")
    repository.commit(lock_of([*BASE, "pandas"]), "two")
    assert repository.merge("one") == 0
    both = stead_lock.read(repository.text, "stead.lock")
    assert {e.environment for e in both.environments} == {"default", "docs"}


@pytest.mark.parametrize("style", ["merge", "diff3", "zdiff3"])
def test_a_conflict_is_named_and_both_sides_are_saved(repository, style):
    repository.git("config", "merge.conflictStyle", style)
    repository.commit(lock_of(BASE))
    repository.commit(lock_of([*BASE, "pa", "pb"]), "one")
    repository.commit(lock_of([*BASE, "pc", "zz"]), "two")
    assert repository.merge("one") != 0
    text = repository.text
    with pytest.raises(LockError, match="merge conflict") as caught:
        stead_lock.read(text, "/w/stead.lock")
    line = text[: text.index("<<<<<<<")].count("\n") + 1
    assert str(caught.value.where) == f"/w/stead.lock:{line}"
    assert "stead lock" in caught.value.remedy
    saved = stead_lock.read_conflicted(text, "/w/stead.lock")
    for env, one in zip(saved.environments, lock_of(BASE).environments, strict=True):
        assert env.slot == one.slot
        assert env.python == "3.12"
        names = {a.name for a in env.artifacts}
        assert names >= {*BASE, "httpx", "pa", "pb", "pc", "zz"}
        assert set(one.artifacts) <= set(env.artifacts)


def test_where_the_sides_disagree_ones_own_counts(repository):
    old = [conda("numpy", "1.0")]
    repository.commit(Lock((locked(*old),)))
    repository.commit(Lock((locked(conda("numpy", "2.0")),)), "theirs")
    repository.commit(Lock((locked(conda("numpy", "3.0")),)), "mine")
    assert repository.merge("theirs") != 0
    (env,) = stead_lock.read_conflicted(repository.text, "f").environments
    assert [a.version for a in env.artifacts] == ["3.0"]


def test_a_saved_lock_answers_no_specification(repository):
    repository.commit(Lock((locked(),)))
    text = "<<<<<<< a\n" + stead_lock.write(Lock((locked(),))) + "=======\n>>>>>>> b\n"
    (env,) = stead_lock.read_conflicted(text, "f").environments
    assert env.requests not in ((), locked().requests)


def test_damage_stays_where_it_is():
    text = stead_lock.write(lock_of(["aa", "bb", "cc"]))
    broken = text.replace('name = "bb"\n', 'name = "bb\n').replace(
        '"conda/aa-1.0', '"conda/aa-9.0', 1
    )
    with pytest.raises(LockError):
        stead_lock.read(broken, "f")
    saved = stead_lock.read_conflicted(broken, "f")
    assert {a.name for e in saved.environments for a in e.artifacts} == {"aa", "cc", "httpx"}


def test_hopeless_text_gives_an_empty_lock():
    assert stead_lock.read_conflicted("hello\n[environment]\nx\n[pin.", "f") == Lock()

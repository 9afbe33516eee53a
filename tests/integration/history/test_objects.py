"""Commits written without git are what git would have written, and git takes them as its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stead.history.objects import UnusualError, write_commit

NAME = "refs/stead/main/a%20b/default"
HEAD = b"author T <T> 1700000000 +0000\ncommitter T <T> 1700000000 +0000\n"
ENVIRON = {
    "PATH": os.environ["PATH"],
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    "LC_ALL": "C.UTF-8",
}


def git(directory: Path, *words: str, stdin: bytes = b"") -> str:
    done = subprocess.run(
        ["git", *words], cwd=directory, env=ENVIRON, input=stdin, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().strip()


def made(directory: Path, *words: str) -> Path:
    directory.mkdir()
    git(directory, "init", "-q", *words)
    return directory / ".git"


parts = st.text("ab. -é+%", min_size=1, max_size=4).filter(lambda p: p.strip(".") != "")
paths = st.lists(parts, min_size=1, max_size=3).map(tuple)


def fitting(files: dict[tuple[str, ...], bytes]) -> bool:
    """No file may be a directory of another."""
    return not any(a != b and a == b[: len(a)] for a in files for b in files)


@given(
    st.lists(
        st.dictionaries(paths, st.binary(max_size=40), min_size=1, max_size=6).filter(fitting),
        min_size=1,
        max_size=3,
    )
)
@settings(max_examples=15, deadline=None)
def test_gives_what_git_gives(commits: list[dict[tuple[str, ...], bytes]]) -> None:
    with TemporaryDirectory() as scratch:
        ours, theirs = made(Path(scratch, "ours")), made(Path(scratch, "theirs"))
        for number, named in enumerate(commits):
            files = {"/".join(path): content for path, content in named.items()}
            message = f"the {number}th\n".encode()
            write_commit(os.fspath(ours), NAME, files, HEAD, message)
            stream = b"commit %s\n%sdata %d\n%s" % (NAME.encode(), HEAD, len(message), message)
            if number:
                stream += b"from %s^0\n" % NAME.encode()
            stream += b"deleteall\n"
            for path, content in files.items():
                stream += b'M 100644 inline "%s"\n' % path.encode()
                stream += b"data %d\n%s\n" % (len(content), content)
            git(theirs, "fast-import", "--quiet", stdin=stream)
        assert git(ours, "rev-parse", NAME) == git(theirs, "rev-parse", NAME)
        assert git(ours, "fsck", "--strict", "--full") == ""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return made(tmp_path / "repository")


def commit(repository: Path, text: str) -> str:
    write_commit(os.fspath(repository), NAME, {"stead.toml": text.encode()}, HEAD, b"x\n")
    return git(repository, "rev-parse", NAME)


def test_goes_on_from_what_git_has_packed(repository: Path) -> None:
    first = commit(repository, "1")
    git(repository, "gc", "-q", "--prune=now")
    git(repository, "pack-refs", "--all", "--prune")
    assert not (repository / NAME).exists()
    commit(repository, "2")
    assert git(repository, "rev-parse", f"{NAME}^") == first
    assert git(repository, "show", f"{NAME}:stead.toml") == "2"


def test_a_reference_that_git_has_locked_is_left_to_git(repository: Path) -> None:
    first = commit(repository, "1")
    lock = repository / f"{NAME}.lock"
    lock.touch()
    with pytest.raises(UnusualError):
        commit(repository, "2")
    assert lock.exists()
    assert git(repository, "rev-parse", NAME) == first


def test_a_lock_whose_holder_was_killed_stops_nobody(repository: Path) -> None:
    first = commit(repository, "1")
    lock = repository / f"{NAME}.lock"
    lock.touch()
    os.utime(lock, (time.time() - 3600,) * 2)
    assert commit(repository, "2") != first
    assert not lock.exists()


@pytest.mark.parametrize("words", [["--object-format=sha256"], ["--shared=group"]])
def test_other_formats_and_rights_are_left_to_git(tmp_path: Path, words: list[str]) -> None:
    repository = made(tmp_path / "other", *words)
    with pytest.raises(UnusualError):
        write_commit(os.fspath(repository), NAME, {"a": b""}, HEAD, b"x\n")
    assert git(repository, "for-each-ref") == ""


def test_leaves_nothing_half_written_where_the_disk_is_full(repository: Path) -> None:
    first = commit(repository, "1")
    code = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (8, 8));"
        "from stead.history.objects import write_commit;"
        f"write_commit({os.fspath(repository)!r}, {NAME!r}, {{'a': b'x' * 99}}, b'', b'')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert b"OSError" in done.stderr
    assert git(repository, "rev-parse", NAME) == first
    assert not list(repository.rglob("tmp_obj_*"))

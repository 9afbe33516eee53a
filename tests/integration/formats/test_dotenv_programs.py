"""What is taken and written is what the programs themselves read: python-dotenv, Node, bash.

docker compose is not among them: its reader stands by its documented rules alone
(``tests/unit/formats/dotenv``). Node is the one of this machine; its version is shown
where a test fails. From 20.12 on it has ``util.parseEnv``, the reader of ``--env-file``.
"""

from __future__ import annotations

import io
import json
import logging
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from dotenv import dotenv_values
from hypothesis import given, settings
from hypothesis import strategies as st

from stead.formats import dotenv
from stead.formats._dotenv_models import readings
from stead.values.errors import ManifestError

if TYPE_CHECKING:
    from pathlib import Path

BASH = shutil.which("bash") or "bash"

NAMES = st.from_regex(r"[A-Z][A-Za-z0-9_]{0,6}", fullmatch=True).filter(
    lambda n: n not in dotenv._own_names()
)
VALUES = st.text(st.characters(exclude_categories=("Cs",)), max_size=20) | st.text(
    "ab'\"`\\$#{}! \n\t~=;:&|<>()*[]%", max_size=12
)
WORDS = [
    "A", "B1", "_c", "=", "=", "=", "'", '"', "`", "\\", "\\n", " ", "\t", "#", " #", "$", "$A",
    "${A}", "${A:-d}", "\n", "x", "y z", "é", ":", "~", "{a,b}", "!", "export ", "-", ".", "\\'",
    '\\"', "\r\n", "[", "*", "%", "@", "+", "\u00a0",
]  # fmt: skip
LINES = st.lists(
    st.tuples(
        st.sampled_from(["", "", "export ", " "]),
        st.sampled_from(["A", "B", "C", "D"]),
        st.sampled_from(["", "'", '"', "`"]),
        st.lists(st.sampled_from(WORDS[6:]), max_size=6).map("".join),
        st.sampled_from(["\n", "\n", " # c\n", " \n", "\n\n", "\n# it's\n"]),
    ).map(lambda p: f"{p[0]}{p[1]}={p[2]}{p[3]}{p[2]}{p[4]}"),
    min_size=1,
    max_size=4,
).map("".join)


class Node:
    """A Node that parses one text after the other."""

    PROGRAM = (
        "const {parseEnv} = require('util');"
        "const lines = require('readline').createInterface({input: process.stdin});"
        "lines.on('line', l => console.log(JSON.stringify(parseEnv(JSON.parse(l)))));"
    )

    def __init__(self) -> None:
        self.version = subprocess.run(
            ["node", "--version"], capture_output=True, text=True, check=True
        ).stdout.strip()
        self._process = subprocess.Popen(
            ["node", "-e", self.PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    def read(self, text: str) -> dict[str, str]:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(text) + "\n")
        self._process.stdin.flush()
        found: dict[str, str] = json.loads(self._process.stdout.readline())
        return found

    def close(self) -> None:
        self._process.communicate()


@pytest.fixture(scope="module")
def node():
    running = Node()
    yield running
    running.close()


def python_reads(text: str) -> dict[str, str | None]:
    logging.getLogger("dotenv").disabled = True
    return dict(dotenv_values(stream=io.StringIO(text.replace("\r\n", "\n"))))


def bash_reads(text: str, directory: Path) -> dict[str, str]:
    (directory / "e").write_bytes(text.encode())
    done = subprocess.run(
        [BASH, "--norc", "-c", "set -a; . ./e; set +a; exec /usr/bin/env -0"],
        cwd=directory,
        env={"PATH": "/nowhere"},
        capture_output=True,
        check=False,
    )
    assert not done.stderr
    return dict(p.split("=", 1) for p in done.stdout.decode().split("\0") if p)


@pytest.mark.needs("node")
@settings(max_examples=60)
@given(entries=st.dictionaries(NAMES, VALUES, min_size=1, max_size=8))
def test_what_is_written_is_read_back_by_all(entries, node, tmp_path_factory) -> None:
    written = {}
    for name, value in entries.items():
        try:
            dotenv.line_for(name, value)
        except ManifestError:
            continue
        written[name] = value
    text = dotenv.write(written.items())
    assert {e.name: e.value for e in dotenv.read(text, "/e")} == written
    assert python_reads(text) == written
    assert node.read(text) == written, node.version
    got = bash_reads(text, tmp_path_factory.mktemp("bash"))
    assert {n: got.get(n) for n in written} == written


@pytest.mark.needs("node")
@settings(max_examples=150)
@given(text=LINES)
def test_what_is_taken_is_what_all_read(text, node, tmp_path_factory) -> None:
    try:
        taken = {e.name: e.value for e in dotenv.read(text, "/e")}
    except ManifestError:
        return
    assert python_reads(text) == taken
    assert node.read(text) == taken, node.version
    got = bash_reads(text, tmp_path_factory.mktemp("bash"))
    assert {n: got.get(n) for n in taken} == taken


@settings(max_examples=400)
@given(text=st.lists(st.sampled_from(WORDS), max_size=14).map("".join) | LINES)
def test_python_dotenv_is_read_as_it_reads(text) -> None:
    found = {r.name: r.value for r in readings("python", text) if not r.error}
    assert found == python_reads(text)


@pytest.mark.needs("node")
@settings(max_examples=400)
@given(text=st.lists(st.sampled_from(WORDS), max_size=14).map("".join) | LINES)
def test_node_is_read_as_it_reads(text, node) -> None:
    found = readings("node", text)
    # Of a name that is only blanks, Node makes what happens to stand before it in memory.
    if any("from here on" in r.how for r in found):
        return
    assert {r.name: r.value for r in found if r.value is not None} == node.read(text), node.version


@settings(max_examples=100)
@given(text=LINES)
def test_bash_is_read_as_it_reads(text, tmp_path_factory) -> None:
    found = readings("sh", text)
    if any(r.error for r in found):  # it would run things; what is said of it has its own tests
        return
    got = bash_reads(text, tmp_path_factory.mktemp("bash"))
    assert {r.name: got.get(r.name) for r in found} == {r.name: r.value for r in found}


def test_bash_keeps_the_names_for_itself_that_are_refused(tmp_path) -> None:
    """Each of these is lost or changed; those beside them are set."""
    for name in sorted(dotenv._own_names()):
        readback = set()
        for value in ("vv", "7", "ref:x"):
            (tmp_path / "e").write_text(f"{name}={value}\n")
            done = subprocess.run(
                [BASH, "--norc", "-c", "set -a; . ./e; exec /usr/bin/env -0"],
                cwd=tmp_path,
                env={},
                capture_output=True,
                check=False,
            )
            clean = f"{name}={value}".encode() in done.stdout.split(b"\0") and not done.stderr
            readback.add(clean)
        assert False in readback, name
    assert bash_reads("PATHS=1\nUIDS=2\nLANG=C\n", tmp_path).items() >= {("UIDS", "2")}


@pytest.mark.needs("node")
def test_a_node_program_is_started_with_a_written_file(tmp_path) -> None:
    entries = {
        "PLAIN": "https://example.org/?a=1",
        "SPACED": " a b ",
        "QUOTE": "it's",
        "KEY": "-----BEGIN KEY-----\nabc=\n-----END KEY-----\n",
        "WINDOWS": "C:\\Users\\me",
        "PRICE": "$5 #1",
        "EMPTY": "",
    }
    (tmp_path / ".env").write_text(dotenv.write(entries.items()))
    done = subprocess.run(
        ["node", "--env-file=.env", "-e", "console.log(JSON.stringify(process.env))"],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout).items() >= entries.items()

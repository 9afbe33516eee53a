"""Configurations evaluate to what the installed tox makes of them: names and every key."""

from __future__ import annotations

from pathlib import Path

import pytest

CORPUS = sorted(f for f in (Path(__file__).parent / "corpus").iterdir())
TARGETS = {".ini": "tox.ini", ".cfg": "setup.cfg", ".toml": "tox.toml"}
BESIDE = {
    "vars.env": "A=1\n# no\nexport B = two;three\n",
    **dict.fromkeys(("req.txt", "con.txt", "a b.txt", "x.txt"), ""),
}


@pytest.mark.parametrize("file", CORPUS, ids=lambda f: f.name)
@pytest.mark.parametrize("posargs", [None, ("-k", "a b", "it's", "x.txt")], ids=["bare", "posargs"])
def test_corpus(file, posargs, project, agree):
    name = "pyproject.toml" if ".pyproject" in file.suffixes else TARGETS[file.suffix]
    agree(project({name: file.read_text(encoding="utf-8"), **BESIDE}), posargs)

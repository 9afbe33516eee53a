"""The author of a change is whom git would name, told without asking git."""

from __future__ import annotations

import os
import subprocess

import pytest

from stead.history.identity import author, is_called

CONFIGS = {
    "plain": "[user]\n\tname = Ann Lee\n\temail = ann@example.org\n",
    "quoted": '[core]\nbare = false\n[user] name = "Ann \\"A\\" # Lee" ; she\nEMAIL=ann@example.org # hers\n',
    "author": "[user]\nname=Ann\nemail=a@x.org\n[author]\nname = Other\nemail = o@x.org\n",
    "another section": '[user "sub"]\nname = No\n[user]\nname = Ann\nemail = a@x.org\n[x]\nname = No\n',
    "included": "[user]\nname = Ann\nemail = a@x.org\n[include]\npath = more\n",
    "by directory": '[user]\nname = Ann\nemail = a@x.org\n[includeIf "gitdir:~/work/"]\npath = ~/more\n',
    "elsewhere": '[user]\nname = Ann\nemail = a@x.org\n[includeIf "gitdir:~/play/"]\npath = more\n',
}


def asked(top, environ):
    words = ["git", "-C", str(top), "var", "GIT_AUTHOR_IDENT"]
    said = subprocess.run(words, env=environ, capture_output=True, text=True, check=True).stdout
    return said[: said.rindex(">") + 1]


@pytest.fixture
def top(tmp_path):
    made = tmp_path / "work" / "project"
    made.mkdir(parents=True)
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run(["git", "init", "-q", made], env=environ, check=True)
    return made, environ


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_as_git_says_it(top, tmp_path, config):
    made, environ = top
    (tmp_path / ".gitconfig").write_text(config)
    (tmp_path / "more").write_text("[user]\nemail = more@x.org\n")
    assert author(str(made), environ) == asked(made, environ)
    below = made / "sub"
    below.mkdir()
    assert author(str(below), environ) == asked(made, environ)


def test_what_stands_nearest_counts(top, tmp_path):
    made, environ = top
    (tmp_path / ".config" / "git").mkdir(parents=True)
    (tmp_path / ".config" / "git" / "config").write_text("[user]\nname = X\nemail = x@x.org\n")
    assert author(str(made), environ) == asked(made, environ) == "X <x@x.org>"
    (tmp_path / ".gitconfig").write_text("[user]\nname = Home\n")
    assert author(str(made), environ) == asked(made, environ) == "Home <x@x.org>"
    subprocess.run(["git", "-C", made, "config", "user.email", "l@x.org"], check=True)
    assert author(str(made), environ) == asked(made, environ) == "Home <l@x.org>"
    environ |= {"GIT_AUTHOR_NAME": "Said", "GIT_AUTHOR_EMAIL": "s@x.org"}
    assert author(str(made), environ) == asked(made, environ) == "Said <s@x.org>"


def test_nobody_is_known(top, tmp_path):
    made, environ = top
    assert author(str(made), environ) == ""
    (tmp_path / ".gitconfig").write_bytes(b"[user\nname = \xff\n[user]\n= x\nname\n")
    assert author(str(made), environ) == ""
    (tmp_path / ".gitconfig").write_text(CONFIGS["plain"])
    assert author(str(tmp_path), environ) == ""  # no repository


def test_who_is_called_how():
    who = "Ann Lee <lee@example.org>"
    for word in (who, "Ann Lee", "ann", "lee", "lee@example.org"):
        assert is_called(word, who)
    assert not is_called("an", who)
    assert is_called("ann", "ann@box")
    assert is_called("ann@box", "ann@box")

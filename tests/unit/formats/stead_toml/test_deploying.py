"""Recipes and targets, and what apps say of running elsewhere."""

from __future__ import annotations

import pytest

from stead.formats import stead_toml
from stead.values.errors import ManifestError

FILE = "/w/stead.toml"


def read(text):
    return stead_toml.read(FILE, lambda _: text).kinds


def test_a_recipe_says_how_many_run_where():
    (recipe,) = read(
        "[recipe.prod]\napp = ['a', 'b']\ncounts = { a = 2, 'b:worker' = 3 }\nkeep = 2\n"
        "[recipe.prod.target.lab]\ncounts = { a = 4 }\nset = { 'a.TITLE' = 'lab' }\n"
    ).recipes
    assert recipe.apps == ("a", "b")
    assert recipe.counts == (("a", 2), ("b:worker", 3))
    (on,) = recipe.on
    assert (on.target, on.counts, on.settings[0].value) == ("lab", (("a", 4),), "lab")
    assert recipe.keep == 2


def test_health_is_a_check_of_what_runs():
    (app,) = read(
        "[app.a]\n[app.a.health]\n"
        "u = { url = 'http://localhost/', status = 204, timeout = '2s' }\n"
        "p = { port = 80 }\nc = { command = ['x', 'y'] }\n"
    ).apps
    found = [(c.kind, c.subject, c.arguments, c.expect, c.timeout, c.by) for c in app.health]
    assert found == [
        ("url", "http://localhost/", (), "204", "2s", "app a"),
        ("port", "localhost:80", (), "", "", "app a"),
        ("run", "", ("x", "y"), "", "", "app a"),
    ]


def test_a_target_has_machines_and_says_how_they_are_used():
    (target,) = read(
        "[target.lab]\nkind = 'ssh'\nhosts = ['a', 'b', 'a']\nserial = 1\nparallel = 2\n"
        "services = 'supervise'\nsudo = 'services'\ncreate = ['mk']\n"
    ).targets
    assert (target.hosts, target.serial, target.parallel) == (("a", "b"), 1, 2)
    assert (target.services, target.sudo, target.create) == ("supervise", "services", ("mk",))
    assert target.base == "/w"


@pytest.mark.parametrize(
    ("text", "line", "says", "remedy"),
    [
        ("\n[recipe.status]\n", 2, "no recipe can be called status", "otherwise"),
        ("[recipe.r]\nkeep = 0\n", 2, "keep must be 1 or more", "must stay"),
        ("[recipe.r]\ncounts = { a = -1 }\n", 2, "a must be 0 or more", "runs none"),
        ("[recipe.r]\npyinfra = '../x.py'\n", 2, "must lie in this directory", ""),
        ("[target.t]\nkind = 'ssh'\n", 1, "target t names no machine", "hosts ="),
        ("[target.t]\nhosts = ['x']\n", 2, "kind local, which has no hosts", "ssh"),
        ("[target.t]\nkind = 'shh'\n", 2, "shh", "ssh"),
        ("[target.t]\nkind='ssh'\nhosts = ['-oProxyCommand=x']\n", 3, "cannot be the address", ""),
        ("[target.t]\nparallel = 0\n", 2, "parallel must be 1 or more", ""),
        ("[app.a]\nrelease = ['migrte']\n[app.a.commands]\nmigrate=['x']\n", 2, "no command migrte", "did you mean migrate?"),
        ("[app.a]\nprocesses={w=['x']}\ncommands={w=['x']}\n", 3, "a process and a command named w", ""),
        ("[app.a.health]\nx = { url = 'a', port = 1 }\n", 2, "one thing, not url and port", "for example"),
        ("[app.a.health]\nx = { status = 200 }\n", 2, "neither a url, a port nor a command", ""),
    ],
)  # fmt: skip
def test_each_mistake_has_its_place_and_remedy(text, line, says, remedy):
    with pytest.raises(ManifestError) as caught:
        read(text)
    error = caught.value
    assert error.where.line == line
    assert says in error.message + str(error.details)
    assert remedy in error.remedy

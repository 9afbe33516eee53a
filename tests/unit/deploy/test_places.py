"""Where things of this machine lie on a node."""

from __future__ import annotations

import pytest

from stead.deploy.places import moved, places
from stead.values.kinds import App, Check, Host, Kinds, Offer, RenderedFile
from stead.values.manifest import PathEntry, Variable
from stead.values.secret import SecretReference
from stead.values.spec import Configuration

CODE = (("/w", ""), ("/store/lib", ".modules/lib"))


def where(*files):
    return places("/n", "r", "k" * 20, CODE, files)


TREE = f"/n/trees/{'k' * 20}"


@pytest.mark.parametrize(
    ("here", "there"),
    [
        ("/w", TREE),
        ("/w/a/b", f"{TREE}/a/b"),
        ("/store/lib/x.py", f"{TREE}/.modules/lib/x.py"),
        ("/wider", "/wider"),
        ("/etc", "/etc"),
    ],
)
def test_directories_of_the_code_move_and_come_back(here, there):
    assert where().there(here) == there
    assert where().here(there) == here


@pytest.mark.parametrize(
    ("path", "there"),
    [
        ("data/raw", f"{TREE}/data/raw"),  # a file of it is part of the code
        ("data", f"{TREE}/data"),
        ("state", "/n/recipes/r/data/state"),  # the project writes it
        ("../out", "/out"),
        ("/srv/x", "/srv/x"),
        (".", TREE),
    ],
)
def test_what_the_project_writes_outlives_its_code(path, there):
    entry = where("/w/data/raw/a.csv").located(PathEntry("p", path, "/w"), None)
    assert (entry.path, entry.base) == (there, "/")


def test_what_the_host_offers_under_the_name_is_used():
    host = Host("h", paths=(Offer("state", "/srv/state"),))
    found = where().located(PathEntry("state", "state", "/w"), host)
    assert found.path == "/srv/state"
    assert where().located(PathEntry("gone", None, "/w"), host).path is None


def test_a_configuration_moves_but_for_what_is_read_here():
    file = RenderedFile("a.ini", "a.tmpl", base="/w")
    app = App(
        "a",
        variables=(Variable("V", "x", base="/w/sub"),),
        checks=(Check("c", "path", "p", base="/w"),),
        files=(file,),
        base="/w/sub",
    )
    before = Configuration(kinds=Kinds(apps=(app,)), files=(file,), modules=("/w/src",))
    after = moved(before, where(), None)
    (made,) = after.kinds.apps
    assert made.base == f"{TREE}/sub"
    assert made.variables[0].base == f"{TREE}/sub"
    assert made.checks[0].base == TREE
    assert made.files == after.files == (file,)
    assert after.modules == (f"{TREE}/src",)
    assert moved(before, where(), None) == after


def test_a_secret_is_opened_where_it_lies_here():
    there = SecretReference("age", "s.age#k", f"{TREE}/sub")
    assert where().local(there).file == "/w/sub/s.age"

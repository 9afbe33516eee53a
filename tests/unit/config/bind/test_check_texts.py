"""What checks refer to: expanded, checked and counted among the needs."""

from __future__ import annotations

import pytest

from stead.values.kinds import Check


@pytest.fixture
def place(composition):
    composition.path("raw", "data/raw")
    composition.net("office", db={"host": "db.lan", "port": "5432"})
    composition.vars(PORT="8080", HERE="x y", PLAIN="api.lan")
    return composition


def checks(composition, *made, **options):
    composition.more["checks"] = tuple(
        Check(base=composition.place, origin=composition.at(), **c) for c in made
    )
    return composition.resolve(**options)


@pytest.mark.parametrize(
    ("kind", "written", "meant"),
    [
        ("port", "{net.db}", "db.lan:5432"),
        ("port", "${net.db.host}:${PORT}", "db.lan:8080"),
        ("port", "${PORT}", "localhost:8080"),
        ("path", "${paths.raw}", "/p/data/raw"),
        ("path", "{paths.raw}/${HERE}", "/p/data/raw/x y"),
        ("url", "http://${PLAIN}:${PORT}/health", "http://api.lan:8080/health"),
        ("url", "http://{net.db}/${HERE}", "http://db.lan:5432/x%20y"),
        ("space", "${paths.raw}", "/p/data/raw"),
        ("path", "$${HERE}", "${HERE}"),
        ("path", "plain", "plain"),
        ("variable", "PORT", "PORT"),
    ],
)
def test_what_a_check_is_about_may_refer_to_values(place, kind, written, meant):
    table = checks(place, {"name": "one", "kind": kind, "subject": written, "expect": "1 KiB"})
    assert [str(f) for f in table.findings] == []
    assert [c.subject for c in table.checks] == [meant]


def test_arguments_of_commands_may_refer_to_values_and_stay_one_word(place):
    words = ("test", "-d", "${paths.raw}", "${HERE}", "$HERE", "$${HERE}")
    table = checks(place, {"name": "mine", "kind": "run", "arguments": words})
    assert table.findings == ()
    assert table.checks[0].arguments == (
        "test", "-d", "/p/data/raw", "x y", "$HERE", "${HERE}"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("written", "said", "remedy"),
    [
        ("${PROT}", "the check one refers to ${PROT}, which is not defined", "did you mean PORT?"),
        ("${paths.rwa}", "the check one refers to ${paths.rwa}", "did you mean paths.raw?"),
        ("${PORT", "in the value of the check one, a reference is not closed", "$${"),
        ("${A-b}", "'${A-b}' is not a reference", "there are no defaults"),
    ],
)
def test_a_mistake_is_a_finding_at_the_check(place, only, written, said, remedy):
    table = checks(place, {"name": "one", "kind": "path", "subject": written})
    found = only(table)
    assert said in found.message
    assert remedy in found.remedy
    assert found.where.line == table.checks[0].origin.line if table.checks else found.where.line
    assert table.checks == ()


def test_an_endpoint_that_no_net_offers_is_said_with_the_nearest(place, only):
    found = only(checks(place, {"name": "one", "kind": "port", "subject": "{net.dbb}"}))
    assert "dbb" in found.message
    assert "the check one" in "\n".join((found.message, *found.details))
    assert "db" in found.remedy


def test_a_check_decides_which_net_and_host_fit(composition):
    composition.net("empty", other={"host": "o.lan", "port": "1"})
    composition.net("office", db={"host": "db.lan", "port": "5432"})
    composition.host("bare")
    composition.host("lab", paths={"scratch": "/scratch"})
    table = checks(
        composition,
        {"name": "db", "kind": "port", "subject": "{net.db}"},
        {"name": "scratch", "kind": "path", "subject": "{host.paths.scratch}/mine"},
    )
    assert [str(f) for f in table.findings] == []
    assert (table.selection.net, table.selection.host) == ("office", "lab")
    assert [c.subject for c in table.checks] == ["db.lan:5432", "/scratch/mine"]


@pytest.mark.parametrize("kind", ["port", "url", "run"])
def test_no_check_may_hold_a_secret(place, only, kind):
    place.declare(TOKEN={"type": "secret"})
    place.dotenv(TOKEN="hunter2")
    text = {"port": "h:${TOKEN}", "url": "http://u:${TOKEN}@h/"}.get(kind, "")
    made = {"name": "one", "kind": kind, "subject": text}
    if kind == "run":
        made |= {"arguments": ("curl", "-H", "X: ${TOKEN}")}
    table = checks(place, made)
    found = only(table)
    assert found.message == "the check one would hold a secret"
    assert "reads" in found.remedy or "read" in found.remedy
    assert "hunter2" not in repr(table.checks) + str(found)


def test_a_libs_check_means_the_names_that_its_client_exports(composition):
    check = Check("up", "port", "${HOST}:1", base="/p", by="lib db", origin=composition.at())
    composition.lib("db", {"HOST": {"default": "h"}}, prefix=True, checks=(check,))
    composition.client("one", "db", {"HOST": "a"}, prefix="A_")
    composition.client("two", "db", {"HOST": "b"}, prefix="B_")
    table = composition.resolve()
    assert table.findings == ()
    assert [c.subject for c in table.checks] == ["a:1", "b:1"]


def test_a_bool_is_false_where_others_are_taken_away(composition, values):
    composition.lib("web", {"DEBUG": {"type": "bool", "default": "true"}, "NAME": "str"})
    composition.define("vars", {"DEBUG": None, "NAME": None})
    assert values(composition.resolve()) == {"DEBUG": "false", "NAME": None}


def test_a_layer_says_false_of_what_the_place_says_true(composition, values):
    composition.declare(DEBUG={"type": "bool"})
    composition.vars(DEBUG="true")
    composition.define("layer", {"DEBUG": None})
    assert values(composition.resolve()) == {"DEBUG": "false"}

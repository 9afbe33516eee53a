"""Hosts and nets: which is chosen, what is missing, what their terms are."""

from __future__ import annotations

import pytest


def store(c, url="postgres://u:{host.secrets.pg_pass}@{net.db}/x", **options):
    c.lib("pgdriver", {"PG_URL": "url"})
    c.client("store", "pgdriver", {"PG_URL": url}, **options)


def test_the_only_host_that_fits_is_taken(composition):
    composition.vars(A="{host.paths.x}")
    composition.host("a", paths={"y": "/y"})
    composition.host("b", paths={"x": "/x"})
    table = composition.resolve()
    assert (table.selection.host, table.entry("A").value) == ("b", "/x")


def test_what_no_host_offers_is_named_with_who_needs_it(composition, only):
    store(composition, "postgres://u:{host.secrets.pg_pass}@db/x")
    composition.host("lab")
    composition.host("dev")
    finding = only(composition.resolve())
    assert finding.message == (
        "no host here offers secrets.pg_pass (needed by client store, stead.toml:4)"
    )
    assert finding.remedy == "offer it: secrets = { pg_pass = … } under [host.NAME]"


def test_everything_that_is_missing_is_named_at_once(composition):
    store(composition)
    composition.app("web", ["store"], listen={"PORT": "host.ports.web"}, data={"D": "scans"})
    composition.data("scans")
    assert [f.message for f in composition.resolve().findings] == [
        "no host here offers secrets.pg_pass (needed by client store, stead.toml:4)",
        "no net here offers db (needed by client store, stead.toml:4)",
        "no host here offers ports.web (needed by app web, stead.toml:6)",
        "no host here offers data.scans (needed by app web, stead.toml:7)",
    ]


def test_hosts_that_offer_each_a_part_do_not_fit(composition, only):
    composition.vars(A="{host.paths.x}{host.paths.y}")
    composition.host("a", paths={"x": "/x"})
    composition.host("b", paths={"y": "/y"})
    finding = only(composition.resolve())
    assert finding.message == "no host here offers all that is needed"
    assert finding.details == ("a lacks paths.y", "b lacks paths.x")


def test_two_hosts_that_fit_have_to_be_chosen_from(composition, only):
    composition.vars(A="{host.paths.x}")
    composition.host("a", paths={"x": "/a"})
    composition.host("b", paths={"x": "/b"})
    finding = only(composition.resolve())
    assert finding.message == "two hosts fit: a and b (paths.x is needed by [vars], stead.toml:1)"
    assert finding.remedy == 'choose one: host = "a" under [choose], a target, or --host a'
    composition.target("t", "a")
    composition.target("u", "a")
    composition.recipe("of-target", targets=("t",))
    composition.recipe("of-targets", targets=("t", "u"))
    composition.recipe("own", host="a")
    for chosen in (
        {"host": "a"}, {"target": "t"}, {"recipe": "of-target"}, {"recipe": "of-targets"},
        {"recipe": "own"},
    ):  # fmt: skip
        table = composition.resolve(**chosen)
        assert not table.findings
        assert table.entry("A").value == "/a"
    composition.more["host"] = "b"
    assert composition.resolve().entry("A").value == "/b"
    assert composition.resolve(recipe="own").entry("A").value == "/a"
    assert composition.resolve(recipe="own", host="b").entry("A").value == "/b"


def test_hosts_that_nothing_asks_for_need_no_choice(composition, values):
    composition.vars(A="1")
    composition.host("a")
    composition.host("b")
    assert values(composition.resolve()) == {"A": "1"}


def test_what_is_outranked_asks_for_nothing(composition, values):
    store(composition)
    composition.define("layer", {"PG_URL": "sqlite:///x.db"}, by="layer dev")
    assert values(composition.resolve()) == {"PG_URL": "sqlite:///x.db"}


def test_a_host_that_was_chosen_is_told_what_it_lacks(composition, only):
    composition.vars(A="{host.paths.raw}")
    composition.host("a", paths={"row": "/x"})
    composition.host("b", paths={"raw": "/x"})
    finding = only(composition.resolve(host="a"))
    assert finding.message == "host a offers no paths.raw (needed by [vars], stead.toml:1)"
    assert finding.remedy == "did you mean row?"


@pytest.mark.parametrize("what", ["host", "net", "app", "recipe", "target"])
def test_names_that_are_not_there_are_named(composition, only, what):
    composition.host("laboratory")
    composition.net("laboratory")
    composition.app("laboratory")
    composition.recipe("laboratory")
    composition.target("laboratory", "laboratory")
    finding = only(composition.resolve(**{what: "labratory"}))
    assert f"there is no {what} labratory" in finding.message
    assert finding.remedy == "did you mean laboratory?"


def test_modules_that_name_what_is_not_there_are_named(composition):
    composition.client("c", "lib")
    composition.app("a", ["d"], libs=("m",))
    composition.recipe("r", "b", targets=("t",), net="n", host="h")
    composition.target("u", "h")
    assert [f.message for f in composition.resolve().findings] == [
        "client c names lib lib, which is not here",
        "app a names client d, which is not here",
        "app a names lib m, which is not here",
        "recipe r names app b, which is not here",
        "recipe r names host h, which is not here",
        "recipe r names net n, which is not here",
        "recipe r names target t, which is not here",
        "target u names host h, which is not here",
    ]


def test_two_modules_of_one_name_must_be_equal(composition, only):
    composition.lib("l", {"X": "str"})
    composition.lib("l", {"X": "str"})
    assert not composition.resolve().findings
    composition.lib("l", {"X": "int"})
    assert only(composition.resolve()).details == ("at stead.toml:1", "at stead.toml:5")


def test_a_net_is_reached_from_its_sources_alone(composition, only):
    store(composition, "postgres://{net.db}/x")
    composition.host("lab")
    composition.host("dev")
    composition.net("office", db={"host": "h", "port": "1", "sources": ("lab",)})
    assert composition.resolve().selection.host == "lab"
    finding = only(composition.resolve(host="dev"))
    assert finding.message == (
        "db of net office is reached from lab alone, not from host dev (client store, stead.toml:4)"
    )


def test_sources_that_no_chosen_host_is_among_are_named(composition, only):
    store(composition, "postgres://{net.db}/x")
    composition.net("office", db={"host": "h", "port": "1", "sources": ("lab",)})
    assert "and no host is chosen" in only(composition.resolve()).message


@pytest.mark.parametrize(
    ("url", "tls", "fits"),
    [
        ("postgres://{net.db}/x", True, False),
        ("postgres://{net.db}/x", None, True),
        ("postgres://{net.db}/x", False, True),
        ("postgres://{net.db}/x?sslmode=require", True, True),
        ("postgres://{net.db}/x?a=b&sslmode=verify-full", True, True),
        ("postgres://{net.db}/x?sslmode=prefer", True, False),
        ("mysql://{net.db}/x?ssl=true", True, True),
        ("rediss://{net.db}/0", True, True),
        ("rediss://{net.db}/0", False, False),
        ("https://{net.db}/", False, False),
        ("postgres://{net.db}/x?sslmode=require", False, False),
    ],
)
def test_clients_speak_tls_where_the_net_does(composition, url, tls, fits):
    store(composition, url)
    composition.net("office", db={"host": "h", "port": "1", "tls": tls})
    found = composition.resolve().findings
    assert (not found) is fits
    assert all("TLS" in f.message and "client store, stead.toml:4" in f.message for f in found)


def test_a_client_may_say_that_it_speaks_tls(composition, values):
    store(composition, "postgres://{net.db}/x", tls=True)
    composition.net("office", db={"host": "h", "port": "1", "tls": True})
    values(composition.resolve())


def test_nothing_is_asked_of_an_address_that_lacks_a_secret(composition, only):
    store(composition, "postgres://x:{host.secrets.pw}@{net.db}/x?sslmode=require")
    composition.net("office", db={"host": "h", "port": "1", "tls": True})
    composition.host("lab")
    assert "host lab offers no secrets.pw" in only(composition.resolve()).message


def test_a_client_without_an_address_has_to_say_so(composition, only):
    composition.lib("l", {"HOST": "host"})
    composition.client("c", "l", {"HOST": "{net.db.host}"})
    composition.net("office", db={"host": "h", "port": "1", "tls": True})
    assert only(composition.resolve()).remedy == "say tls = true in the client, if it speaks TLS"


def test_a_client_speaks_the_scheme_of_the_endpoint(composition, only):
    store(composition, "mysql://{net.db}/x")
    composition.net("office", db={"host": "h", "port": "1", "scheme": "postgres"})
    finding = only(composition.resolve())
    assert finding.message == (
        "db of net office speaks postgres, and PG_URL asks it for mysql (client store, stead.toml:4)"
    )
    assert finding.details == ("db (stead.toml:6)",)


def test_all_clients_together_open_no_more_connections_than_there_are(composition, only):
    accepts = {"URL": "url", "POOL": {"type": "int", "default": "5"}}
    composition.lib("l", accepts, prefix=True, connections="POOL")
    composition.client("a", "l", {"URL": "x://{net.db}/", "POOL": "20"}, prefix="A_")
    composition.client("b", "l", {"URL": "x://{net.db}/"}, prefix="B_")
    composition.client("c", "l", {"URL": "x://elsewhere/", "POOL": "99"}, prefix="C_")
    composition.net("n", db={"host": "h", "port": "1", "connections": 24})
    finding = only(composition.resolve())
    assert finding.message == ("db of net n takes 24 connections, and together the clients open 25")
    assert finding.details == (
        "20 by client a (A_POOL, stead.toml:6)", "5 by client b (B_POOL, stead.toml:3)"
    )  # fmt: skip


def test_a_hosts_limits_are_shown_with_both_places(composition, only):
    composition.lib("pgdriver", {"PG_POOL": {"type": "int"}})
    composition.client("store", "pgdriver", {"PG_POOL": "50"})
    composition.host("lab", limits={"pgdriver.PG_POOL": {"max": "40"}})
    finding = only(composition.resolve())
    assert finding.message == "PG_POOL is '50', and host lab allows at most 40"
    assert finding.details == (
        "'50' (client store, stead.toml:4)", "at most 40 (host lab, stead.toml:6)"
    )  # fmt: skip
    composition.dotenv(PG_POOL="40")
    assert not composition.resolve().findings


def test_limits_of_what_a_lib_does_not_accept_are_named(composition, only):
    composition.lib("pgdriver", {"PG_POOL": {"type": "int"}})
    composition.host("lab", limits={"pgdriver.PG_POL": {"max": "40"}, "other.X": {"max": "1"}})
    assert only(composition.resolve()).remedy == "did you mean PG_POOL?"


def test_what_is_required_and_has_no_value_is_named_with_who_needs_it(composition, only):
    composition.lib("pgdriver", {"PG_URL": {"type": "url", "required": True}})
    composition.client("store", "pgdriver")
    finding = only(composition.resolve())
    assert finding.message == (
        "PG_URL has no value (needed by client store, stead.toml:3; "
        "declared by lib pgdriver, stead.toml:2)"
    )
    composition.vars(PG_URL=None)
    assert "taken away by [vars], stead.toml:4" in only(composition.resolve()).message
    composition.dotenv(PG_URL="postgres://h/")
    assert not composition.resolve().findings


def test_with_several_apps_and_none_chosen_there_are_plain_variables_only(composition, values):
    composition.lib("l", {"X": {"required": True}})
    composition.client("c", "l", {"X": "1"})
    composition.app("a", ["c"])
    composition.app("b", [])
    composition.vars(Y="2")
    assert values(composition.resolve()) == {"Y": "2"}
    assert values(composition.resolve(app="a")) == {"X": "1", "Y": "2"}
    composition.recipe("r", "a")
    assert values(composition.resolve(recipe="r")) == {"X": "1", "Y": "2"}


def test_without_apps_every_client_applies_and_every_lib_declares(composition):
    composition.lib("l", {"X": {"required": True, "default": "1"}})
    composition.lib("idle", {"N": {"type": "int", "required": True}, "M": {"default": "m"}})
    composition.client("c", "l")
    table = composition.resolve()
    assert not table.findings  # nobody asks for what a lib without a client requires
    assert {e.name: e.value for e in table.entries} == {"X": "1", "N": None, "M": "m"}
    composition.vars(N="x")
    assert [f.message for f in composition.resolve().findings] == [
        "N is 'x': expected a whole number"
    ]


def test_terms_hold_for_what_is_made_of_an_endpoint_too(composition, only):
    store(composition, "postgres://${ADDRESS}/x")
    composition.vars(ADDRESS="{net.db}")
    composition.net("office", db={"host": "h", "port": "1", "tls": True})
    finding = only(composition.resolve())
    assert "PG_URL does not ask for it (client store, stead.toml:4)" in finding.message


def test_a_client_whose_address_shows_tls_need_not_say_so(composition, values):
    composition.lib("l", {"URL": "url", "HOST": "host", "PORT": "port"})
    url = "postgres://{net.db}/x?sslmode=require"
    composition.client("c", "l", {"URL": url, "HOST": "{net.db.host}", "PORT": "{net.db.port}"})
    composition.net("office", db={"host": "h", "port": "1", "tls": True})
    values(composition.resolve())


def test_a_default_that_could_never_be_is_named_though_it_is_outranked(composition, only):
    composition.lib("l", {"N": {"type": "int", "default": "five"}})
    composition.vars(N="5")
    assert only(composition.resolve()).message == (
        "the default of N is 'five': expected a whole number"
    )


def test_a_host_that_the_place_names_and_is_not_there_is_named(composition, only):
    composition.host("lab")
    composition.more["host"] = "lap"
    finding = only(composition.resolve())
    assert finding.message == "there is no host lap, which [choose] asks for"
    assert finding.remedy == "did you mean lab?"


def test_a_limit_without_a_lib_is_for_whoever_accepts_that_name(composition):
    composition.lib("a", {"POOL": "int"}, prefix=True)
    composition.lib("b", {"POOL": "int"})
    composition.client("one", "a", {"POOL": "50"}, prefix="ONE_")
    composition.client("two", "b", {"POOL": "51"})
    composition.host("lab", limits={"POOL": {"max": "40"}})
    assert [f.message for f in composition.resolve().findings] == [
        "ONE_POOL is '50', and host lab allows at most 40",
        "POOL is '51', and host lab allows at most 40",
    ]

"""Ports that apps listen on, and endpoints that name them."""

from __future__ import annotations


def two_apps(c, ports="8000-8099"):
    c.host("lab", ports={"web": ports})
    c.app("viewer", listen={"WEB_PORT": "host.ports.web"})
    c.app("admin", listen={"PORT": "{host.ports.web}"})
    c.lib("http", {"VIEWER": "url"})
    c.client("browser", "http", {"VIEWER": "http://{net.viewer}/"})
    c.net("n", viewer={"app": "viewer", "listener": "WEB_PORT"})
    c.app("crawler", ["browser"], listen={"CRAWL": "host.ports.web"})


def test_server_and_clients_share_one_value(composition, values):
    two_apps(composition)
    assert values(composition.resolve(app="viewer")) == {"WEB_PORT": "8002"}
    assert values(composition.resolve(app="crawler")) == {
        "CRAWL": "8001", "VIEWER": "http://localhost:8002/"
    }  # fmt: skip
    assert values(composition.resolve(app="admin")) == {"PORT": "8000"}


def test_a_port_that_is_set_outright_reaches_the_clients_too(composition):
    two_apps(composition)
    composition.dotenv(WEB_PORT="8001")
    assert composition.resolve(app="viewer").entry("WEB_PORT").value == "8001"
    crawler = composition.resolve(app="crawler")
    assert crawler.entry("VIEWER").value == "http://localhost:8001/"
    assert crawler.entry("CRAWL").value == "8002"


def test_a_setting_of_a_recipe_for_another_app_reaches_the_clients_too(composition, values):
    two_apps(composition)
    composition.recipe("r", "viewer", "crawler", settings={"viewer.WEB_PORT": "8050"})
    found = values(composition.resolve(recipe="r", app="crawler"))
    assert found["VIEWER"] == "http://localhost:8050/"
    assert "WEB_PORT" not in found
    assert values(composition.resolve(recipe="r", app="viewer")) == {"WEB_PORT": "8050"}


def test_a_port_out_of_the_hosts_range_is_named_with_both_places(composition, only):
    two_apps(composition)
    composition.dotenv(WEB_PORT="9000")
    finding = only(composition.resolve(app="viewer"))
    assert finding.message == "WEB_PORT is 9000, and host lab offers 8000-8099 as ports.web"
    assert finding.details == ("9000 (.env:15)", "8000-8099 (host lab, stead.toml:2)")


def test_two_listeners_do_not_get_one_port(composition, only):
    two_apps(composition)
    composition.vars(WEB_PORT="8005", PORT="8005")
    finding = only(composition.resolve(app="viewer"))
    assert finding.message == "PORT of app admin and WEB_PORT of app viewer both get port 8005"


def test_too_few_ports_are_named(composition, only):
    two_apps(composition, "8000-8001")
    finding = only(composition.resolve(app="crawler"))
    assert finding.message == (
        "host lab offers 8000-8001 as ports.web, too few for the 3 that listen there"
    )
    assert len(finding.details) == 3


def test_an_offer_that_is_no_port_is_named(composition):
    two_apps(composition, "8099-8000")
    messages = [f.message for f in composition.resolve(app="admin").findings]
    assert messages == ["host lab offers ports.web = '8099-8000': expected a port or a range"]


def test_what_listens_has_to_be_a_port(composition, only):
    composition.app("a", listen={"PORT": "http"})
    assert only(composition.resolve()).message == "PORT is 'http': expected a port, 1 to 65535"


def test_a_port_of_ones_own_is_taken_as_it_is(composition, values):
    composition.app("a", listen={"PORT": "9999"})
    composition.app("b", listen={"PORT": "9999"})
    assert values(composition.resolve(app="a")) == {"PORT": "9999"}


def test_endpoints_of_listeners_that_are_not_there_are_named(composition):
    composition.app("viewer", listen={"WEB_PORT": "9999", "OTHER": "9998"})
    composition.net(
        "n",
        a={"app": "viewer", "listener": "WEBPORT"},
        b={"app": "viewr"},
        c={"app": "viewer"},
        d={"host": "h"},
    )
    composition.vars(A="{net.a}", B="{net.b}", C="{net.c}", D="{net.d.port}", E="{net.d}")
    table = composition.resolve()
    assert [(f.message, f.remedy) for f in table.findings] == [
        (
            "a needs listener WEBPORT of app viewer, which has WEB_PORT and OTHER",
            "did you mean WEB_PORT?",
        ),
        ("b names app viewr, which is not here", "did you mean viewer?"),
        (
            "c needs a listener of app viewer, which has WEB_PORT and OTHER",
            "add it to listen of [app.viewer]",
        ),
        ("d of net n has no port", "say which: d = { host = …, port = … }"),
    ]
    assert table.entry("E").value == "h"


def test_data_is_found_by_its_name(composition, values):
    composition.data("scans")
    composition.host("lab", data={"scans": "/srv/scans"})
    composition.lib("l", {"SCANS": "data", "AS_PATH": "path"})
    composition.app("a", libs=("l",), data={"SCANS": "scans", "AS_PATH": "scans", "MORE": "scans"})
    assert set(values(composition.resolve()).values()) == {"/srv/scans"}
    composition.dotenv(SCANS="./mine")
    assert values(composition.resolve())["SCANS"] == "/p/mine"


def test_data_that_no_host_has_is_named(composition, only):
    composition.data("scans", "sha256:9f")
    composition.host("lab", data={"maps": "/srv/maps"})
    composition.app("a", data={"SCANS": "scans"})
    finding = only(composition.resolve())
    assert finding.message == "host lab offers no data.scans (needed by app a, stead.toml:5)"
    assert "Stead does not fetch content by itself yet" in finding.remedy

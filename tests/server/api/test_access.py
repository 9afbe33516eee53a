"""Who may do what: tokens, roles, and what nobody may."""

from __future__ import annotations

import pytest

from stead.server.auth import Who


def test_a_token_can_be_made_with_at_most_its_makers_rights(client):
    client.ask("POST", "/api/v1/namespace/team/")
    developer = client.token(primary_namespace="team", role_bindings={"team/*": ["developer"]})
    answer = client.get("/api/v1/permission/", token=developer).json()["data"]
    assert answer["primary_namespace"] == "team"
    assert answer["entity_roles"]["team/*"] == ["developer"]

    def asked(**wanted):
        return client.ask("POST", "/api/v1/token/", token=developer, json=wanted)

    assert asked(role_bindings={"team/a*": ["viewer"]}).status_code == 200
    for more in ({"team/*": ["admin"]}, {"*/*": ["viewer"]}, {"te?m/*": ["viewer"]}):
        assert asked(role_bindings=more).status_code == 400
    assert asked(primary_namespace="other").status_code == 400
    assert asked(role_bindings={"team/*": ["king"]}).status_code == 400
    assert asked(role_bindings={"team": ["viewer"]}).status_code == 400


def test_a_glob_of_many_stars_is_matched_in_time(client):
    glob = "team/" + "*a" * 60 + "*b"
    made = client.token(role_bindings={glob: ["developer"]})
    # Whoever has it asks for one like it: each star may stand for many texts.
    wanted = {"role_bindings": {"team/" + "a" * 200: ["developer"]}}
    assert client.ask("POST", "/api/v1/token/", token=made, json=wanted).status_code == 400
    wanted = {"role_bindings": {"team/" + "a" * 200 + "b": ["developer"]}}
    assert client.ask("POST", "/api/v1/token/", token=made, json=wanted).status_code == 200


def test_a_token_ends_no_later_than_the_one_that_made_it(client):
    short = client.token(expiration="2100-01-01T00:00:00Z")
    shown = client.get("/api/v1/permission/", token=short).json()["data"]["expiration"]
    assert shown == "2100-01-01T00:00:00Z"
    ask = ("POST", "/api/v1/token/")
    assert client.ask(*ask, token=short, json={"expiration": "2101-01-01"}).status_code == 400
    made = client.ask(*ask, token=short, json={}).json()["data"]["token"]
    again = client.get("/api/v1/permission/", token=made).json()["data"]["expiration"]
    assert again == shown
    # The program's own word for it.
    gone = client.token(exp="2001-01-01T00:00:00Z")
    assert client.get("/api/v1/permission/", token=gone).status_code == 401


def test_a_token_that_is_none_is_refused_everywhere_but_where_nobody_is_asked(client):
    for path in ("permission/", "namespace/", "environment/", "build/", "channel/", "usage/"):
        answer = client.get(f"/api/v1/{path}", token="stead_nonsense")
        assert answer.status_code == 401, path
        assert answer.json()["status"] == "error"
        assert answer.headers["www-authenticate"] == "Bearer"
    assert client.get("/api/v1/", token="stead_nonsense").status_code == 200


def test_a_role_in_a_part_of_a_namespace_is_none_in_the_whole(client):
    client.ask("POST", "/api/v1/namespace/team/")
    part = client.token(role_bindings={"team/a*": ["admin"]})
    assert client.get("/api/v1/namespace/team/", token=part).status_code == 200
    assert client.ask("DELETE", "/api/v1/namespace/team/", token=part).status_code == 403
    assert (
        client.ask("PUT", "/api/v1/namespace/team/metadata", token=part, json={}).status_code == 403
    )


def test_a_namespace_gives_roles_to_those_of_another(client):
    for name in ("team", "guest"):
        client.ask("POST", f"/api/v1/namespace/{name}/")
    guest = client.token(primary_namespace="guest", role_bindings={"guest/*": ["admin"]})
    see = ("GET", "/api/v1/namespace/team/")
    role = "/api/v1/namespace/team/role"
    assert client.ask(*see, token=guest).status_code == 403
    wanted = {"other_namespace": "guest", "role": "viewer"}
    assert client.ask("POST", role, json=wanted).status_code == 200
    assert client.ask("POST", role, json=wanted).status_code == 400
    assert client.ask(*see, token=guest).status_code == 200
    assert client.ask("DELETE", "/api/v1/namespace/team/", token=guest).status_code == 403
    assert client.ask("PUT", role, json=wanted | {"role": "admin"}).status_code == 200
    (shown,) = client.get("/api/v1/namespace/team/roles").json()["data"]
    assert {k: shown[k] for k in ("namespace", "other_namespace", "role")} == {
        "namespace": "team",
        "other_namespace": "guest",
        "role": "admin",
    }
    one = client.get(role, params={"other_namespace": "guest"}).json()["data"]
    assert one == shown
    assert client.ask("DELETE", role, json={"other_namespace": "guest"}).status_code == 200
    assert client.ask("DELETE", role, json={"other_namespace": "guest"}).status_code == 400
    assert client.ask(*see, token=guest).status_code == 403
    assert client.ask("PUT", role, json=wanted).status_code == 400
    bad = {"other_namespace": "guest", "role": "king"}
    assert client.ask("POST", role, json=bad).status_code == 422


def test_nobody_sees_more_than_what_is_public(client):
    client.ask("POST", "/api/v1/namespace/team/")
    names = [n["name"] for n in client.get("/api/v1/namespace/", token="").json()["data"]]
    assert names == ["default"]
    assert client.get("/api/v1/namespace/team/", token="").status_code == 403
    assert client.ask("POST", "/api/v1/token/", token="", json={}).status_code == 401


@pytest.mark.parametrize(
    ("own", "wanted", "covers"),
    [
        ("*/*", "team/*", True),
        ("team/*", "team/a?c*", True),
        ("team/a?", "team/a*", False),
        ("team/a?*", "team/a*", False),
        ("t*/x", "team/x", True),
        ("t*/x", "*/x", False),
        ("team/*", "*/*", False),
    ],
)
def test_a_glob_is_within_another_only_where_all_it_means_is(own, wanted, covers):
    asks = Who("ann", True, "ann", {own: ("admin",)})
    assert asks.covers({wanted: ("viewer",)}) is covers


def test_a_token_that_is_revoked_means_nothing_to_any_process(make_client):
    revoke = ("DELETE", "/api/stead/v1/token/")
    # Two server processes on one database.
    one, other = make_client(), make_client()
    mine, others = one.token(), one.token(role_bindings={"team/*": ["viewer"]})
    for client in (one, other):
        assert client.get("/api/v1/permission/", token=mine).status_code == 200
    assert one.ask(*revoke, token=mine).status_code == 200
    for client in (one, other):
        assert client.get("/api/v1/permission/", token=mine).status_code == 401
        assert client.ask(*revoke, token=mine).status_code == 401
        # Nobody else's.
        assert client.get("/api/v1/permission/", token=others).json()["data"]["authenticated"]
    assert one.ask(*revoke, token=others).status_code == 200
    assert one.ask(*revoke, token="").status_code == 401


def test_the_last_token_with_all_rights_stays(make_client):
    revoke = ("DELETE", "/api/stead/v1/token/")
    client = make_client()
    # Others that end, or may less, would leave the store to nobody.
    client.token(expiration="2100-01-01T00:00:00Z")
    client.token(role_bindings={"*/*": ["developer"]})
    refused = client.ask(*revoke)
    assert refused.status_code == 409
    assert "the last token with all rights" in refused.json()["message"]
    second = client.token()
    assert client.ask(*revoke).status_code == 200
    assert client.ask(*revoke, token=second).status_code == 409
    assert client.get("/api/v1/permission/", token=second).status_code == 200

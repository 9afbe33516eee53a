"""Sources by the API: told, made, asked for and forgotten, each by whom it may be."""

from __future__ import annotations

import pytest

from stead.server.database import sources

BASE = "/api/stead/v1/source/"
REPOSITORY = {"namespace": "default", "url": "https://git.example/envs.git", "branch": "main"}


def state_of(client, source_id):
    with client.services.database.read() as connection:
        return sources.find(connection, source_id).state


def test_a_repository_is_named_asked_for_and_forgotten(client):
    made = client.ask("POST", BASE, json=REPOSITORY)
    assert made.status_code == 200, made.text
    source = made.json()["data"]
    assert source["location"] == {"url": REPOSITORY["url"], "branch": "main"}
    assert (source["namespace"], source["held"], source["files"]) == ("default", False, [])
    # The same again is the same, and any server may work on it.
    assert client.ask("POST", BASE, json=REPOSITORY).json()["data"]["id"] == source["id"]
    assert state_of(client, source["id"])["called"]
    entry = {"web.yml": {"name": "web", "taken": "x", "build": 1, "reason": "half"}}
    with client.services.database.begin() as connection:
        state = {**state_of(client, source["id"]), "commit": "c0ffee"}
        sources.set_state(connection, source["id"], state)
        sources.put_files(connection, source["id"], entry)
    (told,) = client.get(BASE).json()["data"]
    assert told["commit"] == "c0ffee"
    assert told["files"] == [
        {"path": "web.yml", "name": "web", "build_id": 1, "reason": "half", "gone": False}
    ]
    assert client.ask("POST", f"{BASE}{source['id']}/fetch/").status_code == 200
    assert state_of(client, source["id"])["asked"] == 1
    assert client.ask("DELETE", f"{BASE}{source['id']}/").status_code == 200
    assert client.ask("DELETE", f"{BASE}{source['id']}/").status_code == 404
    assert client.get(BASE).json()["data"] == []


def test_who_may_not_is_refused_and_what_is_hidden_is_not_there(client):
    source = client.ask("POST", BASE, json=REPOSITORY).json()["data"]["id"]
    developer = client.token(role_bindings={"default/*": ["developer"]})
    assert client.ask("POST", BASE, json=REPOSITORY, token=developer).status_code == 403
    assert client.ask("DELETE", f"{BASE}{source}/", token=developer).status_code == 403
    assert client.ask("POST", f"{BASE}{source}/fetch/", token=developer).status_code == 200
    # Anybody may see what is public, and ask for nothing.
    assert len(client.ask("GET", BASE, token="").json()["data"]) == 1
    assert client.ask("POST", f"{BASE}{source}/fetch/", token="").status_code == 403
    assert client.ask("POST", f"{BASE}4711/fetch/").status_code == 404


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "/srv/envs"},
        {"url": "file:///srv/envs"},
        {"url": "ext::sh -c id"},
        {"url": "https://["},
        {"url": "https://ann:pw@git.example/x"},
        {"url": "https://git.example/\u0000"},
        {"namespace": "nowhere"},
        {"namespace": "../up"},
        {"branch": "-x"},
        {"interval": 0},
        {"brunch": "x"},
    ],
)
def test_what_is_no_repository_elsewhere_is_refused_and_not_kept(client, wrong):
    answer = client.ask("POST", BASE, json=REPOSITORY | wrong)
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.json()["status"] == "error"
    assert client.get(BASE).json()["data"] == []

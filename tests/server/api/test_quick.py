"""The list that is asked for very often: the same answers, whichever way they go."""

from __future__ import annotations

import os
from dataclasses import replace

import httpx
import pytest

from stead.server.api import quick
from stead.server.api.app import make_app
from stead.server.engine.queue import migrate
from stead.server.services import first_token


@pytest.fixture
def filled(client):
    for number in range(5):
        client.submit(f"name: env{number}\nchannels: []\ndependencies: [tiny]\n")
    client.submit(namespace="default")
    return client


def answers(client, monkeypatch, path: str, token: str | None) -> list[httpx.Response]:
    """Ask the quick way, and the usual one."""
    found = [client.get(path, token=token)]
    with monkeypatch.context() as patch:
        patch.setattr(quick, "PATH", "/nothing")
        found.append(client.get(path, token=token))
    return found


def test_both_ways_answer_the_same(filled, monkeypatch):
    seen = filled.token(role_bindings={"team/env1": ["viewer"]})
    for token in (None, "", seen, "stead_nonsense"):
        for query in (
            "",
            "?size=2",
            "?page=2&size=2",
            "?size=2&page=9",
            "?page=0",
            "?size=x",
            "?page=2/",
        ):
            one, other = answers(filled, monkeypatch, f"/api/v1/environment/{query}", token)
            assert one.status_code == other.status_code, query
            assert one.content == other.content, query
            assert one.headers["content-type"] == other.headers["content-type"]
    assert filled.get("/api/v1/environment/", token=seen).json()["count"] == 2


def test_the_quick_way_is_taken_where_it_can(filled, monkeypatch):
    monkeypatch.setattr("stead.server.api.requests.credentials_of", None)
    assert filled.get("/api/v1/environment/?size=3&page=2").json()["count"] == 6


def test_both_databases_answer(database, client):
    migrate(database)
    services = replace(client.services, database=database)
    token = first_token(services)
    assert token is not None
    assert first_token(services) is None
    transport = httpx.ASGITransport(make_app(services), raise_app_exceptions=False)
    http = httpx.AsyncClient(transport=transport, base_url="http://stead.example")
    client = replace(client, services=services, http=http, admin=token)
    client.submit()
    assert client.get("/api/v1/environment/?size=100").json()["count"] == 1
    assert client.get("/api/v1/build/?namespace=team&status=QUEUED").json()["count"] == 1
    assert client.get("/api/v1/usage/").json()["data"]["team"]["num_builds"] == 1
    assert client.get("/health/ready").status_code == 200


def test_a_database_that_does_not_answer_is_told(filled):
    os.rename(filled.services.config.data, filled.services.config.data + ".gone")
    filled.services.database.close()
    for path in ("/api/v1/environment/", "/api/v1/namespace/", "/api/v1/permission/"):
        answer = filled.get(path)
        assert answer.status_code == 503, answer.text
        assert answer.json()["status"] == "error"
        assert answer.headers["retry-after"] == "5"
    assert filled.get("/health/ready").status_code == 503
    assert filled.get("/health/live").status_code == 200

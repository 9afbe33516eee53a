"""Every operation, asked by everybody: those who lack the role are refused, and nothing changes."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from stead.server.database.tables import metadata

SPEC = "name: tiny\nchannels: []\ndependencies: [tiny]\n"
OWN = {"namespace": "team", "name": "tiny", "kind": "conda", "specification": SPEC}
ROLE = {"other_namespace": "guest", "role": "viewer"}
GIT = {"namespace": "team", "url": "https://git.example/x"}

LEAST = {
    # Whoever asks, and whoever has a token: what is seen is only what they may see.
    "anybody": (
        "GET /health/live", "GET /health/ready", "GET /", "GET /login/", "POST /login/",
        "POST /logout/", "GET /api/v1/", "GET /api/v1/permission/", "GET /api/v1/usage/",
        "GET /api/v1/namespace/", "GET /api/v1/build/", "GET /api/v1/environment/",
        "GET /api/v2/environment/", "GET /api/v1/channel/", "GET /api/v1/package/",
        "GET /api/stead/v1/", "GET /api/stead/v1/health/", "GET /api/stead/v1/environment/",
        "GET /api/stead/v1/source/", "GET /api/stead/v1/event/", "GET /api/stead/v1/event/follow/",
    ),
    "with a token": ("POST /api/v1/token/", "DELETE /api/stead/v1/token/"),
    "viewer": (
        "GET /api/v1/namespace/{namespace}/", "GET /api/v1/namespace/{namespace}/roles",
        "GET /api/v1/namespace/{namespace}/role", "GET /api/v1/build/{build_id}/",
        "GET /api/v1/build/{build_id}/packages/", "GET /api/v1/build/{build_id}/logs/",
        "GET /api/v1/build/{build_id}/yaml/", "GET /api/v1/build/{build_id}/conda-lock.yaml",
        "GET /api/v1/build/{build_id}/conda-lock.yml", "GET /api/v1/build/{build_id}/lockfile/",
        "GET /api/v1/build/{build_id}/archive/", "GET /api/v1/build/{build_id}/installer/",
        "GET /api/v1/build/{build_id}/docker/",
        "GET /api/v1/environment/{namespace}/{environment_name}/",
        "GET /api/v1/environment/{namespace}/{environment_name}/conda-lock.yaml",
        "GET /api/v1/environment/{namespace}/{environment_name}/conda-lock.yml",
        "GET /api/v1/environment/{namespace}/{environment_name}/lockfile/",
        "GET /api/stead/v1/build/{build_id}/files/", "GET /api/stead/v1/build/{build_id}/log/",
        "GET /api/stead/v1/build/{build_id}/closure/", "GET /api/stead/v1/difference/",
        "GET /api/stead/v1/environment/{namespace}/{name}/", "GET /api/stead/v1/parts/{key}/",
        "GET /api/stead/v1/build/{build_id}/parts/",
        "GET /api/stead/v1/build/{build_id}/parts/{sha256}/",
        "GET /api/stead/v1/lock/{question}/", "GET /api/stead/v1/build/{build_id}/log/follow/",
    ),
    "developer": (
        "GET /api/v1/specification/", "POST /api/v1/specification/",
        "PUT /api/v1/build/{build_id}/", "PUT /api/v1/build/{build_id}/cancel/",
        "PUT /api/v1/environment/{namespace}/{environment_name}/",
        "GET /api/v1/setting/{namespace}/", "GET /api/v1/setting/{namespace}/{environment_name}/",
        "POST /api/stead/v1/specification/", "POST /api/stead/v1/plan/",
        "PUT /api/stead/v1/environment/{namespace}/{name}/",
        "POST /api/stead/v1/source/{source_id}/fetch/",
    ),
    "admin": (
        "POST /api/v1/namespace/{namespace}/", "PUT /api/v1/namespace/{namespace}/",
        "PUT /api/v1/namespace/{namespace}/metadata", "POST /api/v1/namespace/{namespace}/role",
        "PUT /api/v1/namespace/{namespace}/role", "PUT /api/v1/setting/{namespace}/",
        "PUT /api/v1/setting/{namespace}/{environment_name}/",
        "DELETE /api/v1/namespace/{namespace}/role", "DELETE /api/v1/namespace/{namespace}/roles",
        "DELETE /api/v1/build/{build_id}/",
        "DELETE /api/v1/environment/{namespace}/{environment_name}/",
        "DELETE /api/v1/namespace/{namespace}/",
    ),
    "of everything": (
        "GET /api/v1/setting/", "PUT /api/v1/setting/", "POST /api/stead/v1/source/",
        "DELETE /api/stead/v1/source/{source_id}/",
    ),
}  # fmt: skip

BODIES = {
    "POST /api/v1/token/": {},
    "PUT /api/v1/namespace/{namespace}/": {"metadata": {"theirs": 1}},
    "PUT /api/v1/namespace/{namespace}/metadata": {"a": 1},
    "POST /api/v1/namespace/{namespace}/role": ROLE,
    "PUT /api/v1/namespace/{namespace}/role": ROLE,
    "DELETE /api/v1/namespace/{namespace}/role": {"other_namespace": "guest"},
    "POST /api/v1/specification/": {"namespace": "team", "specification": SPEC + "variables: {}\n"},
    "PUT /api/v1/environment/{namespace}/{environment_name}/": {"description": "theirs"},
    "PUT /api/v1/setting/": {"conda_default_packages": ["x"]},
    "PUT /api/v1/setting/{namespace}/": {"conda_default_packages": ["x"]},
    "PUT /api/v1/setting/{namespace}/{environment_name}/": {"conda_default_packages": ["x"]},
    "POST /api/stead/v1/specification/": OWN,
    "POST /api/stead/v1/plan/": OWN,
    "PUT /api/stead/v1/environment/{namespace}/{name}/": {"tags": ["theirs"]},
    "POST /api/stead/v1/source/": GIT,
}

QUERIES = {
    "GET /api/v1/namespace/{namespace}/role": "?other_namespace=guest",
    "GET /api/v1/specification/": "?conda=tiny&namespace=team",
    "GET /api/stead/v1/difference/": "?before={build_id}&after={build_id}",
}

ORDER = ("anybody", "with a token", "viewer", "developer", "admin", "of everything")


class Asking:
    def __init__(self, client) -> None:
        self.client = client
        client.ask("POST", "/api/v1/namespace/guest/")
        self.build_id = client.submit(SPEC)
        client.complete(self.build_id)
        (waiting,) = [client.submit(SPEC.replace("tiny", "wide"))]
        self.waiting = waiting
        answer = client.ask("POST", "/api/stead/v1/source/", json=GIT)
        assert answer.status_code == 200, answer.text
        self.named = {
            "namespace": "team",
            "environment_name": "tiny",
            "name": "tiny",
            "build_id": str(self.build_id),
            "source_id": str(answer.json()["data"]["id"]),
            "key": "a" * 20,
            "question": "a" * 20,
            "sha256": "0" * 64,
        }
        self.tokens = {
            "anybody": "",
            # With all rights elsewhere, and none in the team.
            "with a token": client.token(role_bindings={"other/*": ["admin"]}),
            **{
                role: client.token(role_bindings={"team/*": [role]})
                for role in ("viewer", "developer", "admin")
            },
            "of everything": client.admin,
        }

    def __call__(self, operation: str, who: str):
        method, path = operation.split()
        named = dict(self.named)
        if "cancel" in path:
            named["build_id"] = str(self.waiting)
        where = (path + QUERIES.get(operation, "")).format_map(named)
        body = {"json": BODIES[operation]} if operation in BODIES else {}
        return self.client.ask(method, where, token=self.tokens[who], **body)

    def kept(self):
        """Give all rows of all tables, but for what tells of tokens."""
        with self.client.services.database.read() as connection:
            return {
                name: connection.execute(text(f"SELECT * FROM {name}")).all()
                for name in metadata.tables
                if name != "token"
            }


@pytest.fixture
def asking(client):
    return Asking(client)


def test_each_operation_has_a_role(client):
    paths = client.get("/openapi.json").json()["paths"]
    described = sorted(f"{m.upper()} {p}" for p, found in paths.items() for m in found)
    assert sorted(one for role in ORDER for one in LEAST[role]) == described


def test_who_lacks_the_role_is_refused_and_nothing_changes(asking):
    before = asking.kept()
    for role in ORDER[1:]:
        for operation in LEAST[role]:
            for lesser in ORDER[: ORDER.index(role)]:
                answer = asking(operation, lesser)
                told = f"{operation} as {lesser}: {answer.status_code} {answer.text[:200]}"
                # What they may not know of is not there.
                assert answer.status_code in (401, 403, 404), told
                assert answer.json()["status"] == "error", told
                assert asking.kept() == before, told


@pytest.mark.parametrize("role", ORDER[2:])
def test_who_has_the_role_is_not(asking, role):
    for operation in LEAST[role]:
        if operation.endswith("/follow/"):
            continue  # does not end
        if operation == "GET /api/v1/specification/":
            continue  # starts a process
        answer = asking(operation, role)
        assert answer.status_code not in (401, 403), (operation, answer.text)
        assert answer.status_code < 500, (operation, answer.text)
        # What takes away is named in an order in which each is still there.
        if operation.startswith("DELETE"):
            assert answer.status_code == 200, (operation, answer.text)


def test_lists_have_nothing_that_may_not_be_seen(asking):
    paths = [one.split()[1] for one in LEAST["anybody"] if one.startswith("GET /api")]
    paths = [path for path in paths if not path.endswith(("/follow/", "/channel/", "/package/"))]
    for path in paths:
        for who in ("anybody", "with a token"):
            answer = asking.client.get(path, token=asking.tokens[who])
            assert answer.status_code == 200, path
            for hidden in ("team", "tiny", "wide", "git.example"):
                assert f'"{hidden}' not in answer.text, (path, who, answer.text)
    seen = asking.client.get("/api/v1/environment/", token=asking.tokens["viewer"]).json()
    assert {one["name"] for one in seen["data"]} == {"tiny", "wide"}

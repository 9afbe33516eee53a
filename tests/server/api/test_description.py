"""The OpenAPI text: it describes what is answered, whatever is asked.

Each operation is asked with input made from its description, right and wrong (schemathesis),
by an administrator, a viewer and nobody, of a store that holds something. Each second one is
asked of a store in PostgreSQL, the others of one in SQLite. With `STEAD_SOAK` all are asked of
both, as many times more and otherwise each time.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from stead.server.api.app import close, make_app
from stead.server.api.pulse import Pulse
from stead.server.api.solving import Solving
from stead.server.services import first_token, open_services

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

SOAK = int(os.environ.get("STEAD_SOAK") or 0)
EXAMPLES = 5 + SOAK

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]

SPEC = "name: tiny\nchannels: []\ndependencies: [tiny]\n"


class Store:
    """A store that is filled again after whatever was done to it."""

    def __init__(self, client) -> None:
        self.client = client
        # Streams do not end by themselves and solves take long: they have tests of their own.
        client.app.state.pulse = Pulse(client.services.database, most=0)
        client.app.state.solving = Solving(f"{client.services.config.data}/none", waiting=-2)
        self.known: dict[str, list] = {}
        self.tokens: list[str] = []

    def fill(self) -> None:
        """Have a completed build, one that waits, and one that was canceled."""
        client = self.client
        free = {"conda_allowed_channels": [], "conda_required_packages": [], "quota_builds": None}
        assert client.ask("PUT", "/api/v1/setting/", json=free).status_code == 200
        made = [
            client.submit(SPEC),
            client.submit(SPEC.replace("[tiny]", "[tiny=2]")),
            client.submit(SPEC.replace("tiny", "other")),
        ]
        status = client.get(f"/api/v1/build/{made[0]}/").json()["data"]["status"]
        if status == "QUEUED":
            client.complete(made[0])
        client.ask("PUT", f"/api/v1/build/{made[2]}/cancel/")
        self.tokens = [client.admin, client.token(role_bindings={"team/*": ["viewer"]}), ""]
        self.known = {
            "namespace": ["team", "default", "filesystem", "*"],
            "environment_name": ["tiny", "other"],
            "name": ["tiny", "other"],
            "build_id": made,
            "before": made[:1],
            "after": made[:1],
            "other_namespace": ["default", "team"],
            "specification": [SPEC],
            "lock": [""],
            "solve": [False],
        }

    def put(self, values: object, chosen: random.Random) -> object:
        """Put what is there in the place of some of what was made up."""
        if not isinstance(values, dict):
            return values
        return {
            key: chosen.choice(self.known[key])
            if key in self.known and chosen.random() < 0.8
            else value
            for key, value in values.items()
        }


@pytest.fixture(
    params=["sqlite", pytest.param("postgresql", marks=pytest.mark.needs("pg_ctlcluster"))]
)
def store(request, make_client) -> Iterator[Store]:
    made = make_client()
    if request.param == "sqlite":
        yield Store(made)
        return
    url = request.getfixturevalue("postgresql_url")
    with open_services(replace(made.services.config, database=url), {}) as services:
        app = make_app(services)
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        http = httpx.AsyncClient(transport=transport, base_url="http://stead.example")
        admin = first_token(services)
        yield Store(replace(made, services=services, http=http, app=app, admin=admin))
        made.runner.run(http.aclose())
        close(app)


def ask(store: Store, case, chosen: random.Random) -> httpx.Response:
    for part in ("path_parameters", "query", "body"):
        setattr(case, part, store.put(getattr(case, part), chosen))
    if token := chosen.choice(store.tokens):
        if case.method == "DELETE" and case.path.endswith("/token/"):
            token = store.client.token()  # which is gone then
        case.headers["Authorization"] = f"Bearer {token}"
    asked = case.as_transport_kwargs(base_url="http://stead.example")
    words = ("method", "url", "headers", "params", "json", "data")
    asked = {word: asked[word] for word in words if asked.get(word) is not None}
    if isinstance(asked.get("data"), bytes | str):
        asked["content"] = asked.pop("data")
    try:
        return store.client.runner.run(store.client.http.request(**asked))
    except httpx.InvalidURL:  # too long to be sent
        hypothesis.reject()
    finally:
        store.client.http.cookies.clear()


def conforms(store: Store, operation) -> bool:
    """Ask an operation again and again; gives whether any of it was done."""
    done = False

    @hypothesis.settings(
        derandomize=not SOAK,
        max_examples=EXAMPLES,
        database=None,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis.given(
        case=st.one_of(
            operation.as_strategy(),
            operation.as_strategy(generation_mode=GenerationMode.NEGATIVE),
        ),
        chosen=st.randoms(use_true_random=False),
    )
    def asked(case, chosen) -> None:
        nonlocal done
        answer = ask(store, case, chosen)
        done = done or answer.is_success
        case.validate_response(answer, checks=CHECKS)

    asked()
    return done


@pytest.mark.slow
def test_whatever_is_asked_is_answered_as_described(store):
    second = store.client.services.database.dialect == "postgresql"
    schema = schemathesis.openapi.from_dict(store.client.get("/openapi.json").json())
    operations = [found.ok() for found in schema.get_all_operations()]
    operations = operations if SOAK else operations[second::2]
    done = []
    for operation in operations:
        store.fill()
        if conforms(store, operation):
            done.append(operation.label)
    # Not only refusals were compared.
    assert len(done) > len(operations) * 0.6, sorted({o.label for o in operations} - set(done))


def test_all_routes_are_described_once_and_say_how_they_refuse(client):
    described = client.get("/openapi.json").json()
    paths = described["paths"]
    assert {p.split("/")[2] for p in paths if p.startswith("/api/")} == {"v1", "v2", "stead"}
    ids = [o["operationId"] for path in paths.values() for o in path.values()]
    assert len(ids) == len(set(ids))
    problem = {"$ref": "#/components/schemas/Problem"}
    for path, operations in paths.items():
        for method, operation in operations.items():
            refusal = operation["responses"]["4XX"]["content"]["application/json"]
            assert refusal["schema"] == problem, f"{method} {path}"
            assert operation["summary"]
            assert operation["description"]


def test_what_clients_of_the_compatible_api_know_is_described(client):
    recorded = json.loads((Path(__file__).parents[1] / "facts" / "paths.json").read_text())["paths"]
    described = client.get("/openapi.json").json()["paths"]
    for operation, parameters in recorded.items():
        method, _, path = operation.partition(" ")
        # Names of what stands in a path are nobody's but the server's.
        ours = {_unnamed(p): o for p, o in described.items()}[_unnamed(path)]
        there = {p["name"] for p in ours[method.lower()].get("parameters", ())}
        # Beside a build's id they say nothing.
        unused = {"namespace", "environment_name"} if "/build/" in path else set()
        assert set(parameters) - there <= unused, operation


def _unnamed(path: str) -> str:
    return re.sub(r"\{\w+\}", "{}", path)

"""Bad input: a clear 4xx in the API's form, and nothing kept."""

from __future__ import annotations

import json
from dataclasses import replace

import httpx
import pytest
from sqlalchemy import text

from stead.server.api.app import make_app
from stead.server.database.tables import metadata
from stead.server.engine.queue import migrate
from stead.server.services import first_token

SUBMIT = ("POST", "/api/v1/specification/")
TINY = "name: tiny\nchannels: []\ndependencies: [tiny]\n"


def kept(client) -> dict[str, int]:
    """Count the rows of everything that a request could leave."""
    tables = tuple(metadata.tables)
    with client.services.database.read() as connection:
        return {t: connection.execute(text(f"SELECT count(*) FROM {t}")).scalar() for t in tables}


def spec(specification: str, **others: object) -> dict:
    return {"json": {"namespace": "default", "specification": specification} | others}


BAD = {
    "no YAML": (*SUBMIT, spec("not: [valid"), 400),
    "no name": (*SUBMIT, spec("dependencies: []"), 400),
    "an unknown key": (*SUBMIT, spec(TINY + "chanels: []\n"), 400),
    "a text": (*SUBMIT, spec("tiny"), 400),
    "aliases": (*SUBMIT, spec("name: &a x\ndependencies: [*a]\n"), 400),
    "a name that leads up": (*SUBMIT, spec(TINY.replace("tiny", "../../etc", 1)), 400),
    "a name that looks like another": (*SUBMIT, spec(TINY.replace("tiny", "tіny", 1)), 400),
    "a long name": (*SUBMIT, spec(TINY.replace("tiny", "t" * 300, 1)), 400),
    "a namespace that leads up": (*SUBMIT, spec(TINY, namespace=".."), 403),
    "a namespace with a slash": (*SUBMIT, spec(TINY, namespace="a/b"), 403),
    "a namespace that looks like another": (*SUBMIT, spec(TINY, namespace="dеfault"), 403),
    "a lock without a name": (*SUBMIT, spec("version: 1\npackage: []", is_lockfile=True), 400),
    "a lock that is none": (*SUBMIT, spec("x: 1", is_lockfile=True, environment_name="x"), 400),
    "an unknown key of the body": (*SUBMIT, spec(TINY, colour="red"), 422),
    "a number for a text": (*SUBMIT, {"json": {"specification": 1}}, 422),
    "a list": (*SUBMIT, {"json": []}, 422),
    "no JSON": (*SUBMIT, {"content": b"{", "headers": {"Content-Type": "application/json"}}, 422),
    "no UTF-8": (
        *SUBMIT,
        {"content": b"\xff", "headers": {"Content-Type": "application/json"}},
        422,
    ),
    "a form": (*SUBMIT, {"data": {"specification": TINY}}, 415),
    "no content type": (*SUBMIT, {"content": json.dumps({"specification": TINY}).encode()}, 415),
    "a NUL": (*SUBMIT, spec("name: tiny\x00\n"), 400),
    "a surrogate": (
        *SUBMIT,
        {
            "content": b'{"specification": "name: \\ud800"}',
            "headers": {"Content-Type": "application/json"},
        },
        422,
    ),
    "a NUL in a description": (*SUBMIT, spec(TINY, environment_description="a\0"), 422),
    "a NUL in a query": ("GET", "/api/v1/environment/?name=%00", {}, 422),
    "a NUL in what is searched": ("GET", "/api/v1/package/?search=a%00", {}, 422),
    "a date in a lock's place": (
        *SUBMIT,
        spec("version: 1\npackage: []\nx: !!set {a}", is_lockfile=True, environment_name="x"),
        400,
    ),
    "a channel that is no address": (*SUBMIT, spec(TINY.replace("[]", "['http://[']")), 400),
    "metadata with a number beyond 64 bits": (
        "PUT",
        "/api/v1/namespace/default/metadata",
        {"json": {"a": 2**70}},
        400,
    ),
    "metadata nested without end": (
        "PUT",
        "/api/v1/namespace/default/metadata",
        {"json": {"a": json.loads("[" * 300 + "]" * 300)}},
        400,
    ),
    "roles for what is no glob": (
        "PUT",
        "/api/v1/namespace/default/",
        {"json": {"role_mappings": {"a/b/c": ["viewer"]}}},
        400,
    ),
    "roles for more globs than anybody needs": (
        "PUT",
        "/api/v1/namespace/default/",
        {"json": {"role_mappings": {f"n{i}/*": ["viewer"] for i in range(101)}}},
        400,
    ),
    "a token for more globs than anybody needs": (
        "POST",
        "/api/v1/token/",
        {"json": {"role_bindings": {f"n{i}/*": ["viewer"] for i in range(101)}}},
        400,
    ),
    "an origin that is none": (
        "PUT",
        "/api/v1/build/1/cancel/",
        {"headers": {"Origin": "http://[", "Authorization": "", "Cookie": "conda-store-auth=x"}},
        403,
    ),
    "metadata without end": (
        "PUT",
        "/api/v1/namespace/default/metadata",
        {"json": {"a": "x" * 100_000}},
        400,
    ),
    "a namespace with a space": ("POST", "/api/v1/namespace/b@d name/", {}, 403),
    "a namespace of dots": ("POST", "/api/v1/namespace/%2e%2e/", {}, 403),
    "a hidden namespace": ("POST", "/api/v1/namespace/.git/", {}, 403),
    "an unknown setting": ("PUT", "/api/v1/setting/", {"json": {"colour": 1}}, 400),
    "a setting of another kind": ("PUT", "/api/v1/setting/", {"json": {"default_uid": "x"}}, 400),
    "one right setting and one wrong": (
        "PUT",
        "/api/v1/setting/",
        {"json": {"default_uid": 1, "default_gid": -1}},
        400,
    ),
    "a global setting of a namespace": (
        "PUT",
        "/api/v1/setting/default/",
        {"json": {"default_uid": 1}},
        400,
    ),
    "an environment's setting without a namespace": (
        "PUT",
        "/api/v1/setting/?environment_name=x",
        {"json": {}},
        400,
    ),
    "a page of zero": ("GET", "/api/v1/build/?page=0", {}, 422),
    "a page beyond numbers": ("GET", f"/api/v1/build/?page={10**30}", {}, 422),
    "a build beyond numbers": ("GET", f"/api/v1/build/{10**30}/", {}, 422),
    "a build that is no number": ("GET", "/api/v1/build/x/", {}, 422),
    "an unknown status": ("GET", "/api/v1/build/?status=GONE", {}, 422),
    "an unknown order": ("GET", "/api/v1/environment/?order=up", {}, 422),
    "an unknown sorting": ("GET", "/api/v1/environment/?sort_by=colour", {}, 400),
    "an unknown path": ("GET", "/api/v1/nothing/", {}, 404),
    "an unknown method": ("PATCH", "/api/v1/build/1/", {"json": {}}, 405),
}


@pytest.fixture(scope="module")
def shared(make_module_client):
    return make_module_client()


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_refused_and_leaves_nothing(shared, name):
    method, path, options, status = BAD[name]
    before = kept(shared)
    answer = shared.ask(method, path, **options)
    assert answer.status_code == status, answer.text
    told = answer.json()
    assert told["status"] == "error"
    assert told["message"]
    assert len(answer.content) < 2000
    assert kept(shared) == before


async def _pieces(sent: list[int], size: int):
    for _ in range(size // 2**20):
        sent.append(2**20)
        yield b" " * 2**20


def test_a_body_of_100_megabytes_is_not_read_to_its_end(shared):
    sent: list[int] = []
    headers = {"Content-Type": "application/json"}
    answer = shared.ask(*SUBMIT, content=_pieces(sent, 100 * 2**20), headers=headers)
    assert answer.status_code == 413
    assert answer.json()["status"] == "error"
    assert sum(sent) <= 17 * 2**20
    # Where the length is told before, nothing is read.
    sent.clear()
    headers["Content-Length"] = str(100 * 2**20)
    answer = shared.ask(*SUBMIT, content=_pieces(sent, 100 * 2**20), headers=headers)
    assert answer.status_code == 413
    assert sent == []


def test_pages_of_others_may_call_only_where_that_is_configured(make_client):
    origin = {"Origin": "https://lab.example"}
    asked = origin | {"Access-Control-Request-Method": "PUT"}
    plain = make_client().get("/api/v1/", headers=origin)
    assert "access-control-allow-origin" not in plain.headers
    client = make_client(cors=("https://lab.example",))
    answer = client.ask("OPTIONS", "/api/v1/build/1/", headers=asked)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "https://lab.example"
    assert answer.headers["access-control-allow-credentials"] == "true"
    other = client.get("/api/v1/", headers={"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in other.headers
    # Errors too: else a page could not read them.
    error = client.get("/api/v1/nothing/", headers=origin)
    assert error.headers["access-control-allow-origin"] == "https://lab.example"
    anyone = make_client(cors=("*",)).get("/api/v1/", headers=origin)
    assert anyone.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in anyone.headers


def test_settings_hold_below_where_they_are_set_and_nowhere_else(client):
    client.submit()
    put = ("PUT", "/api/v1/setting/")
    assert client.ask(*put, json={"conda_default_packages": ["a"]}).status_code == 200
    inner = ("PUT", "/api/v1/setting/team/tiny/")
    assert client.ask(*inner, json={"conda_default_packages": ["b"]}).status_code == 200

    def held(path: str) -> list[str]:
        return client.get(f"/api/v1/setting/{path}").json()["data"]["conda_default_packages"]

    assert [held(p) for p in ("", "team/", "team/tiny/")] == [["a"], ["a"], ["b"]]
    assert held("?namespace=team&environment_name=tiny") == ["b"]
    developer = client.token(role_bindings={"team/*": ["developer"]})
    assert client.get("/api/v1/setting/team/", token=developer).status_code == 200
    assert client.get("/api/v1/setting/", token=developer).status_code == 403
    assert client.ask(*inner, token=developer, json={}).status_code == 403
    assert client.get("/api/v1/setting/nope/").status_code == 404
    quota = {"quota_builds": 1}
    assert client.ask("PUT", "/api/v1/setting/team/", json=quota).status_code == 200
    body = {"namespace": "team", "specification": TINY.replace("tiny", "more")}
    full = client.ask(*SUBMIT, json=body)
    assert full.status_code == 403
    assert "may hold 1" in full.json()["message"]


def test_null_takes_a_setting_back(client):
    client.submit()
    put = ("PUT", "/api/v1/setting/")
    of_team = ("PUT", "/api/v1/setting/team/")

    def held() -> tuple:
        found = client.get("/api/v1/setting/team/").json()["data"]
        return found.get("allow_private_addresses"), found["conda_default_packages"]

    wide = {"allow_private_addresses": False, "conda_default_packages": ["a"]}
    near = {"allow_private_addresses": True, "conda_default_packages": ["b"]}
    assert client.ask(*put, json=wide).status_code == 200
    assert client.ask(*of_team, json=near).status_code == 200
    assert held() == (True, ["b"])
    nothing = dict.fromkeys(near)
    assert client.ask(*of_team, json=nothing).status_code == 200
    assert held() == (False, ["a"])
    assert client.ask(*put, json=nothing).status_code == 200
    assert held() == (None, [])
    # And what is asked for is built as if nothing had been set.
    client.submit(TINY.replace("tiny", "other"))


def test_what_the_settings_do_not_allow_is_refused_and_leaves_nothing(client):
    client.ask("POST", "/api/v1/namespace/team/")
    allowed = {"conda_allowed_channels": ["https://good.example/main"]}
    assert client.ask("PUT", "/api/v1/setting/team/", json=allowed).status_code == 200
    assert client.ask("PUT", "/api/v1/setting/", json={"allow_private_addresses": False}).is_success
    before = kept(client)

    def asked(channel: str, namespace: str = "team") -> httpx.Response:
        body = {"namespace": namespace, "specification": TINY.replace("[]", f"['{channel}']")}
        return client.ask(*SUBMIT, json=body)

    refused = asked("https://other.example/main")
    assert refused.status_code == 400
    assert "not allowed" in refused.json()["message"]
    # All of it at once.
    two = asked("https://other.example/main', 'https://third.example/main").json()["message"]
    assert "other.example" in two
    assert "third.example" in two
    assert asked("http://127.0.0.1:8000/", "default").status_code == 400
    assert kept(client) == before
    assert asked("https://good.example/main").status_code == 200


NAMES = ("%2e%2e", "..%2f..", "tіny", "t" * 300, "a%00b", ".git", "*", "a%2fb", "%20", "a%0a")
"""What leads up, looks like another, is too long, hidden, several, or no text of one line."""

GOOD = {"namespace": "team", "environment_name": "tiny", "build_id": "1"}

UNCHECKED = {"POST /api/v1/token/", "PUT /api/v1/namespace/{namespace}/metadata"}
"""To one the `conda-store` program sends more than is known, the other takes any keys."""


class Good(dict):
    """Gives each parameter of a path a value that may be there."""

    def __missing__(self, name: str) -> str:
        return GOOD.get(name, "1")


def operations(client) -> list[tuple[str, str, dict]]:
    paths = client.get("/openapi.json").json()["paths"]
    return [(m.upper(), p, o) for p, found in paths.items() for m, o in found.items()]


def refused(client, method: str, path: str, statuses: set[int], **options: object) -> None:
    answer = client.ask(method, path, **options)
    assert answer.status_code in statuses, f"{method} {path[:300]}: {answer.text[:500]}"
    assert answer.headers["content-type"] == "application/json", path
    told = answer.json()
    assert (told["status"], bool(told["message"])) == ("error", True)
    assert len(answer.content) < 3000


@pytest.fixture(scope="module")
def filled(make_module_client):
    client = make_module_client()
    client.complete(client.submit())
    return client


def test_no_route_takes_a_name_that_is_none(filled):
    before = kept(filled)
    asked = 0
    for method, path, operation in operations(filled):
        parameters = [p["name"] for p in operation.get("parameters", ()) if p["in"] == "path"]
        for parameter in parameters:
            for bad in NAMES:
                wanted = path.replace(f"{{{parameter}}}", bad).format_map(Good())
                body = {"json": {}} if "requestBody" in operation else {}
                refused(filled, method, wanted, {400, 403, 404, 405, 422}, **body)
                asked += 1
    assert asked > 300
    assert kept(filled) == before


def test_no_route_takes_a_body_that_is_none(filled):
    before = kept(filled)
    json_type = {"Content-Type": "application/json"}
    long = {"Content-Length": str(100 * 2**20)}
    asked = set()
    for method, path, operation in operations(filled):
        where = path.format_map(Good())
        # Whether it takes a body or not: none is read that is too long, or of another kind.
        if method not in ("GET", "HEAD"):
            sent: list[int] = []
            pieces = _pieces(sent, 100 * 2**20)
            refused(filled, method, where, {413}, content=pieces, headers=json_type | long)
            assert sent == []
            xml = {"Content-Type": "application/xml"}
            refused(filled, method, where, {415}, content=b"<x/>", headers=xml)
        if "requestBody" not in operation:
            continue
        asked.add(f"{method} {path}")
        for content in (b"{", b"\xff", b"[]", b'"x"', b"1", b"", b'{"a": NaN}', b"[" * 100_000):
            refused(filled, method, where, {400, 422}, content=content, headers=json_type)
        if f"{method} {path}" not in UNCHECKED:
            refused(filled, method, where, {400, 422}, json={"an unknown key": 1})
    assert len(asked) >= 12
    assert kept(filled) == before


NUL = {
    **{
        f"{parameter} of {path}": ("GET", f"/api/v1/{path}/?{parameter}=a%00", {})
        for path, parameters in (
            ("environment", ("name", "namespace", "packages", "search")),
            ("build", ("name", "namespace", "packages")),
            ("package", ("search", "build")),
        )
        for parameter in parameters
    },
    "an event's namespace": ("GET", "/api/stead/v1/event/?namespace=%00", {}),
    "a description": (*SUBMIT, spec(TINY, environment_description="a\0")),
    "a later description": (
        "PUT",
        "/api/v1/environment/team/tiny/",
        {"json": {"description": "\0"}},
    ),
    "a description in YAML": (*SUBMIT, spec(TINY + 'description: "\\0"\n')),
    "a key of a lock": (
        *SUBMIT,
        spec('version: 1\npackage: [{"\\0": 1}]\n', is_lockfile=True, environment_name="x"),
    ),
    "a manifest": (
        "POST",
        "/api/stead/v1/specification/",
        {
            "json": {
                "namespace": "team",
                "name": "x",
                "kind": "stead",
                "specification": '[packages]\na = "*"\n[tasks]\nb = "\\u0000"\n',
            }
        },
    ),
    "a role": (
        "PUT",
        "/api/v1/namespace/team/",
        {"json": {"role_mappings": {"a\0/*": ["viewer"]}}},
    ),
    "a setting": ("PUT", "/api/v1/setting/", {"json": {"conda_default_packages": ["\0"]}}),
    "a token's glob": ("POST", "/api/v1/token/", {"json": {"role_bindings": {"\0/*": ["viewer"]}}}),
    "a tag": ("PUT", "/api/stead/v1/environment/team/tiny/", {"json": {"tags": ["\0"]}}),
}
"""What PostgreSQL does not take, wherever it may stand."""


def test_the_character_nul_is_refused_whatever_the_database(database, client):
    migrate(database)
    services = replace(client.services, database=database)
    transport = httpx.ASGITransport(make_app(services), raise_app_exceptions=False)
    http = httpx.AsyncClient(transport=transport, base_url="http://stead.example")
    client = replace(client, services=services, http=http, admin=first_token(services))
    client.submit()
    before = kept(client)
    for name, (method, path, options) in NUL.items():
        answer = client.ask(method, path, **options)
        assert answer.status_code in (400, 422), (name, answer.text)
        assert answer.json()["status"] == "error", name
    assert kept(client) == before

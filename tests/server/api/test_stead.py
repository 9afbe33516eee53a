"""What is new beside the compatible API: plans, differences, closures, and what there is."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from stead.server.database import admission, builds, packages
from stead.server.values import NewPackage
from stead.testing.channel import Package, make_channel

CHANNEL = "https://channel.example/main"
SPEC = f"name: tiny\nchannels: ['{CHANNEL}']\ndependencies: [tiny]\n"
PLAN = ("POST", "/api/stead/v1/plan/")


def rows(client) -> dict[str, int]:
    tables = ("namespace", "environment", "specification", "build", "submission", "event")
    with client.services.database.read() as connection:
        return {t: connection.execute(text(f"SELECT count(*) FROM {t}")).scalar() for t in tables}


def planned(client, **changes: object) -> dict:
    body = {"namespace": "team", "name": "tiny", "kind": "conda", "specification": SPEC} | changes
    before = rows(client)
    answer = client.ask(*PLAN, json=body)
    assert answer.status_code == 200, answer.text
    assert rows(client) == before
    return answer.json()["data"]


def test_a_plan_says_what_a_specification_would_become(client):
    new = planned(client)
    assert (new["allowed"], new["key"], new["build"]) == (True, None, None)
    assert new["spec"]["dependencies"] == ["tiny"]
    build = client.submit(SPEC)
    waits = planned(client)
    assert waits["build"] == {"id": build, "status": "QUEUED"}
    with client.services.database.read() as connection:
        assert builds.get(connection, build).key == waits["key"]
    client.complete(build)
    done = planned(client)
    assert done["build"] == {"id": build, "status": "COMPLETED"}
    assert done["current_build_id"] == build
    other = planned(client, specification=SPEC.replace("[tiny]", "[other]"))
    assert (other["build"], other["key"] not in (None, done["key"])) == (None, True)
    assert (other["packages"], other["difference"]) == (None, None)


def test_a_plan_says_all_that_stands_against_it(client):
    client.submit(SPEC)
    settings = {
        "conda_allowed_channels": ["https://good.example"],
        "conda_required_packages": ["watch"],
        "quota_builds": 1,
    }
    assert client.ask("PUT", "/api/v1/setting/team/", json=settings).status_code == 200
    told = planned(client, solve=True)
    assert told["allowed"] is False
    for word, reason in zip(("not allowed", "watch", "may hold 1"), told["refused"], strict=True):
        assert word in reason
    assert (told["key"], told["packages"]) == (None, None)


def test_plans_are_for_those_who_may_ask(client):
    client.submit(SPEC)
    body = {"namespace": "team", "name": "tiny", "kind": "conda", "specification": SPEC}
    see = client.token(role_bindings={"team/*": ["viewer"]})
    for token, changes, status in (
        ("", {}, 403),
        (see, {}, 403),
        (None, {"specification": "dependencies: ["}, 400),
        (None, {"kind": "x"}, 422),
        (None, {"namespace": "*"}, 403),
        (None, {"namespace": "../up"}, 403),
        (None, {"name": "tіny"}, 403),
        (None, {"more": 1}, 422),
    ):
        answer = client.ask(*PLAN, token=token, json=body | changes)
        assert answer.status_code == status, (changes, answer.text)


def test_a_plan_solves_and_says_what_would_change(client, tmp_path, here):
    channel = f"file://{make_channel(tmp_path / 'channel', [Package('tiny', '2.0')], here.name)}"
    build = client.submit(SPEC)
    client.complete(build)
    told = planned(client, specification=SPEC.replace(CHANNEL, channel), solve=True)
    assert [(p["name"], p["version"], p["channel"]) for p in told["packages"]] == [
        ("tiny", "2.0", channel)
    ]
    assert told["difference"]["added"] == told["difference"]["removed"] == []
    (changed,) = told["difference"]["changed"]
    assert (changed["before"]["version"], changed["after"]["version"]) == ("1.0", "2.0")


@pytest.fixture
def two(client) -> tuple[int, int]:
    """Two builds that are alike but for some packages."""
    held = (
        [("a", "1.0", "0"), ("b", "1.0", "0"), ("c", "1.0", "0"), ("twice", "1", "0")],
        [("a", "1.0", "0"), ("b", "2.0", "0"), ("d", "1.0", "0"), ("twice", "1", "0")],
    )
    made = []
    for number, some in enumerate(held):
        build = client.submit(SPEC.replace("[tiny]", f"[tiny={number}]"))
        client.complete(build)
        with client.services.database.begin() as connection:
            packages.put_packages(
                connection, build, [NewPackage(CHANNEL, *one, sha256="f" * 64) for one in some]
            )
        made.append(build)
    return made[0], made[1]


def test_two_builds_are_compared(client, two):
    before, after = two
    path = f"/api/stead/v1/difference/?before={before}&after={after}"
    told = client.get(path).json()["data"]
    which = {"version": "1.0", "build": "0", "channel": CHANNEL}
    assert told == {
        "before": before,
        "after": after,
        "added": [{"name": "d", **which}],
        "removed": [{"name": "c", **which}],
        "changed": [{"name": "b", "before": which, "after": which | {"version": "2.0"}}],
    }
    same = client.get(f"/api/stead/v1/difference/?before={after}&after={after}").json()["data"]
    assert same["added"] == same["removed"] == same["changed"] == []
    other = client.submit(SPEC.replace("tiny", "more"))
    for query, status in (
        (f"before={before}&after={other}", 409),
        (f"before={before}&after=99999", 404),
        (f"before={before}", 422),
    ):
        assert client.get(f"/api/stead/v1/difference/?{query}").status_code == status
    assert client.get(path, token="").status_code == 403


def test_a_build_says_all_that_it_consists_of(client, two):
    told = client.get(f"/api/stead/v1/build/{two[1]}/closure/").json()["data"]
    assert (told["namespace"], told["name"], told["size"]) == ("team", "tiny", 13799)
    assert {p["name"]: p["sha256"] for p in told["packages"]}["d"] == "f" * 64
    assert {f["artifact_type"] for f in told["artifacts"]} == {"LOCKFILE", "YAML", "STEAD_LOCK"}
    assert told["parts"] == []
    see = f"/api/stead/v1/build/{two[1]}/closure/"
    assert client.get(see, token="").status_code == 403
    waits = client.submit(SPEC.replace("tiny", "more"))
    assert client.get(f"/api/stead/v1/build/{waits}/closure/").status_code == 409


def test_it_says_what_there_is_and_how_the_store_is(client):
    told = client.get("/api/stead/v1/", token="").json()["data"]
    assert told["compatible"] == "2025.2.2"
    for noun in told["nouns"]:
        paths = client.get("/openapi.json").json()["paths"]
        assert any(path.startswith(f"/api/stead/v1/{noun}/") for path in paths), noun
    client.submit(SPEC)
    health = client.get("/api/stead/v1/health/").json()["data"]
    assert (health["workers"], health["queued"], health["building"]) == (0, 1, 0)
    assert client.get("/api/stead/v1/health/", token="").json()["data"]["queued"] == 0


def test_an_environment_is_described_and_tagged_by_those_who_may(client):
    client.submit(SPEC)
    path = "/api/stead/v1/environment/team/tiny/"
    first = client.get(path).json()["data"]
    assert (first["namespace"], first["name"], first["tags"]) == ("team", "tiny", [])
    wanted = {"description": "maps", "tags": ["gpu", "team:geo", "gpu"]}
    assert client.ask("PUT", path, json=wanted).status_code == 200
    # What is not given stays.
    assert client.ask("PUT", path, json={"description": "better maps"}).status_code == 200
    told = client.get(path).json()["data"]
    assert (told["description"], told["tags"]) == ("better maps", ["gpu", "team:geo"])
    old = client.get("/api/v1/environment/team/tiny/").json()["data"]
    assert old["description"] == "better maps"
    assert client.ask("PUT", path, json={"tags": []}).status_code == 200
    assert client.get(path).json()["data"]["tags"] == []
    for bad in ({"tags": ["a b"]}, {"tags": ["x" * 65]}, {"tags": ["a\0"]}, {"colour": "red"}):
        assert client.ask("PUT", path, json=bad).status_code == 422, bad
    many = {"tags": [f"t{number}" for number in range(51)]}
    assert client.ask("PUT", path, json=many).status_code == 422
    viewer = client.token(role_bindings={"team/*": ["viewer"]})
    assert client.get(path, token=viewer).status_code == 200
    assert client.ask("PUT", path, token=viewer, json=wanted).status_code == 403
    assert client.get(path, token="").status_code == 403
    assert client.get("/api/stead/v1/environment/team/none/").status_code == 404


def test_environments_are_listed_with_their_tags_and_what_is_really_current(client):
    client.submit(SPEC)
    other = client.submit(SPEC.replace("name: tiny", "name: other"), namespace="zoo")
    client.complete(other)
    tags = {"tags": ["gpu"], "description": "maps"}
    client.ask("PUT", "/api/stead/v1/environment/zoo/other/", json=tags)
    path = "/api/stead/v1/environment/"
    told = client.get(path).json()
    names = [(e["namespace"], e["name"], e["current_build_id"]) for e in told["data"]]
    assert (names, told["count"]) == ([("team", "tiny", None), ("zoo", "other", other)], 2)
    for each in told["data"]:
        assert client.get(f"{path}{each['namespace']}/{each['name']}/").json()["data"] == each
    assert (told["data"][1]["tags"], told["data"][1]["description"]) == (["gpu"], "maps")
    assert [e["name"] for e in client.get(f"{path}?namespace=zoo").json()["data"]] == ["other"]
    second = client.get(f"{path}?size=1&page=2").json()
    assert ([e["name"] for e in second["data"]], second["count"]) == (["other"], 2)
    assert [e["name"] for e in client.get(f"{path}?order=desc").json()["data"]] == ["other", "tiny"]
    viewer = client.token(role_bindings={"team/*": ["viewer"]})
    assert [e["name"] for e in client.get(path, token=viewer).json()["data"]] == ["tiny"]
    assert client.get(f"{path}?sort_by=colour").status_code == 400


def test_of_what_waits_in_a_namespace_the_urgent_comes_first(client):
    client.ask("POST", "/api/v1/namespace/team/")

    def asked(name: str, **wanted: object) -> int:
        body = {"namespace": "team", "name": name, "kind": "conda", "specification": SPEC}
        answer = client.ask("POST", "/api/stead/v1/specification/", json=body | wanted)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]["build_id"]

    later, plain, urgent = asked("later", priority=-1), asked("plain"), asked("urgent", priority=9)
    services = client.services
    admitted = []
    for _ in range(3):
        with services.database.begin() as connection:
            now = services.database.now()
            admitted += admission.admit_within(connection, services.queue, now, slots=1)
            for each in admitted[-1:]:
                assert builds.begin(connection, each, 1, now) is not None
                assert builds.cancel(connection, each, now) is not None
    assert admitted == [urgent, plain, later]
    answer = client.ask(
        "POST",
        "/api/stead/v1/specification/",
        json={
            "namespace": "team",
            "name": "x",
            "kind": "conda",
            "specification": SPEC,
            "priority": 1001,
        },
    )
    assert answer.status_code == 422

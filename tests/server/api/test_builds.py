"""Builds and what is made of them, asked for by those who may and those who may not."""

from __future__ import annotations

import shutil
from pathlib import Path

from stead.server.database import builds, logs

TINY = "name: tiny\nchannels: []\ndependencies: [tiny]\n"


def test_files_of_builds_are_given_to_those_who_may_see_the_environment(client):
    build = client.submit()
    assert client.get(f"/api/v1/build/{build}/yaml/").status_code == 404
    client.complete(build)
    for path in (
        f"build/{build}/lockfile/",
        f"build/{build}/conda-lock.yml",
        f"build/{build}/conda-lock.yaml",
        "environment/team/tiny/lockfile/",
        f"environment/team/tiny/lockfile/?build_id={build}",
        "environment/team/tiny/conda-lock.yml",
        "environment/team/tiny/conda-lock.yaml",
    ):
        answer = client.get(f"/api/v1/{path}")
        assert answer.text == '{"version": 1}', path
        assert answer.headers["content-length"] == "14"
        assert client.get(f"/api/v1/{path}", token="").status_code == 403
    assert client.get(f"/api/v1/build/{build}/yaml/").text == "name: tiny\n"
    other = client.submit(TINY.replace("tiny", "other", 1))
    of_other = f"/api/v1/environment/team/tiny/lockfile/?build_id={other}"
    assert client.get(of_other).status_code == 404
    for path in ("archive", "installer", "docker"):
        assert client.get(f"/api/v1/build/{build}/{path}/").status_code == 404
    shown = client.get(f"/api/v1/build/{build}/").json()["data"]["build_artifacts"]
    assert {a["artifact_type"] for a in shown} == {"LOCKFILE", "YAML"}
    client.services.blobs.delete(f"yaml/{build}")
    gone = client.get(f"/api/v1/build/{build}/yaml/")
    assert gone.status_code == 404
    assert "gone" in gone.json()["message"]


def test_a_log_is_given_as_far_as_it_is_written(client):
    build = client.submit()
    client.complete(build)
    database = client.services.database
    with database.begin() as connection:
        attempt = builds.get(connection, build).attempt
        for number in range(3):
            logs.append(connection, build, attempt, f"Zeile {number} äöü\n", database.now())
    answer = client.get(f"/api/v1/build/{build}/logs/")
    assert answer.text == "".join(f"Zeile {n} äöü\n" for n in range(3))
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


def test_the_same_again_is_the_same_build_unless_it_is_asked_to_be_anew(client):
    build = client.submit()
    assert client.submit() == build
    client.complete(build)
    assert client.submit() == build
    anew = client.ask("PUT", f"/api/v1/build/{build}/").json()["data"]["build_id"]
    assert anew > build
    descending = client.get("/api/v1/build/", params={"order": "desc", "sort_by": "id"}).json()
    assert [b["id"] for b in descending["data"]] == [anew, build]
    client.complete(anew)
    current = client.get("/api/v1/environment/team/tiny/").json()["data"]["current_build_id"]
    assert current == anew
    back = {"build_id": build, "description": "as before"}
    assert client.ask("PUT", "/api/v1/environment/team/tiny/", json=back).status_code == 200
    shown = client.get("/api/v1/environment/team/tiny/").json()["data"]
    assert (shown["current_build_id"], shown["description"]) == (build, "as before")


def test_a_build_can_be_canceled_until_it_ends_and_deleted_always(client):
    build = client.submit()
    see = client.token(role_bindings={"team/*": ["viewer"]})
    path = f"/api/v1/build/{build}/"
    for method, where in (("PUT", path), ("PUT", f"{path}cancel/"), ("DELETE", path)):
        assert client.ask(method, where, token=see).status_code == 403
    assert client.ask("PUT", f"{path}cancel/").status_code == 200
    assert client.get(path, token=see).json()["data"]["status"] == "CANCELED"
    assert client.ask("PUT", f"{path}cancel/").status_code == 409
    assert client.ask("DELETE", path).status_code == 200
    assert client.get(path).status_code == 404
    assert client.ask("DELETE", path).status_code == 404
    usage = client.get("/api/v1/usage/").json()["data"]["team"]
    assert usage == {"num_environments": 1, "num_builds": 0, "storage": 0}


def test_a_cursor_leads_through_all_environments_once(client):
    for number in range(7):
        client.submit(f"name: env{number}\nchannels: []\ndependencies: [tiny]\n")
    for order, names in (("asc", range(7)), ("desc", range(6, -1, -1))):
        seen, cursor = [], None
        for _ in range(20):
            params = {"limit": 3, "order": order} | ({"cursor": cursor} if cursor else {})
            answer = client.get("/api/v2/environment/", params=params).json()
            assert answer["count"] == 7
            if not answer["data"]:
                break
            seen += [each["name"] for each in answer["data"]]
            cursor = answer["cursor"]
        assert seen == [f"env{n}" for n in names]
    for wrong in ("x", "e30=", "WzEsMl0=", "ä"):
        assert client.get("/api/v2/environment/", params={"cursor": wrong}).status_code == 400
    found = client.get("/api/v1/environment/", params={"search": "env3", "sort_by": "name"}).json()
    assert [each["name"] for each in found["data"]] == ["env3"]
    by_name = client.get("/api/v1/environment/?sort_by=name&order=desc&size=2&page=2/").json()
    assert [each["name"] for each in by_name["data"]] == ["env4", "env3"]


def test_building_anew_keeps_to_the_settings_as_they_are_now(client):
    build = client.submit()
    client.complete(build)
    included = {"conda_included_packages": ["watch"]}
    assert client.ask("PUT", "/api/v1/setting/team/", json=included).status_code == 200
    anew = client.ask("PUT", f"/api/v1/build/{build}/").json()["data"]["build_id"]
    spec = client.get(f"/api/v1/build/{anew}/").json()["data"]["specification"]["spec"]
    assert spec["dependencies"] == ["tiny", "watch"]
    allowed = {"conda_allowed_channels": ["https://good.example/main"]}
    assert client.ask("PUT", "/api/v1/setting/team/", json=allowed).status_code == 200
    refused = client.ask("PUT", f"/api/v1/build/{build}/")
    assert (refused.status_code, "not allowed" in refused.text) == (400, True)
    assert client.get("/api/v1/build/").json()["count"] == 2


def test_what_is_asked_for_is_made_under_the_settings_of_its_own_environment(client):
    client.submit()
    client.submit(TINY.replace("tiny", "other"))
    for level, package in (("", "everywhere"), ("team/", "team"), ("team/tiny/", "own")):
        wanted = {"conda_included_packages": [package]}
        assert client.ask("PUT", f"/api/v1/setting/{level}", json=wanted).status_code == 200

    def asked(name: str, namespace: str = "team") -> list[str]:
        build = client.submit(TINY.replace("tiny", name), namespace=namespace)
        spec = client.get(f"/api/v1/build/{build}/").json()["data"]["specification"]["spec"]
        return spec["dependencies"]

    assert asked("tiny") == ["tiny", "own"]
    assert asked("other") == ["other", "team"]
    assert asked("tiny", "default") == ["tiny", "everywhere"]
    required = {"conda_required_packages": ["wanted"]}
    assert client.ask("PUT", "/api/v1/setting/team/tiny/", json=required).status_code == 200
    body = {"namespace": "team", "specification": TINY}
    refused = client.ask("POST", "/api/v1/specification/", json=body)
    assert (refused.status_code, "wanted is required" in refused.text) == (400, True)
    assert asked("other") == ["other", "team"]


def test_the_same_under_other_settings_is_another_build(client):
    first = client.submit()
    client.complete(first)
    assert client.submit() == first
    # The words are the same, and what they mean may not be.
    wanted = {"conda_channel_alias": "https://mirror.example"}
    assert client.ask("PUT", "/api/v1/setting/team/", json=wanted).status_code == 200
    second = client.submit()
    assert second > first
    assert client.submit() == second
    assert client.ask("PUT", "/api/v1/setting/team/", json={"conda_channel_alias": None}).is_success
    assert client.submit() == first


def test_no_page_is_longer_than_is_allowed(make_client):
    client = make_client(page_size=2)
    for number in range(3):
        client.submit(f"name: env{number}\nchannels: []\ndependencies: [tiny]\n")
        client.complete(number + 1)
    for path in ("environment", "build", "namespace", "package"):
        pages = [client.get(f"/api/v1/{path}/?size={size}").json() for size in (1, 2, 3, 10**6)]
        assert [page["size"] for page in pages] == [1, 2, 2, 2], path
        for page in pages:
            assert len(page["data"]) == min(page["size"], page["count"]), path
        # Of what there is more of, the rest is on the next.
        rest = client.get(f"/api/v1/{path}/?size=99&page=2").json()
        assert len(rest["data"]) == max(0, rest["count"] - 2), path
    assert len(client.get("/api/v2/environment/?limit=99").json()["data"]) == 2


def test_builds_are_listed_in_the_order_asked_for(client):
    ids = [client.submit(TINY.replace("tiny", name, 1)) for name in ("one", "two", "three")]
    for build in (ids[2], ids[0]):
        client.complete(build)

    def listed(query: str) -> list[int]:
        return [each["id"] for each in client.get(f"/api/v1/build/?{query}").json()["data"]]

    assert listed("sort_by=ended_on") == [ids[2], ids[0], ids[1]]
    assert listed("sort_by=ended_on&order=desc") == [ids[0], ids[2], ids[1]]
    assert listed("sort_by=started_on&size=1&page=2") == [ids[0]]
    assert listed("sort_by=scheduled_on&order=desc") == ids[::-1]


def test_an_artifact_store_that_fails_is_nobodys_wrong_request(client):
    made = client.submit()
    client.complete(made)
    kept = Path(client.services.config.data) / "blobs" / "yaml"
    shutil.rmtree(kept)
    kept.write_text("no directory any more")
    answer = client.get(f"/api/v1/build/{made}/yaml/")
    assert answer.status_code == 503
    assert answer.json()["message"] == "the artifact store does not answer at the moment"
    assert int(answer.headers["retry-after"]) > 0
    # What is gone is another matter.
    kept.unlink()
    assert client.get(f"/api/v1/build/{made}/yaml/").status_code == 404

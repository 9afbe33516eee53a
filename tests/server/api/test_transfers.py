"""What `stead push` and `stead pull` ask: specifications with their locks, files, logs by offset."""

from __future__ import annotations

import pytest

from stead.formats import stead_lock
from stead.server.database import builds, logs, specifications
from stead.values.frozen import replace
from stead.values.lock import Artifact, File, Lock, LockedEnvironment


def lock_of(*artifacts: Artifact) -> str:
    locked = LockedEnvironment(".", "default", "linux-64", artifacts=artifacts)
    return stead_lock.write(Lock((locked,)))


LOCK = lock_of()
URL = "/api/stead/v1/specification/"


@pytest.fixture
def team(client):
    assert client.ask("POST", "/api/v1/namespace/team/").status_code == 200
    return client


def asked(**changes: object) -> dict:
    told = {"namespace": "team", "name": "tiny", "kind": "conda"}
    return told | {"specification": "channels: []\ndependencies: []\n"} | changes


def test_a_specification_comes_with_its_lock_and_the_same_again_is_the_same_build(team):
    first = team.ask("POST", URL, json=asked(lock=LOCK)).json()["data"]
    again = team.ask("POST", URL, json=asked(lock=LOCK)).json()["data"]
    assert again == {"build_id": first["build_id"], "attached": True}
    without = team.ask("POST", URL, json=asked()).json()["data"]
    assert without["build_id"] != first["build_id"]
    with team.services.database.read() as connection:
        found = builds.get(connection, first["build_id"])
        assert specifications.get(connection, found.specification_id).spec["stead.lock"] == LOCK


def test_it_is_built_under_the_name_that_was_asked_for_not_under_its_own(team):
    text = '[workspace]\nname = "own"\n'
    told = asked(kind="stead", specification=text, description="what we use")
    assert team.ask("POST", URL, json=told).status_code == 200
    (made,) = team.get("/api/v1/environment/").json()["data"]
    assert (made["name"], made["description"]) == ("tiny", "what we use")


def test_a_refusal_says_what_to_do_where_the_compatible_api_says_what_is_wrong(team):
    wrong = {"specification": "chanels: []\ndependencies: []\n"}
    refused = team.ask("POST", URL, json=asked(**wrong))
    assert (refused.status_code, refused.json()["remedy"]) == (400, "did you mean channels?")
    plan = team.ask("POST", "/api/stead/v1/plan/", json=asked(**wrong))
    assert (plan.status_code, plan.json()["remedy"]) == (400, "did you mean channels?")
    compatible = {"namespace": "team", "specification": "name: a\nchanels: []\n"}
    refused = team.ask("POST", "/api/v1/specification/", json=compatible)
    assert refused.status_code == 400
    assert set(refused.json()) == {"status", "message"}
    assert team.ask("PUT", "/api/v1/setting/team/", json={"quota_builds": 0}).status_code == 200
    full = team.ask("POST", URL, json=asked())
    assert full.status_code == 403
    assert "delete builds" in full.json()["remedy"]


def test_what_cannot_be_asked_for_is_refused_and_nothing_kept(team):
    for changes, status, words in (
        ({"lock": "this is no lock"}, 400, "stead.lock: this is not valid TOML"),
        ({"name": "../up"}, 403, "not authorized"),
        ({"namespace": "none"}, 404, "does not exist"),
        ({"kind": "other"}, 422, "kind"),
        ({"more": 1}, 422, "more"),
        ({"specification": "dependencies: ["}, 400, "Invalid YAML"),
    ):
        answer = team.ask("POST", URL, json=asked(**changes))
        assert answer.status_code == status, (changes, answer.text)
        assert words in answer.json()["message"]
    assert team.ask("POST", URL, json=asked(), token="").status_code == 403
    assert team.get("/api/v1/environment/").json()["data"] == []


def test_a_lock_leads_to_no_channel_that_is_not_allowed(team):
    allowed = {"conda_allowed_channels": ["https://allowed.example/main"]}
    assert team.ask("PUT", "/api/v1/setting/team/", json=allowed).status_code == 200
    file = File("tiny-1.0-0.conda", "0" * 64)
    there = Artifact("conda", "tiny", "1.0", "https://allowed.example/main", (file,))
    away = replace(there, extra=(("url", f"https://other.example/c/noarch/{file.name}"),))
    text = "channels: [https://allowed.example/main]\ndependencies: [tiny]\n"
    body = asked(specification=text, lock=lock_of(there))
    assert team.ask("POST", URL, json=body).status_code == 200
    answer = team.ask("POST", URL, json=asked(specification=text, lock=lock_of(away)))
    assert answer.status_code == 400
    assert "https://other.example/c is not allowed here" in answer.json()["message"]


def test_a_completed_build_gives_the_files_that_it_was_made_from(team):
    text = "# mine\nchannels: []\ndependencies: []\n"
    build = team.ask("POST", URL, json=asked(specification=text)).json()["data"]["build_id"]
    where = f"/api/stead/v1/build/{build}/files/"
    assert team.get(where).status_code == 409
    team.complete(build)
    found = team.get(where).json()["data"]
    assert found["files"] == [
        {"name": "environment.yml", "text": text},
        {"name": "stead.lock", "text": "version = 1\n"},
    ]
    assert team.get(where, token="").status_code == 403
    assert team.get("/api/stead/v1/build/99/files/").status_code == 404


def test_files_say_what_settings_have_added(team):
    put = {"conda_included_packages": ["more"]}
    assert team.ask("PUT", "/api/v1/setting/team/", json=put).status_code == 200
    text = "channels: []\ndependencies: [tiny]\n"
    build = team.ask("POST", URL, json=asked(specification=text, lock=LOCK)).json()["data"]
    team.complete(build["build_id"])
    found = team.get(f"/api/stead/v1/build/{build['build_id']}/files/").json()["data"]["files"]
    assert found[0]["text"] == "dependencies:\n- tiny\n- more\nname: tiny\n"


def test_a_log_is_read_from_any_place_on_and_says_when_it_is_whole(team):
    build = team.ask("POST", URL, json=asked()).json()["data"]["build_id"]
    where = f"/api/stead/v1/build/{build}/log/"
    first = team.get(where).json()["data"]
    assert (first["text"], first["offset"], first["whole"]) == ("", 0, False)
    team.complete(build, files={"LOGS": b"all"})
    database = team.services.database
    with database.begin() as connection:
        attempt = builds.get(connection, build).attempt
        for number in range(2):
            logs.append(connection, build, attempt, f"Zeile {number} ä\n", database.now())
    part = team.get(where, params={"offset": 8}).json()["data"]
    assert (part["text"], part["status"], part["whole"]) == ("ä\nZeile 1 ä\n", "COMPLETED", False)
    last = team.get(where, params={"offset": part["offset"]}).json()["data"]
    assert (last["text"], last["offset"], last["whole"]) == ("", part["offset"], True)
    assert team.get(where, params={"offset": -1}).status_code == 422
    assert team.get(where, token="").status_code == 403

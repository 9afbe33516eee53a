"""What becomes of the files that a look at a source found."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from tests.server.sources.kinds import IN_BOTH

from stead.server.database import environments, settings, sources
from stead.server.sources import taking
from stead.server.sources.files import found_of, matches, name_for
from stead.server.sources.taking import Held, LostError, take

SPEC = "channels: [http://127.0.0.1:18090]\ndependencies: [{}]\n"


@pytest.fixture
def held(place):
    """A source whose lease this test has."""
    with place.services.database.begin() as connection:
        (namespace,) = connection.execute(
            text("SELECT id FROM namespace WHERE name = 'team'")
        ).one()
        made = sources.put(connection, namespace, "watch", {"path": "/envs"})
        assert sources.lease(connection, made.id, {"token": "mine", "beat": 0}, None)
        made = sources.held(connection, made.id, "mine")
    return Held(place.services.database, place.services.queue, made, "team", "mine")


def look(held, **files):
    """Take a directory with these files; those without a word for their package are as given."""
    found = []
    for name, content in sorted(files.items()):
        whole = SPEC.format(content) if content.isalpha() else content
        found.append(found_of(f"{name}.yml", whole.encode(), "envs"))
    return taken(held, found)


def taken(held, found):
    """Take this, and give what is known of the files after it."""
    take(held, found, origin="/envs")
    with held.database.read() as connection:
        return sources.files(connection, held.source.id)


@IN_BOTH
def test_each_file_is_built_once_and_again_when_it_changes(place, held):
    first = look(held, web="tiny", jobs="other")
    assert place.asked() == [("jobs", "other"), ("web", "tiny")]
    assert look(held, web="tiny", jobs="other") == first
    after = look(held, web="wide", jobs="other")
    assert place.asked()[2:] == [("web", "wide")]
    assert after["jobs.yml"] == first["jobs.yml"]
    assert place.log(after["web.yml"]["build"]) == "from /envs, file web.yml\n"
    who = place.rows("SELECT DISTINCT who FROM submission")
    assert who == [(f"source:{held.source.id}",)]


@IN_BOTH
def test_a_file_that_is_wrong_says_why_and_the_last_good_one_stays(place, held):
    good = look(held, web="tiny")["web.yml"]
    bad = look(held, web="dependencies: [tiny\n")["web.yml"]
    assert bad == good | {"reason": "Unable to parse. Invalid YAML"}
    assert look(held, web="\n")["web.yml"]["reason"] == "the file is empty"
    assert "aeons" in look(held, web="aeons: 1\n")["web.yml"]["reason"]
    # What it was before is no news.
    assert look(held, web="tiny")["web.yml"] == good
    assert len(place.asked()) == 1
    told = place.rows("SELECT kind FROM event WHERE kind LIKE 'source.%' ORDER BY id")
    assert [kind for (kind,) in told] == [
        *("source.taken", "source.refused", "source.refused", "source.refused", "source.kept")
    ]


def test_an_environment_stays_when_its_file_goes_and_is_not_built_anew_when_it_is_back(place, held):
    first = look(held, web="tiny")["web.yml"]
    gone = look(held)["web.yml"]
    assert gone == first | {"gone": gone["gone"]}
    assert look(held)["web.yml"] == gone
    with place.services.database.read() as connection:
        assert environments.find(connection, "team", "web") is not None
    assert look(held, web="tiny")["web.yml"] == first
    assert len(place.asked()) == 1


@IN_BOTH
def test_what_was_rolled_back_by_hand_stays_so_though_its_file_is_moved(place, held):
    database = place.services.database
    first = look(held, web="name: a\n" + SPEC.format("tiny"))["web.yml"]["build"]
    place.complete(first)
    second = look(held, web="name: a\n" + SPEC.format("wide"))["web.yml"]["build"]
    place.complete(second)
    with database.begin() as connection:
        environment = environments.get(connection, "team", "a")
        environments.set_current(connection, environment.id, first, database.now())
    moved = look(held, page="name: a\n" + SPEC.format("wide"))
    assert moved["page.yml"]["build"] == second
    assert moved["web.yml"]["gone"]
    with database.read() as connection:
        assert environments.get(connection, "team", "a").current_build_id == first


def test_two_files_of_one_name_are_told_and_the_first_keeps_it(place, held):
    text_of = "name: web\n" + SPEC.format("tiny")
    look(held, b=text_of)
    files = look(held, a=text_of, b=text_of)
    assert files["a.yml"] == {"reason": "the environment 'web' is made from b.yml"}
    assert "reason" not in files["b.yml"]
    # One that is broken has not given its name away.
    broken = look(held, a=text_of, b="name: [\n")
    assert broken["a.yml"]["reason"] == "the environment 'web' is made from b.yml"
    assert len(place.asked()) == 1
    # When it is gone, the other is the environment's file.
    files = look(held, a=text_of)
    assert "reason" not in files["a.yml"]


@IN_BOTH
def test_settings_and_quotas_hold_here_too_and_are_looked_at_again(place, held):
    database = place.services.database

    def put(**values):
        with database.begin() as connection:
            settings.put(connection, values, namespace_id=held.source.namespace_id)

    put(conda_allowed_channels=["https://ours.example"])
    refused = look(held, web="tiny")["web.yml"]
    assert "is not allowed here" in refused["reason"]
    # Nothing of it was kept: neither environment nor counter.
    assert place.rows("SELECT count(*) FROM environment") == [(0,)]
    put(conda_allowed_channels=[], quota_builds=1)
    assert look(held, web="tiny")["web.yml"]["build"]
    assert "may hold 1" in look(held, web="tiny", jobs="other")["jobs.yml"]["reason"]
    put(quota_builds=5)
    assert look(held, web="tiny", jobs="other")["jobs.yml"]["build"]


def test_a_source_fills_its_own_namespace_with_names_that_can_be_names(place, held):
    files = look(
        held, web="name: ../up\n" + SPEC.format("tiny"), jobs="name: Кат\n" + SPEC.format("x")
    )
    assert "cannot be used" in files["web.yml"]["reason"]
    assert "CYRILLIC" in files["jobs.yml"]["reason"]
    assert place.asked() == []


def test_a_stead_toml_and_a_lock_are_known_by_what_they_say(place, held):
    manifest = b'[packages]\npython = "3.12.*"\n'
    lock = b"version: 1\nmetadata:\n  channels: [{url: 'https://example.org/c'}]\npackage: []\n"
    found = [
        found_of("web/stead.toml", manifest, "envs"),
        found_of("night/conda-lock.yml", lock, "envs"),
    ]
    files = taken(held, found)
    assert files["web/stead.toml"].get("name") == "web", files
    assert files["night/conda-lock.yml"].get("name") == "night", files
    assert place.rows("SELECT kind FROM specification ORDER BY kind") == [("lock",), ("stead",)]


def test_many_are_written_in_parts(place, held, monkeypatch):
    monkeypatch.setattr(taking, "AT_ONCE", 2)
    names = {f"e{n}": "tiny" for n in range(5)}
    assert len(look(held, **names)) == 5
    assert len(place.asked()) == 5


@IN_BOTH
def test_who_lost_the_lease_writes_nothing(place, held):
    with place.services.database.begin() as connection:
        assert not sources.lease(connection, held.source.id, {"token": "b"}, {"token": "x"})
        assert sources.lease(
            connection, held.source.id, {"token": "b"}, {"token": "mine", "beat": 0}
        )
    with pytest.raises(LostError):
        look(held, web="tiny")
    assert place.asked() == []


def test_names_and_which_files_are_meant():
    assert name_for("environment.yml", "envs") == "envs"
    assert name_for("a/b/stead.toml", "envs") == "b"
    assert name_for("a/night.lock.yml", "envs") == "night"
    fitting = ["a.yml", "x/b.yaml", "x/stead.toml"]
    assert [
        p for p in (*fitting, ".a.yml", "x/.git/b.yml", "c.txt", "a.yml~") if matches(p)
    ] == fitting
    assert matches("envs/a.txt", "envs/*.txt")
    assert not matches("other/a.txt", "envs/*.txt")


@IN_BOTH
def test_only_the_last_files_that_went_are_remembered(place, held, monkeypatch):
    monkeypatch.setattr(sources, "GONE", 2)
    look(held, a="tiny", b="tiny", c="tiny", d="tiny")
    look(held, a="tiny", b="tiny", d="tiny")
    look(held, a="tiny", d="tiny")
    files = look(held, d="tiny")
    assert {path: "gone" in entry for path, entry in files.items()} == {
        "a.yml": True,
        "b.yml": True,
        "d.yml": False,
    }

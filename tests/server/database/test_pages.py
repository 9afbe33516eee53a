"""Pages against a list made by hand: whatever is asked for, a page is that part of the list."""

from __future__ import annotations

import fnmatch
import itertools
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from stead.server.database import (
    builds,
    counters,
    environments,
    events,
    name_index,
    name_reading,
    namespaces,
    pages,
)
from stead.server.values import BuildStatus, MissingError, NewArtifact, NewPackage, Visible

NAMES = {
    "alpha": ["web", "train-1", "train-2", "Zeta", "a_b", "axb"],
    "empty": [],
    "beta-train": ["web", "etl%", "x"],
    "team": ["env"],
    "zoo": [f"e{n:02}" for n in range(15)],
}
ALL = sorted((namespace, name) for namespace, names in NAMES.items() for name in names)


@pytest.fixture
def filled(bench):
    """Environments of several namespaces, each with a completed build; and a deleted one."""
    with bench.database.begin() as connection:
        now = bench.database.now()
        for namespace, names in NAMES.items():
            home = namespaces.ensure(connection, namespace, now)
            for name in [*names, "gone"]:
                made = environments.ensure(connection, home, name, now)
                if name == "gone":
                    environments.delete(connection, made.id, now)
    for namespace, name in ALL:
        if name != "x":
            held = [NewPackage("c", part, "1", "0") for part in ("python", name)]
            artifact = NewArtifact("YAML" if name == "web" else "LOCKFILE", f"{namespace}/{name}")
            made = bench.submit(namespace + name, namespace=namespace, environment=name).build_id
            bench.complete(made, packages=held, artifacts=[artifact], size=10)
    return bench


def names_of(page):
    return [(each.namespace, each.name) for each in page.items]


def seen(globs):
    return [n for n in ALL if any(fnmatch.fnmatchcase("/".join(n), glob) for glob in globs)]


GLOBS = [("*/*",), ("zoo/*",), ("*a*/*", "team/env"), ("*/e0?", "alpha/*"), ("nobody/*",), ()]


def test_every_page_is_its_part_of_the_list(filled, monkeypatch):
    # As if there were very many: names of a namespace are in several blocks.
    monkeypatch.setattr(name_index, "BLOCK", 4)

    @settings(max_examples=60, suppress_health_check=list(HealthCheck), database=None)
    @given(
        globs=st.sampled_from(GLOBS),
        page=st.integers(1, 9),
        size=st.sampled_from([1, 4, 7, 100]),
        descending=st.booleans(),
        namespace=st.sampled_from([None, None, "zoo", "empty", "nowhere"]),
        search=st.sampled_from(
            [None, "", "train", "e", "ZOO", "oo/e1", "_", "%", "zeta", "none", '"']
        ),
        name=st.sampled_from([None, None, None, "web"]),
        by_name=st.booleans(),
    )
    def check(globs, page, size, descending, namespace, search, name, by_name):
        wanted = seen(globs)
        if namespace is not None:
            wanted = [n for n in wanted if n[0] == namespace]
        if search:
            wanted = [n for n in wanted if search.casefold() in "/".join(n).casefold()]
        if name is not None:
            wanted = [n for n in wanted if n[1] == name]
        wanted.sort(key=(lambda n: n[::-1]) if by_name else None, reverse=descending)
        found = pages.environments(
            filled.database, visible=Visible(globs), page=page, size=size,
            descending=descending, namespace=namespace, search=search, name=name,
            by_name=by_name,
        )  # fmt: skip
        assert names_of(found) == wanted[(page - 1) * size : page * size]
        assert found.count == len(wanted)

    check()


def test_every_page_is_its_part_of_the_list_before_and_after_names_are_known(filled, monkeypatch):
    def pages_are_right():
        found = [
            names_of(pages.environments(filled.database, page=page + 1, size=2, descending=down))
            for down in (False, True)
            for page in range(len(wanted) // 2 + 1)
        ]
        assert [name for page in found for name in page] == [*wanted, *reversed(wanted)]

    wanted = list(ALL)
    pages_are_right()
    filled.database.names.prepare()
    pages_are_right()
    with filled.database.begin() as connection:
        now = filled.database.now()
        gone = environments.get(connection, "alpha", "train-1")
        environments.delete(connection, gone.id, now)
        environments.ensure(connection, namespaces.get(connection, "zoo"), "e02-more", now)
    wanted = sorted([*set(ALL) - {("alpha", "train-1")}, ("zoo", "e02-more")])
    # More has changed than is followed for a page; then it is followed.
    monkeypatch.setattr(name_reading, "FEW", 1)
    pages_are_right()
    monkeypatch.undo()
    pages_are_right()
    # While somebody reads names anew, nobody waits for a page.
    with filled.database.names._names._lock:
        pages_are_right()


def test_pages_that_follow_one_another_are_the_whole_list(filled, monkeypatch):
    monkeypatch.setattr(name_index, "BLOCK", 4)
    wanted = {
        (): lambda _: True,
        ("search", "e"): lambda n: "e" in "/".join(n).casefold(),
        ("search", "O/E1"): lambda n: "o/e1" in "/".join(n),
        ("name", "web"): lambda n: n[1] == "web",
        ("artifact", "YAML"): lambda n: n[1] == "web",
    }
    for globs, descending, one in itertools.product(GLOBS, (False, True), wanted):
        found = []
        after = ("~", "") if descending else ("", "")
        options = dict([one] if one else [])
        every = [n for n in seen(globs) if wanted[one](n)]
        while (
            page := pages.environments(
                filled.database,
                visible=Visible(globs),
                after=after,
                size=4,
                descending=descending,
                **options,
            )
        ).items:
            assert page.count == len(every)
            found += names_of(page)
            after = found[-1]
            assert len(found) <= len(every)
        assert found == sorted(every, reverse=descending)


def test_the_ready_answer_is_that_of_the_api(filled):
    with filled.database.begin() as connection:
        team = namespaces.get(connection, "team")
        namespaces.update(connection, "team", {"cost": 7}, filled.database.now())
        role = namespaces.put_role(connection, team.id, "alpha/*", "viewer")
        found = environments.get(connection, "team", "env")
        environments.describe(
            connection, found.id, filled.database.now(), description='says "ü"', tags=["new"]
        )
    answer = json.loads(environments.page_json(filled.database, namespace="team", size=10))
    assert answer == {
        "status": "ok",
        "data": [
            {
                "id": found.id,
                "namespace": {
                    "id": team.id,
                    "name": "team",
                    "metadata_": {"cost": 7},
                    "role_mappings": [{"id": role.id, "entity": "alpha/*", "role": "viewer"}],
                },
                "name": "env",
                "current_build_id": found.current_build_id,
                "current_build": None,
                "description": 'says "ü"',
            }
        ],
        "message": None,
        "page": 1,
        "size": 10,
        "count": 1,
    }
    assert environments.page(filled.database, namespace="team").items[0].tags == ("new",)


def test_environments_are_found_by_what_their_current_build_is_and_holds(filled):
    def names(**options):
        found = names_of(environments.page(filled.database, **options))
        return [f"{namespace}/{name}" for namespace, name in found]

    assert names(artifact="YAML") == ["alpha/web", "beta-train/web"]
    assert names(packages=["python", "etl%"]) == ["beta-train/etl%"]
    assert len(names(status=BuildStatus.COMPLETED)) == len(ALL) - 1
    assert names(status=BuildStatus.FAILED) == []
    assert names(packages=["python"], search="tra", artifact="YAML") == ["beta-train/web"]


def test_an_environment_without_a_completed_build_is_shown_by_its_first_one(filled):
    first = filled.submit("one", namespace="beta-train", environment="x").build_id
    filled.submit("two", namespace="beta-train", environment="x")

    def shown(**options):
        listed = json.loads(
            environments.page_json(filled.database, namespace="beta-train", **options)
        )
        with filled.database.read() as connection:
            one = environments.get(connection, "beta-train", "x")
            assert environments.shown_build(connection, one.id) == next(
                (e["current_build_id"] for e in listed["data"] if e["name"] == "x"), first
            )
            # Nothing else takes it for current.
            assert one.current_build_id is None
        return [(e["name"], e["current_build_id"]) for e in listed["data"]]

    assert ("x", first) in shown()
    assert shown(search="n/x") == [("x", first)]
    assert shown(status=BuildStatus.QUEUED) == [("x", first)]
    assert shown(status=BuildStatus.FAILED) == []
    assert [name for name, _ in shown(status=BuildStatus.COMPLETED)] == ["etl%", "web"]


def test_names_that_change_are_told_at_once(filled):
    def search():
        return names_of(environments.page(filled.database, search="train-"))

    before = search()
    with filled.database.begin() as connection:
        team = namespaces.get(connection, "team")
        made = environments.ensure(connection, team, "train-3", filled.database.now())
    assert search() == [*before, ("team", "train-3")]
    with filled.database.begin() as connection:
        environments.delete(connection, made.id, filled.database.now())
    assert search() == before
    with filled.database.begin() as connection:
        namespaces.delete(connection, "alpha", filled.database.now())
    assert search() == []
    assert environments.page(filled.database, namespace="alpha").count == 0
    with filled.database.begin() as connection, pytest.raises(MissingError):
        namespaces.get(connection, "alpha")
    with filled.database.begin() as connection:
        # The name is free again.
        namespaces.create(connection, "alpha", filled.database.now())
    assert environments.page(filled.database, namespace="alpha").count == 0


@pytest.mark.parametrize("lost", [None, "KEPT", "MOST_CHANGES"])
def test_how_many_match_is_right_after_each_change_however_it_is_told(filled, lost, monkeypatch):
    monkeypatch.setattr(name_index, "BLOCK", 3)
    if lost == "KEPT":
        monkeypatch.setattr(events, "KEPT", 1)
        monkeypatch.setattr(events, "_TRIM_EVERY", 1)
    elif lost:
        monkeypatch.setattr(name_reading, "MOST_CHANGES", 1)

    def counted():
        terms = ("train", "e", "ZOO/E", "new", "none")
        found = [environments.page(filled.database, search=term, size=1).count for term in terms]
        paths = [
            f"{namespace}/{name}".casefold()
            for namespace, name in filled.rows(
                "SELECT namespace, name FROM environment WHERE deleted_on IS NULL"
            )
        ]
        assert found == [sum(term.casefold() in path for path in paths) for term in terms]

    counted()
    for change in [["new-train", "extra"], ["New"], []]:
        with filled.database.begin() as connection:
            now = filled.database.now()
            zoo = namespaces.get(connection, "zoo")
            for name in change:
                environments.ensure(connection, zoo, name, now)
            if not change:
                for name in ("e01", "new-train"):
                    gone = environments.get(connection, "zoo", name)
                    environments.delete(connection, gone.id, now)
        counted()
    with filled.database.begin() as connection:
        namespaces.delete(connection, "beta-train", filled.database.now())
    counted()


def test_every_page_of_builds_is_its_part_of_the_list(filled):
    waiting = [
        filled.submit(f"p{n}", namespace="zoo", environment="e01", slots=0) for n in range(5)
    ]
    filled.step("delete", waiting[0].build_id)
    with filled.database.begin() as connection:
        # Some at one moment, some never.
        for nth, column in ((3, "started_on"), (4, "ended_on")):
            moment = f"CASE id % {nth} WHEN 0 THEN NULL ELSE '2026-01-0' || (id % {nth}) END"
            connection.execute(text(f"UPDATE build SET {column} = {moment}"))
    everything = [
        (filled.get(build_id), namespace, name)
        for build_id, namespace, name in filled.rows(
            "SELECT b.id, e.namespace, e.name FROM build b JOIN environment e "
            "ON e.id = b.environment_id WHERE b.deleted_on IS NULL ORDER BY b.id"
        )
    ]

    @settings(max_examples=60, suppress_health_check=list(HealthCheck), database=None)
    @given(
        globs=st.sampled_from(GLOBS),
        page=st.integers(1, 9),
        size=st.sampled_from([1, 4, 7, 100]),
        descending=st.booleans(),
        namespace=st.sampled_from([None, None, "zoo", "empty"]),
        name=st.sampled_from([None, None, "web", "e01"]),
        status=st.sampled_from([None, BuildStatus.QUEUED, BuildStatus.COMPLETED]),
        artifact=st.sampled_from([None, None, "YAML"]),
        order=st.sampled_from(["id", "started_on", "ended_on"]),
    )
    def check(globs, page, size, descending, namespace, name, status, artifact, order):
        allowed = seen(globs)
        wanted = [
            found
            for found, home, env in everything
            if (home, env) in allowed
            and namespace in (None, home)
            and name in (None, env)
            and status in (None, found.status)
            and (artifact is None or (env == "web" and found.status == "COMPLETED"))
        ]
        if descending:
            wanted.reverse()
        if order != "id":
            timed = [one for one in wanted if getattr(one, order)]
            timed.sort(key=lambda one: getattr(one, order), reverse=descending)
            wanted = timed + [one for one in wanted if not getattr(one, order)]
        found = builds.page(
            filled.database, visible=Visible(globs), page=page, size=size, descending=descending,
            namespace=namespace, name=name, status=status, artifact=artifact, order=order,
        )  # fmt: skip
        assert list(found.items) == wanted[(page - 1) * size : page * size]
        assert found.count == len(wanted)

    check()
    with pytest.MonkeyPatch.context() as patch:
        # As if there were very many: where a page is, is told by counts.
        patch.setattr(counters, "BLOCK", 4)
        with filled.database.begin() as connection:
            counters.repair(connection)
        check()
    ids = [found.id for found, _, _ in everything]
    following = builds.page(filled.database, after=ids[3], size=4).items
    assert [found.id for found in following] == ids[4:8]

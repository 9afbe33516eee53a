"""What is kept besides builds: settings, tokens, workers, sources, events, logs, packages."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from stead.server.database import (
    builds,
    counters,
    environments,
    events,
    logs,
    namespaces,
    packages,
    settings,
    sources,
    specifications,
    tokens,
    workers,
)
from stead.server.database.globs import admits_name
from stead.server.values import (
    BuildStatus,
    ExistsError,
    MissingError,
    NewArtifact,
    NewPackage,
    ServerError,
    SettingLevel,
    Visible,
    instant,
    later,
    moment,
)

NOW = "2026-11-21T00:14:01.000000"


def test_moments_sort_as_time_runs_whatever_their_fraction():
    moments = [later(NOW, seconds) for seconds in (-1, 0, 0.5, 1, 3600)]
    assert moments == sorted(moments)
    assert {len(each) for each in moments} == {26}
    assert [moment(instant(each)) for each in moments] == moments


def test_settings_are_kept_by_level_and_taken_back(bench):
    with bench.database.begin() as connection:
        team = namespaces.get(connection, "team")
        env = environments.ensure(connection, team, "env", NOW)
        settings.put(connection, {"channels": ["a"], "limit": 1})
        settings.put(connection, {"limit": 2, "nothing": None}, namespace_id=team.id)
        settings.put(connection, {"limit": 3}, namespace_id=team.id, environment_id=env.id)
        settings.put(connection, {"limit": 4}, namespace_id=team.id, environment_id=env.id)
        assert settings.layers(connection, namespace_id=team.id, environment_id=env.id) == {
            SettingLevel.GLOBAL: {"channels": ["a"], "limit": 1},
            SettingLevel.NAMESPACE: {"limit": 2, "nothing": None},
            SettingLevel.ENVIRONMENT: {"limit": 4},
        }
        assert settings.layers(connection)[SettingLevel.NAMESPACE] == {}
        assert settings.remove(connection, "limit", namespace_id=team.id)
        assert not settings.remove(connection, "limit", namespace_id=team.id)
        layers = settings.layers(connection, namespace_id=team.id)
        assert layers[SettingLevel.NAMESPACE] == {"nothing": None}
        assert layers[SettingLevel.GLOBAL]["limit"] == 1


def test_of_a_token_only_its_digest_is_kept(bench):
    with bench.database.begin() as connection:
        secret, made = tokens.create(
            connection, "laptop", NOW, who="ann", grants={"team/*": ["viewer"]}
        )
        short, _ = tokens.create(
            connection, "ci", NOW, who="bob", grants={}, expires_on=later(NOW, 60)
        )
    assert secret not in str(bench.rows("SELECT * FROM token"))
    with bench.database.begin() as connection:
        found = tokens.find(connection, secret, NOW)
        assert found == made
        assert found.grants == {"team/*": ("viewer",)}
        assert tokens.find(connection, secret + "x", NOW) is None
        assert tokens.find(connection, short, later(NOW, 59)).who == "bob"
        assert tokens.find(connection, short, later(NOW, 60)) is None
        assert tokens.revoke(connection, made.id, NOW)
        assert not tokens.revoke(connection, made.id, NOW)
        assert tokens.find(connection, secret, NOW) is None
        assert [token.name for token in tokens.listed(connection, "ann")] == ["laptop"]


def test_a_worker_that_is_not_heard_of_is_told_and_what_it_is_at(bench):
    with bench.database.begin() as connection:
        one, two = (
            workers.register(connection, name, NOW, host="h", pid=1, capacity=2)
            for name in ("one", "two")
        )
        assert workers.places(connection) == 4
        assert workers.beat(connection, two.id, later(NOW, 10))
        assert workers.silent(connection, later(NOW, 5)) == (one,)
    made = bench.submit(slots=None).build_id
    bench.step("begin", made, 1, worker_id=one.id)
    with bench.database.begin() as connection:
        assert [found.id for found in workers.builds_of(connection, one.id)] == [made]
        assert workers.builds_of(connection, two.id) == ()
        workers.set_state(connection, one.id, workers.DEAD)
        # It was only slow: now it learns that others have its work.
        assert not workers.beat(connection, one.id, later(NOW, 11))
        assert workers.silent(connection, later(NOW, 5)) == ()
        assert workers.places(connection) == 2
        assert [w.name for w in workers.listed(connection, states=(workers.RUNNING,))] == ["two"]
        with pytest.raises(MissingError):
            workers.get(connection, 99)


def test_a_source_keeps_how_far_it_was_read(bench):
    with bench.database.begin() as connection:
        team = namespaces.get(connection, "team")
        made = sources.put(connection, team.id, "git", {"url": "/x.git", "branch": "main"})
        sources.set_state(connection, made.id, {"commit": "abc"})
        again = sources.put(connection, team.id, "git", {"branch": "main", "url": "/x.git"})
        assert (again.id, again.state) == (made.id, {"commit": "abc"})
        sources.put(connection, team.id, "watch", {"path": "/d"})
        assert [found.kind for found in sources.listed(connection)] == ["git", "watch"]
        assert sources.listed(connection, "git") == (again,)
        assert sources.remove(connection, made.id)
        namespaces.delete(connection, "team", NOW)
        assert sources.listed(connection) == ()


def test_only_so_many_events_are_kept(bench, monkeypatch):
    monkeypatch.setattr(events, "KEPT", 5)
    monkeypatch.setattr(events, "_TRIM_EVERY", 10)
    with bench.database.begin() as connection:
        while events.append(connection, "x", NOW, build_id=7, data={"a": 1}) % 10:
            pass
        newest = events.newest(connection)
        assert [event.id for event in events.after(connection, 0)] == list(
            range(newest - 4, newest + 1)
        )
        assert events.after(connection, newest - 1, build_id=7)[0].data == {"a": 1}
        assert events.after(connection, 0, build_id=8) == ()
        assert len(events.after(connection, 0, limit=2)) == 2


def test_a_log_is_read_from_any_offset_and_complete(bench):
    made = bench.submit().build_id
    chunks = ["first line\n", "zwei – ü\n", "", "€" * 5 + "\n", "last\x00\n"]
    for number, lines in enumerate(chunks):
        with bench.database.begin() as connection:
            appended = logs.append(connection, made, 1, lines, NOW)
        assert appended == (number + (number < 2) if lines else None)
    whole = "".join(chunks).replace("\x00", "\ufffd")
    content = whole.encode()
    with bench.database.read() as connection:
        assert logs.read(connection, made) == (whole, len(content))
        for offset in range(len(content) + 1):
            found, end = logs.read(connection, made, offset)
            assert end == len(content)
            assert found == content[offset:].decode(errors="ignore")
        # By parts, as a reader that takes little at once.
        parts, at = [], 0
        while True:
            part, at = logs.read(connection, made, at, most=4)
            if not part:
                break
            parts.append(part)
        assert "".join(parts) == whole
        assert len(parts) == 4
        assert logs.read(connection, made, 10_000) == ("", 10_000)
        following = logs.chunks(connection, made, after=2)
        assert [chunk.seq for chunk in following] == [3, 4]
        assert following[-1].end == len(content)
    with bench.database.begin() as connection:
        assert logs.append(connection, made, 2, "of nobody\n", NOW) is None
        assert logs.append(connection, 99, 1, "of nothing\n", NOW) is None
        assert logs.remove(connection, made) == 4


def test_packages_are_kept_once_and_found_by_build(bench):
    held = [
        NewPackage("main", "zlib", "1.3", "h0", license="Zlib"),
        NewPackage("main", "python", "3.12", "0"),
        NewPackage("extra", "python", "3.11", "cp_1"),
    ]
    first, second = (bench.submit(name).build_id for name in "ab")
    bench.complete(first, packages=held)
    bench.complete(second, packages=held[:1])
    with bench.database.begin() as connection:
        packages.put_channel(connection, "main", NOW)
        packages.put_channel(connection, "main")

        def found(**options):
            page = packages.page(connection, **options)
            assert page.count >= len(page.items)
            return [(p.channel.name, p.name, p.version) for p in page.items]

        everything = [
            ("extra", "python", "3.11"),
            ("main", "python", "3.12"),
            ("main", "zlib", "1.3"),
        ]
        assert found() == everything
        assert found(build_id=first) == everything
        assert found(build_id=second) == everything[2:]
        assert found(search="yth", page=2, size=1) == everything[1:2]
        assert found(exact="pyth") == []
        assert found(package_build="p_") == everything[:1]
        assert found(order=["name"], descending=True)[0] == everything[2]
        channels = packages.channels(connection)
        assert [(c.name, c.last_update) for c in channels.items] == [("extra", None), ("main", NOW)]


def test_files_of_a_build_are_kept_once_and_forgotten_but_for_some(bench):
    made = bench.submit().build_id
    files = [NewArtifact("LOCKFILE", "lock"), NewArtifact("YAML", "yaml", "ab", 3)]
    bench.complete(made, artifacts=[*files, files[1]])
    with bench.database.begin() as connection:
        assert [a.key for a in packages.artifacts(connection, made)] == ["lock", "yaml"]
        assert packages.artifacts(connection, made, "YAML")[0].size == 3
        gone = packages.remove_artifacts(connection, made, keep=["LOCKFILE"])
        assert [a.artifact_type for a in gone] == ["YAML"]
        assert [a.key for a in packages.artifacts(connection, made)] == ["lock"]


def test_namespaces_are_listed_as_far_as_they_may_be_seen(bench):
    for name in ("other", "a_b"):
        bench.namespace(name)
    with bench.database.begin() as connection:
        with pytest.raises(ExistsError):
            namespaces.create(connection, "team", NOW)
        assert [n.name for n in namespaces.page(connection).items] == ["a_b", "other", "team"]
        page = namespaces.page(connection, page=2, size=2, descending=True)
        assert ([n.name for n in page.items], page.count) == (["a_b"], 3)
        page = namespaces.page(connection, visible=Visible(("t*/*", "a?b/x")))
        assert ([n.name for n in page.items], page.count) == (["a_b", "team"], 2)
        other = namespaces.get(connection, "other")
        namespaces.put_role(connection, other.id, "team/*", "viewer")
        role = namespaces.put_role(connection, other.id, "team/*", "admin")
        assert namespaces.get(connection, "other").roles == (role,)
        assert namespaces.roles_elsewhere(connection, "team") == {"other": (role,)}
        assert namespaces.roles_elsewhere(connection, "tea") == {}
        assert namespaces.remove_roles(connection, other.id) == 1
        with pytest.raises(MissingError):
            namespaces.update(connection, "nowhere", {}, NOW)


@pytest.mark.parametrize(
    "entity", ["te?m/*", "team/*", "*/*", "t*m/x", "*", "team", "te*", "TEAM/*", "team0/*", "?/*"]
)
def test_roles_are_found_by_whatever_may_match(bench, entity):
    bench.namespace("other")
    with bench.database.begin() as connection:
        other = namespaces.get(connection, "other")
        role = namespaces.put_role(connection, other.id, entity, "viewer")
        for name in ("team", "te?m", "TEAM", "team0", "t", "tea"):
            given = {"other": (role,)} if admits_name(entity.partition("/")[0], name) else {}
            assert namespaces.roles_elsewhere(connection, name) == given


def test_usage_counts_what_is_there(bench):
    made = [bench.submit(name).build_id for name in "abc"]
    bench.complete(made[0], size=7)
    bench.step("cancel", made[1])
    with bench.database.begin() as connection:
        usage = counters.usage(connection)["team"]
        assert (usage.environments, usage.builds, usage.bytes) == (1, 3, 7)
        assert usage.by_status == {
            BuildStatus.COMPLETED: 1,
            BuildStatus.CANCELED: 1,
            BuildStatus.QUEUED: 1,
        }
        assert counters.usage(connection, []) == {}
        connection.execute(text("UPDATE counter SET builds = 9 WHERE status = 'QUEUED'"))
        wrong = counters.repair(connection)
        assert list(wrong.values()) == [(9, 0, 0)]
        assert counters.repair(connection) == {}
        assert counters.usage(connection)["team"] == usage


def test_a_specification_is_kept_once(bench):
    with bench.database.begin() as connection:
        first = specifications.put(connection, bench.specification(), NOW)
        again = specifications.put(connection, bench.specification(), later(NOW, 1))
        assert again == first == specifications.get(connection, first.id)
        with pytest.raises(MissingError):
            specifications.get(connection, 99)


def test_only_a_completed_build_of_its_own_becomes_current(bench):
    mine, other = bench.submit("a").build_id, bench.submit("b", environment="other").build_id
    bench.complete(other)
    with bench.database.begin() as connection:
        env = environments.get(connection, "team", "env")
        for build_id, told in [(99, "does not exist"), (other, "not of this"), (mine, "completed")]:
            with pytest.raises(ServerError, match=told):
                environments.set_current(connection, env.id, build_id, NOW)
        assert builds.get(connection, other).status is BuildStatus.COMPLETED
        with pytest.raises(MissingError):
            builds.get(connection, 99)
        with pytest.raises(MissingError):
            environments.get(connection, "team", "nothing")
        with pytest.raises(MissingError):
            environments.by_id(connection, 99)

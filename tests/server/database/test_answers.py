"""What the API asks of the database beyond pages of names, in both databases."""

from __future__ import annotations

import asyncio

from stead.server.api.pulse import Pulse
from stead.server.database import builds, events, logs, packages
from stead.server.values import NewPackage


def test_packages_that_are_alike_are_given_once(bench):
    held = [
        NewPackage(channel, name, version, build)
        for channel in ("a", "b")
        for name, version, build in (
            ("x", "1", "0"),
            ("x", "2", "0"),
            ("x", "2", "1"),
            ("y", "1", "0"),
        )
    ]
    build = bench.submit().build_id
    with bench.database.begin() as connection:
        packages.put_packages(connection, build, held)
        ids = packages.channel_ids(connection, ["a", "b", "c"])
        assert sorted(ids) == ["a", "b"]

        def found(*distinct: str, **options: object) -> list[tuple[str, ...]]:
            page = packages.page(connection, distinct=distinct, **options)
            assert page.count == len(page.items)
            return [(p.channel.name, p.name, p.version, p.build) for p in page.items]

        assert len(found()) == 8
        assert found("name") == [("a", "x", "1", "0"), ("a", "y", "1", "0")]
        latest = found("version", exact="x", order=("version",), descending=True)
        assert [each[2] for each in latest] == ["2", "1"]
        assert len(found("name", "version")) == 3
        assert {each[0] for each in found("channel")} == {"a", "b"}


def test_builds_come_in_the_order_of_their_ends_and_events_have_names(bench):
    first, second = (bench.submit(environment=name).build_id for name in ("one", "two"))
    with bench.database.begin() as connection:
        builds.cancel(connection, second, bench.database.now())
    ended = builds.page(bench.database, order="ended_on")
    assert [each.id for each in ended.items] == [second, first]
    assert ended.count == 2
    with bench.database.read() as connection:
        told = events.after(connection, 0)
        names = events.named(connection, told)
        assert events.oldest(connection) == told[0].id
        assert events.named(connection, ()) == {}
    assert names[told[-1].id] == ("team", "two")
    assert names[told[0].id] == ("team", None)


def test_who_follows_is_woken_by_events_and_by_the_log_that_they_follow(bench):
    build = bench.submit().build_id
    pulse = Pulse(bench.database)

    async def followed() -> None:
        log, everything = pulse.watch(build), pulse.watch()
        # What there is already may be new to whoever begins.
        assert await log.wait(60)
        assert await everything.wait(60)
        with bench.database.begin() as connection:
            attempt = builds.get(connection, build).attempt
            logs.append(connection, build, attempt, "line\n", bench.database.now())
        assert await log.wait(60)
        assert not await everything.wait(0.3)
        with bench.database.begin() as connection:
            builds.cancel(connection, build, bench.database.now())
        assert await everything.wait(60)
        assert await log.wait(60)
        pulse.close()
        assert await log.wait(60)
        assert log.closed
        for each in (log, everything):
            pulse.leave(each)

    asyncio.run(followed())

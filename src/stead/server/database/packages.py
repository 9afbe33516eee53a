"""What builds hold: packages of channels; and the files made of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select, text

from stead.server.database.tables import build_artifact, build_package, channel, package
from stead.server.values import Artifact, Channel, Package, Page

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import Connection, Row, Select

    from stead.server.values import Moment, NewArtifact, NewPackage

ORDERS = {
    "channel": channel.c.name,
    "name": package.c.name,
    "version": package.c.version,
    "build": package.c.build,
}
"""By what packages may be ordered."""

_PUT_CHANNEL = text(
    "INSERT INTO channel (name, last_update) VALUES (:name, :last_update) "
    "ON CONFLICT (name) DO UPDATE SET "
    "last_update = coalesce(excluded.last_update, channel.last_update) RETURNING id"
)
_PUT_PACKAGE = text(
    "INSERT INTO package (channel_id, name, version, build, sha256, license, summary, size) "
    "VALUES (:channel_id, :name, :version, :build, :sha256, :license, :summary, :size) "
    "ON CONFLICT (channel_id, name, version, build) DO UPDATE SET "
    "sha256 = excluded.sha256, license = excluded.license, summary = excluded.summary, "
    "size = excluded.size RETURNING id"
)
_PUT_HELD = text(
    "INSERT INTO build_package (build_id, package_id) VALUES (:build_id, :package_id) "
    "ON CONFLICT DO NOTHING"
)
_PUT_ARTIFACT = text(
    "INSERT INTO build_artifact (build_id, artifact_type, key, sha256, size) "
    "VALUES (:build_id, :artifact_type, :key, :sha256, :size) "
    "ON CONFLICT (build_id, artifact_type, key) DO UPDATE SET "
    "sha256 = excluded.sha256, size = excluded.size"
)


def put_channel(connection: Connection, name: str, last_update: Moment | None = None) -> int:
    """Keep a channel, and give its id."""
    values = {"name": name, "last_update": last_update}
    return int(connection.execute(_PUT_CHANNEL, values).scalar_one())


def channels(
    connection: Connection, *, page: int = 1, size: int = 100, descending: bool = False
) -> Page[Channel]:
    """Give a page of channels in order of their names."""
    order = channel.c.name.desc() if descending else channel.c.name
    query = select(channel).order_by(order).limit(size).offset((page - 1) * size)
    count = connection.execute(select(func.count()).select_from(channel)).scalar_one()
    items = tuple(Channel(*row) for row in connection.execute(query))
    return Page(items, page, size, int(count))


def channel_ids(connection: Connection, names: Iterable[str]) -> dict[str, int]:
    """Give the ids of channels by name, of those that are known."""
    query = select(channel.c.name, channel.c.id).where(channel.c.name.in_(sorted(names)))
    return {row.name: row.id for row in connection.execute(query)}


def put_packages(connection: Connection, build_id: int, held: Iterable[NewPackage]) -> None:
    """Keep that a build holds packages; a second time changes nothing.

    In order of their names, so that builds that end at once lock rows alike.
    """
    known: dict[str, int] = {}
    ids = []
    for one in sorted(held, key=lambda p: (p.channel, p.name, p.version, p.build)):
        if one.channel not in known:
            known[one.channel] = put_channel(connection, one.channel)
        values = {
            "channel_id": known[one.channel],
            "name": one.name,
            "version": one.version,
            "build": one.build,
            "sha256": one.sha256,
            "license": one.license,
            "summary": one.summary,
            "size": one.size,
        }
        ids.append(connection.execute(_PUT_PACKAGE, values).scalar_one())
    if ids:
        rows = [{"build_id": build_id, "package_id": found} for found in ids]
        connection.execute(_PUT_HELD, rows)


def page(
    connection: Connection,
    *,
    build_id: int | None = None,
    search: str | None = None,
    exact: str | None = None,
    package_build: str | None = None,
    order: Sequence[str] = (),
    distinct: Sequence[str] = (),
    page: int = 1,
    size: int = 100,
    descending: bool = False,
) -> Page[Package]:
    """Give a page of packages: of all, or of one build.

    ``search`` is part of the name, ``exact`` the name, ``package_build`` part of the
    build string; ``order`` some of :data:`ORDERS`. Of packages that are alike in all of
    ``distinct``, also some of these, the first is given.
    """
    query: Select[Any] = select(
        package, channel.c.name.label("channel"), channel.c.last_update
    ).join(channel, channel.c.id == package.c.channel_id)
    if build_id is not None:
        query = query.join(build_package, build_package.c.package_id == package.c.id)
        query = query.where(build_package.c.build_id == build_id)
    if search:
        query = query.where(package.c.name.contains(search, autoescape=True))
    if exact:
        query = query.where(package.c.name == exact)
    if package_build:
        query = query.where(package.c.build.contains(package_build, autoescape=True))
    by = [ORDERS[name] for name in (order or ORDERS)]
    if distinct:
        alike = [ORDERS[name] for name in distinct]
        first = func.row_number().over(partition_by=alike, order_by=[*by, package.c.id])
        ranked = query.with_only_columns(package.c.id, first.label("rank")).subquery()
        query = query.join(ranked, (ranked.c.id == package.c.id) & (ranked.c.rank == 1))
    count = connection.execute(select(func.count()).select_from(query.subquery())).scalar_one()
    query = query.order_by(*(c.desc() if descending else c for c in by), package.c.id)
    rows = connection.execute(query.limit(size).offset((page - 1) * size))
    return Page(tuple(map(_package, rows)), page, size, int(count))


def put_artifacts(connection: Connection, build_id: int, made: Iterable[NewArtifact]) -> None:
    """Keep which files were made of a build; the same file again replaces what is known of it."""
    rows = [
        {
            "build_id": build_id,
            "artifact_type": one.artifact_type,
            "key": one.key,
            "sha256": one.sha256,
            "size": one.size,
        }
        for one in made
    ]
    if rows:
        connection.execute(_PUT_ARTIFACT, rows)


def artifacts(
    connection: Connection, build_id: int, artifact_type: str | None = None
) -> tuple[Artifact, ...]:
    """Give the files made of a build, of one type if it is named."""
    query = select(build_artifact).where(build_artifact.c.build_id == build_id)
    if artifact_type is not None:
        query = query.where(build_artifact.c.artifact_type == artifact_type)
    rows = connection.execute(query.order_by(build_artifact.c.id))
    return tuple(Artifact(*row) for row in rows)


def remove_artifacts(
    connection: Connection, build_id: int, *, keep: Iterable[str] = ()
) -> tuple[Artifact, ...]:
    """Forget the files made of a build, except of some types; gives those forgotten."""
    kept = set(keep)
    gone = tuple(a for a in artifacts(connection, build_id) if a.artifact_type not in kept)
    ids = [one.id for one in gone]
    connection.execute(build_artifact.delete().where(build_artifact.c.id.in_(ids)))
    return gone


def _package(row: Row[Any]) -> Package:
    return Package(
        id=row.id,
        channel=Channel(row.channel_id, row.channel, row.last_update),
        name=row.name,
        version=row.version,
        build=row.build,
        sha256=row.sha256,
        license=row.license,
        summary=row.summary,
        size=row.size,
    )

"""The tables. :mod:`stead.server.database.migrations` brings a database to this state.

Moments and JSON are text in both databases. Names are compared by their bytes, so
that both sort alike and an index serves prefix, order and page alike.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
    }
)

Big = BigInteger().with_variant(Integer(), "sqlite")
Words = Text().with_variant(Text(collation="C"), "postgresql")


NAMES_CHANGED = "kind IN ('environment.created', 'environment.deleted')"
"""Tells the events by which a search's count is kept up to date."""


def _id() -> Column[int]:
    return Column("id", Big, primary_key=True)


def _refers(name: str, *, nullable: bool = False) -> Column[int]:
    target = name.removesuffix("_id")
    return Column(name, Big, ForeignKey(f"{target}.id"), nullable=nullable)


def _where(name: str, *columns: object, where: str, unique: bool = False) -> Index:
    """Make an index over some rows only."""
    condition = text(where)
    return Index(
        name,
        *columns,  # type: ignore[arg-type]
        unique=unique,
        sqlite_where=condition,
        postgresql_where=condition,
    )


namespace = Table(
    "namespace",
    metadata,
    _id(),
    Column("name", Words, nullable=False),
    Column("metadata", Text, nullable=False, server_default="{}"),
    # When builds of it were last let through, as a number that only grows: the one
    # that has waited longest comes first.
    Column("served", Big, nullable=False, server_default="0"),
    Column("created_on", Words, nullable=False),
    Column("deleted_on", Words),
    _where("namespace_name", "name", where="deleted_on IS NULL", unique=True),
    sqlite_autoincrement=True,
)

namespace_role = Table(
    "namespace_role",
    metadata,
    _id(),
    _refers("namespace_id"),
    Column("entity", Words, nullable=False),
    Column("role", Text, nullable=False),
    Index("namespace_role_entity", "namespace_id", "entity", unique=True),
)

environment = Table(
    "environment",
    metadata,
    _id(),
    _refers("namespace_id"),
    # The namespace's name again: a list in order of both names is then one walk along an index.
    Column("namespace", Words, nullable=False),
    Column("name", Words, nullable=False),
    Column("description", Text, nullable=False, server_default=""),
    # No foreign key: builds refer to environments already.
    Column("current_build_id", Big),
    # The newest submission when `current_build_id` was decided: what was asked for
    # before it does not replace it.
    Column("decided", Big, nullable=False, server_default="0"),
    Column("tags", Text, nullable=False, server_default="[]"),
    Column("created_on", Words, nullable=False),
    Column("deleted_on", Words),
    _where("environment_name", "namespace", "name", where="deleted_on IS NULL", unique=True),
    _where("environment_in", "namespace_id", "name", where="deleted_on IS NULL"),
    _where("environment_by_name", "name", "namespace", where="deleted_on IS NULL"),
    sqlite_autoincrement=True,
)

specification = Table(
    "specification",
    metadata,
    _id(),
    Column("kind", Text, nullable=False),
    Column("name", Words, nullable=False),
    Column("spec", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("sha256", Words, nullable=False),
    Column("created_on", Words, nullable=False),
    Index("specification_sha256", "sha256", unique=True),
    sqlite_autoincrement=True,
)

worker = Table(
    "worker",
    metadata,
    _id(),
    Column("name", Words, nullable=False),
    Column("host", Text, nullable=False),
    Column("pid", Big, nullable=False),
    Column("state", Text, nullable=False),
    Column("capacity", Integer, nullable=False),
    Column("started_on", Words, nullable=False),
    Column("seen_on", Words, nullable=False),
    Index("worker_state", "state", "seen_on"),
    sqlite_autoincrement=True,
)

build = Table(
    "build",
    metadata,
    _id(),
    _refers("environment_id"),
    _refers("namespace_id"),
    _refers("specification_id"),
    Column("key", Words, nullable=False),
    Column("status", Words, nullable=False),
    Column("status_info", Text),
    Column("reason", Text),
    Column("priority", Integer, nullable=False, server_default="0"),
    Column("attempt", Integer, nullable=False, server_default="0"),
    Column("retries", Integer, nullable=False, server_default="0"),
    Column("deaths", Integer, nullable=False, server_default="0"),
    Column("asked", Big, nullable=False, server_default="0"),
    _refers("worker_id", nullable=True),
    Column("workflow_id", Words),
    Column("admitted_on", Words),
    Column("not_before", Words),
    Column("deadline", Words),
    Column("size", Big, nullable=False, server_default="0"),
    Column("store_key", Words),
    Column("scheduled_on", Words, nullable=False),
    Column("started_on", Words),
    Column("ended_on", Words),
    Column("deleted_on", Words),
    Column("cancel_asked", Words),
    # One key is built once: whoever else asks is attached.
    _where("build_live_key", "key", where="status IN ('QUEUED', 'BUILDING')", unique=True),
    _where("build_done_key", "key", where="status = 'COMPLETED' AND deleted_on IS NULL"),
    _where("build_of_store", "store_key", "id", where="store_key IS NOT NULL"),
    # What waits to be let through, in the order of each namespace.
    _where(
        "build_waiting",
        "namespace_id",
        text("priority DESC"),
        "id",
        where="status = 'QUEUED' AND admitted_on IS NULL",
    ),
    # What is let through: few, so they are counted anew each time.
    _where(
        "build_admitted",
        "namespace_id",
        where="status IN ('QUEUED', 'BUILDING') AND admitted_on IS NOT NULL",
    ),
    _where("build_of_namespace", "namespace_id", "id", where="deleted_on IS NULL"),
    _where("build_of_environment", "environment_id", "id", where="deleted_on IS NULL"),
    _where("build_of_status", "status", "namespace_id", "id", where="deleted_on IS NULL"),
    # Lists in order of these moments, of all builds and of a namespace's.
    _where("build_started", "started_on", "id", where="deleted_on IS NULL"),
    _where("build_ended", "ended_on", "id", where="deleted_on IS NULL"),
    _where("build_started_in", "namespace_id", "started_on", "id", where="deleted_on IS NULL"),
    _where("build_ended_in", "namespace_id", "ended_on", "id", where="deleted_on IS NULL"),
    sqlite_autoincrement=True,
)

submission = Table(
    "submission",
    metadata,
    _id(),
    _refers("build_id"),
    Column("who", Text, nullable=False),
    Column("at", Words, nullable=False),
    Index("submission_build", "build_id"),
    sqlite_autoincrement=True,
)

build_artifact = Table(
    "build_artifact",
    metadata,
    _id(),
    _refers("build_id"),
    Column("artifact_type", Words, nullable=False),
    Column("key", Words, nullable=False),
    Column("sha256", Words),
    Column("size", Big),
    Index("build_artifact_build", "build_id", "artifact_type", "key", unique=True),
    Index("build_artifact_key", "key"),
    sqlite_autoincrement=True,
)

channel = Table(
    "channel",
    metadata,
    _id(),
    Column("name", Words, nullable=False),
    Column("last_update", Words),
    Index("channel_name", "name", unique=True),
)

package = Table(
    "package",
    metadata,
    _id(),
    _refers("channel_id"),
    Column("name", Words, nullable=False),
    Column("version", Words, nullable=False),
    Column("build", Words, nullable=False),
    Column("sha256", Words),
    Column("license", Text),
    Column("summary", Text),
    Column("size", Big),
    Index("package_name", "channel_id", "name", "version", "build", unique=True),
    Index("package_by_name", "name"),
)

build_package = Table(
    "build_package",
    metadata,
    _refers("build_id"),
    _refers("package_id"),
    PrimaryKeyConstraint("build_id", "package_id"),
    Index("build_package_package", "package_id", "build_id"),
    sqlite_with_rowid=False,
)

part = Table(
    "part",
    metadata,
    # Never given twice: the part's key in the artifact store is made of it.
    _id(),
    Column("sha256", Words, nullable=False),
    Column("size", Big, nullable=False),
    # Its size in the artifact store; NULL until it is there.
    Column("packed", Big),
    Index("part_sha256", "sha256", unique=True),
    sqlite_autoincrement=True,
)

build_part = Table(
    "build_part",
    metadata,
    _refers("build_id"),
    _refers("part_id"),
    PrimaryKeyConstraint("build_id", "part_id"),
    Index("build_part_part", "part_id", "build_id"),
    sqlite_with_rowid=False,
)

namespace_part = Table(
    "namespace_part",
    metadata,
    # How many builds of a namespace hold a part: its bytes count once in each namespace.
    _refers("namespace_id"),
    _refers("part_id"),
    Column("builds", Big, nullable=False),
    PrimaryKeyConstraint("namespace_id", "part_id"),
    Index("namespace_part_part", "part_id", "namespace_id"),
    sqlite_with_rowid=False,
)

answer = Table(
    "answer",
    metadata,
    # Which builds have a lock that answers a question.
    Column("question", Words, nullable=False),
    _refers("build_id"),
    PrimaryKeyConstraint("question", "build_id"),
    Index("answer_build", "build_id"),
    sqlite_with_rowid=False,
)

removal = Table(
    "removal",
    metadata,
    # What is to be removed from the artifact store: no row counts on it any more.
    Column("key", Words, primary_key=True),
    Column("since", Words, nullable=False),
    sqlite_with_rowid=False,
)

setting = Table(
    "setting",
    metadata,
    _id(),
    Column("level", Text, nullable=False),
    # 0 where the level has none: a unique index takes two NULLs for different.
    Column("namespace_id", Big, nullable=False, server_default="0"),
    Column("environment_id", Big, nullable=False, server_default="0"),
    Column("name", Words, nullable=False),
    Column("value", Text, nullable=False),
    Index("setting_name", "namespace_id", "environment_id", "name", unique=True),
)

log_chunk = Table(
    "log_chunk",
    metadata,
    _refers("build_id"),
    Column("seq", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("start", Big, nullable=False),
    Column("at", Words, nullable=False),
    Column("text", Text, nullable=False),
    PrimaryKeyConstraint("build_id", "seq"),
    Index("log_chunk_start", "build_id", "start", unique=True),
)

token = Table(
    "token",
    metadata,
    _id(),
    Column("sha256", Words, nullable=False),
    Column("name", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("grants", Text, nullable=False),
    Column("created_on", Words, nullable=False),
    Column("expires_on", Words),
    Column("revoked_on", Words),
    Index("token_sha256", "sha256", unique=True),
    sqlite_autoincrement=True,
)

counter = Table(
    "counter",
    metadata,
    _refers("namespace_id"),
    # A build's status, or '' in the row that counts environments.
    Column("status", Words, nullable=False),
    Column("builds", Big, nullable=False, server_default="0"),
    Column("bytes", Big, nullable=False, server_default="0"),
    Column("environments", Big, nullable=False, server_default="0"),
    PrimaryKeyConstraint("namespace_id", "status"),
    sqlite_with_rowid=False,
)

build_block = Table(
    "build_block",
    metadata,
    # Builds whose ids are alike but for the last digits, and how many of them are there:
    # the page in the middle of a million is found without walking over half of them.
    Column("block", Big, primary_key=True, autoincrement=False),
    Column("builds", Big, nullable=False),
)

revision = Table(
    "revision",
    metadata,
    Column("name", Words, primary_key=True),
    Column("number", Big, nullable=False),
    sqlite_with_rowid=False,
)

source = Table(
    "source",
    metadata,
    _id(),
    _refers("namespace_id"),
    Column("kind", Text, nullable=False),
    Column("location", Words, nullable=False),
    Column("state", Text, nullable=False, server_default="{}"),
    Index("source_location", "namespace_id", "kind", "location", unique=True),
)

source_file = Table(
    "source_file",
    metadata,
    Column("source_id", Big, ForeignKey("source.id"), primary_key=True),
    Column("path", Words, primary_key=True),
    Column("name", Text),
    Column("taken", Text),
    Column("build_id", Big),
    Column("reason", Text),
    Column("gone_on", Words),
    sqlite_with_rowid=False,
)

event = Table(
    "event",
    metadata,
    _id(),
    Column("at", Words, nullable=False),
    Column("kind", Words, nullable=False),
    # No foreign keys: what happened stays told when what it happened to is gone.
    Column("namespace_id", Big),
    Column("environment_id", Big),
    Column("build_id", Big),
    Column("data", Text, nullable=False, server_default="{}"),
    _where("event_of_names", "id", where=NAMES_CHANGED),
    sqlite_autoincrement=True,
)

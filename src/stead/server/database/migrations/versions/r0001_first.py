"""The first tables."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

SEARCH = {
    "sqlite": (
        "CREATE VIRTUAL TABLE environment_search USING fts5(path, content='', tokenize='trigram')",
        """
        CREATE TRIGGER environment_search_added AFTER INSERT ON environment
        WHEN new.deleted_on IS NULL BEGIN
            INSERT INTO environment_search(rowid, path)
            VALUES (new.id, new.namespace || '/' || new.name);
        END
        """,
        """
        CREATE TRIGGER environment_search_removed AFTER UPDATE OF deleted_on ON environment
        WHEN old.deleted_on IS NULL AND new.deleted_on IS NOT NULL BEGIN
            INSERT INTO environment_search(environment_search, rowid, path)
            VALUES ('delete', old.id, old.namespace || '/' || old.name);
        END
        """,
    ),
    "postgresql": (
        "CREATE EXTENSION IF NOT EXISTS pg_trgm",
        """
        CREATE INDEX environment_search ON environment
        USING gin ((namespace || '/' || name) gin_trgm_ops) WHERE deleted_on IS NULL
        """,
    ),
}
"""What finds environments by a part of their names."""


def rows(condition: str) -> dict[str, Any]:
    """Give the options of an index over some rows only."""
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "channel",
        sa.Column("id", BIG, nullable=False),
        sa.Column("name", WORDS, nullable=False),
        sa.Column("last_update", WORDS, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_channel")),
    )
    op.create_index("channel_name", "channel", ["name"], unique=True)
    op.create_table(
        "event",
        sa.Column("id", BIG, nullable=False),
        sa.Column("at", WORDS, nullable=False),
        sa.Column("kind", WORDS, nullable=False),
        sa.Column("namespace_id", BIG, nullable=True),
        sa.Column("environment_id", BIG, nullable=True),
        sa.Column("build_id", BIG, nullable=True),
        sa.Column("data", sa.Text(), server_default="{}", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "event_of_names",
        "event",
        ["id"],
        **rows("kind IN ('environment.created', 'environment.deleted')"),
    )
    op.create_table(
        "namespace",
        sa.Column("id", BIG, nullable=False),
        sa.Column("name", WORDS, nullable=False),
        sa.Column("metadata", sa.Text(), server_default="{}", nullable=False),
        sa.Column("served", BIG, server_default="0", nullable=False),
        sa.Column("created_on", WORDS, nullable=False),
        sa.Column("deleted_on", WORDS, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_namespace")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "namespace_name", "namespace", ["name"], unique=True, **rows("deleted_on IS NULL")
    )
    op.create_table(
        "build_block",
        sa.Column("block", BIG, autoincrement=False, nullable=False),
        sa.Column("builds", BIG, nullable=False),
        sa.PrimaryKeyConstraint("block", name=op.f("pk_build_block")),
    )
    op.create_table(
        "revision",
        sa.Column("name", WORDS, nullable=False),
        sa.Column("number", BIG, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_revision")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "setting",
        sa.Column("id", BIG, nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("namespace_id", BIG, server_default="0", nullable=False),
        sa.Column("environment_id", BIG, server_default="0", nullable=False),
        sa.Column("name", WORDS, nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_setting")),
    )
    op.create_index(
        "setting_name", "setting", ["namespace_id", "environment_id", "name"], unique=True
    )
    op.create_table(
        "specification",
        sa.Column("id", BIG, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", WORDS, nullable=False),
        sa.Column("spec", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("sha256", WORDS, nullable=False),
        sa.Column("created_on", WORDS, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_specification")),
        sqlite_autoincrement=True,
    )
    op.create_index("specification_sha256", "specification", ["sha256"], unique=True)
    op.create_table(
        "token",
        sa.Column("id", BIG, nullable=False),
        sa.Column("sha256", WORDS, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("grants", sa.Text(), nullable=False),
        sa.Column("created_on", WORDS, nullable=False),
        sa.Column("expires_on", WORDS, nullable=True),
        sa.Column("revoked_on", WORDS, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_token")),
        sqlite_autoincrement=True,
    )
    op.create_index("token_sha256", "token", ["sha256"], unique=True)
    op.create_table(
        "worker",
        sa.Column("id", BIG, nullable=False),
        sa.Column("name", WORDS, nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("pid", BIG, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("capacity", sa.Integer(), nullable=False),
        sa.Column("started_on", WORDS, nullable=False),
        sa.Column("seen_on", WORDS, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_worker")),
        sqlite_autoincrement=True,
    )
    op.create_index("worker_state", "worker", ["state", "seen_on"], unique=False)
    op.create_table(
        "counter",
        sa.Column("namespace_id", BIG, nullable=False),
        sa.Column("status", WORDS, nullable=False),
        sa.Column("builds", BIG, server_default="0", nullable=False),
        sa.Column("bytes", BIG, server_default="0", nullable=False),
        sa.Column("environments", BIG, server_default="0", nullable=False),
        sa.ForeignKeyConstraint(
            ["namespace_id"], ["namespace.id"], name=op.f("fk_counter_namespace_id")
        ),
        sa.PrimaryKeyConstraint("namespace_id", "status", name=op.f("pk_counter")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "environment",
        sa.Column("id", BIG, nullable=False),
        sa.Column("namespace_id", BIG, nullable=False),
        sa.Column("namespace", WORDS, nullable=False),
        sa.Column("name", WORDS, nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("current_build_id", BIG, nullable=True),
        sa.Column("decided", BIG, server_default="0", nullable=False),
        sa.Column("tags", sa.Text(), server_default="[]", nullable=False),
        sa.Column("created_on", WORDS, nullable=False),
        sa.Column("deleted_on", WORDS, nullable=True),
        sa.ForeignKeyConstraint(
            ["namespace_id"], ["namespace.id"], name=op.f("fk_environment_namespace_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_environment")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "environment_in",
        "environment",
        ["namespace_id", "name"],
        unique=False,
        **rows("deleted_on IS NULL"),
    )
    op.create_index(
        "environment_by_name",
        "environment",
        ["name", "namespace"],
        **rows("deleted_on IS NULL"),
    )
    op.create_index(
        "environment_name",
        "environment",
        ["namespace", "name"],
        unique=True,
        **rows("deleted_on IS NULL"),
    )
    op.create_table(
        "namespace_role",
        sa.Column("id", BIG, nullable=False),
        sa.Column("namespace_id", BIG, nullable=False),
        sa.Column("entity", WORDS, nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["namespace_id"], ["namespace.id"], name=op.f("fk_namespace_role_namespace_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_namespace_role")),
    )
    op.create_index(
        "namespace_role_entity", "namespace_role", ["namespace_id", "entity"], unique=True
    )
    op.create_table(
        "package",
        sa.Column("id", BIG, nullable=False),
        sa.Column("channel_id", BIG, nullable=False),
        sa.Column("name", WORDS, nullable=False),
        sa.Column("version", WORDS, nullable=False),
        sa.Column("build", WORDS, nullable=False),
        sa.Column("sha256", WORDS, nullable=True),
        sa.Column("license", sa.Text(), nullable=True),
        sa.Column("summary", sa.Text(), nullable=True),
        sa.Column("size", BIG, nullable=True),
        sa.ForeignKeyConstraint(["channel_id"], ["channel.id"], name=op.f("fk_package_channel_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_package")),
    )
    op.create_index("package_by_name", "package", ["name"], unique=False)
    op.create_index(
        "package_name", "package", ["channel_id", "name", "version", "build"], unique=True
    )
    op.create_table(
        "source",
        sa.Column("id", BIG, nullable=False),
        sa.Column("namespace_id", BIG, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("location", WORDS, nullable=False),
        sa.Column("state", sa.Text(), server_default="{}", nullable=False),
        sa.ForeignKeyConstraint(
            ["namespace_id"], ["namespace.id"], name=op.f("fk_source_namespace_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_source")),
    )
    op.create_index("source_location", "source", ["namespace_id", "kind", "location"], unique=True)
    op.create_table(
        "build",
        sa.Column("id", BIG, nullable=False),
        sa.Column("environment_id", BIG, nullable=False),
        sa.Column("namespace_id", BIG, nullable=False),
        sa.Column("specification_id", BIG, nullable=False),
        sa.Column("key", WORDS, nullable=False),
        sa.Column("status", WORDS, nullable=False),
        sa.Column("status_info", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("priority", sa.Integer(), server_default="0", nullable=False),
        sa.Column("attempt", sa.Integer(), server_default="0", nullable=False),
        sa.Column("retries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("deaths", sa.Integer(), server_default="0", nullable=False),
        sa.Column("asked", BIG, server_default="0", nullable=False),
        sa.Column("worker_id", BIG, nullable=True),
        sa.Column("workflow_id", WORDS, nullable=True),
        sa.Column("admitted_on", WORDS, nullable=True),
        sa.Column("not_before", WORDS, nullable=True),
        sa.Column("deadline", WORDS, nullable=True),
        sa.Column("size", BIG, server_default="0", nullable=False),
        sa.Column("store_key", WORDS, nullable=True),
        sa.Column("scheduled_on", WORDS, nullable=False),
        sa.Column("started_on", WORDS, nullable=True),
        sa.Column("ended_on", WORDS, nullable=True),
        sa.Column("deleted_on", WORDS, nullable=True),
        sa.Column("cancel_asked", WORDS, nullable=True),
        sa.ForeignKeyConstraint(
            ["environment_id"], ["environment.id"], name=op.f("fk_build_environment_id")
        ),
        sa.ForeignKeyConstraint(
            ["namespace_id"], ["namespace.id"], name=op.f("fk_build_namespace_id")
        ),
        sa.ForeignKeyConstraint(
            ["specification_id"], ["specification.id"], name=op.f("fk_build_specification_id")
        ),
        sa.ForeignKeyConstraint(["worker_id"], ["worker.id"], name=op.f("fk_build_worker_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_build")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "build_admitted",
        "build",
        ["namespace_id"],
        unique=False,
        **rows("status IN ('QUEUED', 'BUILDING') AND admitted_on IS NOT NULL"),
    )
    op.create_index(
        "build_done_key",
        "build",
        ["key"],
        unique=False,
        **rows("status = 'COMPLETED' AND deleted_on IS NULL"),
    )
    op.create_index(
        "build_live_key", "build", ["key"], unique=True, **rows("status IN ('QUEUED', 'BUILDING')")
    )
    op.create_index(
        "build_of_environment",
        "build",
        ["environment_id", "id"],
        unique=False,
        **rows("deleted_on IS NULL"),
    )
    op.create_index(
        "build_of_namespace",
        "build",
        ["namespace_id", "id"],
        unique=False,
        **rows("deleted_on IS NULL"),
    )
    op.create_index(
        "build_of_status",
        "build",
        ["status", "namespace_id", "id"],
        unique=False,
        **rows("deleted_on IS NULL"),
    )
    op.create_table(
        "build_artifact",
        sa.Column("id", BIG, nullable=False),
        sa.Column("build_id", BIG, nullable=False),
        sa.Column("artifact_type", WORDS, nullable=False),
        sa.Column("key", WORDS, nullable=False),
        sa.Column("sha256", WORDS, nullable=True),
        sa.Column("size", BIG, nullable=True),
        sa.ForeignKeyConstraint(
            ["build_id"], ["build.id"], name=op.f("fk_build_artifact_build_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_build_artifact")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "build_artifact_build", "build_artifact", ["build_id", "artifact_type", "key"], unique=True
    )
    op.create_index("build_artifact_key", "build_artifact", ["key"], unique=False)
    op.create_table(
        "build_package",
        sa.Column("build_id", BIG, nullable=False),
        sa.Column("package_id", BIG, nullable=False),
        sa.ForeignKeyConstraint(["build_id"], ["build.id"], name=op.f("fk_build_package_build_id")),
        sa.ForeignKeyConstraint(
            ["package_id"], ["package.id"], name=op.f("fk_build_package_package_id")
        ),
        sa.PrimaryKeyConstraint("build_id", "package_id", name=op.f("pk_build_package")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "build_package_package", "build_package", ["package_id", "build_id"], unique=False
    )
    op.create_table(
        "log_chunk",
        sa.Column("build_id", BIG, nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("start", BIG, nullable=False),
        sa.Column("at", WORDS, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["build_id"], ["build.id"], name=op.f("fk_log_chunk_build_id")),
        sa.PrimaryKeyConstraint("build_id", "seq", name=op.f("pk_log_chunk")),
    )
    op.create_index("log_chunk_start", "log_chunk", ["build_id", "start"], unique=True)
    op.create_table(
        "submission",
        sa.Column("id", BIG, nullable=False),
        sa.Column("build_id", BIG, nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("at", WORDS, nullable=False),
        sa.ForeignKeyConstraint(["build_id"], ["build.id"], name=op.f("fk_submission_build_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_submission")),
        sqlite_autoincrement=True,
    )
    op.create_index("submission_build", "submission", ["build_id"], unique=False)
    op.create_index(
        "build_waiting",
        "build",
        ["namespace_id", sa.text("priority DESC"), "id"],
        **rows("status = 'QUEUED' AND admitted_on IS NULL"),
    )
    for statement in SEARCH[op.get_context().dialect.name]:
        op.execute(statement)

"""Builds in order of when they were begun and ended; a namespace's parts, each counted once."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

LISTED = sa.text("deleted_on IS NULL")
ORDERS = {
    "build_started": ("started_on", "id"),
    "build_ended": ("ended_on", "id"),
    "build_started_in": ("namespace_id", "started_on", "id"),
    "build_ended_in": ("namespace_id", "ended_on", "id"),
}

HELD = """
INSERT INTO namespace_part (namespace_id, part_id, builds)
SELECT b.namespace_id, h.part_id, count(*) FROM build_part h JOIN build b ON b.id = h.build_id
GROUP BY b.namespace_id, h.part_id
"""
ALONE = """
UPDATE counter SET bytes = (
    SELECT coalesce(sum(b.size), 0) FROM build b
    WHERE b.namespace_id = counter.namespace_id AND b.status = counter.status
    AND b.deleted_on IS NULL
    AND NOT EXISTS (SELECT 1 FROM build_part h WHERE h.build_id = b.id)
) WHERE status <> ''
"""
SHARED = """
INSERT INTO counter (namespace_id, status, bytes)
SELECT h.namespace_id, '', sum(coalesce(p.packed, 0)) FROM namespace_part h
JOIN part p ON p.id = h.part_id WHERE true GROUP BY h.namespace_id
ON CONFLICT (namespace_id, status) DO UPDATE SET bytes = excluded.bytes
"""


def upgrade() -> None:
    """Make the indexes and the table, and count bytes anew."""
    for name, columns in ORDERS.items():
        op.create_index(name, "build", list(columns), sqlite_where=LISTED, postgresql_where=LISTED)
    op.create_table(
        "namespace_part",
        sa.Column("namespace_id", BIG, nullable=False),
        sa.Column("part_id", BIG, nullable=False),
        sa.Column("builds", BIG, nullable=False),
        sa.ForeignKeyConstraint(
            ["namespace_id"], ["namespace.id"], name=op.f("fk_namespace_part_namespace_id")
        ),
        sa.ForeignKeyConstraint(["part_id"], ["part.id"], name=op.f("fk_namespace_part_part_id")),
        sa.PrimaryKeyConstraint("namespace_id", "part_id", name=op.f("pk_namespace_part")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "namespace_part_part", "namespace_part", ["part_id", "namespace_id"], unique=False
    )
    for statement in (HELD, ALONE, SHARED):
        op.execute(statement)

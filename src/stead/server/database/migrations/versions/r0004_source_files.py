"""What is known of a source's files, a row each instead of one text."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the table, and move there what stands in the sources' states."""
    made = op.create_table(
        "source_file",
        sa.Column("source_id", BIG, nullable=False),
        sa.Column("path", WORDS, nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("taken", sa.Text(), nullable=True),
        sa.Column("build_id", BIG, nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("gone_on", WORDS, nullable=True),
        sa.ForeignKeyConstraint(
            ["source_id"], ["source.id"], name=op.f("fk_source_file_source_id")
        ),
        sa.PrimaryKeyConstraint("source_id", "path", name=op.f("pk_source_file")),
        sqlite_with_rowid=False,
    )
    connection = op.get_bind()
    for source, text in connection.execute(sa.text("SELECT id, state FROM source")).all():
        state = json.loads(text)
        rows = [
            {
                "source_id": source,
                "path": path,
                "name": entry.get("name"),
                "taken": entry.get("taken"),
                "build_id": entry.get("build"),
                "reason": entry.get("reason"),
                # When it went is not known; what goes from now on is later.
                "gone_on": "" if entry.get("gone") else None,
            }
            for path, entry in state.pop("files", {}).items()
        ]
        if rows:
            connection.execute(made.insert(), rows)
        connection.execute(
            sa.text("UPDATE source SET state = :state WHERE id = :id"),
            {"state": json.dumps(state), "id": source},
        )

"""Parts of builds, which questions their locks answer, and what is to be removed from the artifact store."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the tables, and find builds by their key in the store."""
    op.create_table(
        "part",
        sa.Column("id", BIG, nullable=False),
        sa.Column("sha256", WORDS, nullable=False),
        sa.Column("size", BIG, nullable=False),
        sa.Column("packed", BIG, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_part")),
        sqlite_autoincrement=True,
    )
    op.create_index("part_sha256", "part", ["sha256"], unique=True)
    op.create_table(
        "build_part",
        sa.Column("build_id", BIG, nullable=False),
        sa.Column("part_id", BIG, nullable=False),
        sa.ForeignKeyConstraint(["build_id"], ["build.id"], name=op.f("fk_build_part_build_id")),
        sa.ForeignKeyConstraint(["part_id"], ["part.id"], name=op.f("fk_build_part_part_id")),
        sa.PrimaryKeyConstraint("build_id", "part_id", name=op.f("pk_build_part")),
        sqlite_with_rowid=False,
    )
    op.create_index("build_part_part", "build_part", ["part_id", "build_id"], unique=False)
    op.create_table(
        "answer",
        sa.Column("question", WORDS, nullable=False),
        sa.Column("build_id", BIG, nullable=False),
        sa.ForeignKeyConstraint(["build_id"], ["build.id"], name=op.f("fk_answer_build_id")),
        sa.PrimaryKeyConstraint("question", "build_id", name=op.f("pk_answer")),
        sqlite_with_rowid=False,
    )
    op.create_index("answer_build", "answer", ["build_id"], unique=False)
    op.create_table(
        "removal",
        sa.Column("key", WORDS, nullable=False),
        sa.Column("since", WORDS, nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_removal")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "build_of_store",
        "build",
        ["store_key", "id"],
        unique=False,
        sqlite_where=sa.text("store_key IS NOT NULL"),
        postgresql_where=sa.text("store_key IS NOT NULL"),
    )

"""The database's own soundness, what is counted in it, and the index that searches use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

from stead.server.checks.values import Finding, rows
from stead.server.database import counters as counts
from stead.server.database import names, shares
from stead.server.database.opening import take_turn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

    from stead.server.checks.values import Checked

_RESTORE = "restore the database from a backup"


def sound(checked: Checked) -> Iterator[Finding]:
    """Ask the database whether its file, references and indexes are whole."""
    with checked.database.read() as connection:
        if checked.database.dialect == "sqlite":
            for (told,) in rows(connection, "PRAGMA quick_check"):
                if told != "ok":
                    yield Finding("database", "file", f"{told}; {_RESTORE}", repaired=False)
            for row in rows(connection, "PRAGMA foreign_key_check"):
                told = f"row {row[1]} refers to a {row[2]} that is not there; {_RESTORE}"
                yield Finding("database", str(row[0]), told, repaired=False)
            return
        invalid = (
            "SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid "
            "WHERE NOT i.indisvalid"
        )
        for (name,) in rows(connection, invalid):
            told = f"the index is not valid; run REINDEX INDEX {name}"
            yield Finding("database", name, told, repaired=False)


def counters(checked: Checked) -> Iterator[Finding]:
    """Compare what is counted with the rows."""
    with checked.database.read() as connection:
        if _counted(connection):
            return
    with checked.database.begin() as connection:
        take_turn(connection)
        if _counted(connection):
            return  # it was only that something changed between two looks
        blocks = counts.blocks(connection) != counts.recount_blocks(connection)
        held = shares.stored(connection) != shares.recount(connection)
        if held:
            shares.repair(connection)
        wrong = counts.repair(connection)
        right = counts.stored(connection)
        names.bump(connection)
    for (namespace_id, status), (builds, size, environments) in sorted(wrong.items()):
        now = right.get((namespace_id, status), (0, 0, 0))
        told = (
            f"counted {environments} environments and parts of {size} bytes, "
            f"there are {now[2]} and parts of {now[1]}"
            if status == counts.ENVIRONMENTS
            else f"counted {builds} builds of {size} bytes, there are {now[0]} of {now[1]}"
        )
        subject = f"namespace {namespace_id}" + (f", {status}" if status else "")
        yield Finding("counters", subject, told, repaired=True)
    if blocks:
        yield Finding(
            "counters", "pages", "builds were counted wrongly by their ids", repaired=True
        )
    if held:
        told = "how many builds of a namespace hold a part was counted wrongly"
        yield Finding("counters", "parts", told, repaired=True)


def _counted(connection: Connection) -> bool:
    return (
        counts.stored(connection) == counts.recount(connection)
        and counts.blocks(connection) == counts.recount_blocks(connection)
        and shares.stored(connection) == shares.recount(connection)
    )


_LIVE = "SELECT id, namespace || '/' || name FROM environment WHERE deleted_on IS NULL"
_INDEXED = "SELECT rowid FROM environment_search"
_MATCHES = (
    "SELECT count(*) FROM environment_search WHERE environment_search MATCH :match AND rowid = :id"
)


def search(checked: Checked) -> Iterator[Finding]:
    """Compare the index of names with the names. PostgreSQL's is its own matter."""
    if checked.database.dialect != "sqlite":
        return
    with checked.database.read() as connection:
        if not _unlike(connection):
            return
    with checked.database.begin() as connection:
        wrong = _unlike(connection)
        connection.execute(
            text("INSERT INTO environment_search(environment_search) VALUES ('delete-all')")
        )
        connection.execute(text(f"INSERT INTO environment_search(rowid, path) {_LIVE}"))
        names.bump(connection)
    for subject, told in wrong:
        yield Finding("search", subject, told, repaired=True)


def _unlike(connection: Connection) -> list[tuple[str, str]]:
    live = {row[0]: row[1] for row in rows(connection, _LIVE)}
    indexed = {row[0] for row in rows(connection, _INDEXED)}
    found = [
        (f"environment {each}", "is found though it was deleted")
        for each in sorted(indexed - live.keys())
    ]
    for each, path in live.items():
        match = '"' + path.replace('"', '""') + '"'
        if each not in indexed or not rows(connection, _MATCHES, match=match, id=each)[0][0]:
            found.append((path, "is not found by its name"))
    return found

"""What a row is, reading rows from files, and the two kinds of database."""

from __future__ import annotations

import csv
import gzip
import json
import sqlite3
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Iterator

DATABASES = "sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME"


class InputError(ValueError):
    """What was given cannot be used; the message names what is expected."""


@dataclass(frozen=True)
class Column:
    """A column: its type, and which values it may hold. ``low`` and ``high`` are of numbers."""

    name: str
    type: Literal["date", "number", "text"] = "text"
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    required: bool = True

    def expected(self) -> str:
        """What it may hold, in words."""
        if self.choices:
            text = f"one of {', '.join(self.choices)}"
        elif self.type == "date":
            text = "a date, YYYY-MM-DD"
        elif self.type == "number":
            low = "" if self.low is None else f" from {self.low:g}"
            high = "" if self.high is None else f" to {self.high:g}"
            text = f"a number{low}{high}"
        else:
            text = "text"
        return f"{self.name}: {text}{'' if self.required else ', or nothing'}"


@dataclass(frozen=True)
class Schema:
    """A table: its name, its columns, and the columns that tell its rows apart."""

    table: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]

    def expected(self) -> str:
        """What a source must hold, in words."""
        return f"Expected: {'; '.join(column.expected() for column in self.columns)}."


def extract(path: str | Path) -> Iterator[dict[str, Any]]:
    """Give the rows of a file, in its order: CSV, or JSON lines by the name's ending.

    Raises:
        InputError: it cannot be read, or a line is neither.
    """
    name = str(path).removesuffix(".gz")
    line = 0
    try:
        opened = gzip.open if str(path).endswith(".gz") else open
        with opened(path, "rt", encoding="utf-8-sig", newline="") as stream:
            if not name.endswith((".jsonl", ".ndjson")):
                reader = csv.DictReader(stream, restkey="", strict=True)
                names = reader.fieldnames or []
                if len(set(names)) != len(names):
                    raise InputError(
                        f"{path}: two columns have one name. Expected: {', '.join(dict.fromkeys(names))}."
                    )
                for row in reader:
                    line = reader.line_num
                    yield {key: value for key, value in row.items() if value is not None}
                return
            for line, text in enumerate(stream, 1):
                if text.strip():
                    row = json.loads(text)
                    if not isinstance(row, dict):
                        raise InputError(f"{path}:{line}: Expected: a JSON object on each line.")
                    yield row
    except (OSError, EOFError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path}: {reason}. Expected: a CSV or JSON lines file.") from error
    except (UnicodeDecodeError, csv.Error, json.JSONDecodeError) as error:
        where = f"{path}:{line + 1}"
        raise InputError(f"{where}: {error}. Expected: a CSV or JSON lines file, UTF-8.") from error


@dataclass(frozen=True)
class Database:
    """An open database, and how its SQL differs from the other's. Close it after use."""

    connection: Any = field(repr=False)
    begin: str
    mark: str
    """Stands for a value in SQL."""
    differs: str
    lock: str
    """Ends a query whose row must not change before the transaction ends."""
    alone: str
    """Keeps two runs from making the same table at once."""
    types: dict[str, str]
    error: type[Exception]

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        """Give a cursor; all of what it does holds at the end, or nothing where it raises.

        Raises:
            InputError: the database refuses what is asked of it.
        """
        try:
            with closing(self.connection.cursor()) as cursor:
                cursor.execute(self.begin)
                try:
                    yield cursor
                except BaseException:
                    with suppress(self.error):
                        cursor.execute("ROLLBACK")
                    raise
                cursor.execute("COMMIT")
        except self.error as error:
            reason = " ".join(str(error).split())
            raise InputError(
                f"The database refuses: {reason}. Expected: {DATABASES}, "
                "and no other table of the same name in it."
            ) from error

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()


def connect(url: str) -> Database:
    """Open the database of an address.

    Raises:
        InputError: the address is not one, or there is no such database. It never shows a
            password.
    """
    scheme, _, rest = url.partition("://")
    if scheme == "sqlite" and rest.startswith("/") and rest[1:]:
        return _sqlite(unquote(rest[1:]))
    if scheme in ("postgres", "postgresql"):
        return _postgresql(url)
    raise InputError(f"The database is not one of those known. Expected: {DATABASES}.")


def _sqlite(path: str) -> Database:
    try:
        connection = sqlite3.connect(path, timeout=60, isolation_level=None)
        connection.execute("PRAGMA schema_version").close()
    except sqlite3.Error as error:
        raise InputError(f"{path}: {error}. Expected: {DATABASES}.") from error
    return Database(
        connection,
        begin="BEGIN IMMEDIATE",
        mark="?",
        differs="IS NOT",
        lock="",
        alone="",
        types={"date": "TEXT", "number": "REAL", "text": "TEXT"},
        error=sqlite3.Error,
    )


def _postgresql(url: str) -> Database:
    import psycopg

    try:
        connection = psycopg.connect(url, autocommit=True, connect_timeout=15)
    except psycopg.OperationalError as error:
        reason = " ".join(str(error).split())
        raise InputError(f"PostgreSQL does not answer: {reason}. Expected: {DATABASES}.") from error
    except psycopg.Error as error:  # its message may quote the password
        raise InputError(
            f"The address of PostgreSQL is malformed. Expected: {DATABASES}."
        ) from error
    return Database(
        connection,
        begin="BEGIN",
        mark="%s",
        differs="IS DISTINCT FROM",
        lock=" FOR UPDATE",
        alone="SELECT pg_advisory_xact_lock(hashtext('etl'))",
        types={"date": "DATE", "number": "DOUBLE PRECISION", "text": "TEXT"},
        error=psycopg.Error,
    )

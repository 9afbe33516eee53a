"""Rows of a file, checked and typed, in a table of a database.

A source whose rows are not all good loads nothing, unless the bad ones are set aside. Rows are
loaded in batches, each with the position it reached in one transaction: a load that was killed
goes on where it stopped, and one that is repeated changes nothing. A source is known by the
hash of its content, a row by its key; a row that is there already is brought up to date, and
of two rows with one key the later holds.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from datetime import date
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from etl.utils import Column, Database, InputError, Schema, extract

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Value = str | float | None
    Row = tuple[Value, ...]

DEFAULT_DATA = Path(__file__).parent / "data" / "weather.csv"

WEATHER = Schema(
    table="weather",
    columns=(
        Column("date", "date"),
        Column("precipitation", "number", low=0, high=2000),
        Column("temp_max", "number", low=-90, high=60),
        Column("temp_min", "number", low=-90, high=60),
        Column("wind", "number", low=0, high=120),
        Column("weather", choices=("drizzle", "fog", "rain", "snow", "sun")),
    ),
    key=("date",),
)
"""Days of weather: millimetres, degrees Celsius, metres per second. Put your own in its place."""


@dataclass(frozen=True)
class Report:
    """What a run did."""

    read: int
    """Rows of the source."""
    rejected: int
    """Rows set aside."""
    resumed: int
    """Rows that an earlier run of this source had dealt with."""
    changed: int
    """Rows of the table that are new or have other values."""


def transform(raw: Mapping[str, Any], schema: Schema) -> Row:
    """Check a row and give its values in the order of the schema's columns.

    Dates become ``YYYY-MM-DD``, numbers floats; what is empty, nothing.

    Raises:
        InputError: a value is missing or cannot be, or there is a column too many.
    """
    unknown = [name for name in raw if name not in {column.name for column in schema.columns}]
    if unknown:
        raise InputError(f"Unknown column {unknown[0]!r}. {schema.expected()}")
    return tuple(_value(raw.get(column.name), column, schema) for column in schema.columns)


def load(
    database: Database, schema: Schema, rows: Sequence[tuple[int, Row]], *, source: str, end: int
) -> int:
    """Load a batch in one transaction, and note that ``source`` is loaded up to row ``end``.

    Each row comes with its number; those that another run of the source loaded meanwhile are
    passed over. Returns how many rows of the table changed.
    """
    where = f"WHERE source = {database.mark}"
    with database.transaction() as cursor:
        cursor.execute(f"SELECT position FROM etl_progress {where}{database.lock}", (source,))
        found = cursor.fetchone()
        if found is None or found[0] >= end:
            return 0
        left = [row for number, row in rows if number > found[0]]
        changed = 0
        if left:
            cursor.executemany(_upsert(schema, database), left)
            changed = cursor.rowcount
        cursor.execute(f"UPDATE etl_progress SET position = {database.mark} {where}", (end, source))
    return changed


def run(
    path: str | Path,
    database: Database,
    schema: Schema = WEATHER,
    *,
    batch: int = 500,
    rejects: str | Path | None = None,
) -> Report:
    """Extract, transform and load a file.

    ``rejects`` names a file for bad rows, as JSON lines with ``number``, ``row`` and
    ``error``; without it a bad row stops the run before anything is loaded.

    Raises:
        InputError: the file cannot be read, or a row cannot be used.
    """
    if batch < 1:
        raise InputError(f"The batch is {batch}. Expected: a number of rows, at least 1.")
    read, bad = 0, []
    for read, raw in enumerate(extract(path), 1):
        try:
            transform(raw, schema)
        except InputError as error:
            if rejects is None:
                raise InputError(f"{path}: row {read}: {error}") from error
            bad.append({"number": read, "row": raw, "error": str(error)})
    if not read:
        raise InputError(f"{path} holds no rows. {schema.expected()}")
    if rejects is not None:
        text = "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in bad)
        Path(rejects).write_text(text, encoding="utf-8")

    source = _digest(path, schema)
    resumed = _prepare(database, schema, source)
    refused = {one["number"] for one in bad}
    rows = islice(enumerate(extract(path), 1), resumed, None)
    changed = 0
    while taken := list(islice(rows, batch)):
        good = [(number, transform(raw, schema)) for number, raw in taken if number not in refused]
        changed += load(database, schema, good, source=source, end=taken[-1][0])
    with database.transaction() as cursor:
        cursor.execute(f"DELETE FROM etl_progress WHERE source = {database.mark}", (source,))
    return Report(read, len(bad), resumed, changed)


def _value(given: Any, column: Column, schema: Schema) -> Value:
    text = "" if given is None else str(given).strip()
    wrong = InputError(f"{column.name} is {text!r}. {schema.expected()}")
    if not text:
        if column.required:
            raise wrong
        return None
    if column.choices and text not in column.choices:
        raise wrong
    try:
        if column.type == "date":
            return date.fromisoformat(text).isoformat()
        if column.type == "number":
            number = float(text)
            low = -math.inf if column.low is None else column.low
            high = math.inf if column.high is None else column.high
            if "_" in text or not (math.isfinite(number) and low <= number <= high):
                raise wrong
            return number
        text.encode()
    except ValueError as error:
        raise wrong from error
    if "\0" in text:
        raise wrong
    return text


def _digest(path: str | Path, schema: Schema) -> str:
    """What tells this load from others: the content of the source, and what is made of it."""
    found = hashlib.sha256(repr(schema).encode())
    with open(path, "rb") as stream:
        while part := stream.read(1 << 20):
            found.update(part)
    return found.hexdigest()


def _prepare(database: Database, schema: Schema, source: str) -> int:
    """Make the tables where they are missing; return how far the source is loaded."""
    columns = ", ".join(
        f'"{column.name}" {database.types[column.type]}{" NOT NULL" if column.required else ""}'
        for column in schema.columns
    )
    with database.transaction() as cursor:
        if database.alone:
            cursor.execute(database.alone)
        cursor.execute(
            f'CREATE TABLE IF NOT EXISTS "{schema.table}" '
            f"({columns}, PRIMARY KEY ({_names(schema.key)}))"
        )
        cursor.execute(
            "CREATE TABLE IF NOT EXISTS etl_progress "
            "(source TEXT PRIMARY KEY, position BIGINT NOT NULL)"
        )
        cursor.execute(
            f"INSERT INTO etl_progress VALUES ({database.mark}, 0) ON CONFLICT DO NOTHING",
            (source,),
        )
        cursor.execute(
            f"SELECT position FROM etl_progress WHERE source = {database.mark}", (source,)
        )
        return int(cursor.fetchone()[0])


def _upsert(schema: Schema, database: Database) -> str:
    names = [column.name for column in schema.columns]
    marks = ", ".join([database.mark] * len(names))
    text = (
        f'INSERT INTO "{schema.table}" ({_names(names)}) VALUES ({marks}) '
        f"ON CONFLICT ({_names(schema.key)}) DO "
    )
    others = [f'"{name}"' for name in names if name not in schema.key]
    if not others:
        return text + "NOTHING"
    update = ", ".join(f"{name} = excluded.{name}" for name in others)
    differs = " OR ".join(
        f'"{schema.table}".{name} {database.differs} excluded.{name}' for name in others
    )
    return f"{text}UPDATE SET {update} WHERE {differs}"


def _names(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)

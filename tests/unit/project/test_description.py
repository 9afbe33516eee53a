"""What is written down of a place for its code, and the plain variables."""

from __future__ import annotations

import json

import pytest

from stead.config.project import describe, locations, text
from stead.values.errors import ContradictionError
from stead.values.kinds import Type
from stead.values.manifest import PathEntry
from stead.values.secret import SecretReference
from stead.values.table import Entry

WHERE = {"root": "/w", "place": "/w/p", "environment": "dev"}


def test_it_holds_names_types_and_locations_and_no_value():
    made = describe(
        **WHERE,
        entries=[
            Entry("PG_POOL", Type("int", minimum="1"), "40"),
            Entry("DB", Type("url"), None, secret=True, parts=("postgres://",)),
            Entry("PLAIN", value="text", parts=(SecretReference("env", "X", "/"),)),
        ],
        paths=[PathEntry("raw", "data/raw", "/w"), PathEntry("out", "../out", "/w/p")],
        data=[("scans", "/srv/scans")],
        modules=[("pgstore", "/w/libs/pgstore")],
    )
    assert json.loads(text(made)) == {
        "format": 1,
        "root": "/w",
        "place": "/w/p",
        "environment": "dev",
        "vars": {
            "DB": {"type": "url", "secret": True},
            "PG_POOL": {"type": "int"},
            "PLAIN": {"type": "str"},
        },
        "paths": {"out": "/w/out", "raw": "/w/data/raw"},
        "data": {"scans": "/srv/scans"},
        "modules": {"pgstore": "/w/libs/pgstore"},
    }
    assert not made.empty


def test_the_order_of_files_does_not_matter():
    entries = [Entry("A"), Entry("B", Type("int"))]
    paths = [PathEntry("x", "x", "/w"), PathEntry("y", "y", "/w")]
    forward = describe(**WHERE, entries=entries, paths=paths)
    backward = describe(**WHERE, entries=entries[::-1], paths=paths[::-1])
    assert text(forward) == text(backward)


def test_a_path_that_was_taken_away_is_not_there():
    made = describe(**WHERE, paths=[PathEntry("raw", "a", "/w"), PathEntry("raw", None, "/w/p")])
    assert made.paths == ()
    assert made.empty


def test_programs_in_any_language_find_locations_as_variables():
    made = describe(
        **WHERE,
        paths=[PathEntry("raw", "data/raw", "/w"), PathEntry("raw-data.v2", "x", "/w")],
        modules=[("pg-store", "/w/libs/pgstore")],
    )
    assert locations(made) == (
        ("STEAD_PATH_RAW", "/w/data/raw"),
        ("STEAD_PATH_RAW_DATA_V2", "/w/x"),
        ("STEAD_MODULE_PG_STORE", "/w/libs/pgstore"),
    )


def test_two_names_of_one_variable_are_an_error():
    made = describe(
        **WHERE, paths=[PathEntry("raw-data", "a", "/w"), PathEntry("raw_data", "b", "/w")]
    )
    with pytest.raises(ContradictionError, match="both STEAD_PATH_RAW_DATA"):
        locations(made)

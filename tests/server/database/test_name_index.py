"""The index of names against a plain look at each: whatever the names, the text and the changes."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stead.server.database import name_index
from stead.server.database.globs import admits_name
from stead.server.database.name_index import Block, blocks_of, changed, nth, search
from stead.server.database.names import Held

# Few signs, so that names share beginnings and hold a text twice; folded, one becomes two.
SIGNS = "ab0-ßİé"
NAMES = st.text(SIGNS, min_size=1, max_size=7)
TEXTS = st.text(SIGNS + "/ASt", min_size=1, max_size=5)


def indexed(spaces):
    blocks = {}
    for namespace, names in spaces.items():
        lines = sorted((name.encode(), number) for name, number in names.items())
        blocks[namespace] = blocks_of(namespace, lines)
    return blocks


@pytest.fixture(autouse=True, params=[(3, 512, 16), (5, 8, 1), (64, 0, 0)])
def sizes(request, monkeypatch):
    """Blocks of few and of many names, looked through in the way for few and for many finds."""
    for name, value in zip(("BLOCK", "_SAMPLE", "_FEW"), request.param, strict=True):
        monkeypatch.setattr(name_index, name, value)


@settings(
    max_examples=200,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    spaces=st.dictionaries(NAMES, st.lists(NAMES, unique=True, max_size=25), max_size=3),
    # One that is found in it somewhere, mostly.
    term=st.one_of(TEXTS, st.tuples(st.integers(0), st.integers(0, 9), st.integers(1, 5))),
    within=st.sampled_from(["*", "*", "a*", "*0*"]),
    start=st.integers(0, 9),
    size=st.integers(1, 6),
    descending=st.booleans(),
    gone=st.sets(st.integers(0, 60), max_size=6),
    made=st.sets(NAMES, max_size=6),
)
def test_what_is_found_is_what_has_the_text(
    spaces, term, within, start, size, descending, gone, made
):
    paths = [(space, name) for space, names in spaces.items() for name in names]
    if isinstance(term, tuple):
        text = "/".join(paths[term[0] % len(paths)]) if paths else "a"
        term = text[term[1] :][: term[2]] or text
    numbers = {path: number for number, path in enumerate(paths)}
    blocks = indexed({s: {n: numbers[s, n] for n in names} for s, names in spaces.items() if names})
    first = next(iter(spaces), "new")
    changes = [(*path, None) for path, number in numbers.items() if number in gone]
    for _, name, _ in changes:
        assert name
    numbers = {path: number for path, number in numbers.items() if number not in gone}
    for number, name in enumerate(sorted(made), 1_000):
        if (first, name) not in numbers:
            numbers[first, name] = number
            changes.append((first, name, number))
    blocks = changed(blocks, changes)
    held = [
        Held(n, space, 0, orjson.Fragment(b"{}"), (within,))
        for n, space in enumerate(sorted({space for space, _ in numbers}))
    ]
    for each in held:
        names = sorted(name for space, name in numbers if space == each.name)
        assert [nth(blocks, each.name, n) for n in range(len(names) + 1)] == [*names, None]
    every = sorted(
        (
            path
            for path in numbers
            if term.casefold() in "/".join(path).casefold() and admits_name(within, path[1])
        ),
        reverse=descending,
    )
    for _ in range(2):  # the second time what was counted is remembered
        ids, count = search(blocks, held, term, start=start, size=size, descending=descending)
        assert (ids, count) == ([numbers[p] for p in every[start : start + size]], len(every))
    if every:
        after = every[len(every) // 2]
        following, _ = search(
            blocks, held, term, start=0, size=size, descending=descending, after=after
        )
        at = every.index(after) + 1
        assert following == [numbers[path] for path in every[at : at + size]]


def test_names_that_share_their_beginning_are_looked_through_without_it():
    lines = [(f"env-train-{number:07}".encode(), number) for number in range(500)]
    block = Block.of("team", lines)
    assert block.lines() == lines
    assert block.home == "team/env-train-0000"
    assert len(block.rests) == 4 * 500 + 1

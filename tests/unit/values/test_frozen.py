"""The stand-in for dataclasses behaves as they do, where this program uses them."""

from __future__ import annotations

import copy
import dataclasses
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stead.values import frozen
from stead.values.patterns import regex


def classes(module):
    """Make the same classes with one module or the other."""

    @module.dataclass(frozen=True)
    class Point:
        x: int
        y: int = 2
        tags: tuple[str, ...] = module.field(default_factory=tuple)
        origin: str = module.field(default="", compare=False)

        @property
        def sum(self) -> int:
            return self.x + self.y

    @module.dataclass(frozen=True)
    class Named(Point):
        name: str = "n"

    @module.dataclass
    class Loose:
        items: list[int] = module.field(default_factory=list)

    return Point, Named, Loose


BOTH = [pytest.param(classes(dataclasses), id="theirs"), pytest.param(classes(frozen), id="ours")]


@pytest.mark.parametrize("made", BOTH)
def test_values_are_made_compared_and_shown_alike(made):
    point, named, _ = made
    assert point(1) == point(1, 2, (), "elsewhere")
    assert hash(point(1)) == hash(point(1, 2, (), "elsewhere"))
    assert point(1) != point(2)
    assert point(1) != named(1)
    assert point(1).__eq__(1) is NotImplemented
    assert repr(point(1)).endswith("Point(x=1, y=2, tags=(), origin='')")
    assert named(1, name="z").name == "z"
    assert named(1).sum == 3
    assert point.__match_args__ == ("x", "y", "tags", "origin")


@pytest.mark.parametrize("made", BOTH)
def test_frozen_values_stay_as_they_are(made):
    value = made[0](1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        value.x = 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        del value.x


@pytest.mark.parametrize("made", BOTH)
def test_wrong_arguments_are_refused(made):
    for arguments, names in (((), {}), ((1,), {"z": 1}), ((1, 2, (), "", 5), {})):
        with pytest.raises(TypeError):
            made[0](*arguments, **names)


@pytest.mark.parametrize("made", BOTH)
def test_what_is_not_frozen_has_no_hash_and_shares_no_default(made):
    loose = made[2]
    loose().items.append(1)
    assert loose().items == []
    with pytest.raises(TypeError):
        hash(loose())


def test_the_standard_tools_understand_these_classes():
    point = classes(frozen)[0]
    value = point(1, tags=("a",))
    assert [f.name for f in dataclasses.fields(value)] == ["x", "y", "tags", "origin"]
    assert [f.compare for f in dataclasses.fields(point)] == [True, True, True, False]
    assert dataclasses.is_dataclass(value)
    assert dataclasses.replace(value, x=5) == frozen.replace(value, x=5) == point(5, tags=("a",))
    assert dataclasses.asdict(value) == frozen.asdict(value)
    assert copy.copy(value) == value
    assert frozen.compared(value) == ("x", "y", "tags")
    assert frozen.compared(3) is None


def test_values_of_the_program_can_be_pickled():
    from stead.values.activation import Change

    change = Change("set", "A", "1")
    assert pickle.loads(pickle.dumps(change)) == change


@given(st.integers(), st.integers(), st.lists(st.text()).map(tuple))
def test_equal_exactly_where_dataclasses_are(x, y, tags):
    theirs, ours = classes(dataclasses)[0], classes(frozen)[0]
    assert (theirs(x) == theirs(y, tags=tags)) == (ours(x) == ours(y, tags=tags))


def test_a_pattern_is_what_it_stands_for():
    pattern = regex(r"(\w)(\d)\Z", 0)
    assert pattern.match("a1")[2] == "1"  # type: ignore[index]
    assert pattern.sub("x", "a1") == "x"
    assert pattern.pattern == r"(\w)(\d)\Z"
    assert pattern.match("a") is None


def test_a_field_may_have_any_name():
    @frozen.dataclass(frozen=True)
    class Kept:
        held: int
        values: int = 2
        kept: int = 3

    assert (Kept(1).held, Kept(1).values, Kept(1).kept) == (1, 2, 3)

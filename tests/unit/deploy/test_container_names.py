"""Containers of different recipes and targets are never taken for each other's."""

from __future__ import annotations

from stead.deploy.targets.container import _unit


def test_names_that_are_put_together_stay_apart() -> None:
    pairs = [("a-b", "c"), ("a", "b-c"), ("a.b", "c"), ("a", "b.c")]
    assert len({_unit(*pair) for pair in pairs}) == len(pairs)
    assert _unit("shop", "here").startswith("shop-here-")

"""Environments run in the order in which the installed tox runs them."""

from __future__ import annotations

import itertools
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tox.util.graph import stable_topological_sort

from stead.matrix.order import Circle, ordered

names = st.permutations("abcdefg").map(lambda each: each[:5])
graphs = names.flatmap(
    lambda each: st.fixed_dictionaries(
        {n: st.sets(st.sampled_from(each), max_size=2) for n in each}
    )
)


@settings(max_examples=3 * int(os.environ.get("STEAD_SOAK") or 50), deadline=None)
@given(graphs)
def test_order(graph):
    names = list(graph)
    try:
        expected = stable_topological_sort({n: set(b) for n, b in graph.items()})
    except ValueError:
        with pytest.raises(Circle) as caught:
            ordered(names, graph)
        circle = caught.value.names
        assert circle[0] == circle[-1]
        assert all(b in graph[a] for a, b in itertools.pairwise(circle))
    else:
        assert ordered(names, graph) == expected

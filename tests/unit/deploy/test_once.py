"""What several nodes need alike."""

from __future__ import annotations

import pytest

from stead.deploy.once import Once
from stead.deploy.rollout import together


def test_it_is_made_once_whoever_asks():
    once, made = Once(), []
    found = together([1, 1, 2, 1, 2], lambda n: once.get(n, lambda: made.append(n) or n * 10))
    assert [value for _, value, _ in found] == [10, 10, 20, 10, 20]
    assert sorted(made) == [1, 2]


def test_what_fails_is_tried_again():
    once = Once()

    def fail():
        raise OSError("no")

    with pytest.raises(OSError, match="no"):
        once.get("x", fail)
    assert once.get("x", lambda: 1) == 1

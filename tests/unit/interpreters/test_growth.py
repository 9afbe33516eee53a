"""What a directory grows by is told while it grows."""

from __future__ import annotations

import threading

from stead.ecosystems.interpreters.growth import size_of, watched


class Told:
    def __init__(self) -> None:
        self.amounts: list[int] = []
        self.heard = threading.Event()

    def total(self, amount: int) -> None:
        raise AssertionError(amount)

    def advance(self, amount: int = 1) -> None:
        self.amounts.append(amount)
        self.heard.set()


def test_growth_is_told_meanwhile_and_whole_at_the_end(tmp_path):
    (tmp_path / "old").write_bytes(b"x" * 100)
    told = Told()
    with watched(str(tmp_path), told, every=0.01):
        (tmp_path / "a").mkdir()
        (tmp_path / "a/new").write_bytes(b"x" * 10)
        assert told.heard.wait(90)
        (tmp_path / "late").write_bytes(b"x" * 5)
    assert sum(told.amounts) == 15


def test_links_are_not_followed(tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "d/up").symlink_to(tmp_path)
    (tmp_path / "d/f").write_bytes(b"abc")
    assert 3 <= size_of(str(tmp_path)) < 1000


def test_a_directory_that_is_not_there_is_empty(tmp_path):
    assert size_of(str(tmp_path / "no")) == 0

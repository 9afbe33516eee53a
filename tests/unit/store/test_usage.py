from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stead.store.builds import Builds
from stead.store.roots import find_roots, pin
from stead.store.usage import usage

if TYPE_CHECKING:
    from pathlib import Path

    from stead.store.layout import Layout

LARGE = 1_000_000


def test_an_empty_home_uses_nothing(layout: Layout) -> None:
    used = usage(layout)

    assert (used.bytes, used.builds) == (0, ())


def test_shared_files_count_once(layout: Layout) -> None:
    entry = layout.packages / "conda" / "pkgs" / "a"
    entry.mkdir(parents=True)
    (entry / "shared").write_bytes(b"x" * LARGE)

    def make(own: int):
        def made(temporary: Path, final: Path) -> dict[str, object]:
            os.link(entry / "shared", temporary / "shared")
            (temporary / "own").write_bytes(b"y" * own)
            os.link(temporary / "own", temporary / "again")
            return {}

        return made

    small = Builds(layout).realise("a" * 20, "small", make(LARGE), print)
    large = Builds(layout).realise("b" * 20, "large", make(3 * LARGE), print)
    pin(layout, "p", small)

    used = usage(layout, find_roots(layout, now=0, grace=0, processes=False))

    assert [b.name for b in used.builds] == [large.name, small.name]
    big, little = used.builds
    near = 100_000
    assert abs(big.bytes - 4 * LARGE) < near
    assert abs(big.own - 3 * LARGE) < near
    assert abs(little.own - LARGE) < near
    assert abs(used.bytes - 5 * LARGE) < near
    parts = dict(used.parts)
    assert abs(parts["store"] - 5 * LARGE) < near
    assert parts["packages/conda"] < near
    assert (little.users, big.users) == (("pin p",), ())
    assert big.files == 3 + 3
    assert used.bytes == sum(parts.values())

"""What was fetched of registries stays while somebody asks for it."""

from __future__ import annotations

import os

from stead.store import registries
from stead.store.layout import Layout

DAY = 86400.0
NOW = 1_800_000_000.0


def test_what_nobody_asks_for_goes_after_a_while(tmp_path):
    top = tmp_path / "registries"
    ages = {
        "archives/old.tar.gz": 100,
        "archives/new.tar.gz": 10,
        "git/old.json": 100,
        "git/new.json": 10,
        "oldkey/index.json": 100,
        "newkey/index.json": 10,
        "newkey/marks.json": 300,
    }
    for name, days in ages.items():
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x" * 10)
        os.utime(path, (NOW - days * DAY, NOW - days * DAY))
    layout = Layout(tmp_path)
    wanted = ["registries/archives/old.tar.gz", "registries/git/old.json", "registries/oldkey"]
    planned = registries.collect(layout, now=NOW, dry_run=True)
    assert [one.name for one in planned] == wanted
    assert all((top / name).exists() for name in ages)
    done = registries.collect(layout, now=NOW)
    assert [one.name for one in done] == wanted
    left = sorted(p.relative_to(top).as_posix() for p in top.rglob("*") if p.is_file())
    assert left == [
        "archives/new.tar.gz",
        "git/new.json",
        "newkey/index.json",
        "newkey/marks.json",
    ]


def test_where_nothing_was_fetched_nothing_goes(tmp_path):
    assert registries.collect(Layout(tmp_path), now=NOW) == []

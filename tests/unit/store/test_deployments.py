"""What deploying keeps stays while something needs it."""

from __future__ import annotations

import os
import time

from stead.store import deployments, locking
from stead.store.layout import Layout

DAY = 86400.0
UNIT = "prod-here-1234abcd"


def made(home, path, days):
    file = home / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("x" * 10)
    at = time.time() - days * DAY
    os.utime(file, (at, at))
    os.utime(file.parent, (at, at))


def collected(home, asked, **more):
    layout = Layout(home)
    planned = deployments.collect(
        layout, asked, now=time.time(), grace=30 * DAY, dry_run=True, **more
    )
    before = sorted(home.rglob("*"))
    done = deployments.collect(layout, asked, now=time.time(), grace=30 * DAY, **more)
    assert planned == done
    assert before == sorted(home.rglob("*")) or done
    return [one.name for one in done]


def test_what_no_deploy_had_use_of_goes_after_a_while(tmp_path):
    for kind in ("parts", "files", "layers"):
        made(tmp_path, f"deploy/{kind}/old", 31)
        made(tmp_path, f"deploy/{kind}/new", 3)
        made(tmp_path, f"deploy/{kind}/now", 1)
    made(tmp_path, "stead-notes/mine.txt", 400)
    every = [f"deploy/{kind}/old" for kind in ("parts", "files", "layers")]
    assert collected(tmp_path, lambda _: set()) == every
    assert collected(tmp_path, lambda _: set(), caches=True) == [
        f"deploy/{kind}/new" for kind in ("parts", "files", "layers")
    ]
    assert (tmp_path / "stead-notes" / "mine.txt").exists()
    assert (tmp_path / "deploy" / "layers" / "now").exists()


def test_what_containers_have_stays_while_they_are_there(tmp_path):
    for number in (1, 2, 3):
        made(tmp_path, f"containers/{UNIT}/{number}/files/0", 40)
        at = time.time() - 40 * DAY
        os.utime(tmp_path / "containers" / UNIT / str(number), (at, at))
    made(tmp_path, f"containers/{UNIT}/4/payload.json", 1)
    asked = []

    def engine(unit):
        asked.append(unit)
        return {2}

    assert collected(tmp_path, lambda _: None) == []
    held = locking.try_exclusive(tmp_path / "containers" / f"{UNIT}.lock")
    assert held is not None
    with held:
        assert collected(tmp_path, engine) == []
    assert not asked
    assert collected(tmp_path, engine) == [f"containers/{UNIT}/1", f"containers/{UNIT}/3"]
    assert set(asked) == {UNIT}
    # What a deploy that was killed has packed, which nobody may ever repeat.
    made(tmp_path, f"containers/{UNIT}/work/tmp1/image.tar", 0)
    assert collected(tmp_path, engine) == [f"containers/{UNIT}/work"]
    assert sorted(p.name for p in (tmp_path / "containers" / UNIT).iterdir()) == ["2", "4"]
    assert (tmp_path / "containers" / UNIT / "2" / "files" / "0").exists()


def test_where_nothing_was_deployed_nothing_goes(tmp_path):
    assert collected(tmp_path, lambda _: set()) == []

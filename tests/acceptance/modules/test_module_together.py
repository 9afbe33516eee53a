"""Several commands about a project's modules at once: none loses what another one writes."""

from __future__ import annotations

import subprocess
import tomllib

import pytest

from stead.store.layout import Layout
from stead.store.locking import exclusive
from stead.values.digest import short_key


def started(machine, root, *words):
    return subprocess.Popen(
        [machine.program, *words],
        cwd=root,
        env={**machine.environ, "PWD": str(root)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("add", "plain"), "added plain"),
        (("eject", "scale"), "forgot where scale came from"),
        (("update", "scale"), "scale 1.0.0 → 1.1.0"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_one_waits_for_another(machine, registry, project, words, says):
    """What another one writes meanwhile is there afterwards, and so is what this one writes."""
    root = project({})
    machine.ok("module", "add", "scale", "--defaults", cwd=root)
    item = registry / "scale" / "stead-item.toml"
    item.write_text(item.read_text().replace("1.0.0", "1.1.0"))
    guard = Layout(machine.stead_home).locks / f"lock-{short_key(str(root / 'modules'))}"
    held = exclusive(guard, note=lambda _: None, description="adding another one")
    with held:
        process = started(machine, root, "module", *words)
        assert process.stderr is not None
        said = process.stderr.readline()
        assert "adding another one" in said
        with open(root / "stead.toml", "a", encoding="utf-8") as manifest:
            manifest.write('\n[tasks.meanwhile]\nrun = ["true"]\n')
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert says in out
    assert "meanwhile" in tomllib.loads((root / "stead.toml").read_text())["tasks"]


def test_several_at_once_all_get_in(machine, registry, project):
    root = project({})
    machine.ok("module", "add", "scale", "--defaults", cwd=root)
    every = [("add", "plain"), ("add", "report"), ("eject", "scale"), ("update",)]
    running = [started(machine, root, "module", *words) for words in every]
    ends = [(process.communicate(timeout=300), process.returncode) for process in running]
    tasks = tomllib.loads((root / "stead.toml").read_text())["tasks"]
    # Whichever of the two was first has brought `plain`.
    (_, added), (_, both) = ends[:2]
    assert {"scale", "plain"} <= tasks.keys()
    assert 0 in (added, both), ends
    assert ("report" in tasks) == (both == 0)
    assert [code for _, code in ends[2:]] == [0, 0], ends

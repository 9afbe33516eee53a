"""Long tests come first, as many to each worker as take about as long, and not in the fast part."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

TESTS = Path(__file__).parents[1]


@pytest.fixture
def rules(request):
    """What stands in the file that all tests share."""
    (found,) = (
        plugin
        for plugin in request.config.pluginmanager.get_plugins()
        if getattr(plugin, "__file__", None) == str(TESTS / "conftest.py")
    )
    return found


def test_each_worker_begins_with_long_ones(rules):
    groups = [(5.0, ["a1", "a2"]), (9.0, ["b"]), (3.0, ["c"])]
    rest = [f"r{number}" for number in range(6)]
    first = rules.dealt(groups, rest, 2)
    assert sorted(first) == sorted(["a1", "a2", "b", "c", *rest])
    # The workers get the first and the second five.
    assert first[:5] == ["b", "r0", "r1", "r2", "r3"]
    assert first[5:] == ["a1", "a2", "c", "r4", "r5"]


@pytest.mark.parametrize("workers", [1, 2, 3, 7])
def test_none_is_lost_or_run_twice(rules, workers):
    groups = [(float(n), [f"{n}-{i}" for i in range(n)]) for n in range(6)]
    rest = [f"r{number}" for number in range(4)]
    ordered = rules.dealt(groups, rest, workers)
    assert sorted(ordered) == sorted([t for _, group in groups for t in group] + rest)


def test_groups_are_what_stands_in_the_files_and_directories_of_a_line(rules):
    items = [
        SimpleNamespace(path=Path(path))
        for path in ("/t/x/test_a.py", "/t/test_b.py", "/t/x/test_c.py", "/t/xy/test_d.py")
    ]
    a, b, c, d = items
    groups, rest = rules.grouped(items, "# said\n\n7 x/test_c.py\n20 x none\n1 none\n", Path("/t"))
    assert groups == [(7.0, [c]), (20.0, [a])]
    assert rest == [b, d]


@pytest.mark.parametrize(
    ("path", "left"),
    [
        ("/t/x/test_a.py", True),
        ("/t/x/y/test_b.py", True),
        ("/t/x/test_kept.py", False),
        ("/t/x/kept/test_c.py", False),
        ("/t/x/kept/test_left.py", True),
        ("/t/test_d.py", False),
        ("/t/xy/test_e.py", False),
    ],
)
def test_the_longest_path_says_what_is_left_to_the_whole_suite(rules, path, left):
    lines = "# said\n\n+ x/kept\nx\n+ x/test_kept.py\nx/kept/test_left.py\n"
    assert rules.is_left_to_the_whole(Path(path), lines, Path("/t")) is left


@pytest.mark.parametrize(("file", "first"), [("long.txt", 1), ("whole.txt", -1)])
def test_what_is_said_to_be_long_is_there(file, first):
    lines = (TESTS / file).read_text(encoding="utf-8").splitlines()
    paths = [p for line in lines if line and line[0] != "#" for p in line.split()[first:]]
    assert paths
    assert not [path for path in paths if not (TESTS / path).exists()]

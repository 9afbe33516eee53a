"""How much runs at once: computed from texts, for machines that are not here."""

from __future__ import annotations

import pytest

from stead.matrix.limits import Limits, Machine, cores, limits, machine, memory
from stead.values.errors import UsageError

GIB = 1024**3


@pytest.mark.parametrize(
    ("asked", "here", "jobs", "expected"),
    [
        ("auto", Machine(8, 64 * GIB), 20, (8, 1)),
        ("auto", Machine(8, 64 * GIB), 2, (8, 4)),
        ("auto", Machine(8, GIB), 20, (2, 4)),
        ("auto", Machine(8, 1), 20, (1, 8)),
        ("auto", Machine(8), 20, (8, 1)),
        ("3", Machine(8, GIB), 20, (3, 2)),
        (1, Machine(4, GIB), 20, (1, 4)),
        ("16", Machine(4), 20, (16, 1)),
        ("all", Machine(4), 7, (7, 1)),
        ("all", Machine(4), 0, (1, 4)),
    ],
)
def test_what_is_asked_for_meets_what_is_there(asked, here, jobs, expected):
    assert limits(asked, here, jobs) == Limits(*expected)


@pytest.mark.parametrize("asked", ["0", "-1", "many", "", "1.5"])
def test_what_is_no_number_is_refused(asked):
    with pytest.raises(UsageError, match="no number of processes"):
        limits(asked, Machine(2), 1)


@pytest.mark.parametrize(
    ("usable", "texts", "expected"),
    [
        (8, {}, 8),
        (8, {"cpu_max": "max 100000\n"}, 8),
        (8, {"cpu_max": "200000 100000\n"}, 2),
        (8, {"cpu_max": "150000 100000\n"}, 2),
        (8, {"cpu_max": "50000 100000\n"}, 1),
        (2, {"cpu_max": "800000 100000\n"}, 2),
        (8, {"quota": "-1\n", "period": "100000\n"}, 8),
        (8, {"quota": "300000\n", "period": "100000\n"}, 3),
        (0, {}, 1),
    ],
)
def test_cores_within_a_quota(usable, texts, expected):
    assert cores(usable, **texts) == expected


MEMINFO = "MemTotal:       16000000 kB\nMemFree: 100 kB\nMemAvailable:    8000000 kB\n"


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        ([], 8000000 * 1024),
        ([("max\n", "5\n", "")], 8000000 * 1024),
        ([("1000000\n", "400000\n", "inactive_file 100000\nx y\n")], 700000),
        ([("1000000", "400000", ""), ("500000", "400000", "")], 100000),
        ([("9223372036854771712", "1", "")], 8000000 * 1024),
        ([("1000", "2000", "")], 1),
        ([("1000", "500", "inactive_file 1\ntotal_inactive_file 100\n")], 600),
    ],
)
def test_memory_within_control_groups(groups, expected):
    assert memory(MEMINFO, groups) == expected


def test_memory_is_not_known_without_a_word_about_it():
    assert memory("") == 0


def test_a_machine_with_nested_groups_of_the_second_kind():
    files = {
        "/proc/self/cgroup": "0::/user.slice/run\n",
        "/proc/meminfo": MEMINFO,
        "/sys/fs/cgroup/user.slice/memory.max": "2000000",
        "/sys/fs/cgroup/user.slice/memory.current": "500000",
        "/sys/fs/cgroup/user.slice/run/cpu.max": "100000 100000",
    }
    assert machine(lambda path: files.get(path, "")) == Machine(1, 1500000)


def test_a_container_with_groups_of_the_first_kind():
    files = {
        "/proc/self/cgroup": "3:cpu,cpuacct:/docker/abc\n2:memory:/docker/abc\n1:pids:/x\n",
        "/proc/meminfo": MEMINFO,
        "/sys/fs/cgroup/memory/memory.limit_in_bytes": "3000000",
        "/sys/fs/cgroup/memory/memory.usage_in_bytes": "1000000",
        "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "100000",
        "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000",
    }
    assert machine(lambda path: files.get(path, "")) == Machine(1, 2000000)


def test_this_machine_has_something():
    here = machine()
    assert here.cores >= 1
    assert here.memory > 0

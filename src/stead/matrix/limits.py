"""How much may run at once: from what a machine has and what was asked for.

Only :func:`machine` reads anything.
"""

from __future__ import annotations

import os

from stead.matrix.order import ordered
from stead.values.errors import UsageError
from stead.values.frozen import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stead.matrix.running import Job

AUTO = "auto"
"""Asks for as many as are good for the machine, in place of a number."""

PER_CELL = 512 * 1024 * 1024
"""Bytes of memory that a running cell is thought to need."""

_UNLIMITED = 1 << 60
"""What control groups of the first kind say where there is no limit, or more."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What there is to be used: cores, and bytes of memory (0: not known)."""

    cores: int
    memory: int = 0


@dataclass(frozen=True, slots=True)
class Limits:
    """How many jobs run at once, how many processes each may use, and whether one failure ends it."""

    parallel: int = 1
    share: int = 1
    fail_fast: bool = False


def limits(asked: str | int, machine: Machine, jobs: int, *, fail_fast: bool = False) -> Limits:
    """Decide from what was asked for: a number, ``auto``, or ``all``.

    ``jobs`` is how many could run side by side. A number is taken as it is: whoever
    gives it knows more; ``auto`` is bounded by cores and memory. Each job's share is
    what the cores have for it while as many run as can. Raises UsageError.
    """
    if asked == AUTO:
        most = machine.cores
        if machine.memory:
            most = min(most, machine.memory // PER_CELL)
    elif asked == "all":
        most = max(1, jobs)
    else:
        most = _number(asked)
    parallel = max(1, most)
    at_once = max(1, min(parallel, jobs))
    return Limits(parallel, max(1, machine.cores // at_once), fail_fast)


def _number(asked: str | int) -> int:
    try:
        number = int(asked)
    except ValueError:
        number = 0
    if number < 1:
        raise UsageError(
            f"{asked!r} is no number of processes", remedy="give 1 or more, auto, or all"
        )
    return number


def cores(usable: int, cpu_max: str = "", quota: str = "", period: str = "") -> int:
    """Give the cores that may be used.

    ``usable`` are those the process may run on; ``cpu_max`` is the text of a control
    group's ``cpu.max``, ``quota`` and ``period`` those of the first kind's two files.
    """
    if cpu_max:
        quota, _, period = cpu_max.strip().partition(" ")
    try:
        share = int(quota) / int(period)
    except (ValueError, ZeroDivisionError):
        return max(1, usable)
    return max(1, min(usable, int(share + 0.5))) if share > 0 else max(1, usable)


def memory(meminfo: str, groups: Sequence[tuple[str, str, str]] = ()) -> int:
    """Give the bytes of memory that can be had; 0 where nobody knows.

    ``meminfo`` is the text of ``/proc/meminfo``; of each control group that the
    process is in, ``groups`` has limit, use and ``memory.stat`` (what is cached of
    inactive files can be had too).
    """
    found = [
        amount * 1024 for name, amount in _pairs(meminfo.replace(":", "")) if name == "MemAvailable"
    ]
    for limit, used, stat in groups:
        if limit.strip().isdigit() and used.strip().isdigit() and int(limit) < _UNLIMITED:
            cached = dict(_pairs(stat))
            inactive = cached.get("total_inactive_file", cached.get("inactive_file", 0))
            found.append(max(1, int(limit) - int(used) + inactive))
    return min(found, default=0)


def _pairs(text: str) -> list[tuple[str, int]]:
    parts = (line.split() for line in text.splitlines())
    return [(p[0], int(p[1])) for p in parts if len(p) > 1 and p[1].isdigit()]


def machine(read: Callable[[str], str] | None = None, *, with_memory: bool = True) -> Machine:
    """Look at this machine, and at the control groups (containers) that this process is in.

    ``read`` gives a file's text, and nothing for a file that is not there. Unless
    ``with_memory``, how much there is stays unknown.
    """
    read = read or _read
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    groups = [*_groups(read("/proc/self/cgroup"))]
    least = usable or 1
    for path in groups:
        least = min(
            least,
            cores(
                least,
                read(f"{path}/cpu.max"),
                read(f"{path}/cpu.cfs_quota_us"),
                read(f"{path}/cpu.cfs_period_us"),
            ),
        )
    if not with_memory:
        return Machine(least)
    memories = [
        (
            read(f"{path}/memory.max") or read(f"{path}/memory.limit_in_bytes"),
            read(f"{path}/memory.current") or read(f"{path}/memory.usage_in_bytes"),
            read(f"{path}/memory.stat"),
        )
        for path in groups
    ]
    meminfo = read("/proc/meminfo")
    return Machine(least, memory(meminfo, memories) if meminfo else _half_of_all())


def _groups(text: str) -> list[str]:
    """Give the directories of the control groups in ``/proc/self/cgroup``, with those above them."""
    found: dict[str, None] = {}
    for line in text.splitlines():
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        base = "/sys/fs/cgroup" + (f"/{controllers}" if controllers else "")
        if controllers and not {"cpu", "memory"} & set(controllers.split(",")):
            continue
        while True:
            found[base + path.rstrip("/")] = None
            if path in ("", "/"):
                break
            path = path.rpartition("/")[0]
    return list(found)


def _half_of_all() -> int:
    """Guess what can be had where the system does not say: half of what it has."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    except (AttributeError, ValueError, OSError):
        return 0


def _read(path: str) -> str:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def ranks(jobs: Sequence[Job], parallel: int) -> dict[str, int]:
    """Say which of the jobs that can begin does: the one with the smallest number.

    One at a time, jobs run in the order given, each behind what it waits for and
    nothing else: a build just before the first cell that needs it. Several at a
    time, those go first at which the longest way to the end begins. Raises
    :class:`~stead.matrix.order.Circle` where jobs wait for each other.
    """
    if parallel == 1:
        order = _in_time(jobs)
    else:
        ways = _ways(jobs)
        place = {job.name: at for at, job in enumerate(jobs)}
        order = sorted(place, key=lambda name: (-ways[name], place[name]))
    return {name: at for at, name in enumerate(order)}


def _in_time(jobs: Sequence[Job]) -> list[str]:
    """Order jobs by the first cell, in the order given, that waits for them."""
    known = {job.name: job for job in jobs}
    before = {job.name: (*job.needs, *job.after) for job in jobs}
    place = {name: at for at, name in enumerate(ordered(list(known), before))}
    order: dict[str, None] = {}
    # Cells first: what nobody waits for comes at the end.
    for job in sorted(jobs, key=lambda job: job.kind != "cell"):
        wanted: set[str] = set()
        ahead = [job.name]
        while ahead:
            name = ahead.pop()
            if name in known and name not in order and name not in wanted:
                wanted.add(name)
                ahead += before[name]
        order.update(dict.fromkeys(sorted(wanted, key=place.__getitem__)))
    return list(order)


def _ways(jobs: Sequence[Job]) -> dict[str, float]:
    """Give the seconds from the beginning of each job to the end of the last that waits for it."""
    known = {job.name: job for job in jobs}
    timed = [job.seconds for job in jobs if job.seconds]
    usual = sum(timed) / len(timed) if timed else 1.0
    ways: dict[str, float] = {}
    for name in reversed(_in_time(jobs)):
        job = known[name]
        ways[name] = ways.get(name, 0.0) + (job.seconds or usual)
        for other in {*job.needs, *job.after} & known.keys():
            ways[other] = max(ways.get(other, 0.0), ways[name])
    return ways

"""What a machine has: paths, free space, a C library, a processor."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stead.config.checks import bounds, facts
from stead.config.checks.answer import Answer
from stead.config.checks.bounds import MistakeError

if TYPE_CHECKING:
    from stead.config.checks.answer import World
    from stead.values.kinds import Check


def location(check: Check) -> str:
    """Give the absolute path that a check is about."""
    if "\0" in check.subject:
        raise MistakeError("its path holds a NUL character")
    return os.path.normpath(os.path.join(check.base or os.sep, check.subject))


def path(check: Check, _world: World, _seconds: float) -> Answer:
    """See whether something is there, and of the kind that is expected."""
    import stat

    place = location(check)
    try:
        mode = os.stat(place).st_mode
    except PermissionError:
        return Answer(False, f"{place} cannot be looked at", "change the rights of its directory")
    except OSError:
        loose = os.path.islink(place)
        seen = "is a link that leads nowhere" if loose else "is not there"
        return Answer(False, f"{place} {seen}", "make it, or correct the path")
    kind = "directory" if stat.S_ISDIR(mode) else "file"
    if check.expect and check.expect != kind:
        return Answer(False, f"{place} is a {kind}, not a {check.expect}", "move it away")
    return Answer(True, f"{place} is there")


def space(check: Check, _world: World, _seconds: float) -> Answer:
    """See how much is free on the file system of a path, or of its nearest parent that is there."""
    import shutil

    wanted = bounds.size(check.expect)
    place = location(check)
    while not os.path.exists(place) and os.path.dirname(place) != place:
        place = os.path.dirname(place)
    try:
        free = shutil.disk_usage(place).free
    except OSError as exc:
        return Answer(False, f"the file system of {place} does not tell: {exc.strerror or exc}")
    seen = f"{bounds.in_bytes(free)} are free at {place}"
    if free >= wanted:
        return Answer(True, seen)
    return Answer(False, f"{seen}, and {bounds.in_bytes(wanted)} are needed", "free some space")


def glibc(check: Check, world: World, _seconds: float) -> Answer:
    """Compare the C library's version. Where there is none of the kind, nothing needs it."""
    wanted = bounds.versions(check.expect) if check.expect else None
    if world.platform.family != "linux":
        return Answer(True, f"{world.platform} has no glibc, and programs for it need none")
    version = facts.glibc_version(_confstr())
    if not version:
        return Answer(
            False, "this system has another C library than glibc", "use a system that has glibc"
        )
    if wanted is None or bounds.fits(version, wanted):
        return Answer(True, f"glibc is {version}")
    return Answer(
        False,
        f"glibc is {version}, and {check.expect} is needed",
        "use a system that is newer" if ">" in check.expect else "use another system",
    )


def cpu(check: Check, world: World, seconds: float) -> Answer:
    """See whether the processor has flags, and how many cores may be used."""
    wrong: list[str] = []
    seen: list[str] = []
    if check.arguments:
        has = _flags(world, seconds)
        missing = [flag for flag in check.arguments if facts.flag_name(flag) not in has]
        if missing:
            wrong.append(f"the processor has no {' and no '.join(missing)}")
        else:
            seen.append(f"the processor has {', '.join(check.arguments)}")
    if check.expect:
        number = cores()
        wanted = bounds.at_least(check.expect)
        words = f"{number} core{'' if number == 1 else 's'} may be used"
        if bounds.fits(str(number), wanted):
            seen.append(words)
        else:
            wrong.append(f"{words}, and {check.expect} are needed")
    if wrong:
        return Answer(False, "; ".join(wrong), "use another machine")
    return Answer(True, "; ".join(seen) or "there is a processor")


def cores() -> int:
    """Count the cores that this process may use."""
    allowed = getattr(os, "sched_getaffinity", None)
    return len(allowed(0)) if allowed is not None else os.cpu_count() or 1


def read(world: World, *parts: str) -> str:
    """Read a file of the system's; empty where there is none."""
    try:
        with open(os.path.join(world.root, *parts), encoding="utf-8", errors="replace") as file:
            return file.read(4_000_000)
    except OSError:
        return ""


def said(world: World, argv: list[str], seconds: float) -> str:
    """Give what a program of the system's says; empty where it is missing or fails."""
    from stead.values.errors import SteadError

    try:
        done = world.run(argv, env=world.environ, timeout=seconds, most_output=4_000_000)
    except (SteadError, TimeoutError):
        return ""
    return "" if done.returncode else done.stdout


def _flags(world: World, seconds: float) -> frozenset[str]:
    family = world.platform.family
    if family == "linux":
        return facts.linux_flags(read(world, "proc", "cpuinfo"))
    if family == "osx":
        argv = ["/usr/sbin/sysctl", "machdep.cpu", "hw.optional"]
        return facts.macos_flags(said(world, argv, seconds))
    return facts.windows_flags(_windows_features(), world.platform.name)


def _confstr() -> str:
    try:
        return os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (AttributeError, ValueError, OSError):
        return ""


def _windows_features() -> frozenset[int]:
    """Ask Windows which of its numbered features the processor has."""
    import ctypes

    library = getattr(ctypes, "windll", None)
    if library is None:
        return frozenset()
    ask = library.kernel32.IsProcessorFeaturePresent
    return frozenset(number for number in facts.WINDOWS_FEATURES if ask(number))

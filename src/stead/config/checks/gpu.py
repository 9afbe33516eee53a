"""Graphics processors: which are there, by what each system says."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stead.config.checks import bounds, facts
from stead.config.checks.answer import Answer
from stead.config.checks.machine import read, said

if TYPE_CHECKING:
    from stead.config.checks.answer import World
    from stead.config.checks.facts import Gpu
    from stead.values.kinds import Check

MAKERS = ("amd", "apple", "intel", "nvidia")

_CONTROLLERS = (
    "Get-CimInstance Win32_VideoController | Select-Object Name, AdapterRAM | ConvertTo-Json"
)


def gpu(check: Check, world: World, seconds: float) -> Answer:
    """See whether a graphics processor is there, of a maker and with memory as expected."""
    wanted = bounds.size(check.expect) if check.expect else None
    maker = check.subject.strip().lower()
    all_found = found_here(world, seconds)
    found = [one for one in all_found if not maker or one.vendor == maker]
    what = f"a GPU of {maker}" if maker else "a GPU"
    if not found:
        there = f"; there is {_shown(all_found)}" if all_found else ""
        return Answer(False, f"there is no sign of {what}{there}", "use a machine that has one")
    if wanted is None or any(one.memory is not None and one.memory >= wanted for one in found):
        return Answer(True, f"there is {_shown(found)}")
    needed = bounds.in_bytes(wanted)
    if all(one.memory is None for one in found):
        return Answer(
            False,
            f"{_shown(found)} does not tell its memory, and {needed} are needed",
            "install the maker's own program for its driver (nvidia-smi)",
        )
    return Answer(
        False,
        f"{_shown(found)} has less than {needed} of memory",
        "use a machine with a larger one",
    )


def found_here(world: World, seconds: float) -> tuple[Gpu, ...]:
    """List the graphics processors of this machine."""
    family = world.platform.family
    if family == "osx":
        argv = ["/usr/sbin/system_profiler", "SPDisplaysDataType", "-json"]
        return facts.system_profiler(said(world, argv, seconds))
    if family == "windows":
        argv = ["powershell.exe", "-NoProfile", "-NonInteractive", "-Command", _CONTROLLERS]
        return facts.video_controllers(said(world, argv, seconds))
    return _linux(world, seconds)


def _linux(world: World, seconds: float) -> tuple[Gpu, ...]:
    cards = _cards(world)
    nvidia = _nvidia(world, seconds)
    return (*nvidia, *(one for one in cards if not (nvidia and one.vendor == "nvidia")))


def _nvidia(world: World, seconds: float) -> tuple[Gpu, ...]:
    """Ask nvidia's own program, which knows the memory; else look at what its driver says."""
    import shutil

    program = shutil.which("nvidia-smi", path=world.environ.get("PATH", os.defpath))
    if program:
        argv = [program, "--query-gpu=name,memory.total", "--format=csv,noheader,nounits"]
        found = facts.nvidia_smi(said(world, argv, seconds))
        if found:
            return found
    names = _names(world, "proc", "driver", "nvidia", "gpus")
    texts = (read(world, "proc", "driver", "nvidia", "gpus", n, "information") for n in names)
    return tuple(one for one in map(facts.nvidia_information, texts) if one is not None)


def _cards(world: World) -> tuple[Gpu, ...]:
    found = []
    for name in _names(world, "sys", "class", "drm"):
        if name.startswith("card") and name[4:].isdigit():
            device = ("sys", "class", "drm", name, "device")
            one = facts.drm_card(
                read(world, *device, "vendor"), read(world, *device, "mem_info_vram_total")
            )
            if one is not None:
                found.append(one)
    return tuple(found)


def _names(world: World, *parts: str) -> list[str]:
    try:
        return sorted(os.listdir(os.path.join(world.root, *parts)))
    except OSError:
        return []


def _shown(found: list[Gpu] | tuple[Gpu, ...]) -> str:
    return " and ".join(
        f"{one.name or one.vendor}"
        + (f" with {bounds.in_bytes(one.memory)}" if one.memory is not None else "")
        for one in found
    )

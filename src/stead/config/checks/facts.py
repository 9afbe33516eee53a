"""What systems say about their processor, C library and graphics, read from text alone.

Each system says it in words of its own; a flag has one name here, Linux' own in
lower case with underscores (``avx2``, ``sse4_1``, ``neon``).
"""

from __future__ import annotations

from stead.values.frozen import dataclass
from stead.values.patterns import regex

_ALIASES = {
    "pni": "sse3",
    "asimd": "neon",
    "advsimd": "neon",
    "avx1_0": "avx",
    "cx16": "cmpxchg16b",
    "rdrand": "rdrnd",
    "feat_aes": "aes",
    "feat_sha256": "sha2",
    "feat_crc32": "crc32",
    "feat_dotprod": "asimddp",
    "feat_lse": "atomics",
    "feat_bf16": "bf16",
    "feat_i8mm": "i8mm",
    "feat_fp16": "asimdhp",
    "armv8_crc32": "crc32",
}

WINDOWS_FEATURES: dict[int, tuple[str, ...]] = {
    6: ("sse",),
    10: ("sse2",),
    13: ("sse3",),
    14: ("cmpxchg16b",),
    17: ("xsave",),
    19: ("neon",),
    28: ("rdrnd",),
    30: ("aes", "sha2"),
    31: ("crc32",),
    34: ("atomics",),
    36: ("ssse3",),
    37: ("sse4_1",),
    38: ("sse4_2",),
    39: ("avx",),
    40: ("avx2",),
    41: ("avx512f",),
    43: ("asimddp",),
}
"""Which flags a numbered feature of Windows stands for (``IsProcessorFeaturePresent``)."""

_GLIBC = regex(r"(?i)(?:glibc|gnu libc)[^\d]*(\d+(?:\.\d+)+)")

VENDORS = {"0x10de": "nvidia", "0x1002": "amd", "0x8086": "intel"}
"""Of the numbers that PCI gives to vendors, those who make graphics processors."""

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Gpu:
    """One graphics processor. ``memory`` is in bytes, None where the system does not say."""

    vendor: str
    name: str = ""
    memory: int | None = None


def flag_name(flag: str) -> str:
    """Give the one name of a processor's flag."""
    name = flag.strip().lower().replace(".", "_").replace("-", "_")
    return _ALIASES.get(name, name)


def linux_flags(cpuinfo: str) -> frozenset[str]:
    """Read ``/proc/cpuinfo``: the flags that every core has."""
    cores = []
    for line in cpuinfo.splitlines():
        title, colon, words = line.partition(":")
        if colon and title.strip().lower() in ("flags", "features", "isa"):
            cores.append(frozenset(map(flag_name, words.split())))
    return frozenset.intersection(*cores) if cores else frozenset()


def macos_flags(sysctl: str) -> frozenset[str]:
    """Read what ``sysctl machdep.cpu hw.optional`` says, of either kind of processor."""
    found: set[str] = set()
    for line in sysctl.splitlines():
        title, colon, value = line.partition(":")
        key, value = title.strip().lower(), value.strip()
        if not colon:
            continue
        if key.startswith("machdep.cpu.") and key.endswith("features"):
            found.update(map(flag_name, value.split()))
        elif key.startswith("hw.optional.") and value == "1":
            found.add(flag_name(key.removeprefix("hw.optional.").removeprefix("arm.")))
    return frozenset(found)


def windows_flags(features: frozenset[int], platform: str) -> frozenset[str]:
    """Translate the numbers of Windows' features; ``win-64`` has SSE2 by definition."""
    named = {flag for number in features for flag in WINDOWS_FEATURES.get(number, ())}
    return frozenset(named | ({"sse", "sse2"} if platform == "win-64" else {"neon"}))


def glibc_version(confstr: str) -> str:
    """Read ``glibc 2.36``; empty where it names another C library, or none."""
    found = _GLIBC.search(confstr)
    return found.group(1) if found else ""


def nvidia_smi(text: str) -> tuple[Gpu, ...]:
    """Read ``nvidia-smi --query-gpu=name,memory.total --format=csv,noheader,nounits`` (in MiB)."""
    found = []
    for line in text.splitlines():
        name, comma, memory = line.rpartition(",")
        if comma:
            amount = memory.strip()
            found.append(
                Gpu("nvidia", name.strip(), int(amount) * _MIB if amount.isdigit() else None)
            )
    return tuple(found)


def nvidia_information(text: str) -> Gpu | None:
    """Read ``/proc/driver/nvidia/gpus/*/information``: what the driver itself says."""
    for line in text.splitlines():
        title, colon, name = line.partition(":")
        if colon and title.strip() == "Model":
            return Gpu("nvidia", name.strip())
    return None


def drm_card(vendor: str, memory: str = "") -> Gpu | None:
    """Read the ``vendor`` and the ``mem_info_vram_total`` of a card in ``/sys/class/drm``."""
    maker = VENDORS.get(vendor.strip().lower())
    if maker is None:
        return None
    amount = memory.strip()
    return Gpu(maker, "", int(amount) if amount.isdigit() else None)


def system_profiler(text: str) -> tuple[Gpu, ...]:
    """Read ``system_profiler SPDisplaysDataType -json`` of macOS."""
    import json

    try:
        cards = json.loads(text).get("SPDisplaysDataType", [])
        return tuple(
            Gpu(
                _vendor(f"{c.get('spdisplays_vendor', '')} {c['sppci_model']}"),
                c["sppci_model"],
                _amount(str(c.get("spdisplays_vram", c.get("_spdisplays_vram", "")))),
            )
            for c in cards
        )
    except (ValueError, AttributeError, KeyError, TypeError):
        return ()


def video_controllers(text: str) -> tuple[Gpu, ...]:
    """Read Windows' video controllers: JSON of one object or a list, with ``Name``.

    The memory that Windows gives there stops at 4 GiB; it counts only below that.
    """
    import json

    try:
        cards = json.loads(text)
        found = []
        for card in cards if isinstance(cards, list) else [cards]:
            memory = card.get("AdapterRAM")
            whole = isinstance(memory, int) and 0 < memory < 4_293_000_000
            found.append(Gpu(_vendor(card["Name"]), card["Name"], memory if whole else None))
        return tuple(gpu for gpu in found if gpu.vendor)
    except (ValueError, AttributeError, KeyError, TypeError):
        return ()


def _vendor(words: str) -> str:
    lower = words.lower()
    for vendor, signs in (
        ("nvidia", ("nvidia", "geforce", "quadro")),
        ("amd", ("amd", "radeon", "0x1002")),
        ("apple", ("apple",)),
        ("intel", ("intel",)),
    ):
        if any(sign in lower for sign in signs):
            return vendor
    return ""


def _amount(text: str) -> int | None:
    number, _, unit = text.partition(" ")
    factor = {"MB": _MIB, "GB": 1024 * _MIB}.get(unit.strip())
    return int(number) * factor if factor and number.isdigit() else None

"""Platforms, named as conda names them (``linux-64``).

Everything that differs between platforms and can be known without being there
is decided here, by name, so that all of it is tested from any one of them.
"""

from __future__ import annotations

from stead.values.errors import UsageError
from stead.values.frozen import dataclass

# conda name → (uv's --python-platform, sys.platform, os.name, platform.system(), platform.machine())
_KNOWN: dict[str, tuple[str, str, str, str, str]] = {
    "linux-64": ("x86_64-unknown-linux-gnu", "linux", "posix", "Linux", "x86_64"),
    "linux-aarch64": ("aarch64-unknown-linux-gnu", "linux", "posix", "Linux", "aarch64"),
    "osx-64": ("x86_64-apple-darwin", "darwin", "posix", "Darwin", "x86_64"),
    "osx-arm64": ("aarch64-apple-darwin", "darwin", "posix", "Darwin", "arm64"),
    "win-64": ("x86_64-pc-windows-msvc", "win32", "nt", "Windows", "AMD64"),
    "win-arm64": ("aarch64-pc-windows-msvc", "win32", "nt", "Windows", "ARM64"),
}

_MACHINES = {
    ("linux", "x86_64"): "linux-64",
    ("linux", "aarch64"): "linux-aarch64",
    ("darwin", "x86_64"): "osx-64",
    ("darwin", "arm64"): "osx-arm64",
    ("win32", "amd64"): "win-64",
    ("win32", "arm64"): "win-arm64",
}


@dataclass(frozen=True, slots=True)
class Platform:
    """A platform by its conda name, with what follows from it."""

    name: str

    @property
    def triple(self) -> str:
        """The target triple uv takes as ``--python-platform``."""
        return _KNOWN[self.name][0]

    @property
    def sys_platform(self) -> str:
        return _KNOWN[self.name][1]

    @property
    def family(self) -> str:
        """``linux``, ``osx`` or ``windows``: the name of the implicit layer."""
        return {"linux": "linux", "darwin": "osx", "win32": "windows"}[self.sys_platform]

    @property
    def is_windows(self) -> bool:
        return self.sys_platform == "win32"

    @property
    def path_separator(self) -> str:
        return ";" if self.is_windows else ":"

    @property
    def bin_directory(self) -> str:
        """Where a virtual environment keeps its programs, relative to its root."""
        return "Scripts" if self.is_windows else "bin"

    def marker_environment(self, python: str) -> dict[str, str]:
        """Give the values of PEP 508 markers here, for Python ``3.12`` or ``3.12.1``."""
        _, sys_platform, os_name, system, machine = _KNOWN[self.name]
        major_minor = ".".join(python.split(".")[:2])
        full = python if python.count(".") >= 2 else f"{python}.0"
        return {
            "implementation_name": "cpython",
            "implementation_version": full,
            "os_name": os_name,
            "platform_machine": machine,
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": system,
            "platform_version": "",
            "python_full_version": full,
            "python_version": major_minor,
            "sys_platform": sys_platform,
            "extra": "",
        }

    def __str__(self) -> str:
        return self.name


def platform_named(name: str) -> Platform:
    """Look a platform up by its conda name; :class:`UsageError` when it is unknown."""
    if name not in _KNOWN:
        raise UsageError(
            f"unknown platform {name!r}", remedy=f"use one of {', '.join(sorted(_KNOWN))}"
        )
    return Platform(name)


def platform_of(sys_platform: str, machine: str) -> Platform:
    """Name the platform with this ``sys.platform`` and ``platform.machine()``."""
    name = _MACHINES.get((sys_platform, machine.lower()))
    if name is None:
        raise UsageError(
            f"Stead does not know the platform {sys_platform}/{machine}",
            remedy=f"known are {', '.join(sorted(_KNOWN))}",
        )
    return Platform(name)

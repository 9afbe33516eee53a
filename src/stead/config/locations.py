"""Paths, as each platform means them, from any machine.

A path is written with ``/`` everywhere and is relative to its manifest. What a
process gets is absolute and in its platform's own writing.
"""

from __future__ import annotations

import ntpath
import posixpath
from typing import TYPE_CHECKING

from stead.config.faults import TypeFault
from stead.values.patterns import regex

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stead.values.platform import Platform

_DRIVE = regex(r"[A-Za-z]:")
_FORBIDDEN = regex(r'[<>:"|?*\x00-\x1f]')
_RESERVED = frozenset(
    [
        *("CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"),
        *(f"{device}{digit}" for device in ("COM", "LPT") for digit in "123456789¹²³"),
    ]
)
WINDOWS_LONGEST = 260
"""Characters that many of Windows' programs take at most, the closing NUL among them."""


def location(text: str, platform: Platform, base: str) -> str:
    """Give the absolute path that ``text`` means on a platform.

    Raises TypeFault for one that cannot be there.
    """
    if not text:
        raise TypeFault("expected a path", "write . for the manifest's own directory")
    if "\0" in text:
        raise TypeFault("expected a path without NUL")
    if text == "~" or text.startswith("~/"):
        raise TypeFault(
            "expected a path; `~` is not a directory in one", "write ${HOME} in place of ~"
        )
    if platform.is_windows:
        return _windows(text, base)
    if _DRIVE.match(text) and text[2:3] in ("/", "\\"):
        raise TypeFault(
            "expected a path of this platform; one with a drive letter is of Windows",
            "write it with / and relative to the manifest, or in [layer.windows] alone",
        )
    joined = text if text.startswith("/") else f"{base}/{text}"
    # Most are clean, and the full treatment costs several times this look.
    if "//" in joined or "/." in joined or joined.endswith("/"):
        return posixpath.normpath(joined)
    return joined


def locations(entries: Iterable[str], platform: Platform, base: str) -> str:
    """Join the paths of a list as a platform does.

    Raises TypeFault for an entry that is not a path there, or that holds the
    separator and so would be taken for two.
    """
    found = []
    separator = platform.path_separator
    for entry in entries:
        path = location(entry, platform, base)
        if separator in path:
            raise TypeFault(
                f"expected paths without {separator!r}, which separates them",
                "take such a directory by another name, or by a link",
                detail=f"in {entry!r}",
            )
        found.append(path)
    return separator.join(found)


def split_list(text: str, platform: Platform) -> list[str]:
    """Split the text of a list of paths: at the platform's separator, empty ones left out."""
    return [entry for entry in text.split(platform.path_separator) if entry]


def mac_faults(text: str) -> list[TypeFault]:
    """Name what a Mac's programs show or read otherwise."""
    if ":" not in text:
        return []
    return [
        TypeFault(
            "a colon in a file's name shows as / in macOS' own programs",
            "take another character",
            kind="warning",
        )
    ]


def clashes(paths: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Give the names of paths that differ in case alone: macOS and Windows make them one."""
    seen: dict[str, tuple[str, str]] = {}
    found = []
    for name, path in paths:
        first = seen.setdefault(path.casefold(), (name, path))
        if first[1] != path:
            found.append((first[0], name))
    return tuple(found)


def _windows(text: str, base: str) -> str:
    path = text.replace("/", "\\")
    drive, rest = ntpath.splitdrive(path)
    if rest.startswith("\\") and not drive:
        raise TypeFault(
            "expected a path that Windows knows; one that begins with / names no drive",
            "write it relative to the manifest, or with a drive in [layer.windows]",
        )
    if drive and not rest.startswith("\\") and not drive.startswith("\\\\"):
        raise TypeFault(
            "expected a path that begins at its drive's root, such as C:/data",
            "put a / after the drive's letter",
        )
    for segment in rest.split("\\"):
        _check_segment(segment)
    return ntpath.normpath(path if drive else f"{base}\\{path}".replace("/", "\\"))


def _check_segment(segment: str) -> None:
    if segment in ("", ".", ".."):
        return
    if _FORBIDDEN.search(segment):
        raise TypeFault(
            'expected a path that Windows can hold: without < > : " | ? * and control characters',
            detail=f"in {segment!r}",
        )
    if segment.endswith((".", " ")):
        raise TypeFault(
            "expected a path that Windows can hold: no name there ends with a dot or a space",
            detail=f"in {segment!r}",
        )
    if segment.partition(".")[0].rstrip(" ").upper() in _RESERVED:
        raise TypeFault(
            "expected a path that Windows can hold: some names are devices there, such as NUL",
            "take another name",
            detail=f"in {segment!r}",
        )

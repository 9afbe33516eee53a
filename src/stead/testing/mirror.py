"""A mirror of Python interpreters, made of the running one."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import platform
import sys
import tarfile
from dataclasses import replace
from typing import TYPE_CHECKING

from stead.testing.python import cpython

if TYPE_CHECKING:
    from pathlib import Path

    from stead.testing.channel import Entry


def make_interpreter_mirror(directory: Path, url: str = "", patch: int | None = None) -> str:
    """Write an archive of the running CPython to ``directory``, and the list uv reads of it.

    With ``patch`` it says of itself that it is that patch version of its minor
    one: so it is an interpreter that no machine has yet.

    ``url`` is where the directory will be served, without a slash at its end;
    without it the list points to the file itself. Gives the list's path, to be
    put into ``UV_PYTHON_DOWNLOADS_JSON_URL``. POSIX systems only.
    """
    directory.mkdir(parents=True, exist_ok=True)
    major, minor = sys.version_info[:2]
    version = platform.python_version() if patch is None else f"{major}.{minor}.{patch}"
    archive = f"cpython-{version}-install_only.tar.gz"
    entries = cpython().entries
    if patch is not None:
        entries = tuple(_claiming(patch, e) for e in entries)
    content = _archive(entries)
    (directory / archive).write_bytes(content)
    system = "macos" if sys.platform == "darwin" else sys.platform
    machine = {"arm64": "aarch64", "AMD64": "x86_64"}.get(platform.machine(), platform.machine())
    libc = "gnu" if system == "linux" else "none"
    listed = directory / "downloads.json"
    listed.write_text(
        json.dumps(
            {
                f"cpython-{version}-{system}-{machine}-{libc}": {
                    "name": "cpython",
                    "arch": {"family": machine, "variant": None},
                    "os": "darwin" if system == "macos" else system,
                    "libc": libc,
                    "major": major,
                    "minor": minor,
                    "patch": sys.version_info[2] if patch is None else patch,
                    "prerelease": "",
                    "url": f"{url or directory.absolute().as_uri()}/{archive}",
                    "sha256": hashlib.sha256(content).hexdigest(),
                    "variant": None,
                    "build": "20240101",
                }
            }
        )
    )
    return str(listed)


def _claiming(patch: int, entry: Entry) -> Entry:
    """Change the one module that every start of Python reads, `-S` or not."""
    if not entry.path.endswith("/encodings/__init__.py"):
        return entry
    return replace(entry, content=entry.read() + _CLAIM.format(patch=patch).encode(), source="")


_CLAIM = """

def _claim():
    import sys

    class version_info(tuple):
        major, minor, micro, releaselevel, serial = (
            property(lambda self, at=at: self[at]) for at in range(5)
        )

    said = "%d.%d.%d" % sys.version_info[:3]
    sys.version_info = version_info((*sys.version_info[:2], {patch}, "final", 0))
    sys.version = sys.version.replace(said, "%d.%d.%d" % sys.version_info[:3])
    sys.implementation.version = sys.version_info


_claim()
"""


def _archive(entries: tuple[Entry, ...]) -> bytes:
    """Pack entries as the distributions of python-build-standalone are: all below ``python/``."""
    raw = io.BytesIO()
    # Compressing at all takes most of the time; the least is enough.
    with (
        gzip.GzipFile(fileobj=raw, mode="wb", compresslevel=1, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as tar,
    ):
        for entry in entries:
            name = f"python/{entry.path}"
            if entry.symlink:
                info = tarfile.TarInfo(name)
                info.type, info.linkname = tarfile.SYMTYPE, entry.symlink
                tar.addfile(info)
                continue
            info = tarfile.TarInfo(name)
            content = entry.read()
            info.size, info.mode = len(content), entry.mode
            tar.addfile(info, io.BytesIO(content))
    return raw.getvalue()

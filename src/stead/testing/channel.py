"""Conda channels in a directory, made on the spot.

    channel = make_channel(tmp_path / "channel", [cpython(), *distributions(["rich"])], "linux-64")

A :class:`Package` is a value: names, versions, dependencies and files. Most are
put together by rattler-build; what it cannot express (prefix placeholders,
entry points, archives that mean harm) is written by hand as ``.tar.bz2``.

Needs ``py-rattler-build`` (``stead[testing]``).
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

PLACEHOLDER = "/opt/" + "placehold_" * 25
"""The prefix that packages here were "built" in: long, as conda-build's is."""

EPOCH = 1_700_000_000_000
"""Build time of packages that name none, in milliseconds since 1970."""


@dataclass(frozen=True)
class Entry:
    """One file of a package.

    ``path`` is where it lies in the prefix, with ``/``. Its content is
    ``content``, or what the file ``source`` holds; a symbolic link has
    ``symlink`` instead. ``placeholder`` is the prefix to be replaced inside it.
    """

    path: str
    content: bytes = b""
    source: str = ""
    symlink: str = ""
    mode: int = 0o644
    placeholder: str = ""
    binary: bool = False

    def read(self) -> bytes:
        """Give the file's content."""
        return Path(self.source).read_bytes() if self.source else self.content


def text(path: str, content: str, *, mode: int = 0o644, placeholder: str = "") -> Entry:
    """Make a text file; a placeholder is recorded when ``content`` holds :data:`PLACEHOLDER`."""
    held = placeholder or (PLACEHOLDER if PLACEHOLDER in content else "")
    return Entry(path, content.encode(), mode=mode, placeholder=held)


@dataclass(frozen=True)
class Package:
    """One conda package.

    ``subdir`` empty means the platform of the channel, or ``noarch`` where
    ``noarch`` is set. ``entry_points`` (``name = module:function``) only mean
    something with ``noarch="python"``. ``timestamp`` is in milliseconds.
    ``by_hand`` forces a hand-written ``.tar.bz2``.
    """

    name: str
    version: str = "1.0"
    build: str = "0"
    build_number: int = 0
    depends: tuple[str, ...] = ()
    constrains: tuple[str, ...] = ()
    entries: tuple[Entry, ...] = ()
    noarch: Literal["", "python", "generic"] = ""
    subdir: str = ""
    entry_points: tuple[str, ...] = ()
    license: str = ""
    timestamp: int = EPOCH
    index: tuple[tuple[str, Any], ...] = field(default=())
    """Further keys of ``index.json``."""
    by_hand: bool = False
    run_exports: tuple[str, ...] = ()
    """What packages that were built with this one depend on."""

    @property
    def needs_hand(self) -> bool:
        """Whether rattler-build cannot make it."""
        return (
            self.by_hand
            or bool(self.entry_points or self.index or not self.entries)
            or any(e.placeholder for e in self.entries)
        )

    def versioned(self, version: str, **changes: Any) -> Package:
        """Give the same package in another version."""
        return replace(self, version=version, **changes)


def make_channel(directory: str | Path, packages: Iterable[Package], platform: str) -> Path:
    """Write ``packages`` and their ``repodata`` below ``directory``; returns its path.

    Packages already there stay, so a channel can grow. ``platform`` is conda's
    name of a platform (``linux-64``). A channel of a thousand small packages
    takes a few seconds; CPython takes about one.
    """
    root = Path(directory)
    for subdir in (platform, "noarch"):
        (root / subdir).mkdir(parents=True, exist_ok=True)
    for package in packages:
        write_package(root, package, platform)
    index_channel(root)
    return root


def index_channel(directory: str | Path) -> None:
    """Write ``repodata`` for what lies in a channel: plain, compressed and sharded.

    Packages count as indexed when they were built, so that the same packages
    give the same channel, and ``exclude-newer`` sees their own times.
    """
    import asyncio

    from rattler.index import index_fs

    root = Path(directory)
    asyncio.run(index_fs(root, force=True, write_zst=False, write_shards=False))
    for repodata in root.glob("*/repodata.json"):
        content = json.loads(repodata.read_text())
        for section in ("packages", "packages.conda"):
            for record in content.get(section, {}).values():
                record["indexed_timestamp"] = record.get("timestamp", EPOCH)
        repodata.write_text(json.dumps(content))
    # Without force, records that are there already stay as they are.
    asyncio.run(index_fs(root))


def write_package(root: Path, package: Package, platform: str) -> Path:
    """Write one package into its subdirectory of a channel, without indexing; returns its path."""
    subdir = package.subdir or ("noarch" if package.noarch else platform)
    (root / subdir).mkdir(parents=True, exist_ok=True)
    write = _write_by_hand if package.needs_hand else _assemble
    path = write(root / subdir, package, subdir)
    if package.run_exports:
        _export(root / subdir, path.name, package.run_exports)
    return path


def _export(directory: Path, name: str, run_exports: tuple[str, ...]) -> None:
    """Note in a channel's ``run_exports.json`` (CEP 12) what builds against a package depend on."""
    file = directory / "run_exports.json"
    held: dict[str, Any] = {"info": {"subdir": directory.name, "version": 1}}
    if file.exists():
        held = json.loads(file.read_text())
    section = held.setdefault("packages.conda" if name.endswith(".conda") else "packages", {})
    section[name] = {"run_exports": {"weak": list(run_exports), "noarch": ["python"]}}
    file.write_text(json.dumps(held, indent=1, sort_keys=True))


def _assemble(directory: Path, package: Package, subdir: str) -> Path:
    import tempfile

    from rattler_build import FileEntry, assemble_package

    with tempfile.TemporaryDirectory(prefix="stead-package-") as scratch:
        files = []
        for number, entry in enumerate(package.entries):
            source = entry.source
            if entry.symlink or not source:
                source = os.path.join(scratch, str(number))
                if entry.symlink:
                    os.symlink(entry.symlink, source)
                else:
                    Path(source).write_bytes(entry.content)
                    os.chmod(source, entry.mode)
            files.append(FileEntry.from_paths(source, entry.path))
        made = assemble_package(
            name=package.name,
            version=package.version,
            target_platform=subdir,
            build_string=package.build,
            build_number=package.build_number,
            output_dir=directory,
            files=files,
            depends=list(package.depends),
            constrains=list(package.constrains),
            noarch=package.noarch or None,
            license=package.license or None,
            timestamp=datetime.fromtimestamp(package.timestamp / 1000, UTC),
            compression_level=1,
            detect_prefix=False,
        )
    return Path(made.path)


def _write_by_hand(directory: Path, package: Package, subdir: str) -> Path:
    path = directory / f"{package.name}-{package.version}-{package.build}.tar.bz2"
    info: dict[str, Any] = {
        "index.json": _index_json(package, subdir),
        "paths.json": {"paths": [_path_json(e) for e in package.entries], "paths_version": 1},
    }
    if package.noarch == "python":
        info["link.json"] = {
            "noarch": {"type": "python", "entry_points": list(package.entry_points)},
            "package_metadata_version": 1,
        }
    members = [
        Entry(f"info/{name}", json.dumps(value, indent=1, sort_keys=True).encode())
        for name, value in info.items()
    ]
    with tarfile.open(path, "w:bz2", compresslevel=1) as archive:
        for entry in (*members, *package.entries):
            _add(archive, entry, package.timestamp // 1000)
    return path


def _add(archive: tarfile.TarFile, entry: Entry, mtime: int) -> None:
    member = tarfile.TarInfo()
    # Assigned, not passed: the name stands as it is, however harmful.
    member.name = entry.path
    member.mtime = mtime
    if entry.symlink:
        member.type, member.linkname, member.mode = tarfile.SYMTYPE, entry.symlink, 0o777
        archive.addfile(member)
        return
    content = entry.read()
    member.size, member.mode = len(content), entry.mode
    archive.addfile(member, io.BytesIO(content))


def _index_json(package: Package, subdir: str) -> dict[str, Any]:
    index: dict[str, Any] = {
        "name": package.name,
        "version": package.version,
        "build": package.build,
        "build_number": package.build_number,
        "depends": list(package.depends),
        "constrains": list(package.constrains),
        "subdir": subdir,
        "timestamp": package.timestamp,
    }
    if package.noarch:
        index["noarch"] = package.noarch
    if package.license:
        index["license"] = package.license
    return index | dict(package.index)


def _path_json(entry: Entry) -> dict[str, Any]:
    if entry.symlink:
        # conda-build hashes what a link leads to; a dangling one has the hash of nothing.
        return {
            "_path": entry.path,
            "path_type": "softlink",
            "sha256": hashlib.sha256(b"").hexdigest(),
            "size_in_bytes": 0,
        }
    content = entry.read()
    described: dict[str, Any] = {
        "_path": entry.path,
        "path_type": "hardlink",
        "sha256": hashlib.sha256(content).hexdigest(),
        "size_in_bytes": len(content),
    }
    if entry.placeholder:
        described["prefix_placeholder"] = entry.placeholder
        described["file_mode"] = "binary" if entry.binary else "text"
    return described

"""Bringing packages into the cache: fetched, verified, unpacked, put into place whole.

This is done here and not by rattler's installer for two reasons: every file
list is checked before anything is linked, and a download that broke off is
resumed.
"""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import threading
from typing import TYPE_CHECKING, Any

from stead.ecosystems.conda.cache import (
    Places,
    held,
    is_cached,
    record_hashes,
    sweep,
    unlink,
)
from stead.ecosystems.conda.channels import directory_of, redacted
from stead.ecosystems.conda.engine import cache_directory, client, failures, translated
from stead.ecosystems.conda.records import stem
from stead.values.errors import ArtifactError, HashMismatchError, NetworkError

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

    from rattler import RepoDataRecord

    from stead.values.context import Context, Task

AT_ONCE = 12
"""Downloads at a time."""

ATTEMPTS = 3
"""How often a download is tried, each time from where it broke off."""

_READ_ONLY = ~0o222

_FILLING = threading.Lock()
"""One thread of a process fills the cache at a time: what it has not finished bears the process's
number, and others would fetch the same again.
"""


async def fill(
    records: Sequence[RepoDataRecord], context: Context, *, afresh: bool = False
) -> None:
    """Bring all records' packages into the cache; what is there already stays, unless ``afresh``.

    Raises HashMismatchError, ArtifactError, NetworkError, StoreError.
    """
    places = Places.of(cache_directory(context))

    def missing() -> list[RepoDataRecord]:
        return [
            r
            for r in records
            if afresh or not is_cached(places.package(r.file_name), r.sha256, r.md5)
        ]

    try:
        os.makedirs(places.packages, exist_ok=True)
        if missing():
            with _FILLING:  # whoever was waited for may have brought them
                await _fill(missing(), places, context, afresh=afresh)
    except OSError as exc:  # of our own handling of files: no room, no permission
        raise translated(exc, "conda packages could not be cached") from exc


async def _fill(
    missing: Sequence[RepoDataRecord], places: Places, context: Context, *, afresh: bool
) -> None:
    if not missing:
        return
    os.makedirs(places.incoming, exist_ok=True)
    sweep(places.incoming)
    remote = [r for r in missing if not r.url.startswith("file:")]
    if remote and context.offline:
        names = ", ".join(sorted(r.name.normalized for r in remote))
        raise NetworkError(
            f"these packages are not cached, and this is offline: {names}",
            remedy="run it once with network access",
        )
    total = sum(r.size or 0 for r in missing)
    title = f"Fetching {len(missing)} conda package{'s' if len(missing) != 1 else ''}"
    with context.progress.task(title, unit="B") as task:
        task.total(total)
        fetcher = _Fetcher(places, task, afresh=afresh)
        watcher = asyncio.ensure_future(fetcher.watch())
        try:
            await _all_or_first_failure([fetcher.bring(record) for record in missing])
        finally:
            watcher.cancel()


class _Fetcher:
    """Brings packages in, and reports how many bytes have come."""

    def __init__(self, places: Places, task: Task, *, afresh: bool) -> None:
        self._afresh = afresh
        self._places = places
        self._task = task
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._unpacking = asyncio.Semaphore(max(2, os.cpu_count() or 2))
        self._parts: dict[str, int] = {}

    async def watch(self) -> None:
        """Report the growth of partial files until cancelled."""
        while True:
            await asyncio.sleep(0.1)
            for part, seen in list(self._parts.items()):
                self._grow(part, _size(part) - seen)

    def _grow(self, part: str, by: int) -> None:
        if by > 0:
            self._parts[part] += by
            self._task.advance(by)

    async def bring(self, record: RepoDataRecord) -> None:
        """Fetch, verify, unpack and put into place one package."""
        if record.url.startswith("file:"):
            archive = directory_of(record.url)
            if not _exists(archive):
                raise ArtifactError(
                    f"{record.file_name} is no longer in its channel: {archive}",
                    remedy=f"run `stead lock --upgrade {record.name.normalized}`",
                )
            await self._take(record, archive)
            self._task.advance(record.size or 0)
            return
        part = self._part(record)
        with held(part + ".lock", exclusive=True, wait=False) as mine:
            if not mine:  # another process is at it; do not mix our bytes with theirs
                part = f"{part}.{os.getpid()}"
            resumed = _size(part) > 0
            async with self._slots:
                await self._download(record, part)
            try:
                await self._take(record, part)
            except (HashMismatchError, ArtifactError):
                if not resumed:
                    raise
                # What was left of an earlier attempt may be another file, or its server
                # may have sent the whole file to a request for the rest.
                unlink(part)
                async with self._slots:
                    await self._download(record, part)
                await self._take(record, part)
            finally:
                unlink(part)
        unlink(self._part(record) + ".lock")

    def _part(self, record: RepoDataRecord) -> str:
        key = record.sha256.hex() if record.sha256 else stem(record.file_name)
        return os.path.join(self._places.incoming, f"{key}.part")

    async def _download(self, record: RepoDataRecord, part: str) -> None:
        from rattler.package_streaming import download_to_path

        for attempt in range(1, ATTEMPTS + 1):
            have = _size(part)
            if have and have == record.size:
                return
            rest = f"{part}.rest" if have else part
            self._parts[rest] = 0
            try:
                await download_to_path(client(offset=have), record.url, rest)  # type: ignore[arg-type]
            except failures() as exc:
                self._settle(part, rest, record.size)
                doing = f"{record.file_name} could not be fetched from {redacted(record.url)}"
                error = translated(exc, doing, remote=True)
                if attempt == ATTEMPTS or not isinstance(error, NetworkError | ArtifactError):
                    raise error from exc
                if isinstance(error, ArtifactError) and "is not there" in error.message:
                    raise error from exc
                await asyncio.sleep(0.2 * attempt)
                continue
            self._settle(part, rest, record.size)
            return

    def _settle(self, part: str, rest: str, size: int | None) -> None:
        """Account for what came, and put it behind what was there, unless all of it came anew."""
        if os.path.exists(rest):
            self._grow(rest, os.path.getsize(rest) - self._parts[rest])
        self._parts.pop(rest, None)
        if rest != part and os.path.exists(rest):
            if size and os.path.getsize(rest) == size:  # a server that knows no ranges
                os.replace(rest, part)
                return
            with open(part, "ab") as whole, open(rest, "rb") as piece:
                shutil.copyfileobj(piece, whole, 1 << 20)
            unlink(rest)

    async def _take(self, record: RepoDataRecord, archive: str) -> None:
        from rattler.package_streaming import download_and_extract

        scratch = os.path.join(self._places.incoming, f"{os.getpid()}-{stem(record.file_name)}")
        # rattler tells the format by the name's ending
        ending = ".conda" if record.file_name.endswith(".conda") else ".tar.bz2"
        named = archive
        try:
            shutil.rmtree(scratch, ignore_errors=True)
            if not archive.endswith(ending):
                named = scratch + ending
                os.link(archive, named)
            async with self._unpacking:
                try:
                    address = "file://" + _quoted(named)
                    sha256, md5 = await download_and_extract(client(), address, scratch)  # type: ignore[arg-type]
                except failures() as exc:
                    _verify_file(record, archive)  # a wrong archive is the better explanation
                    raise translated(exc, f"{record.file_name} could not be unpacked") from exc
            _verify(record, sha256, md5)
            await asyncio.to_thread(_protect, scratch)
            self._place(record, scratch, sha256, md5)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
            if named != archive:
                unlink(named)

    def _place(self, record: RepoDataRecord, scratch: str, sha256: bytes, md5: bytes) -> None:
        final = self._places.package(record.file_name)
        try:
            os.rename(scratch, final)
        except OSError as exc:
            if exc.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise translated(exc, f"{record.file_name} could not be cached") from exc
            if not self._afresh and is_cached(final, sha256):
                return
            aside = scratch + ".old"
            with held(self._places.packages, exclusive=True):
                os.rename(final, aside)
                os.rename(scratch, final)
            shutil.rmtree(aside, ignore_errors=True)
        record_hashes(final, sha256, md5)


def _verify(record: RepoDataRecord, sha256: bytes, md5: bytes) -> None:
    for kind, wanted, got in (("sha256", record.sha256, sha256), ("md5", record.md5, md5)):
        if wanted is None:
            continue
        if wanted != got:
            raise HashMismatchError(
                f"{record.file_name} is not the file that was locked",
                where=redacted(record.url),
                details=(f"{kind} locked: {wanted.hex()}", f"{kind} found:  {got.hex()}"),
                remedy="find out why the channel's file changed; "
                f"`stead lock --upgrade {record.name.normalized}` accepts the new one",
            )
        return


def _verify_file(record: RepoDataRecord, archive: str) -> None:
    import hashlib

    try:
        with open(archive, "rb") as stream:
            sha256 = hashlib.file_digest(stream, "sha256").digest()
            stream.seek(0)
            md5 = hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).digest()
    except OSError:
        return
    _verify(record, sha256, md5)


def _protect(directory: str) -> None:
    """Take the write permission from every file: builds share them by hard links."""
    for base, _, files in os.walk(directory):
        for name in files:
            path = os.path.join(base, name)
            mode = os.lstat(path).st_mode
            if mode & 0o222 and not os.path.islink(path):
                os.chmod(path, mode & 0o7777 & _READ_ONLY)


def _size(path: str) -> int:
    try:
        return os.path.getsize(path)
    except OSError:
        return 0


def _exists(path: str) -> bool:
    return os.path.isfile(path)


def _quoted(path: str) -> str:
    from urllib.parse import quote

    return quote(path)


async def _all_or_first_failure(coroutines: Sequence[Coroutine[Any, Any, None]]) -> None:
    tasks = [asyncio.ensure_future(c) for c in coroutines]
    try:
        await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise

"""Building: from locked artifacts to files in a prefix, linked by rattler."""

from __future__ import annotations

import asyncio
import os
from functools import partial
from typing import TYPE_CHECKING

from stead.ecosystems.conda.cache import Places, in_use, is_cached
from stead.ecosystems.conda.channels import locate
from stead.ecosystems.conda.contents import (
    Contents,
    DamagedError,
    check_collisions,
    check_inside,
    check_whole,
    read_contents,
)
from stead.ecosystems.conda.engine import cache_directory, failures, translated
from stead.ecosystems.conda.fetch import fill
from stead.ecosystems.conda.ready import (
    link_usual,
    make_empty,
    note_scripts,
    site_packages_of,
)
from stead.ecosystems.conda.records import artifact_to_record
from stead.values.errors import ArtifactError, SteadError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rattler import RepoDataRecord

    from stead.ecosystems.protocol import BuildTarget
    from stead.values.context import Context, Task
    from stead.values.lock import Artifact


ATTEMPTS = 3


def install(
    artifacts: Sequence[Artifact],
    target: BuildTarget,
    context: Context,
    *,
    link_scripts: bool = False,
) -> None:
    """Put conda artifacts into ``target.prefix``, as they must stand at ``target.final``.

    Raises HashMismatchError, CollisionError, ArtifactError, NetworkError, StoreError.
    """
    channels = locate(target.channels, target.root)
    records = [artifact_to_record(a, channels, target.root) for a in artifacts]
    if records:
        asyncio.run(_install(artifacts, records, target, context, link_scripts=link_scripts))


async def _install(
    artifacts: Sequence[Artifact],
    records: list[RepoDataRecord],
    target: BuildTarget,
    context: Context,
    *,
    link_scripts: bool,
) -> None:
    fetched: set[str] = set()
    for _ in range(ATTEMPTS):
        await fill(records, context)
        contents = await _listed(artifacts, records, target, context)
        check_collisions(contents, target.platform)
        with in_use(context):
            # Another process may have put another archive of the same name there since.
            places = Places.of(cache_directory(context))
            cached = (is_cached(places.package(r.file_name), r.sha256, r.md5) for r in records)
            if not all(cached):
                continue
            damaged = await _link_and_check(
                artifacts, records, contents, target, context, link_scripts=link_scripts
            )
        if not damaged:
            return
        for record, error in damaged:
            if record.file_name in fetched:
                raise error
            fetched.add(record.file_name)
            await _fetch_again(record, error, context)
    raise ArtifactError(
        "other builds keep replacing packages of the same name in the cache",
        remedy="try again when they are done",
    )


async def _link(
    records: list[RepoDataRecord],
    contents: Sequence[Contents],
    target: BuildTarget,
    context: Context,
    *,
    link_scripts: bool,
) -> None:
    from rattler import Subdir
    from rattler import install as rattler_install
    from rattler.package_cache import PackageCache, ValidationMode

    if not link_scripts:
        note_scripts(contents, context)
    places = Places.of(cache_directory(context))
    # Sizes were just looked at; rattler need not look again.
    cache = PackageCache.new_layered([places.packages], validation_mode=ValidationMode.skip())
    with context.progress.task("Linking conda packages", unit="packages") as task:
        task.total(len(records))
        try:
            await rattler_install(
                records,
                target.prefix,
                platform=Subdir(target.platform.name),
                installed_packages=[],
                execute_link_scripts=link_scripts,
                show_progress=False,
                reporter=_Reporter(task),  # type: ignore[arg-type]
                alternative_target_prefix=target.final,
                package_cache=cache,
            )
        except failures() as exc:
            raise translated(exc, "conda packages could not be linked") from exc


async def _listed(
    artifacts: Sequence[Artifact],
    records: list[RepoDataRecord],
    target: BuildTarget,
    context: Context,
) -> list[Contents]:
    """Read every package's file list; a damaged cache entry is fetched afresh, once."""
    site_packages = site_packages_of(artifacts, windows=target.platform.is_windows)
    places = Places.of(cache_directory(context))
    listed = []
    for record in records:
        name = f"{record.name.normalized} {record.version}"
        directory = places.package(record.file_name)
        try:
            contents = read_contents(name, directory, site_packages, target.platform)
        except DamagedError as exc:
            await _fetch_again(record, exc, context)
            contents = read_contents(name, directory, site_packages, target.platform)
        check_inside(contents)
        listed.append(contents)
    return listed


async def _fetch_again(record: RepoDataRecord, error: DamagedError, context: Context) -> None:
    context.progress.note(f"{error.message}; fetching it again")
    await fill([record], context, afresh=True)


async def _link_and_check(
    artifacts: Sequence[Artifact],
    records: list[RepoDataRecord],
    contents: Sequence[Contents],
    target: BuildTarget,
    context: Context,
    *,
    link_scripts: bool,
) -> list[tuple[RepoDataRecord, DamagedError]]:
    """Link, and meanwhile look for packages that are damaged in the cache; gives those.

    Looking comes first where scripts of packages run, or where the prefix could not
    be made empty again. Nothing is in the prefix when there are any.
    """
    look = partial(_look, records, contents)
    if link_scripts or os.listdir(target.prefix):
        damaged = look()
        if not damaged:
            await _link(records, contents, target, context, link_scripts=link_scripts)
        return damaged
    try:
        if link_usual(artifacts, contents, target, context):
            return []
    except DamagedError:
        return look()
    looking = asyncio.ensure_future(asyncio.to_thread(look))
    try:
        await _link(records, contents, target, context, link_scripts=link_scripts)
    except SteadError:
        # What the look says explains it better.
        if not await looking:
            raise
    damaged = await looking
    if damaged:
        make_empty(target.prefix)
    return damaged


def _look(
    records: Sequence[RepoDataRecord], contents: Sequence[Contents]
) -> list[tuple[RepoDataRecord, DamagedError]]:
    """Give the packages that are not whole, and what is wrong with each."""
    damaged = []
    for record, package in zip(records, contents, strict=True):
        try:
            check_whole(package)
        except DamagedError as exc:
            damaged.append((record, exc))
    return damaged


class _Reporter:
    """rattler's callbacks, as progress; those not named do nothing."""

    def __init__(self, task: Task) -> None:
        self._task = task

    def __getattr__(self, name: str) -> object:
        if not name.startswith("on_"):
            raise AttributeError(name)
        return lambda *_: 0

    def on_link_complete(self, index: int) -> None:
        self._task.advance()

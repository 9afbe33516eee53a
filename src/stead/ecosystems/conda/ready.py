"""Building from packages that are all in the cache: no network, and mostly no rattler.

What is damaged, missing or unusual is left to ``install``, which fetches and has
rattler link.
"""

from __future__ import annotations

import os
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING

from stead.ecosystems.conda import recipes
from stead.ecosystems.conda.cache import Places, in_use, is_cached
from stead.ecosystems.conda.channels import locate
from stead.ecosystems.conda.contents import (
    DamagedError,
    check_collisions,
    check_inside,
    check_whole,
    read_contents,
)
from stead.ecosystems.conda.engine import cache_directory, translated
from stead.ecosystems.conda.linker import Package, UnusualError, link, suits
from stead.ecosystems.conda.records import artifact_to_facts, check_artifact
from stead.ecosystems.groups import StaleError, tell

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stead.ecosystems.conda.channels import Located
    from stead.ecosystems.conda.contents import Contents
    from stead.ecosystems.conda.recipes import Recipe
    from stead.ecosystems.protocol import BuildTarget
    from stead.values.context import Context
    from stead.values.lock import Artifact


def install_cached(artifacts: Sequence[Artifact], target: BuildTarget, context: Context) -> bool:
    """Put artifacts into ``target.prefix`` if all are cached, whole and usual.

    Gives False, with nothing in the prefix, when they are not. Raises CollisionError,
    ArtifactError, StoreError.
    """
    for artifact in artifacts:
        check_artifact(artifact)
    places = Places.of(cache_directory(context))
    if not _all_cached(artifacts, places):
        return False
    site_packages = site_packages_of(artifacts, windows=target.platform.is_windows)
    with in_use(context):
        # Another process may have put another archive of the same name there since.
        if not _all_cached(artifacts, places):
            return False
        directories = [places.package(a.files[0].name) for a in artifacts]
        known = [
            recipes.read(recipes.file_for(artifact, directory, site_packages), directory)
            for artifact, directory in zip(artifacts, directories, strict=True)
        ]
        try:
            if all(known) and not recipes.collide(whole := [r for r in known if r]):
                return _link_usual(artifacts, whole, target, context)
            contents = []
            for artifact, directory in zip(artifacts, directories, strict=True):
                name = f"{artifact.name} {artifact.version}"
                package = read_contents(name, directory, site_packages, target.platform)
                check_inside(package)
                contents.append(package)
            check_collisions(contents, target.platform)
            return link_usual(artifacts, contents, target, context)
        except DamagedError:
            return False


def _all_cached(artifacts: Sequence[Artifact], places: Places) -> bool:
    return all(
        is_cached(
            places.package(a.files[0].name),
            bytes.fromhex(a.files[0].sha256) or None,
            bytes.fromhex(str(a.get("md5") or "")) or None,
        )
        for a in artifacts
    )


def link_usual(
    artifacts: Sequence[Artifact],
    contents: Sequence[Contents],
    target: BuildTarget,
    context: Context,
) -> bool:
    """Link packages unless they are left to rattler; then gives False.

    ``contents`` are checked, one per artifact, and kept from being replaced. The
    prefix is as it was when this gives False or raises: DamagedError, StoreError.
    """
    site_packages = site_packages_of(artifacts, windows=target.platform.is_windows)
    made = []
    for package in contents:
        try:
            recipe = recipes.of(package)
        except (StaleError, OSError) as exc:
            check_whole(package)
            raise translated(exc, "conda packages could not be linked") from exc
        if recipe is None:
            return False
        made.append(recipe)
    if recipes.collide(made) or not _link_usual(artifacts, made, target, context):
        return False
    with suppress(OSError):  # the next build takes longer, then
        for artifact, recipe in zip(artifacts, made, strict=True):
            recipes.write(recipes.file_for(artifact, recipe.directory, site_packages), recipe)
    return True


def _link_usual(
    artifacts: Sequence[Artifact],
    known: Sequence[Recipe],
    target: BuildTarget,
    context: Context,
) -> bool:
    """Link packages by their recipes, of which no two collide; see `link_usual`."""
    prefix, final = os.fspath(target.prefix), os.fspath(target.final)
    minor = _minor(artifacts)
    python = f"bin/python{minor}" if minor else ""
    if not suits(known, prefix, final, python, target.platform):
        return False

    @cache
    def channels() -> tuple[Located, ...]:
        # Named channels have their addresses from rattler: asked while files are linked.
        return locate(target.channels, target.root)

    packages = [
        Package(
            recipe,
            f"{artifact.name}-{artifact.version}-{artifact.get('build') or ''}",
            lambda a=artifact: artifact_to_facts(a, channels(), target.root),  # type: ignore[misc]
        )
        for artifact, recipe in zip(artifacts, known, strict=True)
    ]
    with context.progress.task("Linking conda packages", unit="packages") as task:
        task.total(len(packages))
        try:
            linked = link(packages, prefix, final, python)
        except UnusualError:
            make_empty(prefix)
            return False
        except (StaleError, FileNotFoundError, ValueError, TypeError) as exc:
            make_empty(prefix)
            raise DamagedError("cached conda packages are not as they were") from exc
        except OSError as exc:
            make_empty(prefix)
            raise translated(exc, "conda packages could not be linked") from exc
        task.advance(len(packages))
    if target.survey is not None:
        records = zip(linked.sizes, known, strict=True)
        tell(
            target.survey,
            target.prefix,
            linked.made,
            [(record, recipe.groups, ()) for record, recipe in records],
            linked.mixed,
        )
        for record, sizes in linked.sizes.items():
            target.survey.vouch(record, sizes)
    note_scripts(known, context)
    return True


def note_scripts(packages: Sequence[Contents | Recipe], context: Context) -> None:
    """Name the packages whose link scripts are not run."""
    for package in packages:
        if package.scripts:
            context.progress.note(
                f"{package.package} has a link script, which is not run: {package.scripts[0]}"
            )


def make_empty(prefix: str | os.PathLike[str]) -> None:
    """Remove what was linked into a prefix that was empty."""
    import shutil

    for entry in list(os.scandir(prefix)):
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path)
        else:
            os.unlink(entry.path)


def site_packages_of(artifacts: Sequence[Artifact], *, windows: bool) -> str:
    """Say where pure Python packages go in an environment of these packages."""
    minor = _minor(artifacts)
    if not minor:
        return "site-packages"
    python = next(a for a in artifacts if a.name == "python")
    if path := python.get("python_site_packages_path"):
        return str(path)
    return "Lib/site-packages" if windows else f"lib/python{minor}/site-packages"


def _minor(artifacts: Sequence[Artifact]) -> str:
    """Give the minor version of the Python among packages, or nothing."""
    python = next((a for a in artifacts if a.name == "python"), None)
    return ".".join(python.version.split(".")[:2]) if python else ""

"""Linking without rattler gives what rattler gives, or leaves it to rattler."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from stead.ecosystems.conda.channels import locate
from stead.ecosystems.conda.engine import cache_directory
from stead.ecosystems.conda.ready import install_cached
from stead.ecosystems.conda.records import artifact_to_record
from stead.ecosystems.protocol import BuildTarget
from stead.store import listing
from stead.store.survey import Survey
from stead.testing import Entry, Package, make_channel, text
from stead.testing.specimens import PLACEHOLDER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stead.values.lock import Artifact

    from .conftest import Place

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="elsewhere rattler links everything"
)

ODD = PLACEHOLDER.encode()


def fresh(place: Place, name: str) -> BuildTarget:
    temporary = place.directory / "store" / f"unfinished-{name}"
    temporary.mkdir(parents=True)
    final = place.directory / "store" / "final"
    return BuildTarget(
        temporary,
        final,
        place.platform,
        str(place.directory),
        channels=place.channels,
        survey=Survey(),
    )


def link_with_rattler(place: Place, artifacts: Sequence[Artifact], target: BuildTarget) -> None:
    from rattler import install
    from rattler.package_cache import PackageCache

    root = str(place.directory)
    located = locate(place.channels, root)
    cache = Path(cache_directory(place.context), "pkgs")
    asyncio.run(
        install(
            [artifact_to_record(a, located, root) for a in artifacts],
            target.prefix,
            installed_packages=[],
            show_progress=False,
            alternative_target_prefix=target.final,
            package_cache=PackageCache.new_layered([cache]),
        )
    )


def tree(prefix: Path) -> dict[str, Any]:
    """Give path → what lies there; of the records what they say, for order and spaces say nothing."""
    found: dict[str, Any] = {}
    for path in sorted(prefix.rglob("*")):
        info = path.lstat()
        name = path.relative_to(prefix).as_posix()
        if path.is_symlink():
            found[name] = ("link", os.readlink(path), info.st_mtime_ns)
        elif path.is_dir():
            found[name] = "directory"
        elif path.match("conda-meta/*.json"):
            found[name] = plain(json.loads(path.read_bytes()))
        elif name == "CACHEDIR.TAG":
            found[name] = path.read_bytes().splitlines()[0]
        else:
            rights = stat.S_IMODE(info.st_mode) & 0o555
            found[name] = ("file", path.read_bytes(), rights, info.st_nlink > 1)
    return found


def plain(record: dict[str, Any]) -> dict[str, Any]:
    record["paths_data"]["paths"].sort(key=lambda p: p["_path"])
    record["files"].sort()
    return record


def both(place: Place, artifacts: Sequence[Artifact]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Link with and without rattler; the packages are cached by a build before.

    Ours twice: by the recipes that the build has left, and by the packages' own lists.
    """
    place.build(tuple(artifacts), "filled")
    ours, theirs, listed = (fresh(place, name) for name in ("ours", "theirs", "listed"))
    assert install_cached(artifacts, ours, place.context)
    assert recipes_of(place)
    for file in recipes_of(place):
        file.unlink()
    assert install_cached(artifacts, listed, place.context)
    assert tree(listed.prefix) == tree(ours.prefix)
    link_with_rattler(place, artifacts, theirs)
    return tree(ours.prefix), tree(theirs.prefix)


def recipes_of(place: Place) -> list[Path]:
    return list(Path(cache_directory(place.context), "pkgs").glob("*.json"))


def make_odd(directory: Path, platform: str) -> Path:
    """A channel with whatever a package's files may ask for."""
    packages = [
        Package(
            "odd",
            entries=(
                text("bin/odd.sh", f"#!{PLACEHOLDER}/bin/sh\n# {PLACEHOLDER}\n", mode=0o755),
                text("share/odd/twice", f"{PLACEHOLDER}/a:{PLACEHOLDER}/b\nend"),
                Entry(
                    "lib/odd.bin",
                    b"\x7fELF\0" + ODD + b"/lib:" + ODD + b"/lib64\0mid" + ODD + b"\0\0end" + ODD,
                    placeholder=PLACEHOLDER,
                    binary=True,
                ),
                text("lib/unchanged", "no prefix here", placeholder=PLACEHOLDER),
                Entry("lib/to-odd", symlink="odd.bin"),
                Entry("deep/er/still/link", symlink="../../../lib/odd.bin"),
                Entry("share/empty", b""),
                text("share/bäum e/ü", "utf-8 name\n"),
            ),
            license="MIT",
            constrains=("other >1",),
            by_hand=True,
        )
    ]
    return make_channel(directory, packages, platform)


def test_files_and_records_are_those_of_rattler(place: Place) -> None:
    wanted = ("python", "packaging", "pluggy", "greeter", "tool", "uses-tool", "restless")
    ours, theirs = both(place, place.lock(*wanted))
    assert ours.keys() == theirs.keys()
    for path, what in theirs.items():
        assert ours[path] == what, path


def test_prefixes_are_replaced_as_rattler_does(place: Place, tmp_path: Path) -> None:
    asking = place.asking(make_odd(tmp_path / "odd", place.platform.name))
    ours, theirs = both(asking, asking.lock("odd"))
    assert str(asking.directory).encode() in ours["lib/odd.bin"][1]
    assert ours == theirs


def test_specimens_with_prefixes_too(place: Place) -> None:
    names = ("with-text", "with-binary")
    ours, theirs = both(place, place.lock(*names))
    assert ours == theirs


def test_what_was_seen_is_vouched_for(place: Place) -> None:
    artifacts = place.lock("python", "greeter")
    place.build(artifacts, "filled")
    target = fresh(place, "ours")
    assert install_cached(artifacts, target, place.context)
    survey = target.survey
    assert isinstance(survey, Survey)
    assert {r.partition("-")[0] for r in survey.records} == {"conda"}
    for path, size in survey.sizes.items():
        assert (target.prefix / path).lstat().st_size == size


@pytest.mark.parametrize(
    "final", ["with a space", "l" * 130], ids=["a space", "too long for a first line"]
)
def test_first_lines_that_need_thought_are_left_to_rattler(place: Place, final: str) -> None:
    artifacts = place.lock("python", "greeter")
    place.build(artifacts, "filled")
    target = fresh(place, "ours")
    target = replace(target, final=target.final.with_name(final))
    assert not install_cached(artifacts, target, place.context)
    assert not os.listdir(target.prefix)


def test_one_file_of_two_packages_is_left_to_rattler(place: Place, tmp_path: Path) -> None:
    packages = [Package(f"same-{x}", entries=(text("share/same", "s\n"),)) for x in "ab"]
    make_channel(tmp_path / "same", packages, place.platform.name)
    asking = place.asking(tmp_path / "same")
    artifacts = asking.lock("same-a", "same-b")
    asking.build(artifacts, "filled")
    target = fresh(asking, "ours")
    assert not install_cached(artifacts, target, asking.context)
    assert not os.listdir(target.prefix)


def test_a_cut_file_leaves_nothing_behind(place: Place) -> None:
    artifacts = place.lock("python", "tool")
    place.build(artifacts, "filled")
    file = Path(cache_directory(place.context), "pkgs", "tool-2.1-0", "share/tool/version")
    file.unlink()
    file.write_text("2")
    target = fresh(place, "ours")
    assert not install_cached(artifacts, target, place.context)
    assert not os.listdir(target.prefix)


def test_nothing_cached_is_nothing_linked(place: Place) -> None:
    target = fresh(place, "ours")
    assert not install_cached(place.lock("tool"), target, place.context)
    assert not os.listdir(target.prefix)


def sealed(target: BuildTarget) -> list[Any]:
    assert isinstance(target.survey, Survey)
    return listing.seal(target.prefix, target.survey).all()


def test_what_is_told_is_what_is_there(place: Place) -> None:
    artifacts = place.lock("python", "greeter", "packaging", "with-text", "tool")
    place.build(artifacts, "filled")
    target = fresh(place, "ours")
    assert install_cached(artifacts, target, place.context)
    told = {entry[0]: entry[:4] for entry in sealed(target)}
    seen = listing.scan(target.prefix)
    assert told == {f.path: (f.path, f.mode, f.size, f.mtime_ns) for f in seen}
    assert target.survey
    linked = sum(len(entry[1]) for entry in target.survey.linked)  # type: ignore[attr-defined]
    assert linked > len(told) / 2


def test_what_is_put_beside_it_right_after_is_seen(place: Place) -> None:
    artifacts = place.lock("python", "packaging")
    place.build(artifacts, "filled")
    target = fresh(place, "ours")
    assert install_cached(artifacts, target, place.context)
    assert isinstance(target.survey, Survey)
    target.survey.doubt()
    for directory in [p for p in target.prefix.rglob("*") if p.is_dir()]:
        (directory / "another").write_text("x")
    told = {entry[0] for entry in sealed(target)}
    assert told == {f.path for f in listing.scan(target.prefix)}


@pytest.mark.parametrize("change", ["touched", "grown", "gone", "a link"])
def test_a_recipe_that_fits_no_more_is_made_again(place: Place, change: str) -> None:
    artifacts = place.lock("tool")
    place.build(artifacts, "filled")
    [before] = recipes_of(place)
    noted = before.read_bytes()
    file = Path(cache_directory(place.context), "pkgs", "tool-2.1-0", "share/tool/version")
    content = file.read_bytes()
    file.unlink()
    if change == "touched":
        file.write_bytes(content)
        os.utime(file, (7, 7))
    elif change == "grown":
        file.write_bytes(content + b"x")
    elif change == "a link":
        file.symlink_to("x" * len(content))
    target = fresh(place, "ours")
    assert not install_cached(artifacts, target, place.context)
    assert not os.listdir(target.prefix)
    prefix = place.build(artifacts, "again")
    assert (prefix / "share/tool/version").read_bytes() == content
    assert recipes_of(place) == [before]
    assert (before.read_bytes() != noted) == (change == "touched")
    assert install_cached(artifacts, target, place.context)


@pytest.mark.parametrize("text", ["", "[]", '{"version": 1}', "{", '{"version": 0}'])
def test_a_recipe_without_sense_is_none(place: Place, text: str) -> None:
    artifacts = place.lock("tool")
    place.build(artifacts, "filled")
    [file] = recipes_of(place)
    noted = file.read_bytes()
    file.write_text(text)
    assert install_cached(artifacts, fresh(place, "ours"), place.context)
    assert file.read_bytes() == noted

"""Building environments that really run."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stead.ecosystems.conda import Conda
from stead.testing import Package, make_channel, text
from stead.testing.specimens import PLACEHOLDER
from stead.testing.world import recorder
from stead.values.errors import ArtifactError, CollisionError, HashMismatchError
from stead.values.lock import File
from stead.values.manifest import Channel

if TYPE_CHECKING:
    from .conftest import Place


def said(*argv: object) -> str:
    done = subprocess.run(
        [str(a) for a in argv], env={}, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def cached(place: Place, stem: str) -> Path:
    return Path(place.context.home) / "packages" / "conda" / "pkgs" / stem


def test_python_and_its_packages_run_from_the_prefix(place: Place) -> None:
    prefix = place.make("python", "packaging", "pluggy")
    code = "import sys, ssl, sqlite3, packaging, pluggy; print(sys.prefix, packaging.__file__)"
    where, file = said(prefix / "bin/python", "-c", code).split()
    assert where == str(prefix)
    assert file.startswith(str(prefix))


@pytest.mark.slow
@pytest.mark.network
def test_pandas_from_wheels_runs(place: Place, tmp_path: Path) -> None:
    from stead.testing import cpython, from_index

    packages = [cpython(), *from_index(["pandas"], tmp_path / "wheels")]
    make_channel(tmp_path / "scientific", packages, place.platform.name)
    prefix = place.asking(tmp_path / "scientific").make("pandas")
    code = "import pandas; print(pandas.DataFrame({'a': [1, 2]}).a.sum())"
    assert said(prefix / "bin/python", "-c", code) == "3"
    assert said(prefix / "bin/f2py", "-v")


def test_entry_points_run(place: Place) -> None:
    prefix = place.make("greeter")
    assert said(prefix / "bin/greeter") == f"hello from {prefix}"


def test_text_placeholders_become_the_final_prefix(place: Place) -> None:
    prefix = place.make("python", "with-text")
    assert said(prefix / "bin/with-text") == str(prefix)
    assert (prefix / "etc/with-text.conf").read_text() == f"home={prefix}\n"


def test_binary_placeholders_keep_their_length(place: Place) -> None:
    content = (place.make("with-binary") / "lib/with-binary.bin").read_bytes()
    prefix = str(place.directory / "store" / "build").encode()
    assert f"{PLACEHOLDER}/lib/data".encode() not in content
    assert prefix + b"/lib/data\0" in content
    assert content.endswith(b"\xfe\xfftail")
    assert len(content) == len(b"\x7fELF\0" + PLACEHOLDER.encode() + b"/lib/data\0\xfe\xfftail")


def test_link_scripts_are_named_and_not_run(place: Place) -> None:
    prefix = place.make("linker")
    assert not (prefix / "post-link-ran").exists()
    assert any("linker" in note for note in recorder(place.context).notes)


def test_link_scripts_run_where_they_are_allowed(place: Place) -> None:
    prefix = place.build(place.lock("linker"), ecosystem=Conda(link_scripts=True))
    assert (prefix / "post-link-ran").read_text() == "ran\n"


def test_files_are_linked_from_a_cache_that_nobody_writes_to(place: Place) -> None:
    prefix = place.make("tool")
    file = prefix / "share/tool/version"
    kept = cached(place, "tool-2.1-0") / "share/tool/version"
    assert file.samefile(kept)
    assert not file.stat().st_mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH)


def test_two_builds_share_files(place: Place) -> None:
    locked = place.lock("tool")
    one, two = place.build(locked, "one"), place.build(locked, "two")
    assert (one / "share/tool/version").samefile(two / "share/tool/version")
    titles = [t.title for t in recorder(place.context).tasks]
    assert sum(title.startswith("Fetching") for title in titles) == 1


def test_progress_counts_every_byte_and_package(place: Place) -> None:
    locked = place.lock("python", "tool")
    place.build(locked)
    tasks = {t.title.split()[0]: t for t in recorder(place.context).tasks}
    assert tasks["Fetching"].unit == "B"
    assert tasks["Fetching"].whole == sum(a.files[0].size for a in locked)
    assert tasks["Fetching"].done == tasks["Fetching"].whole
    assert tasks["Linking"].done == tasks["Linking"].whole == 2


def test_a_cached_file_that_was_cut_is_fetched_again(place: Place) -> None:
    locked = place.lock("tool")
    place.build(locked, "one")
    file = cached(place, "tool-2.1-0") / "share/tool/version"
    file.unlink()
    file.write_text("2")
    prefix = place.build(locked, "two")
    assert (prefix / "share/tool/version").read_text() == "2.1\n"
    assert any("damaged" in note for note in recorder(place.context).notes)


def test_all_that_is_damaged_is_fetched_again_and_linked_once(place: Place) -> None:
    locked = place.lock("tool")
    place.build(locked, "one")
    victims = sorted(cached(place, "").glob("*/share/**/*"))
    victims = [v for v in victims if v.is_file() and not v.is_symlink()]
    assert victims
    for file in victims:
        file.unlink()
        file.write_text("2")
    prefix = place.build(locked, "two")
    assert sorted(p.name for p in prefix.parent.iterdir() if "unfinished" in p.name) == []
    assert (prefix / "share/tool/version").read_text() == "2.1\n"
    assert not list(prefix.rglob("__clobbers__"))


@pytest.mark.parametrize("victim", ["info/paths.json", "info/index.json", "share/tool/version"])
def test_a_cached_file_that_is_gone_is_fetched_again(place: Place, victim: str) -> None:
    locked = place.lock("tool")
    place.build(locked, "one")
    (cached(place, "tool-2.1-0") / victim).unlink()
    prefix = place.build(locked, "two")
    assert (prefix / "share/tool/version").read_text() == "2.1\n"


def test_a_damaged_entry_that_cannot_be_mended_is_named(place: Place, tmp_path: Path) -> None:
    channel = Path(shutil.copytree(place.directory / "channel", tmp_path / "copy"))
    place = place.asking(channel)
    locked = place.lock("tool")
    place.build(locked, "one")
    (cached(place, "tool-2.1-0") / "share/tool/version").unlink()
    (channel / "noarch" / "tool-2.1-0.conda").unlink()
    with pytest.raises(ArtifactError, match=r"tool-2\.1-0\.conda"):
        place.build(locked, "two")


def test_another_archive_of_the_same_name_is_not_taken_for_it(place: Place, tmp_path: Path) -> None:
    """Two channels may each have a tool-1.0-0, with different content."""
    for number in ("one", "two"):
        package = Package("twin", entries=(text("share/twin", number),), noarch="generic")
        make_channel(tmp_path / number, [package], place.platform.name)
    for number in ("one", "two", "one"):
        asking = place.asking(tmp_path / number)
        shutil.rmtree(place.directory / "store", ignore_errors=True)
        assert (asking.build(asking.lock("twin")) / "share/twin").read_text() == number


def test_a_wrong_hash_names_artifact_and_source(place: Place) -> None:
    [tool] = place.lock("tool")
    forged = replace(tool, files=(File(tool.files[0].name, "0" * 64, tool.files[0].size),))
    with pytest.raises(HashMismatchError) as caught:
        place.build((forged,))
    assert "tool-2.1-0.conda" in caught.value.message
    assert str(caught.value.where).endswith("/noarch/tool-2.1-0.conda")
    assert "0" * 64 in "\n".join(caught.value.details)
    assert not cached(place, "tool-2.1-0").exists()


def test_an_archive_that_is_none_is_refused_as_a_wrong_file(place: Place, tmp_path: Path) -> None:
    channel = Path(shutil.copytree(place.directory / "channel", tmp_path / "copy"))
    place = place.asking(channel)
    locked = place.lock("tool")
    (channel / "noarch" / "tool-2.1-0.conda").write_bytes(b"<html>sign in</html>")
    with pytest.raises(HashMismatchError, match=r"tool-2\.1-0\.conda"):
        place.build(locked)


def test_collisions_are_found_before_linking(place: Place) -> None:
    with pytest.raises(CollisionError) as caught:
        place.make("clash-a", "clash-b")
    assert caught.value.details == ("share/clash: clash-a 1.0 and clash-b 1.0",)
    left = place.directory / "store" / "unfinished-build"
    assert list(left.iterdir()) == []


def test_the_same_file_twice_does_no_harm(place: Place, tmp_path: Path) -> None:
    packages = [Package(f"same-{x}", entries=(text("share/same", "s\n"),)) for x in "ab"]
    make_channel(tmp_path / "same", packages, place.platform.name)
    prefix = place.asking(tmp_path / "same").make("same-a", "same-b")
    assert (prefix / "share/same").read_text() == "s\n"


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "../evil"},
        {"version": "1/../../x"},
        {"files": (File("../../evil.conda", "0" * 64, 1),)},
        {"files": ()},
        {"files": (File("tool.txt", "0" * 64, 1),)},
        {"extra": (("subdir", "../.."), ("build", "0"))},
        {"extra": (("subdir", "noarch"), ("build", "a/b"))},
        {"extra": ()},
        {"files": (File("tool-2.1-0.conda", "nonsense", 1),)},
        {"version": "not a version"},
    ],
)
def test_a_lock_edited_into_nonsense_is_refused(place: Place, changes: dict) -> None:
    [tool] = place.lock("tool")
    with pytest.raises(ArtifactError, match="makes no sense"):
        place.build((replace(tool, **changes),))


def test_records_name_no_temporary_place(place: Place) -> None:
    prefix = place.make("python", "greeter")
    for record in (prefix / "conda-meta").glob("*.json"):
        content = json.loads(record.read_text())
        assert "unfinished" not in json.dumps(content)
        assert content["channel"].startswith("file://")


def test_a_prefix_with_spaces_and_an_apostrophe_works(place: Place, tmp_path: Path) -> None:
    odd = tmp_path / "it's a place ünd so"
    odd.mkdir()
    place = replace(
        place,
        directory=odd,
        channels=(Channel(str(place.directory / "channel"), ""),),
    )
    prefix = place.make("python", "greeter", "packaging")
    assert said(prefix / "bin/python", "-c", "import sys; print(sys.prefix)") == str(prefix)
    assert said(prefix / "bin/greeter") == f"hello from {prefix}"


def test_what_a_killed_process_left_is_swept_away(place: Place) -> None:
    incoming = Path(place.context.home) / "packages" / "conda" / "incoming"
    dead = subprocess.Popen(["true"])
    dead.wait()
    (incoming / f"{dead.pid}-tool-2.1-0" / "share").mkdir(parents=True)
    (incoming / f"{os.getpid()}-mine").mkdir()
    place.make("tool")
    assert [p.name for p in incoming.iterdir()] == [f"{os.getpid()}-mine"]


def test_old_packages_without_paths_json_work(place: Place, tmp_path: Path) -> None:
    import tarfile

    channel = make_channel(
        tmp_path / "old",
        [Package("antique", entries=(text("share/antique", "a\n"),), by_hand=True)],
        place.platform.name,
    )
    archive = channel / place.platform.name / "antique-1.0-0.tar.bz2"
    scratch = tmp_path / "scratch"
    with tarfile.open(archive) as tar:
        tar.extractall(scratch, filter="data")
    (scratch / "info/paths.json").unlink()
    (scratch / "info/files").write_text("share/antique\n")
    with tarfile.open(archive, "w:bz2") as tar:
        for name in ("info", "share"):
            tar.add(scratch / name, name)
    from stead.testing import index_channel

    index_channel(channel)
    prefix = place.asking(channel).make("antique")
    assert (prefix / "share/antique").read_text() == "a\n"

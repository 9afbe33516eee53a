"""Archives that mean harm are refused before anything is written, and never fill the memory."""

from __future__ import annotations

import gzip
import io
import subprocess
import tarfile
import tracemalloc

import pytest

from stead.modules.registry import archives, opening
from stead.modules.registry.safe import LARGEST
from stead.values.errors import RegistryError

ITEM = b'name = "x"\nkind = "lib"\nversion = "1.0"\nsummary = "x"\n'


def member(name, content=b"", **about):
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for key, value in about.items():
        setattr(info, key, value)
    return info, content


def packed(*members):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", format=tarfile.GNU_FORMAT) as tar:
        for info, content in (member("stead-item.toml", ITEM), *members):
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


def test_an_honest_archive_is_read():
    directory = member("files/a", type=tarfile.DIRTYPE)
    found = archives.read(packed(directory, member("files/a/b.txt", b"hello", mode=0o755)), "here")
    assert found == (ITEM, {"a/b.txt": (b"hello", True)})


@pytest.mark.parametrize(
    ("members", "says"),
    [
        ([member("files/../../x", b"1")], "'..'"),
        ([member("../files/x", b"1")], "outside of files/"),
        ([member("/etc/passwd", b"1")], "outside of files/"),
        ([member("files//etc/passwd", b"1")], "absolute"),
        ([member("files/C:\\x", b"1")], "holds"),
        ([member("files/a\\..\\b", b"1")], "holds"),
        ([member("files/C:x", b"1")], "holds ':'"),
        ([member("files/x", type=tarfile.SYMTYPE, linkname="/etc")], "is a link"),
        ([member("files/x", type=tarfile.LNKTYPE, linkname="/etc/passwd")], "is a link"),
        ([member("files/x", type=tarfile.CHRTYPE)], "is a link or a device"),
        ([member("files/x", type=tarfile.FIFOTYPE)], "is a link or a device"),
        ([member("files/x", b"", type=tarfile.GNUTYPE_SPARSE)], "is a link or a device"),
        ([member("files/con.txt", b"1")], "device of Windows"),
        ([member("files/a/NUL", b"1")], "device of Windows"),
        ([member("files/a ", b"1")], "Windows drops"),
        ([member("files/a.", b"1")], "Windows drops"),
        ([member("files/.git/hooks/pre-commit", b"1")], "lies in .git"),
        ([member("files/.GIT/config", b"1")], "lies in .GIT"),
        ([member("files/.stead-module/record.toml", b"1")], "lies in .stead-module"),
        ([member("files/a", b"1"), member("files/A", b"2")], "case does not count"),
        ([member("files/a/x", b"1"), member("files/A/y", b"2")], "case does not count"),
        ([member("files/é", b"1"), member("files/e\u0301", b"2")], "case does not count"),
        ([member("files/a", b"1"), member("files/a", b"2")], "is there twice"),
        ([member("files/a", b"1"), member("files/a/b", b"2")], "is a file and a directory"),
        ([member("files/" + "a" * 300, b"1")], "too long"),
        ([member("files/\x1b[2J", b"1")], "holds"),
        ([member("files/..", type=tarfile.DIRTYPE)], "'..'"),
        ([member("stead-item.toml", ITEM)], "is there twice"),
        ([member("other", b"1")], "outside of files/"),
    ],
)
def test_what_means_harm_is_refused(members, says):
    with pytest.raises(RegistryError) as caught:
        archives.read(packed(*members), "https://example.org/archives/x.tar.gz")
    assert says in caught.value.message
    assert "nothing was written" in caught.value.remedy
    assert "\x1b" not in str(caught.value)


def header(name, size):
    info = tarfile.TarInfo(name)
    info.size = size
    return info.tobuf(tarfile.GNU_FORMAT)


def test_a_file_of_ten_gigabytes_is_refused_by_its_header():
    out = gzip.compress(header("files/big", 10 * 1024**3) + bytes(1024))
    with pytest.raises(RegistryError, match="more than 256 MiB"):
        archives.read(out, "here")


def bomb(size, claimed):
    """Give a few kilobytes that unpack to ``size`` zeros."""
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", compresslevel=9) as file:
        file.write(header("files/a" if claimed else "stead-item.toml", claimed or 0))
        piece = bytes(1 << 20)
        for _ in range(size >> 20):
            file.write(piece)
    return out.getvalue()


@pytest.mark.parametrize(
    ("claimed", "says"),
    [(0, "goes on after its end"), (LARGEST + 1, "more than 256 MiB")],
    ids=["behind the end", "in a file"],
)
def test_what_unpacks_to_too_much_is_refused_while_it_does(claimed, says):
    made = bomb(2 * LARGEST, claimed)
    assert len(made) < 1 << 20
    tracemalloc.start()
    try:
        with pytest.raises(RegistryError, match=says):
            archives.read(made, "here")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < LARGEST // 4


def test_a_long_header_cannot_fill_the_memory():
    """A name in a header of its own is read whole by whoever reads it."""
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 8 * 1024**3 - 1
    made = gzip.compress(info.tobuf(tarfile.GNU_FORMAT) + bytes(1 << 20))
    with pytest.raises(RegistryError, match="cannot be read"):
        archives.read(made, "here")


@pytest.mark.parametrize(
    "damaged",
    [b"", b"no gzip", packed()[:40], packed()[:-9], gzip.compress(b"no tar"), gzip.compress(b"")],
    ids=["nothing", "no gzip", "half", "all but its end", "no tar", "an empty one"],
)
def test_a_damaged_archive_is_told_so(damaged):
    with pytest.raises(RegistryError, match="cannot be read"):
        archives.read(damaged, "here")


def test_too_many_files_are_refused(monkeypatch):
    monkeypatch.setattr("stead.modules.registry.safe.MOST", 3)
    members = [member(f"files/{n}", b"") for n in range(4)]
    with pytest.raises(RegistryError, match="more than 3 files"):
        archives.read(packed(*members), "here")


@pytest.mark.parametrize("what", ["tiny", "tiny/files", "tiny/stead-item.toml"])
def test_a_directory_leads_nowhere_else(put, tmp_path, what):
    """A repository can hold links: they must not make the person's own files an item's."""
    registry = put("tiny")
    elsewhere = tmp_path / "private"
    (registry / what).rename(elsewhere)
    subprocess.run(["ln", "-s", str(elsewhere), str(registry / what)], check=True)
    source = opening.directory("team", str(registry), "./registry")
    with pytest.raises(RegistryError):
        source.item("tiny")

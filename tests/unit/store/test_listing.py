from __future__ import annotations

import base64
import hashlib
import json
import os
import stat
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stead.store import listing
from stead.values.errors import StoreError

if TYPE_CHECKING:
    from pathlib import Path


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def wheel_hash(data: bytes) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def shared(tree: Path, elsewhere: Path, name: str, data: bytes) -> None:
    """Put a file into the tree that something else links to as well."""
    (elsewhere / name.replace("/", "_")).write_bytes(data)
    (tree / name).parent.mkdir(parents=True, exist_ok=True)
    os.link(elsewhere / name.replace("/", "_"), tree / name)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "tree").mkdir()
    return tmp_path / "tree"


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    (tmp_path / "cache").mkdir()
    return tmp_path / "cache"


def details(tree: Path) -> dict[str, str | None]:
    return {entry[0]: entry[4] for entry in listing.seal(tree).all()}


def test_shared_files_are_trusted_to_the_record_that_names_them(tree: Path, cache: Path) -> None:
    shared(tree, cache, "lib/a.py", b"a")
    shared(tree, cache, "lib/other.py", b"other")
    shared(tree, cache, "bin/tool", b"tool")
    (tree / "lib" / "a-1.dist-info").mkdir()
    record = f"a.py,{wheel_hash(b'a')},1\n../bin/tool,{wheel_hash(b'tool')},4\n"
    (tree / "lib" / "a-1.dist-info" / "RECORD").write_text(record)

    found = details(tree)

    assert found["lib/a.py"] is None
    assert found["bin/tool"] is None
    assert found["lib/other.py"] == sha(b"other")
    assert found["lib/a-1.dist-info/RECORD"] == sha(record.encode())
    assert found["lib"] is None


def test_conda_records_vouch_for_what_they_have_a_hash_of(tree: Path, cache: Path) -> None:
    names = ("plain", "replaced", "unhashed", "linked")
    for name in names:
        shared(tree, cache, name, name.encode())
    (tree / "conda-meta").mkdir()
    items = [
        {"_path": "plain", "path_type": "hardlink", "sha256": sha(b"plain"), "size_in_bytes": 5},
        {
            "_path": "replaced",
            "path_type": "hardlink",
            "sha256": sha(b"before"),
            "sha256_in_prefix": sha(b"replaced"),
            "prefix_placeholder": "/opt/x",
            "size_in_bytes": 6,
        },
        {"_path": "unhashed", "path_type": "hardlink"},
        {"_path": "linked", "path_type": "softlink", "sha256": sha(b"")},
    ]
    (tree / "conda-meta" / "a-1-0.json").write_text(json.dumps({"paths_data": {"paths": items}}))

    found = details(tree)

    assert found["plain"] is None
    assert found["replaced"] is None
    assert found["unhashed"] == sha(b"unhashed")
    assert found["linked"] == sha(b"linked")


def test_a_record_of_another_size_is_not_trusted(tree: Path, cache: Path) -> None:
    shared(tree, cache, "a.py", b"changed since")
    (tree / "a-1.dist-info").mkdir()
    (tree / "a-1.dist-info" / "RECORD").write_text(f"a.py,{wheel_hash(b'a')},1\n")

    assert details(tree)["a.py"] == sha(b"changed since")


def test_files_of_the_build_alone_are_hashed_whatever_a_record_says(tree: Path) -> None:
    (tree / "a.py").write_bytes(b"b")
    (tree / "a-1.dist-info").mkdir()
    (tree / "a-1.dist-info" / "RECORD").write_text(f"a.py,{wheel_hash(b'a')},1\n")

    assert details(tree)["a.py"] == sha(b"b")


def test_where_nothing_can_be_linked_records_are_trusted_all_the_same(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "FEW", 1)
    (tree / "a.py").write_bytes(b"a")
    (tree / "a-1.dist-info").mkdir()
    record = f"a.py,{wheel_hash(b'a')},1\n"
    (tree / "a-1.dist-info" / "RECORD").write_text(record)

    found = details(tree)

    assert found["a.py"] is None
    assert found["a-1.dist-info/RECORD"] == sha(record.encode())


@pytest.mark.parametrize(
    "damage", ["{", "[]", '{"paths_data": {"paths": [3]}}', '{"paths_data": 1}']
)
def test_a_record_that_cannot_be_read_vouches_for_nothing(
    tree: Path, cache: Path, damage: str
) -> None:
    shared(tree, cache, "a.py", b"a")
    (tree / "conda-meta").mkdir()
    (tree / "conda-meta" / "a.json").write_text(damage)

    assert details(tree)["a.py"] == sha(b"a")


def test_many_files_are_hashed_alike(tree: Path) -> None:
    for number in range(300):
        (tree / f"f{number}").write_bytes(str(number).encode() * number)

    found = details(tree)

    assert all(found[f"f{n}"] == sha(str(n).encode() * n) for n in range(300))


names = st.text(
    st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=20
)
entries = st.lists(
    st.tuples(
        names,
        st.integers(0, 2**17),
        st.integers(0, 2**50),
        st.integers(-(2**62), 2**62),
        st.none() | st.text(max_size=64),
    ),
    unique_by=lambda e: e[0],
)


@given(entries)
def test_a_list_is_read_as_it_was_kept(given_entries: list[listing.Entry]) -> None:
    read = listing.load(listing.dump(listing.Listing(given_entries, [])), "x")

    assert read == {entry[0]: entry for entry in given_entries}


@given(entries, entries)
def test_linked_files_are_read_as_any_other(
    others: list[listing.Entry], files: list[listing.Entry]
) -> None:
    names, modes, sizes, times, _ = map(list, zip(*files, strict=True)) if files else [[]] * 5
    linked = ("a/b", names, modes, sizes, times)

    read = listing.load(listing.dump(listing.Listing(others, [linked])), "x")

    expected = {e[0]: e for e in others}
    assert read == expected | {f"a/b/{e[0]}": (f"a/b/{e[0]}", *e[1:4], None) for e in files}


def test_names_that_are_no_text_are_kept(tree: Path) -> None:
    with open(os.fsencode(tree) + b"/\xff\xfe", "wb"):
        pass

    read = listing.load(listing.dump(listing.seal(tree)), "x")

    assert [os.fsencode(name) for name in read] == [b"\xff\xfe"]


def test_a_list_by_directory_has_the_same(tree: Path) -> None:
    (tree / "a" / "b").mkdir(parents=True)
    (tree / "a" / "b" / "file").write_text("text")
    (tree / "a" / "link").symlink_to("b/file")
    kept = listing.dump(listing.seal(tree))

    held = listing.directories(kept, "x")

    assert list(held) == ["", "a", "a/b"]
    assert {
        (f"{directory}/{name}".strip("/"), *entry, one.targets.get(name))
        for directory, one in held.items()
        for name, entry in one.names.items()
    } == {(*e[:4], e[4] if stat.S_ISLNK(e[1]) else None) for e in listing.load(kept, "x").values()}
    assert held["a"].mtime_ns in (0, (tree / "a").stat().st_mtime_ns)


@given(st.binary(max_size=200))
def test_damaged_lists_are_refused(data: bytes) -> None:
    with pytest.raises(StoreError, match="damaged"):
        listing.load(data, "x")
    with pytest.raises(StoreError, match="damaged"):
        listing.directories(data, "x")

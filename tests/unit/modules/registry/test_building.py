"""A built registry: the same bytes for the same items, and no version ever changes."""

from __future__ import annotations

import gzip
import json
import os

import pytest

from stead.modules.registry import archives, index, opening
from stead.modules.registry.building import build
from stead.modules.registry.directory import Directory
from stead.values.errors import RegistryError


def tree(root):
    return {
        str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()
    }


def test_a_built_registry_has_the_items_of_its_directory(put, tmp_path):
    registry = put("tiny", files={"a/b.txt": "hello\n", "run.sh": "#!/bin/sh\n"})
    (registry / "tiny" / "files" / "run.sh").chmod(0o755)
    put("other", "2.0rc1")
    done = build(str(registry), str(tmp_path / "out"))
    assert done.added == (("other", "2.0rc1"), ("tiny", "1.0"))
    source = opening.directory("team", str(tmp_path / "out"), "./out")
    plain = Directory("team", str(registry), "./out")
    assert source.items() == plain.items()
    assert source.item("tiny") == plain.item("tiny")
    assert [f.executable for f in source.item("tiny").files] == [False, True]


def test_it_is_the_same_whenever_and_wherever_it_is_built(put, tmp_path):
    registry = put("tiny")
    build(str(registry), str(tmp_path / "one"), "team")
    os.utime(registry / "tiny" / "files" / "main.py", (1, 1))
    (registry / "tiny" / "files" / "__pycache__").mkdir()
    build(str(registry), str(tmp_path / "two"), "team")
    assert tree(tmp_path / "one") == tree(tmp_path / "two")
    build(str(registry), str(tmp_path / "two"))
    assert tree(tmp_path / "one") == tree(tmp_path / "two")


def test_older_versions_stay(put, tmp_path):
    registry = put("tiny", "1.0")
    build(str(registry), str(tmp_path / "out"))
    put("tiny", "1.10")
    build(str(registry), str(tmp_path / "out"))
    put("tiny", "1.9")
    put("tiny2", "1.0")
    done = build(str(registry), str(tmp_path / "out"))
    assert (done.added, done.older) == ((("tiny", "1.9"), ("tiny2", "1.0")), 2)
    source = opening.directory("team", str(tmp_path / "out"), "./out")
    assert source.items()[0].versions == ("1.10", "1.9", "1.0")
    assert source.item("tiny").version == "1.10"
    assert source.item("tiny", "1.0").files[0].content == b"VERSION = '1.0'\n"
    with pytest.raises(RegistryError, match=r"no tiny 1\.90; did you mean 1\.9"):
        source.item("tiny", "1.90")


def test_a_published_version_never_changes(put, tmp_path):
    registry = put("tiny")
    build(str(registry), str(tmp_path / "out"))
    before = tree(tmp_path / "out")
    put("alone")
    put("tiny", files={"main.py": "VERSION = 'other'\n"})
    with pytest.raises(RegistryError, match=r"tiny 1\.0 is published already") as caught:
        build(str(registry), str(tmp_path / "out"))
    assert len({line.split()[-1] for line in caught.value.details}) == 2
    assert tree(tmp_path / "out") == before


def test_what_an_item_needs_must_be_there_exactly(put, tmp_path):
    registry = put("tiny")
    pinned = Directory("team", str(registry), "x").item("tiny").integrity
    put("whole", more=f'[needs.tiny]\nversion = "1.0"\nintegrity = "{pinned}"\n')
    build(str(registry), str(tmp_path / "out"))
    put("tiny", "1.1")
    put("more", more=f'[needs.tiny]\nversion = "1.1"\nintegrity = "{pinned}"\n')
    with pytest.raises(RegistryError, match="which is another one here"):
        build(str(registry), str(tmp_path / "out"))


def test_nothing_is_built_over_what_is_no_registry(put, tmp_path):
    registry = put("tiny")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(RegistryError, match="other things"):
        build(str(registry), str(tmp_path / "mine"))
    build(str(registry), str(tmp_path / "out"))
    with pytest.raises(RegistryError, match="a built registry already"):
        build(str(tmp_path / "out"), str(tmp_path / "out2"))


def test_the_registry_may_say_what_it_is_called(put, tmp_path):
    registry = put("tiny")
    (registry / "stead-registry.toml").write_text('name = "team"\nsummary = "Ours"\n')
    build(str(registry), str(tmp_path / "out"))
    assert json.loads((tmp_path / "out" / "index.json").read_text())["name"] == "team"


ENTRY = {
    "summary": "x",
    "kind": "lib",
    "integrity": "sha256:" + "0" * 64,
    "archive": f"archives/{'0' * 64}.tar.gz",
    "size": 10,
}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[", "it is not JSON"),
        ("[" * 100_000, "it is not JSON"),
        ("{}", "not what `stead registry build` writes"),
        ('{"format": 2}', "take a newer Stead"),
        ({"../x": {"1.0": ENTRY}}, "cannot be an item's name"),
        ({"x": {}}, "has no versions"),
        ({"x": {"../1": ENTRY}}, "cannot be a version"),
        ({"x": {"1.0": {**ENTRY, "archive": "../../etc/passwd"}}}, "is not archives/<sha256>"),
        ({"x": {"1.0": {**ENTRY, "archive": "https://evil.example/a"}}}, "is not archives/"),
        ({"x": {"1.0": {**ENTRY, "integrity": "md5:0"}}}, "integrity of x 1.0"),
        ({"x": {"1.0": {**ENTRY, "kind": "virus"}}}, "of no kind"),
        ({"x": {"1.0": {**ENTRY, "summary": "\x1b]0;own\x07"}}}, "no text that can be shown"),
        ({"x": {"1.0": {**ENTRY, "size": 10 * 1024**3}}}, "10737418240 bytes"),
        ({"x": {"1.0": {**ENTRY, "size": -1}}}, "no number of bytes"),
    ],
)
def test_an_index_that_is_not_one_is_refused(text, says):
    if isinstance(text, dict):
        text = json.dumps({"format": 1, "items": text})
    with pytest.raises(RegistryError) as caught:
        index.read(text.encode(), "https://example.org/index.json")
    assert says in str(caught.value)
    assert "example.org" in str(caught.value.where)


def test_an_archive_that_is_not_what_the_index_says_is_refused(put, tmp_path):
    registry = put("tiny")
    build(str(registry), str(tmp_path / "out"))
    (archive,) = (tmp_path / "out" / "archives").iterdir()
    size = archive.stat().st_size
    archive.write_bytes(b"x" * size)
    source = opening.directory("team", str(tmp_path / "out"), "./out")
    with pytest.raises(RegistryError, match="not what it is said to be") as caught:
        source.item("tiny")
    assert f"expected: sha256:{archive.name[:64]}" in caught.value.details
    archive.write_bytes(b"x" * (size + 1))
    with pytest.raises(RegistryError, match=f"more than {size} bytes"):
        source.item("tiny")
    archive.unlink()
    with pytest.raises(RegistryError, match="No such file"):
        source.item("tiny")


def test_an_archive_of_another_item_is_refused(put, tmp_path):
    registry = put("tiny")
    put("other")
    build(str(registry), str(tmp_path / "out"))
    file = tmp_path / "out" / "index.json"
    data = json.loads(file.read_text())
    data["items"]["tiny"]["1.0"] = data["items"]["other"]["1.0"]
    file.write_text(json.dumps(data))
    source = opening.directory("team", str(tmp_path / "out"), "./out")
    with pytest.raises(RegistryError, match=r"says tiny 1\.0, and the archive holds other 1\.0"):
        source.item("tiny")


def test_what_an_item_holds_must_be_what_the_index_says(put, tmp_path):
    registry = put("tiny")
    build(str(registry), str(tmp_path / "out"))
    file = tmp_path / "out" / "index.json"
    data = json.loads(file.read_text())
    data["items"]["tiny"]["1.0"]["integrity"] = "sha256:" + "0" * 64
    file.write_text(json.dumps(data))
    source = opening.directory("team", str(tmp_path / "out"), "./out")
    with pytest.raises(RegistryError, match="is not what was pinned") as caught:
        source.item("tiny")
    assert f"expected: sha256:{'0' * 64}" in caught.value.details


def test_the_head_of_an_archive_says_nothing_of_the_machine():
    packed = archives.write(b"x", {"a": (b"1", False)})
    assert packed[:10] == b"\x1f\x8b\x08\0\0\0\0\0\x02\xff"
    assert len(gzip.decompress(packed)) % 512 == 0

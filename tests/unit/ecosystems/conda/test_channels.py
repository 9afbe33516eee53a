"""Channels: written, addressed, and written again."""

from __future__ import annotations

import pytest

from stead.ecosystems.conda.channels import address, address_of, locate, redacted
from stead.values.manifest import Channel


@pytest.mark.parametrize(
    ("written", "url"),
    [
        ("./channel", "file:///base/channel/"),
        ("../channel", "file:///channel/"),
        ("/srv/channel", "file:///srv/channel/"),
        ("./with space/ünd", "file:///base/with%20space/%C3%BCnd/"),
        ("https://host/channel", "https://host/channel/"),
        ("https://host/channel/", "https://host/channel/"),
        ("file:///srv/channel", "file:///srv/channel/"),
    ],
)
def test_paths_and_addresses(written: str, url: str) -> None:
    assert address(written, "/base") == url


def test_a_name_stands_below_the_usual_alias() -> None:
    url = address("some-channel/label/dev", "/base")
    assert url.startswith("https://")
    assert url.endswith("/some-channel/label/dev/")


def test_a_manifest_without_channels_asks_one() -> None:
    assert [c.written for c in locate((), "/root")] == ["conda-forge"]


def test_defaults_is_several_and_nodefaults_none() -> None:
    named = locate((Channel("defaults"), Channel("nodefaults"), Channel("mine")), "/root")
    assert [c.written for c in named] == ["main", "r", "msys2", "mine"]


def test_one_address_is_asked_once() -> None:
    same = (Channel("./c", "/a"), Channel("/a/c"), Channel("file:///a/c/"))
    assert [c.written for c in locate(same, "/root")] == ["./c"]


def test_equal_names_of_different_directories_become_relative_to_the_root() -> None:
    found = locate((Channel("./c", "/root/a"), Channel("./c", "/root/b")), "/root")
    assert [c.written for c in found] == ["./c", "./b/c"]
    for channel in found:
        assert address_of(channel.written, found, "/root") == channel.url
    assert address_of("./b/c", (), "/root") == "file:///root/b/c/"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://user:secret@host:81/c/", "https://host:81/c/"),
        ("https://host/t/to-ken/c", "https://host/c"),
        ("https://host/srv/t/s3cret/c", "https://host/srv/c"),
        ("https://host/srv/t/s3cret", "https://host/srv"),
        ("https://host/start/c", "https://host/start/c"),
        ("conda-forge", "conda-forge"),
        ("./channel", "./channel"),
    ],
)
def test_credentials_stay_out_of_messages(url: str, shown: str) -> None:
    assert redacted(url) == shown

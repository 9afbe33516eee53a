"""What a lock holds of addresses: nothing that only one person may know."""

from __future__ import annotations

from stead.pipeline.lock import requests
from stead.values.manifest import Channel, Index
from stead.values.requirement import Requirement, Source
from stead.values.spec import PackagesSpec


def texts(**given):
    return requests(PackagesSpec(**given), "/root")


def test_a_channel_stands_without_its_token():
    found = texts(channels=(Channel("http://me:pw@host/srv/t/s3cret/ch", "/root"),))
    assert found == ("channel 0 http://host/srv/ch",)


def test_an_index_stands_without_its_login():
    found = texts(indexes=(Index("own", "https://me:pw@host/simple", "/root"),))
    assert found == ("index own https://host/simple",)


def test_a_source_stands_without_its_login():
    found = texts(
        requirements=(
            Requirement("pypi", "a", source=Source("url", "https://s3cret@host/a.whl")),
            Requirement("pypi", "b", source=Source("git", "https://me:pw@host/b", revision="v1")),
            Requirement("pypi", "c", source=Source("git", "ssh://git@host/c")),
        )
    )
    assert found == (
        "pypi a @ https://host/a.whl",
        "pypi b @ git+https://host/b@v1",
        "pypi c @ git+ssh://git@host/c",
    )

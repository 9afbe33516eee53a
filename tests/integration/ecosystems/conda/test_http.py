"""Channels over http: parallel, resumed, verified, with credentials, and without a network."""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from dataclasses import replace
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from stead.testing import Served, serve
from stead.testing.world import recorder
from stead.values.errors import HashMismatchError, NetworkError, UnsatisfiableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .conftest import Place


@pytest.fixture
def served(conda_channel: Path) -> Iterator[Served]:
    with serve(conda_channel) as running:
        yield running


@pytest.fixture
def remote(place: Place, served: Served) -> Place:
    return place.asking(served.url)


def test_a_served_channel_locks_and_builds(remote: Place, served: Served) -> None:
    locked = remote.lock("python", "greeter", "tool")
    assert {a.index for a in locked} == {served.url}
    prefix = remote.build(locked)
    assert (prefix / "share/tool/version").read_text() == "2.1\n"
    fetched = [r for r in served.requests if r.endswith((".conda", ".tar.bz2"))]
    assert len(fetched) == len(locked)


def test_bytes_are_counted_as_they_come(remote: Place) -> None:
    locked = remote.lock("python")
    remote.build(locked)
    [fetching] = [t for t in recorder(remote.context).tasks if t.title.startswith("Fetching")]
    assert fetching.done == fetching.whole == locked[0].files[0].size


def test_a_broken_download_is_resumed_where_it_broke(remote: Place, served: Served) -> None:
    locked = remote.lock("python")
    file = locked[0].files[0]
    served.truncate.add(file.name)
    with pytest.raises(NetworkError, match=file.name):
        remote.build(locked, "one")
    incoming = Path(remote.context.home) / "packages" / "conda" / "incoming"
    [part] = incoming.glob("*.part")
    had = part.stat().st_size
    assert 0 < had < file.size
    served.truncate.clear()
    served.ranges.clear()
    prefix = remote.build(locked, "two")
    assert (prefix / "bin/python").exists()
    assert f"bytes={had}-" in served.ranges
    assert list(incoming.glob("*.part*")) == []


def test_a_server_that_sends_all_of_it_instead_of_the_rest_is_asked_once(
    remote: Place, served: Served
) -> None:
    locked = remote.lock("python")
    file = locked[0].files[0]
    served.truncate.add(file.name)
    with pytest.raises(NetworkError, match=file.name):
        remote.build(locked, "one")
    served.truncate.clear()
    served.requests.clear()
    served.whole = True
    prefix = remote.build(locked, "two")
    assert (prefix / "bin/python").exists()
    assert len([r for r in served.requests if r.endswith(file.name)]) == 1


def test_what_was_left_of_another_file_is_thrown_away(remote: Place, served: Served) -> None:
    [tool] = locked = remote.lock("tool")
    incoming = Path(remote.context.home) / "packages" / "conda" / "incoming"
    incoming.mkdir(parents=True)
    (incoming / f"{tool.files[0].sha256}.part").write_bytes(b"another file")
    prefix = remote.build(locked)
    assert (prefix / "share/tool/version").read_text() == "2.1\n"


def test_a_server_in_trouble_is_named(remote: Place, served: Served) -> None:
    locked = remote.lock("tool")
    served.fail.add(".conda")
    with pytest.raises(NetworkError, match=r"tool-2\.1-0\.conda"):
        remote.build(locked)


def test_a_channel_that_does_not_answer_is_a_network_error(
    place: Place, conda_channel: Path
) -> None:
    with serve(conda_channel) as gone:
        url = gone.url
    with pytest.raises(NetworkError) as caught:
        place.asking(url).lock("tool")
    assert url in str(caught.value)
    assert "--offline" in caught.value.remedy


def test_a_changed_file_is_a_hash_mismatch(remote: Place, served: Served, tmp_path: Path) -> None:
    [tool] = locked = remote.lock("tool")
    other = remote.lock("tool<2")[0]
    [file] = [replace(tool.files[0], name=other.files[0].name)]
    with pytest.raises(HashMismatchError) as caught:
        remote.build((replace(locked[0], files=(file,)),))
    assert served.url in str(caught.value.where)


class TestOffline:
    def test_only_cached_packages_are_candidates(self, remote: Place) -> None:
        remote.build(remote.lock("tool<2"))
        offline = replace(remote.context, offline=True)
        [tool] = remote.lock("tool", context=offline)
        assert tool.version == "1.1"

    def test_a_package_that_is_not_cached_is_explained(self, remote: Place) -> None:
        remote.build(remote.lock("tool<2"))
        remote.lock("tool", "packaging", "python")
        offline = replace(remote.context, offline=True)
        with pytest.raises(UnsatisfiableError, match="offline"):
            remote.lock("tool", "packaging", context=offline)

    def test_a_channel_never_seen_is_a_network_error(self, remote: Place) -> None:
        with pytest.raises(NetworkError, match="offline"):
            remote.lock("tool", context=replace(remote.context, offline=True))

    def test_nothing_is_asked_of_the_server(self, remote: Place, served: Served) -> None:
        remote.build(remote.lock("tool"), "one")
        served.requests.clear()
        offline = replace(remote.context, offline=True)
        remote.build(remote.lock("tool", context=offline), "two", context=offline)
        assert served.requests == []

    def test_a_local_channel_is_whole(self, place: Place) -> None:
        offline = replace(place.context, offline=True)
        [tool] = place.lock("tool", context=offline)
        assert (place.build((tool,), context=offline) / "share/tool/version").exists()


class TestCredentials:
    @pytest.fixture
    def closed(self, served: Served) -> Served:
        served.password = ("reader", "secret")
        return served

    def test_without_them_the_error_says_so(self, place: Place, closed: Served) -> None:
        with pytest.raises(NetworkError, match="credentials"):
            place.asking(closed.url).lock("tool")

    def test_they_come_from_rattlers_file(
        self, place: Place, closed: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file = tmp_path / "credentials.json"
        login = {"BasicHTTP": {"username": "reader", "password": "secret"}}
        file.write_text(json.dumps({closed.url.removeprefix("http://").partition(":")[0]: login}))
        monkeypatch.setenv("RATTLER_AUTH_FILE", str(file))
        place = place.asking(closed.url)
        [tool] = place.lock("tool")
        assert (place.build((tool,)) / "share/tool/version").exists()

    def test_they_come_from_netrc(
        self, place: Place, closed: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file = tmp_path / "netrc"
        file.write_text("machine 127.0.0.1 login reader password secret\n")
        os.chmod(file, 0o600)
        monkeypatch.setenv("NETRC", str(file))
        assert place.asking(closed.url).lock("tool")

    def test_in_the_address_they_work_and_stay_out_of_messages(
        self, place: Place, closed: Served
    ) -> None:
        place = place.asking(closed.url.replace("http://", "http://reader:secret@"))
        assert place.lock("tool")
        with pytest.raises(UnsatisfiableError) as caught:
            place.lock("tool>=5")
        assert "secret" not in str(caught.value)


def test_a_server_that_only_says_that_nothing_changed_is_asked_anew(
    place: Place, conda_channel: Path, tmp_path: Path
) -> None:
    channel = shutil.copytree(conda_channel, tmp_path / "channel")
    for file in channel.rglob("repodata*"):
        os.utime(file, (time.time() + 3600,) * 2)  # what is so new is asked for each time

    class Handler(SimpleHTTPRequestHandler):
        """Python's own: it answers 304 without the time that it was asked with."""

        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments, directory=str(channel))

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            answered.append(int(code))

    answered: list[int] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        asking = place.asking(f"http://127.0.0.1:{server.server_port}")
        first = asking.lock("tool")
        assert asking.lock("tool") == first
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert 304 in answered

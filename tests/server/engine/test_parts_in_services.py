"""Parts in object stores of services: put there, read back in pieces, compared, done without."""

from __future__ import annotations

import hashlib
import random
import signal

import httpx
import pytest

from stead.server import parts as leaving
from stead.server.values import BuildStatus
from stead.testing.channel import Entry, Package, make_channel, text

LARGE = 24 * 2**20
MANIFEST = """
[packages.conda]
channels = ["{channel}"]
large = "*"
"""


@pytest.fixture(scope="module")
def content() -> bytes:
    """More than is held in memory, or sent at once; it cannot be made smaller."""
    return random.Random(1).randbytes(LARGE)


@pytest.fixture(scope="module")
def channel(content, here, tmp_path_factory):
    packages = [
        Package("large", depends=("small",), entries=(Entry("share/large.bin", content),)),
        Package("small", entries=(text("share/small.txt", "small\n"),)),
    ]
    return make_channel(tmp_path_factory.mktemp("large") / "channel", packages, here.name).as_uri()


@pytest.fixture(
    params=[
        "s3",
        pytest.param(
            "azure", marks=[pytest.mark.needs("npm"), pytest.mark.slow, pytest.mark.network]
        ),
    ]
)
def service(request):
    """Where an artifact store is, and what is needed to speak to it."""
    return f"{request.param}://blobs/parts", request.getfixturevalue(request.param)


def test_parts_are_kept_whole_given_in_pieces_and_never_believed(
    store, answering, service, channel, content, make_laptop, tmp_path
):
    blobs, options = service
    first = store.worker(lease=1, blobs=blobs, blob_options=options)
    made = store.submit("large", channel=channel)
    # Whoever goes on after a worker that died while it packed or sent them sends them whole.
    store.eventually(lambda: "── publish" in store.log(made))
    first.send_signal(signal.SIGKILL)
    store.worker(lease=1, blobs=blobs, blob_options=options)
    done = store.ended(made)
    assert done.status is BuildStatus.COMPLETED, store.log(made)

    with answering(store, blobs, **options) as served:
        kept = served.services.blobs
        found = leaving.closure(store.database, kept, made)
        part = next(p for p in found.parts if p.name == "large 1.0")
        leaving.materialize(found, str(tmp_path / "made"), kept)
        assert _sha256((tmp_path / "made/share/large.bin").read_bytes()) == _sha256(content)

        # In pieces, from whatever place on.
        whole = kept.get(part.blob)
        assert len(whole) > LARGE
        headers = {"Authorization": f"Bearer {served.token}"}
        path = f"{served.url}/api/stead/v1/build/{made}/parts/{part.sha256}/"
        with httpx.Client(headers=headers, timeout=120) as client:
            assert _sha256(client.get(path).content) == _sha256(whole)
            for start, end in ((0, 1), (5 * 2**20 - 3, 5 * 2**20 + 3), (2**20, 12 * 2**20)):
                some = client.get(path, headers={"Range": f"bytes={start}-{end - 1}"})
                assert some.status_code == 206
                assert some.content == whole[start:end]
            rest = client.get(path, headers={"Range": f"bytes={len(whole) - 7}-"})
            assert rest.content == whole[-7:]

        # A part that is wrong is named, nothing of it stays, and the environment is built here.
        stores = f'[stores.team]\nurl = "{served.url}"\ntoken = "env:STEAD_TEAM_TOKEN"\n'
        harms = (whole[: LARGE // 2], whole[:-9] + b"\0" + whole[-8:], None)
        for number, wrong in enumerate(harms):
            if wrong is None:
                kept.delete(part.blob)
            else:
                kept.put(part.blob, wrong)
            laptop = make_laptop(STEAD_TEAM_TOKEN=served.token)
            laptop.write("stead.toml", stores + MANIFEST.format(channel=channel))
            ran = laptop.stead("run", "--", "sh", "-c", "cat $CONDA_PREFIX/share/small.txt")
            assert ran.stdout == "small\n", ran.stderr
            assert ran.stderr.count("is not of use, so the work is done here") == 1
            assert "part large 1.0" in ran.stderr, number
            assert len(laptop.builds) == 1
        kept.put(part.blob, whole)
        laptop = make_laptop(STEAD_TEAM_TOKEN=served.token)
        laptop.write("stead.toml", stores + MANIFEST.format(channel=channel))
        ran = laptop.stead("run", "--", "sh", "-c", "sha256sum < $CONDA_PREFIX/share/large.bin")
        assert ran.stdout.split()[0] == _sha256(content), ran.stderr
        assert "took project from the store team" in ran.stderr


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()

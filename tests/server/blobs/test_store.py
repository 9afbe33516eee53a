from __future__ import annotations

import hashlib
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from stead.server.blobs.protocol import BlobError, DamagedBlobError, MissingBlobError
from stead.server.blobs.store import RETRIES, open_blobs

SECRETS = {"access_key_id": "test", "secret_access_key": "secret", "region": "us-east-1"}


@pytest.fixture(scope="module")
def s3():
    """A bucket of moto's server."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="secret",
    )
    client.create_bucket(Bucket="blobs")
    client.close()
    yield {"endpoint": endpoint, **SECRETS}
    server.stop()


@pytest.fixture(params=["file", "memory", "s3"])
def blobs(request, tmp_path):
    if request.param == "file":
        return open_blobs(f"file://{tmp_path}/blobs")
    if request.param == "memory":
        return open_blobs("memory:")
    return open_blobs("s3://blobs/some/prefix", request.getfixturevalue("s3"))


def test_what_is_put_can_be_had_whole_and_in_part(blobs):
    content = b"0123456789" * 300_000
    digest = hashlib.sha256(content).hexdigest()
    assert blobs.put("a/one.txt", b"one") == hashlib.sha256(b"one").hexdigest()
    pieces = (content[at : at + 65536] for at in range(0, len(content), 65536))
    assert blobs.put("a/large", pieces, sha256=digest) == digest
    assert blobs.get("a/one.txt") == b"one"
    assert blobs.head("a/large").size == len(content)
    assert b"".join(blobs.stream("a/large")) == content
    assert b"".join(blobs.stream("a/large", 5, 12)) == content[5:12]
    blobs.put("a/one.txt", b"two")
    assert blobs.get("a/one.txt") == b"two"
    assert {(h.key, h.size) for h in blobs.keys("a/")} == {
        ("a/one.txt", 3),
        ("a/large", len(content)),
    }


def test_what_is_deleted_is_gone_and_again_is_no_error(blobs):
    blobs.put("b/one", b"1")
    blobs.delete("b/one")
    blobs.delete("b/one")
    for ask in (blobs.get, blobs.head, lambda key: list(blobs.stream(key))):
        with pytest.raises(MissingBlobError, match="has no b/one"):
            ask("b/one")


def test_what_is_damaged_on_the_way_is_not_kept(blobs):
    for content in (b"other", iter([b"ot", b"her"])):
        with pytest.raises(DamagedBlobError):
            blobs.put("c/one", content, sha256=hashlib.sha256(b"one").hexdigest())
    with pytest.raises(MissingBlobError):
        blobs.head("c/one")


@pytest.mark.parametrize("key", ["", "/a", "a/", "../a", "a/../b", "a//b", "a b", "\u0430", "a\n"])
def test_keys_that_could_be_another_file_are_refused(blobs, key):
    with pytest.raises(BlobError, match="cannot be a key"):
        blobs.put(key, b"")


def test_only_a_service_has_addresses_to_give_out(s3, tmp_path):
    assert open_blobs(str(tmp_path / "blobs")).url("a") is None
    given = open_blobs("s3://blobs", s3).url("a/b", seconds=60)
    assert given.startswith(f"{s3['endpoint']}/blobs/a/b?")
    assert "X-Amz-Expires=60" in given
    assert SECRETS["secret_access_key"] not in given


def test_a_service_that_is_away_for_a_while_is_waited_for():
    answers = [503] * 6
    kept = {}

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_PUT(self):
            content = self.rfile.read(int(self.headers["Content-Length"]))
            status = answers.pop() if answers else 200
            if status == 200:
                kept[self.path] = content
            self.send_response(status)
            self.send_header("ETag", '"1"')
            self.send_header("Content-Length", "0")
            self.end_headers()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        endpoint = {"endpoint": f"http://127.0.0.1:{server.server_port}", **SECRETS}
        quick = {
            "init_backoff": timedelta(milliseconds=1),
            "max_backoff": timedelta(milliseconds=5),
        }
        given = {**RETRIES, "backoff": {**quick, "base": 2}}
        open_blobs("s3://blobs", endpoint, retries=given).put("a", b"there")
        assert kept == {"/blobs/a": b"there"}
        answers += [503] * 3
        with pytest.raises(BlobError, match="failed at a"):
            open_blobs("s3://blobs", endpoint, retries={**given, "max_retries": 2}).put("a", b"")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    # Long enough for a service that is started anew.
    assert RETRIES["retry_timeout"] >= timedelta(minutes=1)


def test_what_cannot_be_opened_is_told_without_its_password(tmp_path):
    with pytest.raises(BlobError) as caught:
        open_blobs("nothing://user:hidden@host/x")
    assert "hidden" not in str(caught.value)
    (tmp_path / "file").write_text("")
    with pytest.raises(BlobError):
        open_blobs(str(tmp_path / "file" / "blobs"))

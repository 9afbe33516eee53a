"""Object stores as services have them, on this machine: S3 as moto speaks it, Azure's as Azurite.

    with s3_bucket("blobs") as options: ...
    with azure_container("blobs") as options: ...

Both give what an artifact store needs to speak to them.
"""

from __future__ import annotations

import base64
import email.utils
import hashlib
import hmac
import json
import os
import re
import subprocess
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from stead.testing.roots import made_once

if TYPE_CHECKING:
    from collections.abc import Iterator

ACCOUNT = "stead"
KEY = base64.b64encode(hashlib.sha256(b"of the tests").digest()).decode()

SECRETS = {"access_key_id": "test", "secret_access_key": "secret", "region": "us-east-1"}

# What only its storage in SQL databases needs is replaced by something small.
WANTED = {
    "private": True,
    "dependencies": {"azurite": "3.33.0"},
    "overrides": {"tedious": "npm:tslib@2.8.1", "mysql2": "npm:tslib@2.8.1"},
}
INSTALL = ("--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline", "--silent")
SERVE = (
    *("node", "node_modules/azurite/dist/src/blob/main.js", "--blobHost", "127.0.0.1"),
    *("--blobPort", "0", "--inMemoryPersistence", "--skipApiVersionCheck", "--silent"),
)


@contextmanager
def s3_bucket(name: str) -> Iterator[dict[str, str]]:
    """Serve a bucket, which is empty."""
    import boto3  # type: ignore[import-untyped]
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        endpoint = f"http://{host}:{port}"
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "secret"}
        client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", **keys)
        client.create_bucket(Bucket=name)
        client.close()
        yield {"endpoint": endpoint, **SECRETS}
    finally:
        server.stop()


@contextmanager
def azure_container(name: str) -> Iterator[dict[str, str]]:
    """Serve a container, which is empty; npm installs the program, once for all runs."""
    wanted = json.dumps(WANTED)

    def make(directory: str) -> None:
        os.mkdir(directory)
        Path(directory, "package.json").write_text(wanted, encoding="utf-8")
        subprocess.run(["npm", "install", *INSTALL], cwd=directory, check=True)

    key = f"azurite-{hashlib.sha256(wanted.encode()).hexdigest()[:16]}"
    directory = made_once(key, make)
    environ = {**os.environ, "AZURITE_ACCOUNTS": f"{ACCOUNT}:{KEY}"}
    with subprocess.Popen(
        SERVE, cwd=directory, env=environ, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                found = re.search(r"listens on (http://\S+)", line)
                if found:
                    break
            else:
                raise AssertionError("Azurite did not start")
            _make_container(found[1], name)
            endpoint = f"{found[1]}/{ACCOUNT}"
            yield {"endpoint": endpoint, "account_name": ACCOUNT, "account_key": KEY}
        finally:
            process.terminate()
            # It still writes, and would fail if nobody read.
            process.communicate()


def _make_container(url: str, name: str) -> None:
    """Make a container, which artifact stores find made."""
    date = email.utils.formatdate(usegmt=True)
    headers = {"x-ms-date": date, "x-ms-version": "2021-08-06", "Content-Length": "0"}
    told = f"x-ms-date:{date}\nx-ms-version:2021-08-06\n"
    resource = f"/{ACCOUNT}/{ACCOUNT}/{name}\nrestype:container"
    signed = f"PUT{chr(10) * 12}{told}{resource}".encode()
    digest = hmac.new(base64.b64decode(KEY), signed, hashlib.sha256).digest()
    headers["Authorization"] = f"SharedKey {ACCOUNT}:{base64.b64encode(digest).decode()}"
    request = urllib.request.Request(  # noqa: S310 (this machine's)
        f"{url}/{ACCOUNT}/{name}?restype=container", method="PUT", headers=headers
    )
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        assert answer.status == 201

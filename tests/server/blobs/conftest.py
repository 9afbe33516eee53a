"""Azure's storage as npm's Azurite speaks it, on this machine."""

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
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stead.testing.roots import made_once

if TYPE_CHECKING:
    from collections.abc import Iterator

ACCOUNT = "stead"
KEY = base64.b64encode(hashlib.sha256(b"of the tests").digest()).decode()

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


@pytest.fixture(scope="module")
def azure() -> Iterator[dict[str, str]]:
    """One with a container ``blobs``: what an artifact store needs to speak to it."""
    wanted = json.dumps(WANTED)

    def make(directory: str) -> None:
        os.mkdir(directory)
        Path(directory, "package.json").write_text(wanted, encoding="utf-8")
        subprocess.run(["npm", "install", *INSTALL], cwd=directory, check=True)

    name = f"azurite-{hashlib.sha256(wanted.encode()).hexdigest()[:16]}"
    directory = made_once(name, make)
    environ = {**os.environ, "AZURITE_ACCOUNTS": f"{ACCOUNT}:{KEY}"}
    with subprocess.Popen(
        SERVE, cwd=directory, env=environ, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            for line in process.stdout:
                found = re.search(r"listens on (http://\S+)", line)
                if found:
                    break
            else:
                raise AssertionError("Azurite did not start")
            make_container(found[1], "blobs")
            endpoint = f"{found[1]}/{ACCOUNT}"
            yield {"endpoint": endpoint, "account_name": ACCOUNT, "account_key": KEY}
        finally:
            process.terminate()
            # It still writes, and would fail if nobody read.
            process.communicate()


def make_container(url: str, name: str) -> None:
    """Make a container, which artifact stores find made."""
    date = email.utils.formatdate(usegmt=True)
    headers = {"x-ms-date": date, "x-ms-version": "2021-08-06", "Content-Length": "0"}
    told = f"x-ms-date:{date}\nx-ms-version:2021-08-06\n"
    resource = f"/{ACCOUNT}/{ACCOUNT}/{name}\nrestype:container"
    signed = f"PUT{chr(10) * 12}{told}{resource}".encode()
    digest = hmac.new(base64.b64decode(KEY), signed, hashlib.sha256).digest()
    headers["Authorization"] = f"SharedKey {ACCOUNT}:{base64.b64encode(digest).decode()}"
    request = urllib.request.Request(
        f"{url}/{ACCOUNT}/{name}?restype=container", method="PUT", headers=headers
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert answer.status == 201

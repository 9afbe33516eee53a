from __future__ import annotations

import subprocess
import sys

import pytest

from stead.ecosystems.pypi.uv import clean_environment, was_offline
from stead.values.context import Completed


@pytest.mark.parametrize(
    "name",
    [
        "UV_INDEX",
        "UV_DEFAULT_INDEX",
        "UV_EXTRA_INDEX_URL",
        "UV_RESOLUTION",
        "UV_CACHE_DIR",
        "UV_INDEX_STRATEGY",
        "UV_PYTHON",
        "UV_CONFIG_FILE",
        "PIP_INDEX_URL",
        "PIP_FIND_LINKS",
        "PYTHONPATH",
        "PYTHONHOME",
        "VIRTUAL_ENV",
        "CONDA_PREFIX",
        "GIT_DIR",
        "GIT_WORK_TREE",
    ],
)
def test_what_says_what_to_install_does_not_reach_uv(name):
    assert name not in clean_environment({name: "x"})


@pytest.mark.parametrize(
    "name",
    [
        "PATH",
        "HOME",
        "NETRC",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "HTTPS_PROXY",
        "https_proxy",
        "NO_PROXY",
        "UV_INDEX_CORP_USERNAME",
        "UV_INDEX_CORP_PASSWORD",
        "UV_KEYRING_PROVIDER",
        "UV_NATIVE_TLS",
        "UV_HTTP_TIMEOUT",
        "SSH_AUTH_SOCK",
        "GIT_SSH_COMMAND",
        "CC",
    ],
)
def test_what_says_how_to_get_through_reaches_uv(name):
    assert clean_environment({name: "x"})[name] == "x"


def test_pips_certificates_serve_uv_too():
    assert clean_environment({"PIP_CERT": "/a.pem"})["SSL_CERT_FILE"] == "/a.pem"
    both = {"PIP_CERT": "/a.pem", "SSL_CERT_FILE": "/b.pem"}
    assert clean_environment(both)["SSL_CERT_FILE"] == "/b.pem"


def test_only_a_failure_for_want_of_the_network_counts_as_offline():
    said = "hint: Packages were unavailable because the network was disabled."
    assert was_offline(Completed(1, "", said))
    assert not was_offline(Completed(0, "", said))
    assert not was_offline(Completed(1, "", "error: hash mismatch"))


THREADS = """
import sysconfig, threading, time

slowly = sysconfig._init_posix if hasattr(sysconfig, "_init_posix") else None

def init(variables):
    time.sleep(0.2)
    slowly(variables)

if slowly:
    sysconfig._init_posix = init
from stead.ecosystems.pypi.uv import uv_for
from stead.testing.world import make_context

found = []
context = make_context("/nowhere")
threads = [threading.Thread(target=lambda: found.append(uv_for(context).binary)) for _ in "1234"]
for one in threads:
    one.start()
for one in threads:
    one.join()
print(len(found), len(set(found)))
"""


def test_many_threads_find_uv_at_once():
    done = subprocess.run(
        [sys.executable, "-c", THREADS], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("4 1\n", "")

"""The caller's variables that must not reach an environment."""

from __future__ import annotations

import ensurepip
import glob
import os
import re
import subprocess
import sys

import pytest

from stead.config.clean import NAMES, leading_changes
from stead.values.activation import apply


def test_what_leads_elsewhere_is_gone_and_the_rest_is_as_it_was():
    caller = {"HOME": "/h", "TERM": "xterm", "LANG": "C", "PATH": "/usr/bin"}
    leaking = dict.fromkeys(["PYTHONPATH", "VIRTUAL_ENV", "CONDA_PREFIX", "PIP_INDEX_URL"], "x")
    result = apply(leading_changes("/s"), {**caller, **leaking})
    assert result == {**caller, "PYTHONNOUSERSITE": "1", "PYTHONPYCACHEPREFIX": "/s/pycache"}


STAYING = """
    HOME USER PATH TERM LANG LC_ALL TZ TMPDIR SHELL DISPLAY SSH_AUTH_SOCK SSL_CERT_FILE
    SSL_CERT_DIR REQUESTS_CA_BUNDLE HTTP_PROXY HTTPS_PROXY NO_PROXY http_proxy https_proxy no_proxy
    ALL_PROXY LD_LIBRARY_PATH LD_PRELOAD CONDA_EXE PYTHONWARNINGS PYTHONUTF8 PYTHONSTARTUP
    PYTHONHASHSEED UV_CACHE_DIR UV_PUBLISH_TOKEN NO_COLOR CI EDITOR STEAD_HOME
"""


@pytest.mark.parametrize("name", STAYING.split())
def test_what_describes_machine_person_or_one_call_stays(name):
    assert name not in NAMES


def test_names_are_names_and_none_is_said_twice():
    assert len(set(NAMES)) == len(NAMES)
    assert all(re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) for name in NAMES)


OPTIONS = """
import sys
sys.path.insert(0, sys.argv[1])
from pip._internal.cli.main_parser import create_main_parser
from pip._internal.commands import commands_dict, create_command
parsers = [create_main_parser(), *(create_command(c).parser for c in commands_dict)]
for parser in parsers:
    for option in parser.option_list_all:
        for long in option._long_opts:
            print("PIP_" + long[2:].upper().replace("-", "_"))
"""


def test_the_options_of_the_pip_at_hand_are_in_the_table():
    """The wheel that CPython itself brings, so that nothing has to be installed.

    A pip newer than the table may know a few more.
    """
    directories = [os.path.join(os.path.dirname(ensurepip.__file__), "_bundled")]
    directories.append("/usr/share/python-wheels")  # where Debian keeps it
    wheels = [w for d in directories for w in glob.glob(os.path.join(d, "pip-*.whl"))]
    assert wheels, "this Python brings no pip"
    said = subprocess.run(
        [sys.executable, "-I", "-c", OPTIONS, wheels[0]], capture_output=True, text=True, check=True
    ).stdout.split()
    assert "PIP_INDEX_URL" in said
    assert len(set(said) - set(NAMES)) <= len(set(said)) // 10


def test_uvs_options_that_choose_packages_are_in_the_table():
    from uv import find_uv_bin

    help_text = subprocess.run(
        [find_uv_bin(), "help", "pip", "install", "--no-pager"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    said = set(re.findall(r"\[env: (UV_[A-Z0-9_]+)", help_text))
    assert "UV_INDEX_URL" in said
    missing = said - set(NAMES) - {"UV_CACHE_DIR", "UV_KEYRING_PROVIDER", "UV_SYSTEM_CERTS"}
    assert len(missing) <= len(said) // 10

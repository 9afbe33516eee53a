"""What a command may leave as a core file is what its caller may, whatever held secrets before."""

from __future__ import annotations

import resource
import subprocess
import sys

import pytest

# As on a system that has no flag against dumps.
PROGRAM = """\
import os, resource, sys
hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
from stead.config.secrets import memory
memory._undumpable = lambda: False
memory.keep_from_dumps()
assert resource.getrlimit(resource.RLIMIT_CORE)[0] == 0
from stead.pipeline.run import Command, replace_process, run_child
from stead.values.activation import Activation
command = Command(("sh", "-c", "ulimit -c"), "/", dict(os.environ), Activation("/", "/", "default"))
if sys.argv[1] == "child":
    assert run_child(command) == 0
    assert resource.getrlimit(resource.RLIMIT_CORE)[0] == 0
else:
    replace_process(command)
"""


@pytest.mark.parametrize("way", ["child", "become"])
def test_the_limit_is_given_back(way):
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    assert hard != 0, "this test needs a hard limit above zero"
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, way], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    said = done.stdout.strip()
    assert said == "unlimited" if hard == resource.RLIM_INFINITY else int(said) > 0

"""Run a module's tests in each of several directories: ``run_mutants.py PACKAGE DIRECTORY…``.

Prints a JSON object: directory → exit code of pytest. Libraries are loaded once, and each run is
a child of this process, so that a run takes a fraction of a second.
"""

import contextlib
import importlib
import json
import os
import signal
import sys

LONGEST = 120
"""Seconds that one run may take. It has failed then."""


def load(package: str, directory: str) -> None:
    """Load what the package needs, and forget the package itself."""
    import pytest  # noqa: F401  # children find it loaded

    sys.path.insert(0, os.path.join(directory, "src"))
    for part in ("", ".main", ".utils", ".cli"):
        importlib.import_module(package + part)
    for name in [n for n in sys.modules if n == package or n.startswith(f"{package}.")]:
        del sys.modules[name]
    del sys.path[0]
    importlib.invalidate_caches()


def run(directory: str) -> int:
    """Run the tests there in a child; gives their exit code, negative for a signal."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    signal.alarm(LONGEST)
    code = 1
    with contextlib.suppress(BaseException):
        os.chdir(directory)
        source = os.path.join(directory, "src")
        sys.path.insert(0, source)
        os.environ["PYTHONPATH"] = source
        said = os.open("said.txt", os.O_WRONLY | os.O_CREAT)
        os.dup2(said, 1)
        os.dup2(said, 2)
        import pytest

        code = int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", "--no-header", "tests"]))
        sys.stdout.flush()
    os._exit(code)


if __name__ == "__main__":
    package, *directories = sys.argv[1:]
    load(package, directories[0])
    print(json.dumps({directory: run(directory) for directory in directories}))

"""What all tests share: programs they need, their order, and each worker's conda channel and hosts.

``@pytest.mark.needs("zsh")`` names a program from the system's packages; a test
with a parameter called ``shell`` needs that shell. Where a program is missing,
its tests are left out and named at the end; in CI (``CI`` set, and not to ``0``
or ``false``) they fail, because there nothing may be missing.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib
import os
import platform as machine
import shutil
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pytest
from hypothesis import settings

from stead.values.platform import Platform, platform_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from stead.store.layout import Layout
    from stead.testing.hosts import Host
    from stead.testing.lab import Lab

pytest.register_assert_rewrite(
    "stead.testing.conformance", "stead.testing.environments", "stead.testing.targets"
)

# Tests start thousands of programs, each of which would be compiled anew without its bytecode.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# Machines are shared: how long one example takes says nothing.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

T = TypeVar("T")

LEFT_OUT = pytest.StashKey[dict[str, int]]()

LONG = Path(__file__).with_name("long.txt")
"""Which tests take long: a line per group, its seconds and its files or directories."""

WHOLE = Path(__file__).with_name("whole.txt")
"""What the fast part leaves out as if it were marked ``slow``."""

_sessions: list[pytest.Session] = []


def pytest_sessionstart(session: pytest.Session) -> None:
    _sessions.append(session)
    # `nohup`, and `&` in a script, have these ignored by all that is started from here,
    # which a closed terminal would not end then. A handler is not handed on to a program.
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda *_: None)


@atexit.register
def _leave_at_once() -> None:
    """rattler's threads can crash an interpreter that shuts down; leave before it does."""
    if "rattler" in sys.modules and _sessions:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(int(_sessions[0].exitstatus))


@pytest.fixture(scope="session")
def here() -> Platform:
    """The platform that the tests run on."""
    return platform_of(sys.platform, machine.machine())


@pytest.fixture(scope="session")
def conda_channel(tmp_path_factory: pytest.TempPathFactory, here: Platform) -> Path:
    """A channel with the running CPython, a few pure distributions and all specimens."""
    from stead.testing import cpython, installed, make_channel
    from stead.testing.specimens import all_specimens

    packages = [cpython(), *installed(["packaging", "pluggy", "iniconfig"]), *all_specimens()]
    return make_channel(tmp_path_factory.mktemp("conda") / "channel", packages, here.name)


@pytest.fixture
def layout(tmp_path: Path) -> Iterator[Layout]:
    """A store in a home of its own, whose builds nobody may write; gone after the test."""
    from stead.store.atomic import remove_tree
    from stead.store.builds import release_leases
    from stead.store.layout import Layout

    home = tmp_path / "home"
    yield Layout(home)
    release_leases()
    remove_tree(home)


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Real hosts, which a test leaves as they were. Only root may make them."""
    from stead.testing.lab import Lab
    from stead.testing.roots import base_root

    with Lab(str(tmp_path_factory.mktemp("lab")), base_root()) as made:
        yield made


@pytest.fixture(scope="session")
def plain(lab: Lab) -> Host:
    """A host without systemd."""
    return lab.host("plain")


@pytest.fixture(scope="session")
def other(lab: Lab) -> Host:
    """Another one without systemd."""
    return lab.host("other")


@pytest.fixture(scope="session")
def booted(lab: Lab) -> Host:
    """A host that systemd runs."""
    return lab.host("booted", init="systemd")


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """Let each worker import its part of all tests first, which takes most of what collecting does.

    What one has compiled others find. A module that asks for what its directory's ``conftest.py``
    makes ready cannot be imported yet, and is when it is collected.
    """
    worker = getattr(session.config, "workerinput", None)
    here = Path(__file__).parent
    if worker is None or [Path(path).resolve() for path in session.config.args] != [here]:
        return
    modules = sorted(here.rglob("test_*.py"))
    for path in modules[int(worker["workerid"][2:]) :: worker["workercount"]]:
        name = ".".join(path.relative_to(here.parent).with_suffix("").parts)
        with contextlib.suppress(Exception):
            importlib.import_module(name)


SHELLS = {"bash", "zsh", "fish", "dash", "busybox"}


def in_ci(environ: Mapping[str, str]) -> bool:
    """Say whether this runs where nothing may be missing; as the noxfile does."""
    return environ.get("CI", "").lower() not in ("", "0", "false")


def tools(item: pytest.Item) -> set[str]:
    """Name the programs that a test needs."""
    needed = {name for mark in item.iter_markers("needs") for name in mark.args}
    call = getattr(item, "callspec", None)
    shell = call.params.get("shell") if call else None
    return needed | ({shell} if shell in SHELLS else set())


def dealt(groups: Sequence[tuple[float, list[T]]], rest: list[T], workers: int) -> list[T]:
    """Order tests for workers that begin with an equal part of the list each.

    Groups come first in a part, and are spread so that all parts take about as long. What is
    left at the end of a part is taken over by workers that have nothing to do.
    """
    parts: list[list[T]] = [[] for _ in range(workers)]
    seconds = [0.0] * workers
    for takes, group in sorted(groups, key=lambda one: -one[0]):
        least = seconds.index(min(seconds))
        parts[least] += group
        seconds[least] += takes
    left = list(rest)
    ordered: list[T] = []
    for number, part in enumerate(parts):
        size = (sum(map(len, parts[number:])) + len(left)) // (workers - number)
        few = max(0, size - len(part))
        ordered += [*part, *left[:few]]
        del left[:few]
    return ordered + left


def grouped(
    items: list[pytest.Item], lines: str, root: Path
) -> tuple[list[tuple[float, list[pytest.Item]]], list[pytest.Item]]:
    """Take the groups of long tests out: each with its seconds, and all others."""
    groups: list[tuple[float, list[pytest.Item]]] = []
    for line in lines.splitlines():
        if line and not line.startswith("#"):
            seconds, *paths = line.split()
            within = [root / path for path in paths]
            taken = [i for i in items if any(i.path.is_relative_to(path) for path in within)]
            ids = {id(i) for i in taken}
            items = [i for i in items if id(i) not in ids]
            if taken:
                groups.append((float(seconds), taken))
    return groups, items


def is_left_to_the_whole(path: Path, lines: str, root: Path) -> bool:
    """Say whether the fast part goes without a file: the longest path that fits it decides."""
    fits = [
        (len(Path(words[-1]).parts), words[0] != "+")
        for line in lines.splitlines()
        if line and not line.startswith("#")
        if path.is_relative_to(root / (words := line.split())[-1])
    ]
    return max(fits)[1] if fits else False


@pytest.hookimpl(tryfirst=True)  # before what is asked for by marks is chosen
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    lines = WHOLE.read_text(encoding="utf-8") if WHOLE.exists() else ""
    slow = {
        path: is_left_to_the_whole(path, lines, WHOLE.parent)
        for path in {item.path for item in items}
    }
    for item in items:
        if slow[item.path]:
            item.add_marker(pytest.mark.slow)
    workers = getattr(config, "workerinput", {}).get("workercount", 1)
    if workers > 1 and LONG.exists():
        groups, rest = grouped(items, LONG.read_text(encoding="utf-8"), LONG.parent)
        items[:] = dealt(groups, rest, workers)
    _leave_out(config, items)


def _leave_out(config: pytest.Config, items: list[pytest.Item]) -> None:
    missing: dict[str, list[pytest.Item]] = {}
    for item in items:
        for tool in tools(item):
            if shutil.which(tool) is None:
                missing.setdefault(tool, []).append(item)
    if not missing:
        return
    if in_ci(os.environ):
        for tool, needing in missing.items():
            for item in needing:
                item.user_properties.append(("missing", tool))
        return
    left_out = {id(item) for needing in missing.values() for item in needing}
    config.stash[LEFT_OUT] = {tool: len(needing) for tool, needing in missing.items()}
    config.hook.pytest_deselected(items=[i for i in items if id(i) in left_out])
    items[:] = [i for i in items if id(i) not in left_out]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Fail a test whose program is missing where nothing may be missing."""
    names = [str(value) for key, value in item.user_properties if key == "missing"]
    if names:
        said = f"{', '.join(names)} is missing; tests/system-packages.txt says what brings it"
        pytest.fail(said, pytrace=False)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    for tool, count in sorted(config.stash.get(LEFT_OUT, {}).items()):
        terminalreporter.write_line(
            f"left out for want of {tool}: {count} tests (see tests/system-packages.txt)"
        )

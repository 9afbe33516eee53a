"""What every kind of environments must do, as a test suite: subclass it and supply a ``case``.

    class TestMine(EnvironmentSuite):
        @pytest.fixture
        def case(self, root):
            environment = Environment("mine", kind="mine", prefix=f"{root}/.tox/mine")
            return Case(environment, lambda: replace(environment, …), ("tool",), "1.0", "2.0")

The kind is found by its name, as ``stead test`` finds it: a plugin's must be installed.
Environments are made, and commands run in them, as ``stead test`` does it. Register this
module for rewritten assertions (``pytest.register_assert_rewrite``) in ``conftest.py``.
"""

from __future__ import annotations

import os
import pickle
import random
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from stead.matrix import commands, contents, kinds
from stead.matrix.running import Stop, Turn
from stead.store.atomic import remove_tree
from stead.store.builds import release_leases
from stead.testing.world import make_context
from stead.values.suite import Work
from stead.values.testenv import TestCommand

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import Any

    from stead.values.context import Context
    from stead.values.suite import Environment, Product, Ready, Result


@dataclass(frozen=True)
class Case:
    """An environment of the kind that is held to the protocol.

    ``command`` is a program of the environment, with arguments; it prints ``says``.
    ``change`` gives the environment that asks for something else, in which it prints
    ``changed`` (or changes what is there, for a kind that makes none). ``makes`` is false
    for a kind that only uses what exists.
    """

    environment: Environment
    change: Callable[[], Environment]
    command: tuple[str, ...]
    says: str
    changed: str
    product: Product | None = None
    makes: bool = True


class EnvironmentSuite:
    """Tests that hold a kind of environments to the protocol."""

    @pytest.fixture
    def case(self) -> Case:
        raise NotImplementedError("supply a case")

    @pytest.fixture
    def root(self, tmp_path: Path) -> str:
        """Give the directory of the project: its name has spaces in it, and a letter of its own."""
        path = tmp_path / "a prøject of mine"
        path.mkdir()
        return str(path)

    @pytest.fixture
    def context(self, tmp_path: Path) -> Iterator[Context]:
        yield make_context(tmp_path / "home")
        release_leases()
        remove_tree(tmp_path / "home")

    @pytest.fixture
    def world(self, case: Case, root: str, context: Context, tmp_path: Path) -> World:
        return World(case, root, context, tmp_path)

    # -- made and found

    def test_it_says_its_name_and_what_it_installs(self, world: World) -> None:
        kind = kinds.kind(world.case.environment.kind)
        assert kind.name == world.case.environment.kind
        assert all(isinstance(one, str) and one for one in kind.installs)

    def test_a_program_of_it_is_found_and_runs(self, world: World) -> None:
        ready = world.ready()
        directory = os.path.dirname(world.found(ready, world.case.command[0]))
        assert directory in ready.programs
        assert world.said(ready) == world.case.says

    def test_what_is_there_is_found_and_no_program_is_started(self, world: World) -> None:
        first = world.ready()

        def refuse(*_: object, **__: object) -> Any:
            pytest.fail("a program was started")

        again = world.ready(context=replace(world.context, run=refuse))
        assert again.reused
        assert again == replace(first, reused=True)

    def test_its_key_stays_and_is_known_without_making(self, world: World) -> None:
        ready = world.ready()
        case = world.case
        for _ in range(2):
            key = contents.key(case.environment, case.product, world.root, world.context)
            assert key == ready.key

    def test_what_asks_for_something_else_is_another(self, world: World) -> None:
        first = world.ready()
        changed = world.case.change()
        second = world.ready(changed)
        assert second.key != first.key
        assert world.said(second) == world.case.changed

    def test_on_request_it_is_made_afresh(self, world: World) -> None:
        world.ready()
        again = world.ready(recreate=True)
        assert again.reused is not world.case.makes
        assert world.said(again) == world.case.says

    def test_whole_it_verifies(self, world: World) -> None:
        case = world.case
        world.ready()
        kind = kinds.kind(case.environment.kind)
        made = kind.find(kinds.Asked(case.environment, case.product, world.root), world.context)
        assert made is not None
        assert kind.verify(made, world.context) == ()

    def test_offline_what_was_there_before_is_made_again(self, world: World) -> None:
        world.ready()
        offline = replace(world.context, offline=True)
        assert world.ready(context=offline).reused
        assert world.said(world.ready(context=offline, recreate=True)) == world.case.says

    def test_the_directories_of_a_run_are_there_and_the_temporary_one_is_empty(
        self, world: World
    ) -> None:
        environment = replace(
            world.case.environment,
            temporary=f"{world.root}/scratch of it",
            logs=f"{world.root}/logs of it",
        )
        for name in ("first", "second"):
            ready = world.ready(environment)
            assert os.listdir(environment.temporary) == []
            open(os.path.join(environment.temporary, name), "w", encoding="utf-8").close()
            assert os.path.isdir(environment.logs)
        assert world.said(ready) == world.case.says

    # -- commands

    def test_output_comes_line_by_line_and_whole_into_the_log(self, world: World) -> None:
        script = "echo one; echo two >&2; printf three"
        result, lines = world.run(world.ready(), "sh", "-c", script)
        assert result.status == "passed"
        assert sorted(lines) == ["one", "three", "two"]
        with open(result.log, encoding="utf-8") as file:
            log = file.read().splitlines()
        assert sorted(log[-3:]) == ["one", "three", "two"]

    @pytest.mark.parametrize("code", [0, 1, 7, 255])
    def test_an_exit_code_is_the_commands_own(self, world: World, code: int) -> None:
        result, _ = world.run(world.ready(), "sh", "-c", f"exit {code}")
        assert [c.code for c in result.commands] == [code]
        assert result.status == ("failed" if code else "passed")

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
    def test_a_signal_is_told_from_a_code(self, world: World, number: signal.Signals) -> None:
        result, _ = world.run(world.ready(), "sh", "-c", f"kill -{int(number)} $$")
        assert [c.code for c in result.commands] == [-number]
        assert result.status == "failed"

    def test_variables_of_the_work_prevail(self, world: World) -> None:
        work = Work(commands=(), set_env=(("STEAD_PROBE", "a value"),), directory=world.root)
        _, lines = world.run(world.ready(), "sh", "-c", 'echo "$STEAD_PROBE"', work=work)
        assert lines == ["a value"]

    # -- several at once

    def test_several_threads_get_the_same_and_each_its_own_variables(self, world: World) -> None:
        found: list[tuple[Ready, list[str]]] = []
        errors: list[BaseException] = []

        def one(number: int) -> None:
            try:
                ready = world.ready()
                work = Work(set_env=(("STEAD_PROBE", str(number)),), directory=world.root)
                script = 'echo "$STEAD_PROBE $PATH"'
                _, lines = world.run(ready, "sh", "-c", script, work=work, log=str(number))
                found.append((ready, lines))
                assert lines[0].startswith(f"{number} {ready.programs[0]}")
            except BaseException as exc:  # noqa: BLE001 (it is for the thread that waits)
                errors.append(exc)

        threads = [threading.Thread(target=one, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []
        assert len({ready.key for ready, _ in found}) == 1
        assert len(found) == len(threads)

    def test_several_processes_make_one(self, world: World) -> None:
        keys = [process.communicate()[0] for process in [world.process() for _ in range(3)]]
        assert len(set(keys)) == 1
        assert keys[0]
        assert world.said(world.ready()) == world.case.says

    @pytest.mark.slow
    def test_killed_at_any_point_the_next_run_is_right(self, world: World) -> None:
        begun = time.monotonic()
        world.process().communicate()
        long = time.monotonic() - begun
        for attempt in range(5):
            if world.case.makes:
                world.forget()
            process = world.process()
            time.sleep(long * random.Random(attempt).random())  # noqa: S311 (any will do)
            process.kill()
            process.communicate()
            assert world.said(world.ready()) == world.case.says


@dataclass(frozen=True)
class World:
    """A case, with a project and a home to use it in."""

    case: Case
    root: str
    context: Context
    directory: Path

    def ready(
        self,
        environment: Environment | None = None,
        *,
        context: Context | None = None,
        recreate: bool = False,
    ) -> Ready:
        """Have the environment made, or found."""
        return contents.ready(
            environment or self.case.environment,
            self.case.product,
            self.root,
            context or self.context,
            recreate=recreate,
        )

    def run(
        self, ready: Ready, *arguments: str, work: Work | None = None, log: str = "log"
    ) -> tuple[Result, list[str]]:
        """Run a command in the environment; gives its result and its lines."""
        lines: list[str] = []
        path = str(self.directory / "logs" / log)
        terms = commands.Terms(caller=self.context.environ, log=path)
        work = replace(work or Work(directory=self.root), commands=(TestCommand(arguments),))

        def say(what: str, text: str) -> None:
            if what == "line":
                lines.append(text)

        turn = Turn(log, say, Stop())
        return commands.run(work, ready, terms, turn), lines

    def said(self, ready: Ready) -> str:
        """Say what the case's program prints."""
        result, lines = self.run(ready, *self.case.command)
        assert result.status == "passed", lines
        return "\n".join(lines).strip()

    def found(self, ready: Ready, name: str) -> str:
        """Give the path of the program that a name means in the environment."""
        import shutil

        environ = commands.environment(
            Work(), ready, commands.Terms(caller=self.context.environ, log="")
        )
        return shutil.which(name, path=environ["PATH"]) or ""

    def process(self) -> subprocess.Popen[str]:
        """Start a process that has the environment made, and prints its key."""
        asked = (self.case.environment, self.case.product, self.root)
        file = self.directory / "asked.pickle"
        file.write_bytes(pickle.dumps((asked, os.fspath(self.context.home))))
        return subprocess.Popen(
            [sys.executable, "-c", _MAKE, str(file)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
            stdout=subprocess.PIPE,
            text=True,
        )

    def forget(self) -> None:
        """Take away the environment, and all that was built for it; caches stay."""
        prefix = self.case.environment.prefix
        if prefix:
            remove_tree(prefix)
        release_leases()
        for name in ("store", "places", "tests"):
            remove_tree(self.context.home / name)


_MAKE = """
import os, pickle, sys
from stead.matrix import contents
from stead.testing.world import make_context
with open(sys.argv[1], "rb") as file:
    asked, home = pickle.load(file)
print(contents.ready(*asked, make_context(home)).key, flush=True)
os._exit(0)
"""

"""A home with hand-made records, and real shells on a pseudo-terminal."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Sequence  # noqa: TC003 (as below)
from pathlib import Path  # noqa: TC003 (pytest reads annotations of fixtures)

import pytest

from stead.formats import known
from stead.pipeline import prompt, record
from stead.testing.terminal import STARTS, Terminal
from stead.values.activation import Activation, Change

SHELLS = ("bash", "zsh", "fish")


class World:
    """A STEAD_HOME, a user's home and a tree, with records made by the product's own code."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.home = base / "stead"
        self.tree = base / "tree"
        self.bin = base / "bin"
        for directory in (self.home, self.tree, self.bin):
            directory.mkdir()
        self.program = self.bin / "stead"
        (base / "dump.py").write_text(
            "import json, os, sys\nopen(sys.argv[1], 'w').write(json.dumps(dict(os.environ)))\n"
        )
        self.answers(None)

    def answers(self, program: str | None) -> None:
        """Make ``program`` (a path) the hook's Stead; None for one that says it was asked."""
        self.program.unlink(missing_ok=True)  # never write through a link
        if program is None:
            self.program.write_text(f'#!/bin/sh\necho "$*" >>"{self.base}/asked"\nexit 1\n')
            self.program.chmod(0o755)
        else:
            self.program.symlink_to(program)

    def asked(self) -> int:
        """How often the hook started its program."""
        try:
            return len((self.base / "asked").read_text().splitlines())
        except FileNotFoundError:
            return 0

    def place(self, name: str, *changes: Change, environment: str = "default", **more) -> Path:
        """Make a place with a manifest and a trusted record of these changes."""
        directory = self.tree / name
        directory.mkdir(parents=True, exist_ok=True)
        manifest = directory / "stead.toml"
        if not manifest.exists():
            manifest.write_text("")
        return self.keep(directory, *changes, environment=environment, **more)

    def keep(
        self,
        directory: Path,
        *changes: Change,
        environment: str = "default",
        anew: bool = False,
        **more,
    ) -> Path:
        old = time.time() - 100
        manifest = directory / "stead.toml"
        if manifest.stat().st_mtime > old + 50:
            os.utime(manifest, (old, old))
        activation = Activation(
            place=str(directory),
            root=str(directory),
            environment=environment,
            changes=(
                *changes,
                Change("set", "STEAD_PLACE", str(directory)),
                Change("set", "STEAD_ENV", environment),
            ),
            inputs=(str(manifest),),
            **more,
        )
        quiet = record.quiet_directories(activation, self.home, clock=lambda: time.time() + 10)
        record.record(
            str(self.home),
            activation,
            names=known.NAMES,
            now=time.time() + 10,
            trusted=True,
            files=prompt.hook_files(activation, tuple(w.path for w in quiet)),
            quiet=quiet,
            anew=anew,
        )
        return directory

    def code(self, shell: str, program: Path | None = None) -> str:
        return prompt.rc_code(
            shell, home=str(self.home), program=str(program or self.program), names=known.NAMES
        )


class Hooked(Terminal):
    """One interactive shell with the hook."""

    def __init__(
        self,
        world: World,
        shell: str,
        *,
        cwd: Path | None = None,
        rc: str = "",
        under: Sequence[str | Path] = (),
        program: Path | None = None,
    ) -> None:
        self.world = world
        rcfile = world.base / "rc"
        (rcfile / "fish").mkdir(parents=True, exist_ok=True)
        # Without this directory a first fish makes completions from manual pages.
        (rcfile / "fish" / "generated_completions").mkdir(exist_ok=True)
        rcs = {
            "bash": rcfile / "bashrc",
            "zsh": rcfile / ".zshrc",
            "fish": rcfile / "fish" / "config.fish",
        }
        for name, path in rcs.items():
            (world.base / f"hook.{name}").write_text(world.code(name, program))
            path.write_text(STARTS[name] + f"{rc}\n. {world.base}/hook.{name}\n")
        env = {
            "HOME": str(world.base),
            "PATH": os.environ["PATH"],
            "TERM": "dumb",
            "LANG": "C.UTF-8",
            "STEAD_HOME": str(world.home),
            "ZDOTDIR": str(rcfile),
            "XDG_CONFIG_HOME": str(rcfile),
            "XDG_DATA_HOME": str(rcfile),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        self.env = env
        self.argv = {
            "bash": ["bash", "--noprofile", "--rcfile", str(rcfile / "bashrc"), "-i"],
            "zsh": ["zsh", "-d", "-i"],
            "fish": ["fish", "-i"],
        }
        argv = [*map(str, under), *self.argv[shell]]
        super().__init__(shell, argv, env, cwd or world.base, timeout=90)
        self.ready()

    def inner(self, shell: str) -> None:
        """Start another interactive shell in this one, as a user does."""
        self.nest(shell, self.argv[shell])

    def values(self, *names: str) -> dict[str, str | None]:
        """What a program started from here gets for these names."""
        found = self._environ()
        return {n: found.get(n) for n in names}

    def value(self, name: str) -> str | None:
        return self._environ().get(name)

    def everything(self) -> dict[str, str]:
        """The whole environment of a program started from here, but for the shell's own notes."""
        found = self._environ()
        if "STEAD_APPLIED" in found:  # the order says nothing
            found["STEAD_APPLIED"] = " ".join(sorted(found["STEAD_APPLIED"].split()))
        return {k: v for k, v in found.items() if k not in ("_", "PWD", "OLDPWD", "SHLVL")}

    def _environ(self) -> dict[str, str]:
        dump = self.world.base / "dump.json"
        self.run(f"{sys.executable} {self.world.base}/dump.py {dump}")
        found: dict[str, str] = json.loads(dump.read_text())
        return found

    def close(self) -> None:
        self.child.close(force=True)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    if shutil.which(name) is None:
        pytest.fail(f"{name} is not installed; the hook cannot be tested without it")
    return name


@pytest.fixture
def open_terminal(world: World):
    opened: list[Hooked] = []

    def open_one(shell: str, **more) -> Hooked:
        opened.append(Hooked(world, shell, **more))
        return opened[-1]

    yield open_one
    for terminal in opened:
        terminal.close()

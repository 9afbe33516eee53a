"""A home with hand-made records, and real shells on a pseudo-terminal."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import time
from collections.abc import Sequence  # noqa: TC003 (as below)
from pathlib import Path  # noqa: TC003 (pytest reads annotations of fixtures)

import pexpect
import pytest

from stead.formats import known
from stead.pipeline import prompt, record
from stead.values.activation import Activation, Change

PS = "<<READY>>"
SHELLS = ("bash", "zsh", "fish")
SETUP = {
    "bash": f"PS1='{PS}'; PS2=; bind 'set enable-bracketed-paste off'\n",
    "zsh": f"PS1='{PS}' RPS1= PROMPT_EOL_MARK=; unsetopt zle prompt_cr prompt_sp\n",
    "fish": """\
set -g n 0
function c --on-event fish_postexec; set n (math $n + 1); end
function fish_prompt; echo -n '<<'$n'>>'; end
function fish_mode_prompt; end
set -g fish_greeting
""",
}


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

    def keep(self, directory: Path, *changes: Change, environment: str = "default", **more) -> Path:
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
        )
        return directory

    def code(self, shell: str, program: Path | None = None) -> str:
        return prompt.rc_code(
            shell, home=str(self.home), program=str(program or self.program), names=known.NAMES
        )


class Terminal:
    """One interactive shell with the hook, told line by line what to do."""

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
        self.shells = [shell]
        self.counts = [0]
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
            path.write_text(SETUP[name] + f"{rc}\n. {world.base}/hook.{name}\n")
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
        self.child = pexpect.spawn(
            argv[0],
            argv[1:],
            cwd=str(cwd or world.base),
            env=env,
            encoding="utf-8",
            timeout=20,
            echo=False,
            dimensions=(50, 4000),
        )
        self.said = ""
        self._wait()

    def _wait(self) -> str:
        # fish paints a prompt again and again; the number says which one it is.
        fish = self.shells[-1] == "fish"
        self.child.expect_exact(f"<<{self.counts[-1]}>>" if fish else PS)
        text = self.child.before
        text = re.sub(
            r"\x1b\][^\x07\x1b]*(\x07|\x1b\\)|\x1b[\[(][0-9;?>=]*[A-Za-z]|\x1b[=>]", "", text
        )
        return text.replace("\r", "").strip("\n⏎ ")

    def run(self, line: str) -> str:
        """Type a line; gives what appeared until the next prompt was there."""
        self.counts[-1] += 1
        self.child.sendline(line)
        lines = self._wait().splitlines()
        if lines and line.strip() in lines[0]:
            lines = lines[1:]
        return "\n".join(lines)

    def nest(self, shell: str) -> None:
        """Start another interactive shell in this one, as a user does."""
        self.shells.append(shell)
        self.counts.append(-1)
        self.run(" ".join(self.argv[shell]))

    def unnest(self) -> None:
        self.shells.pop()
        self.counts.pop()
        self.run("exit")

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
    opened: list[Terminal] = []

    def open_one(shell: str, **more) -> Terminal:
        opened.append(Terminal(world, shell, **more))
        return opened[-1]

    yield open_one
    for terminal in opened:
        terminal.close()

"""A place with all kinds of names, and what each shell offers there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pexpect
import pytest

from stead.formats import stead_lock
from stead.store.generations import History
from stead.values.generation import Generation
from stead.values.lock import Artifact, Lock, LockedEnvironment

if TYPE_CHECKING:
    from collections.abc import Iterable

PROGRAM = Path(sys.prefix) / "bin" / "stead"
READY = "<<READY>>"
MANIFEST = """
[workspace]

[tasks]
build = ["true"]
"build:docs" = ["true"]
bundle = { run = ["true"], description = "put it together" }

[vars]
LEVEL = "1"
LEVEE = "2"

[packages.pypi]
numpy = "*"
numba = "*"

[layer.test.packages.pypi]
pytest = "*"

[layer.docs]

[app.viewer]
run = ["true"]

[app.many.processes]
web = ["true"]
worker = ["true"]

[uses]
shared = { git = "https://example.org/shared.git", rev = "main" }
"""


def lock_of(names: Iterable[str]) -> str:
    """Give a lock that holds packages of any names: a lock may, and anybody can write one."""
    artifacts = tuple(Artifact("pypi", name, "1.0") for name in names)
    return stead_lock.write(
        Lock((LockedEnvironment(".", "default", "linux-64", (), "", artifacts),))
    )


class Shells:
    def __init__(self, base: Path, codes: dict[str, str], dump: Path) -> None:
        self.base = base
        self.dump = dump
        self.place = base / "place"
        self.place.mkdir()
        (self.place / "stead.toml").write_text(MANIFEST, encoding="utf-8")
        self.lock(["with space", "it's", "leaf"])
        (self.place / "a file").write_text("", encoding="utf-8")
        (self.place / "sub").mkdir()
        (self.place / "o d").mkdir()
        (base / "generated").mkdir()
        self.generations(4)
        self.env = {
            "HOME": str(base),
            "PATH": f"{PROGRAM.parent}{os.pathsep}{os.environ['PATH']}",
            "STEAD_HOME": str(base / "stead"),
            "TERM": "dumb",
            "LANG": "C.UTF-8",
            "ZDOTDIR": str(base),
            "XDG_CONFIG_HOME": str(base / "config"),
            "XDG_DATA_HOME": str(base / "data"),
        }
        self.codes = codes
        for shell, code in codes.items():
            (base / f"completion.{shell}").write_text(code, encoding="utf-8")

    def generations(self, count: int) -> None:
        """Begin a history, as commands would have."""
        history = History(self.base / "stead", str(self.place), "default")
        for _ in range(count):
            history.append(self._generation)

    def _generation(self, _: object, number: int) -> tuple[Generation, dict[str, bytes]]:
        made = Generation(
            number,
            1.7e9 + number,
            "ann@box",
            str(self.place),
            "default",
            "linux-64",
            ("set", "LEVEL"),
            reason=f"the {number}.",
            at=number,
        )
        return made, {}

    def lock(self, names: list[str]) -> None:
        (self.place / "stead.lock").write_text(lock_of(names), encoding="utf-8")

    def run(self, argv: list[str], stdin: str = "", cwd: Path | None = None) -> str:
        done = subprocess.run(
            argv,
            input=stdin,
            cwd=cwd or self.place,
            env={**self.env, "PWD": str(cwd or self.place)},
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        assert done.stderr == "", done.stderr
        return done.stdout

    def offered(self, shell: str, line: str, cwd: Path | None = None) -> list[str]:
        """What a shell offers for a line whose end is the cursor, sorted."""
        return sorted(getattr(self, f"_{shell}")(line, cwd))

    def _fish(self, line: str, cwd: Path | None) -> list[str]:
        script = f". {self.base}/completion.fish\ncomplete -C {_quoted(line)}\n"
        said = self.run(["fish", "--no-config", "-c", script], cwd=cwd)
        return [offer.split("\t")[0] for offer in said.splitlines()]

    def _bash(self, line: str, cwd: Path | None) -> list[str]:
        """Call the function as bash does, with the line split at bash's own breaks."""
        words = re.findall(r"[:=]+|(?:\\.|'[^']*'?|[^\s:=\\])+", line)
        if line[-1] in " :=":
            words.append("")
        script = f"""
. {self.base}/completion.bash
COMP_LINE={_quoted(line)} COMP_POINT={len(line)} COMP_CWORD={len(words) - 1}
COMP_WORDS=({" ".join(map(_quoted, words))})
_stead
((${{#COMPREPLY[@]}} == 0)) || printf '%s\\n' "${{COMPREPLY[@]}}"
"""
        return self.run(["bash", "--norc", "--noprofile", "-c", script], cwd=cwd).splitlines()


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


class Terminal:
    """An interactive shell with completion, and a person who presses keys."""

    def __init__(self, shells: Shells, shell: str) -> None:
        base = shells.base
        (base / ".zshrc").write_text(
            f"PS1='{READY}' RPS1= PROMPT_EOL_MARK=; unsetopt zle_bracketed_paste prompt_cr prompt_sp\n"
            f"autoload -Uz compinit; compinit -u -d {shells.dump}; . {base}/completion.zsh\n",
            encoding="utf-8",
        )
        fish = base / "config" / "fish"
        fish.mkdir(parents=True, exist_ok=True)
        (fish / "config.fish").write_text(
            f"function fish_prompt; printf '%s' '{READY}'; end\nfunction fish_greeting; end\n"
            "function fish_title; end\nset -g fish_autosuggestion_enabled 0\n"
            f". {base}/completion.fish\n",
            encoding="utf-8",
        )
        (base / "bashrc").write_text(
            f"PS1='{READY}'; bind 'set enable-bracketed-paste off'; bind 'set bell-style none'\n"
            f". {base}/completion.bash\n",
            encoding="utf-8",
        )
        argv = {
            "bash": ["bash", "--noprofile", "--rcfile", str(base / "bashrc"), "-i"],
            "zsh": ["zsh", "-d", "-i"],
            "fish": ["fish", "-i"],
        }[shell]
        self.shell = shell
        self.child = pexpect.spawn(
            argv[0],
            argv[1:],
            cwd=str(shells.place),
            env=shells.env,
            encoding="utf-8",
            timeout=90,
            dimensions=(50, 200),
        )
        self.base = base
        self.count = 0
        self.child.expect_exact(READY)

    def words_after(self, keys: str) -> list[str]:
        """Press keys, then enter; gives the words of the command that came to be.

        The line is run for real, by a ``stead`` that notes what it was given.
        """
        self.count += 1
        out = self.base / f"words-{self.count}"
        words = "$argv" if self.shell == "fish" else '"$@"'
        body = f"printf '%s\\n' {words} >{out}; echo done{self.count}"
        function = f"function stead; {body}; end"
        if self.shell != "fish":
            function = f"stead() {{ {body}; }}"
        self.child.sendline(f"{function}; echo set{self.count}")
        self.child.expect(f"set{self.count}\r?\n")
        self.child.expect_exact(READY)
        self.child.send(keys)
        self.child.send("\r")
        self.child.expect(f"done{self.count}\r?\n")
        self.child.expect_exact(READY)
        return out.read_text(encoding="utf-8").splitlines()

    def close(self) -> None:
        self.child.close(force=True)


@pytest.fixture(scope="session")
def codes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the program prints for each shell. It is the same everywhere."""
    home = tmp_path_factory.mktemp("codes")
    environ = {"HOME": str(home), "PATH": os.environ["PATH"], "STEAD_HOME": f"{home}/stead"}

    def code(shell: str) -> str:
        words = [str(PROGRAM), "completion", shell]
        return subprocess.run(words, env=environ, capture_output=True, text=True, check=True).stdout

    return {shell: code(shell) for shell in ("bash", "zsh", "fish", "pwsh")}


@pytest.fixture(scope="session")
def dump(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where zsh keeps what it found out about its own completions, once for all tests."""
    return tmp_path_factory.mktemp("zsh") / "dump"


@pytest.fixture
def shells(tmp_path: Path, codes: dict[str, str], dump: Path) -> Shells:
    for name in ("bash", "zsh", "fish"):
        if shutil.which(name) is None:
            pytest.fail(f"{name} is not installed; completion cannot be tested without it")
    return Shells(tmp_path, codes, dump)


@pytest.fixture
def open_terminal(shells: Shells):
    opened = []

    def open_one(shell: str) -> Terminal:
        opened.append(Terminal(shells, shell))
        return opened[-1]

    yield open_one
    for terminal in opened:
        terminal.close()

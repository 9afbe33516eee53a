"""An interactive bash, zsh or fish on a pseudo-terminal, told line by line what to do.

Needs pexpect. The user's start file has to hold :data:`STARTS` of the shell, from which
it is seen when the shell waits for a line.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pexpect

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

READY = "<<READY>>"
STARTS = {
    "bash": f"PS1='{READY}'; PS2=; bind 'set enable-bracketed-paste off'\n",
    "zsh": f"PS1='{READY}' RPS1= PROMPT_EOL_MARK=; unsetopt zle prompt_cr prompt_sp\n",
    "fish": """\
set -g n 0
function c --on-event fish_postexec; set n (math $n + 1); end
function fish_prompt; echo -n '<<'$n'>>'; end
function fish_mode_prompt; end
set -g fish_greeting
""",
}
"""What the user's own start file says, by shell."""
_CONTROLS = re.compile(r"\x1b\][^\x07\x1b]*(\x07|\x1b\\)|\x1b[\[(][0-9;?>=]*[A-Za-z]|\x1b[=>]")


class Terminal:
    """One interactive shell; ``child`` is pexpect's, which whoever made this closes."""

    def __init__(
        self,
        shell: str,
        argv: Sequence[str],
        env: Mapping[str, str],
        cwd: str | os.PathLike[str],
        *,
        timeout: float = 60,
    ) -> None:
        self._shells = [shell]
        self._counts = [0]
        self.marked = ""
        """What stood before the user's own prompt the last time."""
        self.child = pexpect.spawn(
            argv[0],
            list(argv[1:]),
            cwd=str(cwd),
            env=dict(env),
            encoding="utf-8",
            timeout=timeout,
            echo=False,
            dimensions=(50, 4000),
        )

    def expect(self, text: str) -> str:
        """Wait for a text; gives what came before it."""
        self.child.expect_exact(text)
        return self._plain()

    def ready(self) -> str:
        """Wait for the prompt; gives what came before it, without the mark."""
        # fish paints a prompt again and again; the number says which one it is.
        fish = self._shells[-1] == "fish"
        text = self.expect(f"<<{self._counts[-1]}>>" if fish else READY)
        head, _, mark = text.rpartition("\n")
        self.marked = mark.strip("⏎ ")
        return head.strip("\n⏎ ")

    def begin(self, line: str) -> None:
        """Type a line after which the prompt will come: see :meth:`ready`."""
        self._counts[-1] += 1
        self.child.sendline(line)

    def run(self, line: str) -> str:
        """Type a line; gives what appeared until the next prompt was there."""
        self.begin(line)
        lines = self.ready().splitlines()
        if lines and line.strip() in lines[0]:
            lines = lines[1:]
        return "\n".join(lines)

    def value(self, name: str) -> str:
        """Give a variable as a process gets it; nothing where it has none."""
        return self.run(f"printenv {name}")

    def export(self, name: str, value: str) -> str:
        """Export a variable, its value in the shell's words; gives what was said."""
        fish = self._shells[-1] == "fish"
        return self.run(f"set -gx {name} {value}" if fish else f"export {name}={value}")

    def nest(self, shell: str, argv: Sequence[str]) -> None:
        """Start another interactive shell in this one, as a user does."""
        self._shells.append(shell)
        self._counts.append(-1)
        self.run(" ".join(argv))

    def unnest(self) -> None:
        """End the shell that was started last."""
        self._shells.pop()
        self._counts.pop()
        self.run("exit")

    def type(self, keys: str) -> None:
        """Type a line and wait for nothing; ``^D`` and ``^C`` are these keys."""
        if keys == "^D":
            self.child.sendeof()
        elif keys == "^C":
            self.child.sendintr()
        else:
            self.child.sendline(keys)

    def rest(self) -> str:
        """Wait for the end; gives what was still said."""
        self.child.expect(pexpect.EOF)
        return self._plain()

    def _plain(self) -> str:
        return _CONTROLS.sub("", self.child.before or "").replace("\r", "")

"""Completion: the table of commands, put into a shell's words.

The table says all that can be known beforehand. What a shell does with it is the same
in each: it walks over the words before the cursor, from state to state, and then
offers what the table says of where it is. A state is a command with its
subcommand, joined by ``/``; the empty one is that before any command.

=================  ============================================================
key                lines
=================  ============================================================
``w:STATE``        words that lead to a further state: word, tab, what it means
``o:STATE``        options: option, tab, what it means
``v:STATE:OPTION`` the kind of the option's value
``p:STATE:N``      the kind of the Nth argument; ``*`` in place of N for any other
``t:STATE``        the arguments are a command with arguments of its own
=================  ============================================================

A kind is ``file``, ``directory``, ``command``, ``=`` before words that are all there
are, or one that ``stead __complete KIND`` knows the words of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.shells.hook_record import template
from stead.shells.quote import fish, posix, powershell

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Table = Mapping[str, tuple[str, ...]]
    """Key → lines, neither of which holds a line break."""


def _posix_table(table: Table) -> str:
    return "\n".join(
        f"  [{posix(key)}]={posix(chr(10).join(lines))}" for key, lines in table.items()
    )


def _zsh_table(table: Table) -> str:
    return "\n".join(f"  {posix(key)} {posix(chr(10).join(lines))}" for key, lines in table.items())


def _fish_table(table: Table) -> str:
    return "\n".join(
        f"    case {fish(key)}\n      printf '%s\\n' {' '.join(map(fish, lines))}"
        for key, lines in table.items()
    )


def _powershell_table(table: Table) -> str:
    return "\n".join(
        f"$global:SteadTable[{powershell(key)}] = @({', '.join(map(powershell, lines))})"
        for key, lines in table.items()
    )


_SHELLS: dict[str, tuple[str, Callable[[Table], str], Callable[[str], str]]] = {
    "bash": ("completion.bash", _posix_table, posix),
    "zsh": ("completion.zsh", _zsh_table, posix),
    "fish": ("completion.fish", _fish_table, fish),
    "pwsh": ("completion.ps1", _powershell_table, powershell),
}
SHELLS: tuple[str, ...] = tuple(_SHELLS)


def code(shell: str, table: Table, program: str) -> str:
    """Give the text that a shell evaluates to complete ``stead``.

    ``program`` is the absolute path of the program to ask for words.
    """
    file, written, quote = _SHELLS[shell]
    return template(file).replace("@TABLE@", written(table)).replace("@PROGRAM@", quote(program))

"""The hook for zsh 5.1 and later.

Every variable of its own begins with ``_stead_``, locals too: zsh's scopes are
dynamic, and a local ``name`` would catch an environment's variable ``name``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.shells import hook_bash
from stead.shells.hook_record import FORMAT, template
from stead.shells.quote import check_name, posix

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stead.shells.hook_record import HookRecord

FILE = "hook.zsh"


def code(home: str, program: str, names: Sequence[str]) -> str:
    """Give the text for the rc file: where Stead keeps things, its program, manifest names."""
    return (
        template(FILE)
        .replace("@ANY@", " || ".join(f'-e "$1"/{posix(n)}' for n in names))
        .replace("@NAMES@", " ".join(map(posix, names)))
        .replace("@FORMAT@", str(FORMAT))
        .replace("@PROGRAM@", posix(program))
        .replace("@HOME@", posix(home))
    )


def render(record: HookRecord, directory: str) -> str:
    """Give the hook file that lies in ``directory``.

    Raises SteadError for a name that zsh cannot set.
    """
    for name in (*dict(record.sets), *record.unsets, *(c.name for c in record.relative)):
        check_name("zsh", name)
    return hook_bash.render(record, directory, FILE)


watch, again, pend, none = hook_bash.watch, hook_bash.again, hook_bash.pend, hook_bash.none

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
    sets = {**dict(record.sets), "STEAD_RECORD": record.key}
    names = " ".join(sets)
    separator = hook_bash.separator(sets.values())
    # Read at once as a text, and as code only on leaving: entering is what people wait for.
    values = posix(separator).join(f'"${{{name}+x${name}}}"' for name in sets)
    put = [
        f"[[ -z {hook_bash.any_is_set(list(sets), beginnings=False)} ]] || _stead_save_sets {names}",
        "builtin export \\",
        *(f"  {name}={posix(value)} \\" for name, value in sets.items()),
        f"  STEAD_APPLIED='{names}'",
        f"_stead_sets=({names})",
        f"_stead_between_values={posix(separator)}",
        f"_stead_values={posix(values)}",
        f"_stead_put={posix(separator.join(f'x{value}' for value in sets.values()))}",
    ]
    return hook_bash.text(record, directory, FILE, put, beginnings=False)


watch, again, pend, none = hook_bash.watch, hook_bash.again, hook_bash.pend, hook_bash.none

"""The hook for bash 4.4 and later.

Every variable of its own begins with ``_stead_``, locals too: bash's scopes are
dynamic, and a local ``name`` would catch an environment's variable ``name``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.shells.hook_record import FORMAT, template
from stead.shells.posix import check_separator
from stead.shells.quote import check_name, posix

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from stead.shells.hook_record import HookRecord, Watch

FILE = "hook.bash"

MANY = 60
"""Names with one beginning, from which on it is faster to look for that."""


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


def render(record: HookRecord, directory: str, file: str = FILE) -> str:
    """Give the hook file that lies in ``directory``.

    Raises SteadError for a name that bash cannot set.
    """
    sets = {check_name("posix", name): value for name, value in record.sets}
    sets["STEAD_RECORD"] = record.key
    unsets = [check_name("posix", name) for name in record.unsets]
    applied = " ".join(sets)
    separator = _separator(sets.values())
    # Read at once as a text, and as code only on leaving: entering is what people wait for.
    values = posix(separator).join(f'"${{{name}+x${name}}}"' for name in sets)
    put = separator.join(f"x{value}" for value in sets.values())
    lines = [
        f"_stead_recorded() {{ {_conditions(record.pairs, record.absent, record.requires)}; }}",
        f"[[ ${{_stead_format-}} == {FORMAT} ]] || builtin return 1",
        "[[ -n $_stead_force ]] || _stead_recorded || builtin return 1",
        f"_stead_begin {record.key} {posix(f'{directory}/{file}')} {posix(record.place)} {record.environment}",
        _if_any_is_set("_stead_save_sets", list(sets)),
        "builtin export \\",
        *(f"  {name}={posix(value)} \\" for name, value in sets.items()),
        f"  STEAD_APPLIED='{applied}'",
        f"_stead_sets=({applied})",
        f"_stead_between_values={posix(separator)}",
        f"_stead_values={posix(values)}",
        f"_stead_put={posix(put)}",
    ]
    for change in record.relative:
        check_name("posix", change.name)
        if change.kind == "default":
            lines.append(f"_stead_default {change.name} {posix(change.value)}")
        else:
            separator = posix(check_separator(change))
            lines.append(
                f"_stead_list {change.kind} {change.name} {separator} {posix(change.value)}"
            )
    # Last, because bash reads no further than `return`, and these names are many.
    beginnings = file == FILE  # zsh, which shares the rest, has no word for them
    any_set = _any_is_set(unsets, beginnings=beginnings)
    lines += ["_stead_end", f'[[ -n "{any_set}" ]] || builtin return 0']
    lines += [f"_stead_drop {' '.join(unsets)}", "builtin return 0"]
    return "".join(f"{line}\n" for line in lines)


def watch(found: Watch) -> list[str]:
    """Give the lines that say what a pending place waits for."""
    lines = [f"_stead_pass {posix(path)} {posix(reference)}" for path, reference in found.past]
    lines.append(f"_stead_watched() {{ {_conditions(found.pairs, found.absent, ())}; }}")
    return lines


def again(place: str, text: str) -> list[str]:
    """Give the lines that apply a record just written; ``text`` is it, in case it is not fresh."""
    return [
        f"if ! _stead_again {posix(place)}; then",
        "_stead_force=1",
        f"_stead_text() {{\n{text}\n}}",
        "_stead_text",
        "builtin unset -f _stead_text",
        "_stead_force= _stead_state=loaded _stead_current= _stead_place_env=$_stead_e",
        "fi",
    ]


def pend(place: str, keep: bool, key: str, message: str) -> list[str]:
    """Give the line that says that there is nothing to apply, and why."""
    return [
        f"_stead_pend {posix(place)} {posix('1' if keep else '')} {posix(key)} {posix(message)}"
    ]


def none() -> list[str]:
    """Give the lines for a directory that belongs to no place."""
    return ["_stead_none", "_stead_walk"]


def _conditions(
    pairs: Iterable[tuple[str, str]], absent: Iterable[str], requires: Iterable[str]
) -> str:
    tests = ["-n x"]
    for path, reference in pairs:
        p, r = posix(path), posix(reference)
        tests.append(f"-e {p} && ! {p} -nt {r} && ! {r} -nt {p}")
    tests += [f"! -e {posix(path)}" for path in absent]
    tests += [f"-e {posix(path)}" for path in requires]
    return f"[[ {' && '.join(tests)} ]]"


def _if_any_is_set(function: str, names: Sequence[str]) -> str:
    """Call a function for names, unless none of them is set: one test for all is the usual way."""
    tests = "".join(f"${{{name}+x}}" for name in names)
    return f"[[ -z {tests} ]] || {function} {' '.join(names)}"


def _any_is_set(names: Sequence[str], *, beginnings: bool) -> str:
    """Give what expands to nothing unless one of the names may be set.

    Many names with one beginning are asked for by that: a search through all
    variables costs as much as some forty names.
    """
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(name.partition("_")[0], []).append(name)
    tests = []
    for start, members in groups.items():
        if beginnings and len(members) >= MANY and all(m.startswith(f"{start}_") for m in members):
            tests.append(f"${{!{start}_*}}")
        else:
            tests += [f"${{{name}+x}}" for name in members]
    return "".join(tests)


def _separator(values: Iterable[str]) -> str:
    """Choose a character that is in none of the values."""
    whole = "".join(values)
    return next(chr(c) for c in range(31, 0x10FFFF) if chr(c) not in whole)

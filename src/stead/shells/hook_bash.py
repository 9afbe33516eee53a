"""The hook for bash 4.4 and later.

Every variable of its own begins with ``_stead_``, locals too: bash's scopes are
dynamic, and a local ``name`` would catch an environment's variable ``name``.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stead.shells.hook_record import FORMAT, template
from stead.shells.posix import check_separator
from stead.shells.quote import check_name, posix

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from stead.shells.hook_record import HookRecord, Watch

FILE = "hook.bash"

VALUES = "hook.values"
"""The file with what a record sets, as it is: bash reads it without parsing it."""

SELDOM = 4
"""How many prompts pass for each time that the names in a quiet directory are asked for."""

MANY = 60
"""Names with one beginning, from which on it is faster to look for that."""


def code(home: str, program: str, names: Sequence[str]) -> str:
    """Give the text for the rc file: where Stead keeps things, its program, manifest names."""
    return (
        template(FILE)
        .replace("@ANY@", " || ".join(f'-e "$_stead_d"/{posix(n)}' for n in names))
        .replace("@NAMES@", " ".join(map(posix, names)))
        .replace("@FORMAT@", str(FORMAT))
        .replace("@PROGRAM@", posix(program))
        .replace("@HOME@", posix(home))
    )


def render(record: HookRecord, directory: str) -> str:
    """Give the hook file that lies in ``directory``, which holds :func:`files` too.

    Without a directory the text holds everything itself. Raises SteadError for a
    name that bash cannot set.
    """
    sets = _sets(record)
    values = " ".join(posix(f"{name}={value}") for name, value in sets.items())
    put = [
        f"builtin mapfile -d '' -t _stead_values 2>/dev/null <{posix(f'{directory}/{VALUES}')}"
        if directory
        else f"_stead_values=({values})",
        f"[[ ${{#_stead_values[@]}} == {len(sets)} ]] || {{ _stead_key=; builtin return 1; }}",
        f"_stead_separator={posix(separator(sets.values()))}",
        f'[[ -z "{any_is_set(list(sets), beginnings=True)}" ]] || _stead_save_sets',
        f"builtin export \"${{_stead_values[@]}}\" STEAD_APPLIED='{' '.join(sets)}'",
    ]
    return text(record, directory, FILE, put, beginnings=True)


def files(record: HookRecord) -> dict[str, str]:
    """Give the further files that lie beside the hook file: name → content."""
    return {VALUES: "".join(f"{name}={value}\0" for name, value in _sets(record).items())}


def _sets(record: HookRecord) -> dict[str, str]:
    sets = {check_name("posix", name): value for name, value in record.sets}
    return {**sets, "STEAD_RECORD": record.key}


def text(
    record: HookRecord, directory: str, file: str, put: Iterable[str], *, beginnings: bool
) -> str:
    """Give a hook file for bash or zsh; ``put`` are the lines that set the plain values.

    ``beginnings``: whether the shell has a word for names that begin alike.
    """
    unsets = [check_name("posix", name) for name in record.unsets]
    names = " ".join(name for name, _ in record.sets)
    lines = [
        _recorded(record, zsh=not beginnings),
        f"[[ ${{_stead_format-}} == {FORMAT} ]] || builtin return 1",
        "[[ -n $_stead_force ]] || _stead_recorded || builtin return 1",
        (
            f"_stead_begin {record.key} {posix(f'{directory}/{file}')} {posix(record.place)}"
            f" {record.environment} {posix(names)}"
        ),
        *put,
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
    # Last, because a shell reads no further than `return`, and these names are many.
    any_set = any_is_set(unsets, beginnings=beginnings)
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


def _recorded(record: HookRecord, *, zsh: bool) -> str:
    """Define the function that says whether the record holds.

    A directory as old as its reference has got no new entry. Since the time of one
    can be set back (``touch -r``), every few prompts the names in one directory are
    asked for all the same, by turns.
    """
    groups: dict[str, list[str]] = {directory: [] for directory, _ in record.quiet}
    alone: list[str] = []
    for path in record.absent:
        groups.get(os.path.dirname(path), alone).append(path)
    tests = [there(p, r, zsh) + same_time(p, r) for p, r in record.pairs]
    for turn, (directory, reference) in enumerate(record.quiet):
        same = there(directory, reference, zsh) + same_time(directory, reference)
        same = f"$_stead_turn != {turn} && {same}"
        names = " && ".join(f"! -e {posix(path)}" for path in groups[directory])
        tests.append(f"( {same} || {names} )")
    conditions = _conditions((), alone, record.requires, tests)
    rounds = SELDOM * len(record.quiet)
    # Only where all holds: asked again in the same prompt, the answer is the same.
    turn_on = f" && ((_stead_turn = (_stead_turn + 1) % {rounds}, 1))" if rounds else ""
    return f"_stead_recorded() {{ {conditions}{turn_on}; }}"


def there(path: str, reference: str, zsh: bool) -> str:
    """Ask for both files where the comparison does not.

    bash takes a file that is gone for older than one that is there, zsh for neither
    older nor newer.
    """
    return f"-e {posix(path)} && -e {posix(reference)} && " if zsh else ""


def same_time(path: str, reference: str) -> str:
    p, r = posix(path), posix(reference)
    return f"! {p} -nt {r} && ! {r} -nt {p}"


def _conditions(
    pairs: Iterable[tuple[str, str]],
    absent: Iterable[str],
    requires: Iterable[str],
    further: Iterable[str] = (),
) -> str:
    tests = ["-n x", *(f"-e {posix(path)} && {same_time(path, r)}" for path, r in pairs)]
    tests += further
    tests += [f"! -e {posix(path)}" for path in absent]
    tests += [f"-e {posix(path)}" for path in requires]
    return f"[[ {' && '.join(tests)} ]]"


def any_is_set(names: Sequence[str], *, beginnings: bool) -> str:
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


def separator(values: Iterable[str]) -> str:
    """Choose a character that is in none of the values, and plain in a format of printf."""
    whole = "".join(values) + "%\\"
    return next(chr(c) for c in range(31, 0x10FFFF) if chr(c) not in whole)

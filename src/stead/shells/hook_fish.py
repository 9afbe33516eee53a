"""The hook for fish 3.5 and later."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.shells.hook_record import FORMAT, template
from stead.shells.posix import check_separator
from stead.shells.quote import check_name, fish

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from stead.shells.hook_record import HookRecord, Watch

FILE = "hook.fish"


def code(home: str, program: str, names: Sequence[str]) -> str:
    """Give the text for the rc file: where Stead keeps things, its program, manifest names."""
    return (
        template(FILE)
        .replace("@NAMES@", " ".join(map(fish, names)))
        .replace("@FORMAT@", str(FORMAT))
        .replace("@PROGRAM@", fish(program))
        .replace("@HOME@", fish(home))
    )


def render(record: HookRecord, directory: str) -> str:
    """Give the hook file that lies in ``directory``.

    Raises SteadError for a name that fish cannot set.
    """
    sets = {check_name("fish", name): value for name, value in record.sets}
    sets["STEAD_RECORD"] = record.key
    unsets = [check_name("fish", name) for name in record.unsets]
    place, file = fish(record.place), fish(f"{directory}/{FILE}")
    lines = [
        *_function("_stead_recorded", _conditions(record.pairs, record.absent, record.requires)),
        f'if test "$_stead_format" = {FORMAT}; and begin; test -n "$_stead_force"; or _stead_recorded; end',
        f"_stead_begin {record.key} {file} {place} {record.environment} {' '.join(sets)}",
        f"_stead_save {' '.join(sets)}",
        *(f"set -gx {name} {fish(value)}" for name, value in sets.items()),
        f"set -gx STEAD_APPLIED '{' '.join(sets)}'",
    ]
    if unsets:
        lines.append(f"_stead_drop {' '.join(unsets)}")
    for change in record.relative:
        check_name("fish", change.name)
        if change.kind == "default":
            lines.append(f"_stead_default {change.name} {fish(change.value)}")
        else:
            separator = fish(check_separator(change))
            lines.append(
                f"_stead_list {change.kind} {change.name} {separator} {fish(change.value)}"
            )
    lines += [f"_stead_end {' '.join(sets)}", "true", "else", "false", "end"]
    return _text(lines)


def watch(found: Watch) -> list[str]:
    """Give the lines that say what a pending place waits for."""
    return [
        *(f"_stead_pass {fish(path)} {fish(reference)}" for path, reference in found.past),
        *_function("_stead_watched", _conditions(found.pairs, found.absent, ())),
    ]


def again(place: str, text: str) -> list[str]:
    """Give the lines that apply a record just written; ``text`` is it, in case it is not fresh."""
    return [
        f"if not _stead_again {fish(place)}",
        "set _stead_force 1",
        text,
        "set _stead_force; set _stead_state loaded; set _stead_current ''",
        "end",
    ]


def pend(place: str, keep: bool, key: str, message: str) -> list[str]:
    """Give the line that says that there is nothing to apply, and why."""
    return [f"_stead_pend {fish(place)} {fish('1' if keep else '')} {fish(key)} {fish(message)}"]


def none() -> list[str]:
    """Give the lines for a directory that belongs to no place."""
    return ["_stead_none", "_stead_walk"]


def _text(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _function(name: str, conditions: Iterable[str]) -> list[str]:
    return [f"function {name}", "true", *(f"and {c}" for c in conditions), "end"]


def _conditions(
    pairs: Iterable[tuple[str, str]], absent: Sequence[str], requires: Iterable[str]
) -> list[str]:
    tests = []
    for path, reference in pairs:
        p, r = fish(path), fish(reference)
        tests.append(f"test -e {p} -a ! {p} -nt {r} -a ! {r} -nt {p}")
    if absent:
        tests.append(f"not path is -- {' '.join(map(fish, absent))}")
    tests += [f"test -e {fish(path)}" for path in requires]
    return tests

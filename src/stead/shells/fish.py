"""fish: its own language, with lists for what other shells keep in one text."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from stead.shells.posix import check_separator
from stead.shells.quote import check_name, fish

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stead.values.activation import Activation, Change


def render(activation: Activation) -> str:
    """Give text for ``eval`` or ``source``. Raises SteadError for a name that fish cannot set."""
    return render_changes(activation.changes)


def render_changes(changes: Iterable[Change]) -> str:
    """Like :func:`render`, for changes alone."""
    lines: list[str] = []
    for kind, group in groupby(changes, key=lambda c: c.kind):
        listed = list(group)
        names = [check_name("fish", c.name) for c in listed]
        if kind == "unset":
            # An empty global that is not exported hides a universal variable from children.
            lines += [
                f"for __stead_n in {' '.join(names)}",
                "  set -eg $__stead_n",
                "  set -q $__stead_n; and set -gu $__stead_n",
                "end",
                "set -e __stead_n",
            ]
        elif kind == "set":
            lines += [f"set -gx {c.name} {fish(c.value)}" for c in listed]
        elif kind == "default":
            lines += [f"set -qx {c.name}; or set -gx {c.name} {fish(c.value)}" for c in listed]
        else:
            lines += [line for c in listed for line in _listed(c)]
    return "".join(f"{line}\n" for line in lines)


def _listed(change: Change) -> list[str]:
    separator = check_separator(change)
    return _paths(change) if separator == ":" else _text(change, separator)


def _paths(change: Change) -> list[str]:
    """Change a list separated by colons: fish itself splits and joins a path variable."""
    name, value = change.name, fish(change.value)
    first, last = (value, "$__stead_r") if change.kind == "prepend" else ("$__stead_r", value)
    lines = [
        "set -g __stead_r",
        f'if test -n "${name}"',
        f'  set -g --path __stead_l "${name}"',
        "  for __stead_e in $__stead_l",
        f'    test "$__stead_e" = {value}; or set -a __stead_r "$__stead_e"',
        "  end",
        "end",
        f"set -g --path __stead_l {first} {last}",
        f'set -gx {name} "$__stead_l"',
        "set -e __stead_r; set -e __stead_l; set -e __stead_e",
    ]
    if ":" in change.value:
        lines[4] = '    set -a __stead_r "$__stead_e"'
    return lines


def _text(change: Change, separator: str) -> list[str]:
    """Change a list with another separator, as one text wrapped in separators.

    ``printf`` ends no line, so what it gives is collected as it is.
    """
    name, sep = change.name, fish(separator)
    lines = [f"set -g __stead_x {sep}", f'test -n "${name}"; and set __stead_x {sep}"${name}"{sep}']
    if separator not in change.value:
        wrapped = fish(separator + change.value + separator)
        lines += [
            "while true",
            f"  set -g __stead_n (string replace -- {wrapped} {sep} $__stead_x | string collect)",
            '  test "$__stead_n" = "$__stead_x"; and break',
            "  set __stead_x $__stead_n",
            "end",
            "set -e __stead_n",
        ]
    # What is cut below is never all of it: fish 3.6 collects nothing as two empty texts.
    lines += [f'if test "$__stead_x" = {sep}', "  set __stead_x ''", "else"]
    if change.kind == "prepend":
        lines += [
            "  set -g __stead_n (math (string length -- $__stead_x) - 1)",
            "  set __stead_x (printf '%.*s' $__stead_n $__stead_x | string collect -N)",
            "  set -e __stead_n",
        ]
        result = f'{fish(change.value)}"$__stead_x"'
    else:
        lines.append("  set __stead_x (string sub -s 2 -- $__stead_x | string collect)")
        result = f'"$__stead_x"{fish(change.value)}'
    return [*lines, "end", f"set -gx {name} {result}", "set -e __stead_x"]

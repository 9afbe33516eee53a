"""What a script in a transaction needs of its shell: to pick up what it has staged.

The preamble defines a function ``stead`` which runs the program and then, if the
staged environment has changed, evaluates it. Both texts are POSIX shell and work in
sh, dash, bash, ksh and zsh, under ``set -eu`` too; they start no process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.shells.hook_record import reduce
from stead.shells.posix import check_separator, render_changes
from stead.shells.quote import check_name, posix
from stead.shells.state import ADDED, APPLIED, OLD, SH_UNDO
from stead.values.activation import Change, apply

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TURN = "STEAD_TURN"
"""Exported: the number of the staged environment that a shell has."""

_ZSH = 'if [ -n "${ZSH_VERSION-}" ]; then emulate -L sh; fi\n'

# Words are split as they are by default, whatever the script has made of that.
_BEGIN = """\
if [ -n "${IFS+x}" ]; then __stead_ifs=$IFS; unset IFS; else unset __stead_ifs; fi
case $- in *f*) __stead_f=1 ;; *) __stead_f=; set -f ;; esac
"""
_END = """\
if [ -n "$__stead_f" ]; then set -f; else set +f; fi
if [ -n "${__stead_ifs+x}" ]; then IFS=$__stead_ifs; unset __stead_ifs; fi
unset __stead_f __stead_a __stead_l __stead_n __stead_s
"""

# What the script itself has put into a list stays: only what the former environment
# had put there is taken out before the list is what it was.
_KEEP_LISTS = """\
for __stead_x in ${STEAD_APPLIED-}; do
  case $__stead_x in STEAD_ADDED_*[!A-Za-z0-9_]*) continue ;; STEAD_ADDED_?*) ;; *) continue ;; esac
  __stead_n=${__stead_x#STEAD_ADDED_}
  eval "__stead_a=\\${$__stead_x-} __stead_l=\\${$__stead_n-}"
  if [ -z "$__stead_a" ]; then continue; fi
  __stead_s=${__stead_a%"${__stead_a#?}"}
  __stead_l=$__stead_s$__stead_l$__stead_s
  __stead_a=${__stead_a#?}$__stead_s
  while [ -n "$__stead_a" ]; do
    __stead_e=$__stead_s${__stead_a%%"$__stead_s"*}$__stead_s
    __stead_a=${__stead_a#*"$__stead_s"}
    case $__stead_l in
      *"$__stead_e"*)
        __stead_l=${__stead_l%%"$__stead_e"*}$__stead_s${__stead_l#*"$__stead_e"} ;;
    esac
  done
  __stead_l=${__stead_l#"$__stead_s"}
  __stead_l=${__stead_l%"$__stead_s"}
  if [ -n "$__stead_l" ]; then export "STEAD_OLD_$__stead_n=$__stead_l"; fi
done
"""


def preamble(program: str) -> str:
    """Give the text that a script's shell reads first; ``program`` is Stead's, absolute."""
    return f"""\
__stead_pick() {{
  {_ZSH.strip()}
  __stead_t=
  if [ -r "${{STEAD_SHELL-}}/turn" ]; then IFS= read -r __stead_t <"$STEAD_SHELL/turn" || :; fi
  case $__stead_t in
    '' | "${{{TURN}-}}") ;;
    *) . "$STEAD_SHELL/record/env.sh" && export {TURN}="$__stead_t" ;;
  esac
  unset __stead_t
}}
stead() {{
  if {posix(program)} "$@"; then __stead_code=0; else __stead_code=$?; fi
  __stead_pick
  return "$__stead_code"
}}
if [ -n "${{BASH_VERSION-}}" ] && [ -r "${{STEAD_BASH_ENV-}}" ]; then . "$STEAD_BASH_ENV"; fi
__stead_pick
"""


def render(changes: Sequence[Change]) -> str:
    """Give the text that leaves what a shell is in, and enters ``changes``.

    Raises SteadError for a name that a shell cannot set.
    """
    sets, unsets, relative = reduce(changes)
    names = sorted({*(n for n, _ in sets), *unsets, *(c.name for c in relative)})
    lines = [
        f'if [ -n "${{{name}+x}}" ]; then export {OLD}{name}="${{{name}}}"; else unset {OLD}{name}; fi'
        for name in (check_name("posix", n) for n in names)
    ]
    added, others = _added(relative), _added(relative, without=names)
    ordered = [Change("unset", n) for n in unsets]
    ordered += [Change("set", n, v) for n, v in sets]
    ordered += relative
    ordered += [Change("set", ADDED + n, v) for n, v in added.items()]
    defaults = [
        f'if [ -z "${{{OLD}{name}+x}}" ]; then export {ADDED}{name}={posix(text)}; fi'
        for name, text in others.items()
        if text != added[name]
    ]
    applied = " ".join([*names, *(ADDED + n for n in added)])
    ordered.append(Change("set", APPLIED, applied))
    return "".join(
        [
            "# Made by stead: the environment that is staged.\n",
            _BEGIN,
            _KEEP_LISTS,
            SH_UNDO,
            *(f"{line}\n" for line in lines),
            render_changes(ordered),
            *(f"{line}\n" for line in defaults),
            _END,
        ]
    )


def environment(changes: Sequence[Change], before: Mapping[str, str]) -> dict[str, str]:
    """Give what :func:`render` makes of an environment in which nothing is applied."""
    sets, unsets, relative = reduce(changes)
    names = sorted({*(n for n, _ in sets), *unsets, *(c.name for c in relative)})
    added = _added(relative, without=[n for n in names if n not in before])
    after = apply(changes, before)
    after |= {OLD + n: before[n] for n in names if n in before}
    after |= {ADDED + n: v for n, v in added.items()}
    after[APPLIED] = " ".join([*names, *(ADDED + n for n in added)])
    return after


def _added(relative: Sequence[Change], without: Sequence[str] = ()) -> dict[str, str]:
    """Give what is put into each list, a separator before each entry.

    A default is among it where a list was ``without`` anything before.
    """
    added: dict[str, str] = {}
    first: dict[str, Change] = {}
    for change in relative:
        begun = first.setdefault(change.name, change)
        if change.kind == "default":
            continue
        separator = check_separator(change)
        if change.name not in added and begun.kind == "default" and change.name in without:
            added[change.name] = f"{separator}{begun.value}" if begun.value else ""
        added[change.name] = added.get(change.name, "") + separator + change.value
    return added

"""What the hook leaves in a shell's environment so that everyone can take it back.

The hook exports ``STEAD_APPLIED``, the names it changed, separated by spaces;
for each of them that had a value before, ``STEAD_OLD_<NAME>`` holds it; the
others had none. ``STEAD_RECORD`` and ``STEAD_ADDED_<NAME>`` are named there too,
so that they go with the rest. Nested shells inherit that. Whoever applies an environment
(``stead run`` on both its paths, a launcher, the hook itself) first undoes what
is said there, so that no environment is ever put on top of another one.

``STEAD_PLACE`` and ``STEAD_ENV`` name the place and the environment. They are
ordinary changes of an activation.
"""

from __future__ import annotations

from stead.values.activation import Change, apply
from stead.values.patterns import regex

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

APPLIED = "STEAD_APPLIED"
OLD = "STEAD_OLD_"
RECORD = "STEAD_RECORD"
"""The key of the record that the hook applied, by which a nested shell knows it again."""
ADDED = "STEAD_ADDED_"
"""``STEAD_ADDED_<NAME>``: what was put into a list, a separator before each entry."""
PLACE = "STEAD_PLACE"
ENVIRONMENT = "STEAD_ENV"
TRANSACTION = "STEAD_SHELL"
"""Names a transaction's directory, in its shell and all that runs there."""

CALLER = "STEAD_CALLER"
"""Exported by the shell program when it starts Python.

What would steer Stead's own Python stands under this name, an underscore and
its own name; ``PYTHONCOERCECLOCALE`` is then the program's, not the caller's.
"""

_SETTINGS = (f"{OLD}PIP_", f"{OLD}UV_")

_NAME = regex(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_SPACE = regex(r"[ \t\n]+")

SH_UNDO = """\
if [ -n "${STEAD_APPLIED+x}" ]; then
  set -f
  for __stead_x in $STEAD_APPLIED; do
    case $__stead_x in
      [0-9]*|*[!A-Za-z0-9_]*) continue ;;
    esac
    eval "
      if [ -n \\"\\${STEAD_OLD_$__stead_x+x}\\" ]; then
        export $__stead_x=\\"\\$STEAD_OLD_$__stead_x\\"; unset STEAD_OLD_$__stead_x
      else unset $__stead_x
      fi"
  done
  set +f
  unset STEAD_APPLIED
fi
"""
"""The same as :func:`undo` in POSIX shell; starts no process."""


def is_bookkeeping(name: str) -> bool:
    """Say whether a variable is the hook's note rather than part of an environment."""
    return name in (APPLIED, RECORD) or name.startswith((OLD, ADDED))


def undo(environ: Mapping[str, str]) -> dict[str, str]:
    """Give the environment as it was before the hook changed it."""
    result = dict(environ)
    for name in _SPACE.split(result.pop(APPLIED, "")):
        if not _NAME.match(name):
            continue
        old = result.pop(OLD + name, None)
        if old is None:
            result.pop(name, None)
        else:
            result[name] = old
    return result


def caller(environ: Mapping[str, str]) -> dict[str, str]:
    """Give the variables as the shell program was called with them."""
    if CALLER not in environ:
        return dict(environ)
    aside = CALLER + "_"
    own = {CALLER, "PYTHONCOERCECLOCALE"}
    result = {n: v for n, v in environ.items() if n not in own and not n.startswith(aside)}
    return result | {n.removeprefix(aside): v for n, v in environ.items() if n.startswith(aside)}


def with_settings(environ: Mapping[str, str]) -> dict[str, str]:
    """Give the environment with the user's own settings of pip and uv.

    An environment keeps them from its processes. What is locked and built from
    within one must be what it is from without.
    """
    settings = {n.removeprefix(OLD): v for n, v in environ.items() if n.startswith(_SETTINGS)}
    return {**settings, **environ}


def switch(changes: Iterable[Change], environ: Mapping[str, str]) -> tuple[Change, ...]:
    """Give what a shell must set and unset to leave what it is in and enter ``changes``.

    The notes of how to leave again are among it. Without ``changes`` it is only
    left. Names that come out as they are take no part, so the result is short.
    """
    before = undo(environ)
    after = apply(changes, before)
    touched = sorted(n for n in {*before, *after} if before.get(n) != after.get(n))
    if touched:
        after[APPLIED] = " ".join(touched)
        after |= {OLD + n: before[n] for n in touched if n in before}
    return difference(environ, after)


def difference(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[Change, ...]:
    """Give the changes that turn one environment into another, sorted by name."""
    unset = [Change("unset", n) for n in sorted(before) if n not in after]
    return (
        *unset,
        *(Change("set", n, after[n]) for n in sorted(after) if before.get(n) != after[n]),
    )

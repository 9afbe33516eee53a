"""POSIX shells: what sh, bash and zsh share, and the scripts that need no Python.

Nothing here starts a process, so that entering an environment costs none.
Variables of the scripts' own begin with ``__stead_`` and are not exported.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from stead.shells.quote import check_name, posix
from stead.shells.state import SH_UNDO
from stead.values.activation import DEFAULT_PATH, what_else
from stead.values.errors import SteadError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from stead.values.activation import Activation, Change
    from stead.values.manifest import Task

LAUNCHER_MARK = "# Made by `stead launcher`."
"""The second line of a launcher, by which it is known for one."""

# Asks nothing of the terminal and works in every POSIX shell: takes the word of
# the command from $1 and says as Python's path does why it cannot be started.
_NOT_STARTED = """\
case $1 in
  */*) if [ -e "$1" ]; then __stead_x=126; else __stead_x=127; fi ;;
  *)
    __stead_x=127; IFS=:; set -f
    for __stead_e in $PATH; do
      if [ -f "$__stead_e/$1" ]; then __stead_x=126; fi
    done
esac
if [ "$__stead_x" = 126 ]; then
  printf '%s\\n' "error: $1 cannot be executed: Permission denied" \\
    '  → give it a `#!` line and execute permission, or run it through its interpreter' >&2
else
  printf '%s\\n' "error: command not found: $1" \\
    "  → \\`stead add $1\\` if a package brings it, or check PATH"@else@ >&2
fi
exit "$__stead_x"
"""

# For a caller without PATH: dash and bash then have one of their own that they do
# not export, so bash is asked whether it is the caller's. In dash it is this one.
_PATH = f"""\
case ${{BASH_VERSINFO-}}${{BASH_VERSION-}} in
  [5-9][5-9].*) eval 'case ${{PATH@a}} in *x*) ;; *) unset PATH ;; esac' ;;
esac
export PATH="${{PATH-{DEFAULT_PATH}}}"
"""

# The caller's OLDPWD stays: which directory a task runs in is no news to its shell.
_CD = """\
__stead_cd() {
  if [ -n "${OLDPWD+x}" ]; then
    __stead_x=$OLDPWD; cd "$1" 2>/dev/null || return 1; OLDPWD=$__stead_x
  else
    cd "$1" 2>/dev/null || return 1; unset OLDPWD
  fi
}
"""


def render(activation: Activation, *, dialect: str = "posix", call: str = "") -> str:
    """Give text for ``eval`` that changes a shell's environment as the activation says.

    ``dialect`` names whose variables are refused; ``call`` is put before the shell's
    own commands (a backslash keeps aliases out).
    Raises SteadError for a name that the shell cannot set.
    """
    return render_changes(activation.changes, dialect=dialect, call=call)


def render_changes(changes: Iterable[Change], *, dialect: str = "posix", call: str = "") -> str:
    """Like :func:`render`, for changes alone."""
    lines: list[str] = []
    helpers = False
    for kind, group in groupby(changes, key=lambda c: c.kind):
        listed = list(group)
        names = [check_name(dialect, c.name) for c in listed]
        if kind == "unset":
            lines.append(f"{call}unset {' '.join(names)}")
        elif kind == "set":
            lines += [f"{call}export {c.name}={posix(c.value)}" for c in listed]
        elif kind == "default":
            lines += [
                f'[ -n "${{{c.name}+x}}" ] || {call}export {c.name}={posix(c.value)}'
                for c in listed
            ]
        else:
            helpers = True
            lines += [line for c in listed for line in _listed(c, call)]
    if helpers:
        lines.append(f"{call}unset __stead_x __stead_e")
    return "".join(f"{line}\n" for line in lines)


def _listed(change: Change, call: str) -> list[str]:
    """Take an entry out of a list and put it at an end, as ``values.activation.apply`` does.

    The list is wrapped in separators, so that an entry is found with one on each
    side; what is left after taking all out begins and ends with one.
    """
    name, separator = change.name, posix(check_separator(change))
    lines = [f'__stead_x=${{{name}:+{separator}"${name}"}}{separator}']
    if change.separator not in change.value:
        wrapped = posix(change.separator + change.value + change.separator)
        lines += [
            f"__stead_e={wrapped}",
            'while case $__stead_x in *"$__stead_e"*) ;; *) false ;; esac; do',
            f'  __stead_x=${{__stead_x%%"$__stead_e"*}}{separator}${{__stead_x#*"$__stead_e"}}',
            "done",
        ]
    if change.kind == "prepend":
        lines.append(f"__stead_x={posix(change.value)}${{__stead_x%{separator}}}")
    else:
        lines.append(f"__stead_x=${{__stead_x#{separator}}}{posix(change.value)}")
    lines.append(f'{call}export {name}="$__stead_x"')
    return lines


def check_separator(change: Change) -> str:
    """Give the separator of a list. Raises SteadError unless it is one character."""
    if len(change.separator) != 1:
        raise SteadError(
            f"{change.separator!r} cannot separate the entries of {change.name} in a shell",
            remedy="use a separator of one character",
        )
    return change.separator


def freshness(references: Iterable[tuple[str, str, str]], activation: Activation) -> list[str]:
    """Give conditions, all to hold while the activation does.

    ``references`` are (kind, input, reference file) with kind ``f`` or ``d``.
    Equality of times takes two comparisons; "newer than" alone would miss what
    ``mv``, ``cp -p`` and ``tar x`` put in place. They are for sh, bash and zsh.
    """
    conditions = []
    for kind, path, reference in references:
        p, r = posix(path), posix(reference)
        conditions.append(f"[ -{kind} {p} ] && ! [ {p} -nt {r} ] && ! [ {r} -nt {p} ]")
    conditions += [f"! [ -e {posix(path)} ]" for path in activation.absent]
    conditions += [f"[ -e {posix(path)} ]" for path in activation.requires]
    return conditions


def run_script(
    activation: Activation,
    *,
    references: Sequence[tuple[str, str, str]],
    guard: str,
    names: Sequence[str],
) -> str:
    """Give the script that starts a command without Python.

    It is sourced with the command as positional parameters and two variables:
    ``__stead_d``, the directory the user stands in, which is the place or below
    it (empty for the file system's root); ``__stead_t``, non-empty where the
    first word may name a task. If everything holds it becomes the command.
    Otherwise it ends having changed nothing but variables of its own. It is one
    group of commands, which a shell reads whole before it does any of them: of a
    script that was cut off, nothing happens. Source it with ``command .``, or
    the shell ends at what is then an error of syntax.

    ``guard`` is a file that goes away together with the references; it is tested
    last, because a comparison with a missing file may come out either way.
    Raises SteadError for what sh cannot set.
    """
    conditions = [*freshness(references, activation), f"[ -e {posix(guard)} ]"]
    place = "" if activation.place == "/" else activation.place
    text = [
        "# Made by stead from the manifests of the place; made anew when they change.",
        "{",
        "__stead_ok=",
        "if " + " &&\n  ".join(conditions),
        "then __stead_ok=1",
        "fi",
        _own_manifests(place, names),
        _tasks(activation.tasks),
        'if [ -n "$__stead_ok" ]; then',
        SH_UNDO + _PATH + render_changes(activation.changes),
        "case $1 in",
        '  */*) [ -f "$1" ] && [ -x "$1" ] ;;',
        '  *) command -v "$1" >/dev/null 2>&1 ;;',
        'esac && exec "$@"',
        _NOT_STARTED.replace("@else@", posix(what_else(activation.tasks))) + "fi",
        "}",
    ]
    return "\n".join(line for line in text if line) + "\n"


def _own_manifests(place: str, names: Sequence[str]) -> str:
    """Give the test that nothing between the user's directory and the place is a place."""
    if not names:
        return ""
    plain = [n for n in names if not _is_pattern(n)]
    tests = [f'[ -e "$__stead_d"/{posix(n)} ]' for n in plain]
    lines = [f'while [ -n "$__stead_ok" ] && [ "$__stead_d" != {posix(place)} ]; do']
    if tests:
        lines += ["  if " + " ||\n    ".join(tests), "  then __stead_ok=", "  fi"]
    lines += [
        f'  for __stead_x in "$__stead_d"/{_pattern(n)}; do\n'
        '    if [ -e "$__stead_x" ]; then __stead_ok=; fi\n'
        "  done"
        for n in names
        if _is_pattern(n)
    ]
    return "\n".join([*lines, "  __stead_d=${__stead_d%/*}", "done"])


def _is_pattern(name: str) -> bool:
    return any(c in name for c in "*?[")


def _pattern(name: str) -> str:
    """Quote all of a name but its wildcards."""
    return "".join(c if c in "*?[]" else posix(c) for c in name)


def _tasks(tasks: Sequence[Task]) -> str:
    """Give the choice among tasks: the simple ones become commands, others need Python."""
    if not tasks:
        return ""
    lines = ['if [ -n "$__stead_ok" ] && [ -n "$__stead_t" ]; then', _CD + "case $1 in"]
    for task in tasks:
        if not is_simple(task):
            lines.append(f"  {posix(task.name)}) __stead_ok= ;;")
            continue
        words = " ".join(map(posix, task.command))
        lines.append(f"  {posix(task.name)})")
        if task.listens:
            lines.append(_taken(task.listens))
        if task.cwd:
            lines.append(f"    __stead_cd {posix(task.cwd)} || __stead_ok=")
        lines.append('    if [ -n "$__stead_ok" ]; then shift; if [ "${1-}" = -- ]; then shift; fi')
        lines.append(f'      set -- {words} "$@"; fi ;;')
    return "\n".join([*lines, "esac", "fi"])


def _taken(ports: Sequence[int]) -> str:
    """Give the look at whether somebody listens on a port already, which Python is to tell.

    With arguments it may be asked for anything. Where the system has no such table the program
    itself says it.
    """
    patterns = " | ".join(f"*:{port:04X}/0A" for port in ports)
    return f"""\
    if [ $# -eq 1 ] && [ -r /proc/net/tcp ]; then
      while read -r __stead_x __stead_e __stead_x __stead_w __stead_x; do
        case $__stead_e/$__stead_w in {patterns}) __stead_ok= ;; esac
      done </proc/net/tcp
    fi"""


def is_simple(task: Task) -> bool:
    """Say whether a task is no more than an argument list in a directory."""
    return bool(
        task.command
        and not task.command[0].startswith("-")
        and not (task.depends or task.inputs or task.outputs)
        and not (task.variables or task.environment)
    )


def launcher(
    words: Sequence[str],
    *,
    script: str,
    program: str,
    place: str,
    environment: str,
    home: str = "",
    literal: bool = False,
) -> str:
    """Give a program that runs ``words`` in an environment, from anywhere, with any variables.

    ``script`` is the path of the record's run script, whichever it is at the time
    of the call; ``program`` is stead's, which does the same with Python when the
    record does not hold. ``home`` is exported as ``STEAD_HOME`` where it is not
    the default one. ``literal`` words are a command even if they name a task.
    """
    own = posix(script)
    top = "" if place == "/" else place
    arguments = ["-C", place, "run", "--here", "-e", environment, *(["--"] if literal else [])]
    lines = [
        "#!/bin/sh",
        LAUNCHER_MARK,
        *([f"export STEAD_HOME={posix(home)}"] if home else []),
        f'set -- {" ".join(map(posix, words))} "$@"',
        f"__stead_d={posix(top)} __stead_t={'' if literal else '1'}",
        f"if [ -O {own} ]; then command . {own} ||",
        f"  printf '%s\\n' {posix(f'stead: {script} was cut off; it is made anew')} >&2; fi",
        f'exec {" ".join(map(posix, (program, *arguments)))} "$@"',
    ]
    return "\n".join(lines) + "\n"

"""A session in zsh 5.1 and later."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.shells import session_bash
from stead.shells.hook_record import template
from stead.shells.quote import posix
from stead.shells.session_text import Start

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stead.shells.session_text import Notice, Session
    from stead.values.activation import Change

KIND = "zsh"
FILE = "session.zsh"
DIRECTORY = "zsh"

FOLLOWS = "[[ -z ${precmd_functions[(r)_stead_hook]-} ]] && typeset -g _stead_alone=1"

_ENV = """\
# Reads the user's own files as if this directory were not between.
if [[ -n ${_stead_zdotdir+x} ]]; then ZDOTDIR=$_stead_zdotdir; else unset ZDOTDIR; fi
[[ ! -r ${ZDOTDIR:-$HOME}/.zshenv ]] || builtin source "${ZDOTDIR:-$HOME}/.zshenv"
unset _stead_zdotdir
if [[ -n ${ZDOTDIR+x} ]]; then typeset -g _stead_zdotdir=$ZDOTDIR; fi
ZDOTDIR=@HERE@
"""

_RC = """\
if [[ -n ${_stead_zdotdir+x} ]]; then ZDOTDIR=$_stead_zdotdir; else unset ZDOTDIR; fi
# What the system's own file may have put beside this one belongs where the user's is.
[[ ${HISTFILE-} != @HERE@/* ]] || HISTFILE=${ZDOTDIR:-$HOME}/${HISTFILE:t}
unset _stead_zdotdir
[[ ! -r ${ZDOTDIR:-$HOME}/.zshrc ]] || builtin source "${ZDOTDIR:-$HOME}/.zshrc"
"""


def start(session: Session, program: str, environ: Mapping[str, str]) -> Start:
    """Say how the shell ``program`` is started: by way of another ZDOTDIR, given back at once."""
    here = f"{session.notes}/{DIRECTORY}"
    before = f"_stead_zdotdir={posix(environ['ZDOTDIR'])}\n" if "ZDOTDIR" in environ else ""
    own = session_bash.own(template(FILE), session, zsh=True)
    files = {
        f"{DIRECTORY}/.zshenv": before + _ENV.replace("@HERE@", posix(here)),
        f"{DIRECTORY}/.zshrc": "".join(
            [_RC.replace("@HERE@", posix(here)), f"{FOLLOWS}\n", session.hook, own]
        ),
    }
    return Start((program, "-i"), {"ZDOTDIR": here}, files)


def answer(notice: Notice) -> str:
    """Give what the prompt evaluates."""
    return session_bash.answer(notice, zsh=True)


def assign(changes: Iterable[Change]) -> str:
    """Set and unset variables; one that the shell keeps for itself or has locked stays."""
    return session_bash.assign(changes, zsh=True)

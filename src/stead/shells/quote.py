"""How a text is written in a shell's language so that it means itself.

Texts are as Python holds what the system gives: UTF-8, with bytes that are no
UTF-8 as lone surrogates (``surrogateescape``), so that nothing is lost on the way.
"""

from __future__ import annotations

import re

from stead.values.errors import SteadError
from stead.values.patterns import regex

_NAME = regex(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_WIDE_NAME = regex(r"[A-Za-z_][A-Za-z0-9_.()-]*\Z")

# Names that a shell keeps for itself: setting them does something else, or fails.
_POSIX_OWN = """
    _ IFS PPID OPTIND OPTARG OPTERR LINENO PWD OLDPWD SHLVL UID EUID GID EGID GROUPS RANDOM SRANDOM
    SECONDS SHELLOPTS BASHOPTS BASH BASHPID BASH_ALIASES BASH_ARGC BASH_ARGV BASH_ARGV0 BASH_CMDS
    BASH_COMMAND BASH_ENV BASH_LINENO BASH_SOURCE BASH_SUBSHELL BASH_VERSINFO BASH_VERSION
    COMP_WORDBREAKS DIRSTACK EPOCHREALTIME EPOCHSECONDS FUNCNAME HISTCMD HOSTTYPE MACHTYPE
    OSTYPE PIPESTATUS REPLY KSH_VERSION KSHUID KSHEGID KSHGID PGRP USER_ID
"""
_ZSH_OWN = """
    USERNAME TTYIDLE ZSH_SUBSHELL ZSH_EVAL_CONTEXT ZSH_ARGZERO ZSH_PATCHLEVEL ZSH_NAME ERRNO
    argv path cdpath fpath manpath mailpath fignore module_path watch psvar prompt status
    pipestatus signals options aliases functions commands builtins parameters history modules
    dirstack jobtexts jobdirs jobstates nameddirs userdirs usergroups funcstack widgets keymaps
    zsh_eval_context histchars
"""
_FISH_OWN = """
    _ PWD SHLVL OLDPWD argv status pipestatus version history umask hostname euid fish_pid
    FISH_VERSION fish_kill_signal fish_killring last_pid generation status_generation
"""
_OWN = {
    "posix": frozenset(_POSIX_OWN.split()),
    "zsh": frozenset((_POSIX_OWN + _ZSH_OWN).split()),
    "fish": frozenset(_FISH_OWN.split()),
}


def posix(text: str) -> str:
    """Quote for sh, bash, zsh and their like. Raises SteadError for a NUL."""
    refuse_nul(text)
    return "'" + text.replace("'", "'\\''") + "'"


def fish(text: str) -> str:
    """Quote for fish, where a backslash within quotes escapes itself and a quote.

    Bytes that are no UTF-8 stand outside the quotes, as numbers: fish reads its
    own source text as UTF-8. Raises SteadError for a NUL.
    """
    refuse_nul(text)
    quoted = "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return re.sub("[\udc80-\udcff]+", lambda found: "'" + _bytes(found[0]) + "'", quoted)


def _bytes(text: str) -> str:
    return "".join(f"\\X{byte:02x}" for byte in text.encode("utf-8", "surrogateescape"))


def powershell(text: str) -> str:
    """Quote for PowerShell, which takes four typographic quotes for single quotes too.

    Raises SteadError for what a .NET string read from UTF-8 cannot hold.
    """
    refuse_nul(text)
    if re.search("[\ud800-\udfff]", text):
        raise SteadError(
            f"{text!a} is not UTF-8 text, which PowerShell needs",
            remedy="give the value as UTF-8, or use another shell",
        )
    return "'" + re.sub("(['\u2018\u2019\u201a\u201b])", r"\1\1", text) + "'"


def cmd(text: str) -> str:
    """Write a value for an unquoted ``set NAME=value`` in a batch file of cmd.

    Each character with a meaning is escaped with ``^``, a percent sign doubled.
    Outside quotes nothing else is special while delayed expansion is off, which
    is its default. Raises SteadError for a line break: cmd cannot write one.
    """
    refuse_nul(text)
    if "\n" in text or "\r" in text:
        raise SteadError(
            f"{text!a} has a line break, which cmd cannot write",
            remedy="use PowerShell, or `stead run`",
        )
    return re.sub(r'([&|<>^"()!,;=\s])', r"^\1", text).replace("%", "%%")


def refuse_nul(text: str) -> None:
    """Raise SteadError for a text with a NUL: no process can be given one."""
    if "\0" in text:
        raise SteadError(
            f"{text!a} has a NUL in it, which no variable can hold",
            remedy="take the NUL out of the value",
        )


def why_not_name(shell: str, name: str) -> str:
    """Say why a shell cannot set a variable of this name; empty when it can.

    ``shell`` is ``posix``, ``zsh``, ``fish``, ``powershell`` or ``cmd``.
    """
    wide = shell in ("powershell", "cmd")
    if not (_WIDE_NAME if wide else _NAME).match(name):
        return f"{name!r} is no name for a variable in a shell"
    if name in _OWN.get(shell, ()):
        return f"{name} is a variable of the shell's own"
    return ""


def check_name(shell: str, name: str) -> str:
    """Give ``name`` back, or raise SteadError where the shell cannot set it."""
    why = why_not_name(shell, name)
    if why:
        raise SteadError(why, remedy="rename the variable, or use `stead run`")
    return name

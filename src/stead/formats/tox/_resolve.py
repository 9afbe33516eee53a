"""What an expression between braces stands for: variables, arguments, files, other keys."""

from __future__ import annotations

import os.path

from stead.formats.tox._scope import Absent, CircleError
from stead.formats.tox._substitute import (
    CommandSubstitution,
    EntrySubstitution,
    Found,
    RequirementSubstitution,
    Substitution,
    Unfit,
    quote_arguments,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from stead.formats.tox._keys import Kind
    from stead.formats.tox._scope import Caller, Scope
    from stead.formats.tox._set_env import SetEnv
    from stead.formats.tox._substitute import Chain

    Reference = Callable[[str, Chain], Found | None]


class Resolver:
    """Resolves expressions for one environment; ``reference`` knows the file's own sections."""

    def __init__(
        self, scope: Scope, reference: Reference, factor: Callable[[list[str]], Found]
    ) -> None:
        self._scope = scope
        self._reference = reference
        self._factor = factor

    def __call__(self, arguments: list[str], chain: Chain) -> Found | None:
        windows = self._scope.caller.sys_platform == "win32"
        match arguments:
            case ["/"]:
                return Found("\\" if windows else "/")
            case ["", ""]:
                return Found(";" if windows else ":")
            case ["env", *rest]:
                return self.variable(rest, chain)
            case ["tty", *rest]:
                at = 0 if self._scope.caller.terminal else 1
                return Found(rest[at] if at < len(rest) else "", default=(at + 1, at + 2))
            case ["posargs", *rest]:
                given = self.positional(chain)
                if given is None:
                    return Found(":".join(rest), default=(1, None))
                return Found(quote_arguments(given), quoted=" ".join(given))
            case ["glob", *rest]:
                return self._glob(rest)
            case ["factor", *rest]:
                return self._factor(rest)
        return self._reference(":".join(arguments), chain)

    def variable(self, arguments: list[str], chain: Chain) -> Found:
        """Look a variable up: among those the environment sets, then the caller's."""
        if not arguments or not arguments[0]:
            raise Unfit("{env:…} names no variable")
        name, mark = arguments[0], f"env:{arguments[0]}"
        if self._scope.name:
            if mark not in chain:
                own = self._own((*chain, mark))
                if own is not None and name in own:
                    return Found(own.get(name, (*chain, mark)))
            elif chain[-1] != mark:
                raise CircleError(chain, mark)
        held = self._scope.caller.variables.get(name)
        if held is not None:
            again = f"variable {name}"
            return Found(held, again="" if again in chain else again)
        return Found(":".join(arguments[1:]), default=(2, None))

    def _own(self, chain: Chain) -> SetEnv | None:
        try:
            own: SetEnv = self._scope.value("set_env", chain)
        except CircleError as exc:
            # Asked for while set_env itself is being read: only the caller's can be meant.
            if not exc.mark.endswith(".set_env"):
                raise
            return None
        return own

    def positional(self, chain: Chain) -> tuple[str, ...] | None:
        """Give the arguments after ``--``; paths follow the environment to its directory."""
        caller = self._scope.caller
        given = caller.posargs
        if given is None or not self._scope.name:
            return given
        if any(mark.endswith(".change_dir") for mark in chain):
            return given
        if not self._scope.value("args_are_paths", chain):
            return given
        target = os.path.realpath(self._scope.value("change_dir", chain))
        if target == os.path.realpath(caller.cwd):
            return given
        return tuple(_moved(one, caller, target) for one in given)

    def _glob(self, arguments: list[str]) -> Found:
        if not arguments or not arguments[0]:
            raise Unfit("{glob:…} names no pattern")
        matches = files_that_match(arguments[0], self._scope.root)
        if matches:
            return Found(" ".join(matches), matches=matches)
        return Found(":".join(arguments[1:]), default=(2, None))


def _moved(argument: str, caller: Caller, target: str) -> str:
    if not argument or os.path.isabs(argument):
        return argument
    path = os.path.normpath(os.path.join(caller.cwd, argument))
    if not caller.exists(path):
        return argument
    moved = os.path.relpath(path, target)
    return f"./{moved}" if moved.startswith("-") and not argument.startswith("-") else moved


def files_that_match(pattern: str, root: str) -> tuple[str, ...]:
    """List files by a pattern relative to the project, sorted."""
    import glob

    if not os.path.isabs(pattern):
        pattern = os.path.join(glob.escape(root), pattern)
    return tuple(sorted(glob.glob(pattern, recursive=True)))


def substitution_for(kind: Kind, resolve: Resolver) -> Substitution:
    """Choose the rules of replacement for a kind of value."""
    match kind:
        case "command" | "commands":
            return CommandSubstitution(resolve)
        case "deps" | "constraints":
            return RequirementSubstitution(resolve)
        case "envs" | "labels":
            return EntrySubstitution(resolve, ",\n{}")
        case "dict":
            return EntrySubstitution(resolve, "\n")
        case "list" | "set":
            return EntrySubstitution(resolve)
    return Substitution(resolve)


__all__ = ["Absent", "Resolver", "files_that_match", "substitution_for"]

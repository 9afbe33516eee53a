"""Who does this, and with which words: what a history may say of a command."""

from __future__ import annotations

import os

from stead.values.frozen import dataclass
from stead.values.patterns import regex

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from stead.values.context import Context
    from stead.values.generation import Generation


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a generation comes to be: the command's words, the reason given, which kind it is."""

    command: tuple[str, ...] = ()
    reason: str = ""
    kind: str = "change"


_WHOLE = ("add", "remove", "lock", "undo", "redo", "rollback", "use", "work", "adopt", "restore")
_NAMES = ("set", "unset", "keep")
_PLAIN = frozenset("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ@%+=:,./-_")
_WITH_USER = regex(r"(?<=://)[^/@\s]*@")
_QUERY = regex(r"(?<=\S)\?[^\s#]*")


def words_to_keep(words: Sequence[str]) -> tuple[str, ...]:
    """Give the words of a command as a history may hold them.

    Of an address, user, password and query are left out; of `set`, the values; of
    commands that take another command's words, those.
    """
    if not words:
        return ()
    if words[0] in _NAMES:
        return tuple(w.partition("=")[0] for w in _without_reason(words))
    if words[0] == "module":  # and what it is about; the options of an item stay in its record
        return tuple(word for word in words[:3] if not word.startswith("-"))
    if words[0] not in _WHOLE:
        return (words[0],)
    kept = []
    for word in _without_reason(words):
        if "://" in word:
            kept.append(_QUERY.sub("", _WITH_USER.sub("", word)))
        else:
            kept.append(word)
    return tuple(kept)


def _without_reason(words: Sequence[str]) -> list[str]:
    kept: list[str] = []
    skip = False
    for word in words:
        if skip:
            skip = False
        elif word in ("-m", "--reason"):
            skip = True
        elif not word.startswith("--reason=") and not (word.startswith("-m") and word[2:]):
            kept.append(word)
    return kept


def who(place: str, context: Context) -> str:
    """Say who does this: in a repository as git knows the author, else ``ann@box``."""
    from stead.history.identity import author

    return author(place, context.environ) or _user()


def _user() -> str:
    """Say which user this is, on which machine. The caller's variables have no say."""
    try:
        import pwd

        name = pwd.getpwuid(os.getuid()).pw_name
    except (ImportError, KeyError):  # another system, or a container's nameless user
        try:
            name = os.getlogin()
        except OSError:
            name = f"uid{os.getuid()}" if hasattr(os, "getuid") else "someone"
    return f"{name}@{os.uname().nodename}" if hasattr(os, "uname") else name


def told(generation: Generation) -> str:
    """Say in a line what made a generation; a command as it can be typed again."""
    if generation.command:
        return f"stead {as_typed(generation.command)}"
    return "edited by hand" if generation.parent else "as found"


def as_typed(words: Sequence[str]) -> str:
    """Join a command's words, each quoted for a shell where it must be."""
    if all(word and _PLAIN.issuperset(word) for word in words):
        return " ".join(words)
    import shlex

    return shlex.join(words)

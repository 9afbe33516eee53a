"""What the texts of a session are made from, the same for every shell.

A session is the child shell of ``stead shell``. Its start file reads the user's own,
then the hook's code, then the session's (``session.<shell>`` beside this module).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from stead.values.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stead.values.activation import Change

_PLAIN = re.compile(r"[^\w.+@-]")
_MOST = 30


@dataclass(frozen=True, slots=True)
class Session:
    """What a session's start file is made from.

    ``hook`` is the code of the shell's hook. ``directory`` is the transaction's, ``owner``
    the process of ``stead shell``. ``manifests`` are pairs of a file and its reference
    file (:class:`Manifests`); with ``hand`` there are changes by hand to put on top.
    """

    hook: str
    directory: str
    label: str
    owner: int
    manifests: Manifests
    hand: bool = False

    @property
    def notes(self) -> str:
        """The directory that the shell may write into."""
        return f"{self.directory}/shell"


@dataclass(frozen=True, slots=True)
class Manifests:
    """Files as they were: ``pairs`` have reference files of the same time, ``absent`` are not there."""

    pairs: tuple[tuple[str, str], ...] = ()
    absent: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Notice:
    """What a prompt is told: lines to say, changes to make now, and those that take all back.

    ``undo`` are the changes that take back what was changed by hand.
    """

    say: tuple[str, ...]
    undo: tuple[Change, ...]
    now: tuple[Change, ...]
    manifests: Manifests


@dataclass(frozen=True, slots=True)
class Start:
    """How a session's shell is started: its arguments, variables of its own, files it needs.

    Names of ``files`` are relative to the session's notes.
    """

    argv: tuple[str, ...]
    environ: Mapping[str, str]
    files: Mapping[str, str]


def fill(
    code: str, session: Session, manifests: str, quote: Callable[[str], str], *, hand: str
) -> str:
    """Fill in a session's own part of the start file.

    ``manifests`` are the shell's tests that hold while the manifests are as they were, ``quote`` makes a
    text a word of its language, ``hand`` is what it takes for true or false.
    """
    values = {
        "@MANIFESTS@": manifests,
        "@LABEL@": quote(session.label),
        "@OWNER@": str(session.owner),
        "@HAND@": hand,
        "@DIRECTORY@": quote(session.notes),
    }
    return re.sub("|".join(values), lambda found: values[found[0]], code)


def label(name: str) -> str:
    """Give a place's name for a prompt: nothing in it means something to a shell."""
    plain = _PLAIN.sub("_", name)[:_MOST]
    return plain if re.search(r"\w", plain) else "stead"

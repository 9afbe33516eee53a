"""Secrets: the reference that a file of the tree may hold, and the value that it may not.

A reference is written ``SCHEME:BODY``:

=====================  ==================================================================
``age:FILE#KEY``       a key of an encrypted TOML file of strings; without ``#KEY`` the
                       whole content, less its last line end
``sops:FILE#a.b.c``    a value of an encrypted dotenv, JSON or YAML file, by its path
``keyring:SERVICE#USER``  a password in the keyring of the person who runs it
``env:NAME``           a variable of the caller
``command:ARGV``       what a program prints, less its last line end; words are split
                       like a shell's, and there is no shell
=====================  ==================================================================

FILE is relative to the manifest that names it.
"""

from __future__ import annotations

import os.path
from typing import TYPE_CHECKING, Literal, NoReturn

from stead.values.errors import ManifestError
from stead.values.frozen import dataclass, field
from stead.values.origin import NOWHERE, Origin
from stead.values.patterns import regex

if TYPE_CHECKING:
    from typing import Any

Scheme = Literal["age", "sops", "keyring", "env", "command"]

SCHEMES: tuple[Scheme, ...] = ("age", "sops", "keyring", "env", "command")

SHOWN = "<secret>"
"""What stands for a secret wherever a value is shown."""

_FORMS = {
    "age": "age:FILE or age:FILE#KEY",
    "sops": "sops:FILE#KEY, where KEY is a path with dots",
    "keyring": "keyring:SERVICE#USER",
    "env": "env:NAME",
    "command": "command:PROGRAM ARGUMENT …",
}
_VARIABLE = regex(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_CONTROL = regex(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class SecretReference:
    """Where a secret's value is to be had. Two are equal when they mean the same place.

    ``body`` is what follows the scheme, as written; ``base`` the absolute
    directory that a relative file, or a command, starts from.
    """

    scheme: Scheme
    body: str
    base: str
    origin: Origin = field(default=NOWHERE, compare=False)

    def __str__(self) -> str:
        return f"{self.scheme}:{self.body}"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SecretReference):
            return NotImplemented
        return self._meaning == other._meaning

    def __hash__(self) -> int:
        return hash(self._meaning)

    @property
    def file(self) -> str:
        """The absolute path of the encrypted file; empty where the scheme has none."""
        if self.scheme not in ("age", "sops"):
            return ""
        name, hash_, _ = self.body.rpartition("#")
        return os.path.normpath(os.path.join(self.base, name if hash_ else self.body))

    @property
    def key(self) -> str:
        """What follows ``#``: a key in the file, or a user's name. Empty where there is none."""
        if self.scheme not in ("age", "sops", "keyring"):
            return ""
        _, hash_, key = self.body.rpartition("#")
        return key if hash_ else ""

    @property
    def service(self) -> str:
        """The service of ``keyring:``; empty for the others."""
        return self.body.rpartition("#")[0] if self.scheme == "keyring" else ""

    @property
    def argv(self) -> tuple[str, ...]:
        """The words of ``command:``; none for the others."""
        if self.scheme != "command":
            return ()
        import shlex

        return tuple(shlex.split(self.body))

    @property
    def files(self) -> tuple[str, ...]:
        """The absolute paths of what is read, for trust and freshness.

        For a command that is the program, where it is named by a path.
        """
        if self.scheme == "command":
            program = self.argv[0]
            named = os.path.dirname(program) != ""
            return (os.path.normpath(os.path.join(self.base, program)),) if named else ()
        return (self.file,) if self.file else ()

    @property
    def _meaning(self) -> tuple[str, ...]:
        if self.scheme in ("age", "sops"):
            return (self.scheme, self.file, self.key)
        return (self.scheme, self.body, self.base if self.scheme == "command" else "")


def scheme_of(text: str) -> Scheme | None:
    """Give the scheme that a text begins with, or None: then it is no reference."""
    head, colon, _ = text.partition(":")
    return next((scheme for scheme in SCHEMES if colon and head == scheme), None)


def parse_reference(text: str, base: str, origin: Origin = NOWHERE) -> SecretReference | None:
    """Read a reference; None if ``text`` begins with none of the schemes.

    ``base`` is the absolute directory of the file that ``text`` stands in. Raises
    ManifestError if it begins like a reference and is none. The message shows the
    text no further than its scheme: it could be a secret that was meant as such.
    """
    scheme = scheme_of(text)
    if scheme is None:
        return None
    body = text[len(scheme) + 1 :]
    wrong = _mistake(scheme, body)
    if wrong:
        raise ManifestError(
            f"this reference to a secret begins with `{scheme}:`, but {wrong}",
            where=origin if origin != NOWHERE else None,
            remedy=f"write it as {_FORMS[scheme]}",
        )
    return SecretReference(scheme, body, base, origin)


def _mistake(scheme: Scheme, body: str) -> str:
    """Say what is wrong with the body of a reference; empty if nothing is."""
    if not body.strip():
        return "nothing follows"
    if _CONTROL.search(body):
        return "it holds a line end or another control character"
    if scheme == "env":
        return "" if _VARIABLE.match(body) else "what follows cannot name a variable"
    if scheme == "command":
        return _command_mistake(body)
    before, hash_, key = body.rpartition("#")
    if not hash_:
        if scheme == "age":
            return _file_mistake(body)
        return "a key is missing" if scheme == "sops" else "a user's name is missing"
    if not before:
        return "no file is named" if scheme != "keyring" else "no service is named"
    if not key.strip() or key != key.strip():
        return "what follows `#` is empty or begins or ends with a space"
    return "" if scheme == "keyring" else _file_mistake(before)


def _file_mistake(name: str) -> str:
    if name.startswith("~"):
        return "`~` is not a directory here: a file is relative to its manifest, or absolute"
    return "its file is a directory" if name.endswith(("/", os.sep)) else ""


def _command_mistake(body: str) -> str:
    import shlex

    try:
        words = shlex.split(body)
    except ValueError:
        return "a quote is not closed"
    return "" if words and words[0] else "no program is named"


class Secret:
    """A secret's value, in a wrapper that never shows it: only :meth:`reveal` gives it.

    It cannot be pickled, and so not be cached or sent by accident.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Give the value itself, to hand to the process or file that declares it."""
        return self._value

    def __repr__(self) -> str:
        return SHOWN

    def __format__(self, _spec: str) -> str:
        return SHOWN

    def __eq__(self, other: object) -> bool:
        return self._value == other._value if isinstance(other, Secret) else NotImplemented

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, _memo: dict[int, Any]) -> Secret:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not written down")

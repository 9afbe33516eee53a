"""Names of what a store server keeps: ``NAMESPACE/NAME``, and ``NAMESPACE/NAME@BUILD``."""

from __future__ import annotations

from stead.values.errors import UsageError
from stead.values.frozen import dataclass
from stead.values.patterns import regex

LONGEST_NAME = 128

_NAME = regex(r"[A-Za-z0-9_][A-Za-z0-9_+.\-]*\Z")
_MOST_DIGITS = 10


@dataclass(frozen=True, slots=True)
class Served:
    """An environment of a store server, and one of its builds; 0 is its current one."""

    namespace: str
    name: str
    build: int = 0

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" + (f"@{self.build}" if self.build else "")


def mistake(name: str, what: str = "name") -> tuple[str, str] | None:
    """Say what is wrong with a name of a namespace or environment, and what to do; None if nothing.

    Only ASCII: letters of other scripts look like Latin ones. No part of a path either,
    because names become directories.
    """
    if not name:
        return f"the {what} is empty", "give it one"
    if len(name) > LONGEST_NAME:
        return f"the {what} has {len(name)} characters", f"take at most {LONGEST_NAME}"
    odd = next((c for c in name if not c.isascii()), None)
    if odd is not None:
        import unicodedata

        called = unicodedata.name(odd, f"U+{ord(odd):04X}")
        return (
            f"the {what} {name!r} has the character {called}, which may look like another one",
            "use ASCII letters, digits, `_`, `-`, `.` and `+`",
        )
    if _NAME.match(name) is None or ".." in name:
        return (
            f"the {what} {name!r} cannot be used",
            "use letters, digits, `_`, `-`, `.` and `+`, no `..`, and a letter, digit or `_` first",
        )
    return None


def checked(name: str, what: str) -> str:
    """Give a name back. Raises UsageError."""
    wrong = mistake(name, what)
    if wrong:
        raise UsageError(wrong[0], remedy=wrong[1])
    return name


def parse(text: str, *, build: bool = False) -> Served:
    """Read ``NAMESPACE/NAME``, where ``build`` says so with ``@BUILD``. Raises UsageError."""
    whole, at, number = text.partition("@")
    namespace, slash, name = whole.partition("/")
    if not slash or "/" in name:
        raise UsageError(
            f"{text!r} does not name an environment of a store server",
            remedy="write NAMESPACE/NAME" + ("[@BUILD]" if build else ""),
        )
    checked(namespace, "namespace")
    checked(name, "environment's name")
    if not at:
        return Served(namespace, name)
    if not build:
        raise UsageError(
            f"{text!r} names a build, and an environment is wanted",
            remedy=f"write {namespace}/{name}",
        )
    return Served(namespace, name, build_number(number))


def build_number(text: str) -> int:
    """Read the number of a build. Raises UsageError."""
    if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS and int(text)):
        raise UsageError(
            f"{text!r} is no number of a build", remedy="see `stead remote builds NAMESPACE/NAME`"
        )
    return int(text)

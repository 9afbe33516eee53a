"""Replaces what stands between braces, by the rules of the value it stands in.

Four kinds of value differ in what a replacement may do to its surroundings:

- a plain text takes what comes;
- a list keeps its entries: a replacement beside other text may not add one;
- commands keep their arguments: a replacement is quoted, or escaped inside quotes,
  so that a blank in a path splits nothing;
- requirements keep their lines.

What is found behind a reference to a raw section, or in the caller's environment,
is itself replaced; a reference that leads back to itself is an error.
"""

from __future__ import annotations

import re
import shlex

from stead.formats.tox._tokens import Expression, has_expression, parse
from stead.values.frozen import dataclass
from stead.values.patterns import regex

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from stead.formats.tox._tokens import Parts

Chain = tuple[str, ...]
"""What is being evaluated at the moment, outermost first."""

_BREAKS = r"[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]"
_ESCAPED = regex(r'\\(?!#)|"')


@dataclass(frozen=True, slots=True)
class Found:
    """What an expression stands for."""

    text: str
    again: str = ""
    """Set where the text holds expressions of its own: what it came from, for the chain."""
    whole: bool = False
    """Whether each line of it is one argument of a command."""
    matches: tuple[str, ...] = ()
    """Arguments that stay apart in a command (files that a pattern matched)."""
    quoted: str | None = None
    """What to write inside quotes in place of the text."""
    default: tuple[int, int | None] | None = None
    """The arguments of the expression that the text is made of: the author's own words."""


class Unfit(ValueError):  # noqa: N818 (it becomes a ManifestError where the place is known)
    """A replacement that would change what surrounds it."""


class Substitution:
    """Replacement in a plain text."""

    def __init__(self, resolve: Callable[[list[str], Chain], Found | None]) -> None:
        self._resolve = resolve

    def expand(self, text: str | Expression, chain: Chain) -> str:
        """Replace everything in ``text``, or one expression that was read already."""
        if isinstance(text, Expression):
            return self._join((text,), chain)
        if "{" not in text and "\\" not in text and "[]" not in text:
            return text
        return self._join(parse(text), chain)

    def once(self, text: str | Expression, chain: Chain) -> str:
        """Replace what is in ``text``, but nothing in what comes in its place."""
        parts = (text,) if isinstance(text, Expression) else parse(text)
        return "".join(
            p if isinstance(p, str) else self._one(p, chain, again=False)[0] for p in parts
        )

    def _join(self, parts: Parts, chain: Chain) -> str:
        return "".join(p if isinstance(p, str) else self._one(p, chain)[0] for p in parts)

    def _one(self, expression: Expression, chain: Chain, *, again: bool = True) -> tuple[str, bool]:
        """Give what an expression becomes, and whether it meant anything."""
        arguments = [self._argument(parts, chain) for parts in expression.arguments]
        found = self._resolve(arguments, chain)
        if found is None:
            return "{" + ":".join(arguments) + "}", False
        if again and found.again and has_expression(found.text):
            return self._nested(found.text, (*chain, found.again)), True
        return found.text, True

    def _argument(self, parts: Parts, chain: Chain) -> str:
        return self._join(parts, chain)

    def _nested(self, text: str, chain: Chain) -> str:
        return self._join(parse(text), chain)


class EntrySubstitution(Substitution):
    """Replacement in a list of entries."""

    def __init__(
        self, resolve: Callable[[list[str], Chain], Found | None], separators: str = ",\n"
    ) -> None:
        super().__init__(resolve)
        self._separators = separators

    def _argument(self, parts: Parts, chain: Chain) -> str:
        return self._checked(parts, chain)

    def _join(self, parts: Parts, chain: Chain) -> str:
        if self._separators == ",\n" and any("\n" in p for p in parts if isinstance(p, str)):
            self._separators = "\n"  # who writes one entry per line may use commas in them
        return self._checked(parts, chain)

    def _checked(self, parts: Parts, chain: Chain) -> str:
        made: list[str] = []
        for at, part in enumerate(parts):
            if isinstance(part, str):
                made.append(part)
                continue
            text, meant = self._one(part, chain)
            if meant and self._shared(parts, at) and any(c in text for c in self._separators):
                raise Unfit("a replacement beside other text must not add an entry to the list")
            made.append(text)
        return "".join(made)

    def _shared(self, parts: Parts, at: int) -> bool:
        return self._touches(reversed(parts[:at]), -1) or self._touches(parts[at + 1 :], 0)

    def _touches(self, parts: Iterable[str | Expression], side: int) -> bool:
        for part in parts:
            if isinstance(part, Expression):
                return True
            nearest = re.split(f"[{self._separators}]", part)[side]
            if nearest.strip():
                return True
            if nearest != part:
                return False
        return False


class RequirementSubstitution(Substitution):
    """Replacement in the lines of a requirements file."""

    def _argument(self, parts: Parts, chain: Chain) -> str:
        return self._join(parts, chain)

    def _join(self, parts: Parts, chain: Chain) -> str:
        made = [p if isinstance(p, str) else self._one(p, chain)[0] for p in parts]
        for at, part in enumerate(parts):
            if isinstance(part, str):
                continue
            text, following = made[at], "".join(made[at + 1 :])
            if re.search(rf"\\(?={_BREAKS})", text) or (
                text.endswith("\\") and (not following or re.match(_BREAKS, following))
            ):
                raise Unfit("a replacement in a requirement must not end a line with a backslash")
            if not self._shared(parts, at):
                continue
            if re.search(_BREAKS, text):
                raise Unfit("a replacement within a requirement must not add a line")
            if re.search(r"(?:^|\s)-", text):
                raise Unfit("a replacement within a requirement must not add options")
        return "".join(made)

    @staticmethod
    def _shared(parts: Parts, at: int) -> bool:
        for near, side in ((reversed(parts[:at]), -1), (iter(parts[at + 1 :]), 0)):
            for part in near:
                if isinstance(part, Expression) or re.split(_BREAKS, part)[side].strip():
                    return True
                if re.search(_BREAKS, part):
                    break
        return False


@dataclass(frozen=True, slots=True)
class _Put:
    """A piece of a command that was put in place of an expression."""

    found: Found


class CommandSubstitution(Substitution):
    """Replacement in commands, one per line."""

    def _join(self, parts: Parts, chain: Chain) -> str:
        return _joined(_merged(self._pieces(parts, chain)))

    def _argument(self, parts: Parts, chain: Chain) -> str:
        return "".join(_plain(p) for p in self._pieces(parts, chain))

    def _pieces(self, parts: Parts, chain: Chain) -> list[str | _Put]:
        made: list[str | _Put] = []
        for part in parts:
            if isinstance(part, str):
                made.append(part)
            else:
                made += self._expression(part, chain)
        return made

    def _expression(self, expression: Expression, chain: Chain) -> list[str | _Put]:
        arguments = [self._pieces(parts, chain) for parts in expression.arguments]
        found = self._resolve(["".join(map(_plain, one)) for one in arguments], chain)
        if found is None:
            return ["{", *_between(arguments), "}"]
        if found.default:
            return _between(arguments[slice(*found.default)])
        if found.again and has_expression(found.text):
            pieces = _merged(self._pieces(parse(found.text), (*chain, found.again)))
            quoted = "".join(
                p.found.quoted if isinstance(p, _Put) and p.found.quoted is not None else _plain(p)
                for p in pieces
            )
            return [_Put(Found(_joined(pieces), quoted=quoted))]
        return [_Put(found)]


def _between(arguments: Sequence[list[str | _Put]]) -> list[str | _Put]:
    made: list[str | _Put] = []
    for at, one in enumerate(arguments):
        if at:
            made.append(":")
        made += one
    return made


def _plain(piece: str | _Put) -> str:
    return piece if isinstance(piece, str) else piece.found.text


def _merged(pieces: Iterable[str | _Put]) -> list[str | _Put]:
    """Join neighbouring texts, so that what shares a line with what can be seen."""
    made: list[str | _Put] = []
    for piece in pieces:
        if isinstance(piece, str) and made and isinstance(made[-1], str):
            made[-1] += piece
        else:
            made.append(piece)
    return made


def _joined(pieces: Sequence[str | _Put]) -> str:
    result: list[str] = []
    quote = ""
    for at, piece in enumerate(pieces):
        if isinstance(piece, str):
            quote = _quote_after(quote, piece)
            result.append(piece)
            continue
        found = piece.found
        text = found.text if not quote or found.quoted is None else found.quoted
        if not quote and found.whole:
            text = "\n".join(quote_arguments([line]) if line else line for line in text.split("\n"))
        elif not quote and found.matches:
            text = quote_arguments(found.matches)
        if quote or _shares_line(pieces, at):
            text = " ".join(text.splitlines())
        if quote == "'":
            text = text.replace("'", "'\"'\"'")
        elif quote:
            text = _ESCAPED.sub(r"\\\g<0>", text)
        else:
            quote = _quote_after(quote, text)
        result.append(text)
    return "".join(result)


def _shares_line(pieces: Sequence[str | _Put], at: int) -> bool:
    before = pieces[at - 1] if at else ""
    after = pieces[at + 1] if at + 1 < len(pieces) else ""
    if not isinstance(before, str) or not isinstance(after, str):
        return True
    return bool(before.rpartition("\n")[2].strip() or after.partition("\n")[0].strip())


def _quote_after(quote: str, text: str) -> str:
    """Say which quote is open after a text, given which was open before."""
    escaped = False
    for char in text:
        if char == "\n":
            quote, escaped = "", False
        elif escaped:
            escaped = False
        elif char == "\\" and quote != "'":
            escaped = True
        elif char == quote:
            quote = ""
        elif not quote and char in "'\"":
            quote = char
    return quote


def quote_arguments(arguments: Iterable[str]) -> str:
    """Write arguments so that splitting a command gives them back; lines become blanks."""
    return shlex.join([" ".join(a.splitlines()) for a in arguments])

r"""Substitutions in a text: ``{name:argument:…}``, and ``[]`` for ``{posargs}``.

``\\{``, ``\\}``, ``\\:``, ``\\[`` and ``\\]`` stand for the character; two backslashes
stay two, because commands are split by a shell's rules afterwards. A brace that is
never closed is a brace.
"""

from __future__ import annotations

from stead.values.frozen import dataclass

_ESCAPABLE = ":{}[]"


@dataclass(frozen=True)
class Expression:
    """What stands between braces: arguments, each made of texts and further expressions."""

    arguments: tuple[Parts, ...]


Parts = tuple["str | Expression", ...]

POSARGS = Expression((("posargs",),))


def has_expression(text: str) -> bool:
    """Say whether a text holds anything to be replaced."""
    return ("{" in text or "[]" in text) and any(isinstance(p, Expression) for p in parse(text))


def parse(text: str) -> Parts:
    """Split a text into plain parts and expressions."""
    if "{" not in text and "\\" not in text and "[]" not in text:
        return (text,) if text else ()
    return _Scanner(text).top()


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self._dead: set[int] = set()  # braces known to stay open: looked at once, not once per try

    def top(self) -> Parts:
        arguments, _ = self._until(0, inside=False)
        return arguments[0]

    def _until(self, at: int, *, inside: bool) -> tuple[tuple[Parts, ...], int]:
        """Read from ``at`` to the closing brace (or the end); -1 where there is none."""
        text, size = self.text, len(self.text)
        arguments: list[Parts] = []
        parts: list[str | Expression] = []
        plain: list[str] = []

        def flush() -> None:
            if plain:
                parts.append("".join(plain))
                plain.clear()

        while at < size:
            char = text[at]
            if char == "\\" and at + 1 < size:
                following = text[at + 1]
                if following in _ESCAPABLE:
                    plain.append(following)
                    at += 2
                    continue
                if following == "\\":
                    plain.append("\\\\")
                    at += 2
                    continue
            elif inside and char == "}":
                flush()
                return (*arguments, tuple(parts)), at + 1
            elif inside and char == ":":
                flush()
                arguments.append(tuple(parts))
                parts = []
                at += 1
                continue
            elif char == "{" and at not in self._dead:
                found, end = self._until(at + 1, inside=True)
                if end >= 0:
                    flush()
                    parts.append(Expression(found))
                    at = end
                    continue
                self._dead.add(at)
            elif char == "[" and text.startswith("[]", at):
                flush()
                parts.append(POSARGS)
                at += 2
                continue
            plain.append(char)
            at += 1
        if inside:
            return (), -1
        flush()
        return (*arguments, tuple(parts)), at

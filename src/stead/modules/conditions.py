"""Templates that name options and ask which was chosen, rendered as Jinja would.

Most templates of items do no more than ``{{ type }}`` and ``{% if type == "linear" %}``, and to
load Jinja takes longer than to copy a whole item. All that is not surely the same is left to it.
"""

from __future__ import annotations

from stead.values.patterns import regex

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from stead.values.item import Answer

_TAG = regex(r"(?s)\{([{%#])(-?)(.*?)(-?)([}%#])\}")
_ENDS = {"{": "}", "%": "%", "#": "#"}
_TAKEN = frozenset(
    [
        *("true", "false", "none", "not", "and", "or", "in", "is", "if", "else", "elif"),
        *("self", "super", "loop", "caller", "varargs", "kwargs"),
    ]
)
"""Names that mean something else in a template."""


class _OtherError(Exception):
    """The template does something else."""


def filled(text: str, names: Mapping[str, Answer]) -> str | None:
    """Render a template; None where that takes Jinja."""
    if "\r" in text:
        return None
    try:
        return _Rendering(names).text(text)
    except _OtherError:
        return None


class _If:
    """An ``if`` that is open."""

    def __init__(self, *, around: bool, holds: bool) -> None:
        self.around = around
        """Whether what is around it shows."""
        self.chosen = self.shown = holds
        """Whether one of its branches was chosen already, and whether this one shows."""
        self.last = False
        """Whether this branch is its ``else``."""


class _Rendering:
    def __init__(self, names: Mapping[str, Answer]) -> None:
        self._names = names
        self._written: list[str] = []
        self._open: list[_If] = []

    def text(self, text: str) -> str:
        at, strip = 0, False
        for tag in _TAG.finditer(text):
            kind, before, inside, after, end = tag.groups()
            if end != _ENDS[kind]:
                raise _OtherError
            self._plain(text[at : tag.start()], strip, bool(before))
            if kind == "{":
                self._write(_shown(self._value(inside)))
            elif kind == "%":
                self._statement(inside)
            at, strip = tag.end(), bool(after)
        self._plain(text[at:], strip, False)
        if self._open:
            raise _OtherError
        return "".join(self._written)

    def _plain(self, text: str, start: bool, end: bool) -> None:
        """Write what stands between tags, without the space that they take away."""
        if any(mark in text for mark in ("{{", "{%", "{#")):
            raise _OtherError
        text = text.lstrip() if start else text
        self._write(text.rstrip() if end else text)

    def _write(self, text: str) -> None:
        if all(one.around and one.shown for one in self._open[-1:]):
            self._written.append(text)

    def _statement(self, inside: str) -> None:
        word, _, condition = inside.strip().partition(" ")
        if word == "if":
            around = all(one.around and one.shown for one in self._open[-1:])
            self._open.append(_If(around=around, holds=self._holds(condition)))
            return
        if not self._open or (self._open[-1].last and word != "endif"):
            raise _OtherError
        one = self._open[-1]
        if word == "elif":
            one.shown = self._holds(condition) and not one.chosen
        elif word == "else" and not condition:
            one.shown, one.last = not one.chosen, True
        elif word == "endif" and not condition:
            self._open.pop()
        else:
            raise _OtherError
        one.chosen = one.chosen or one.shown

    def _holds(self, condition: str) -> bool:
        rest = condition.strip().removeprefix("not ")
        operator = "==" if "==" in rest else "!="
        left, found, right = rest.partition(operator)
        value = self._value(left)
        result = (value == _literal(right.strip())) is (operator == "==") if found else bool(value)
        return result is (rest == condition.strip())

    def _value(self, name: str) -> Answer:
        name = name.strip()
        if name not in self._names or name in _TAKEN:
            raise _OtherError
        return self._names[name]


def _literal(text: str) -> Answer:
    quote, inner = text[:1], text[1:-1]
    if len(text) > 1 and quote in ("'", '"') and text.endswith(quote):
        if quote not in inner and "\\" not in inner:
            return inner
    elif text.isascii() and text.isdecimal() and (text == "0" or text[0] != "0"):
        return int(text)
    raise _OtherError


def _shown(answer: Answer) -> str:
    return str(answer).lower() if isinstance(answer, bool) else str(answer)

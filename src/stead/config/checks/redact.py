"""Taking secrets out of what is said about a check."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.values.frozen import replace
from stead.values.secret import SHOWN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stead.values.checked import Result
    from stead.values.secret import Secret

LONGEST = 300
"""Characters of a line that are shown."""

_PART = 6
"""Characters from which one line of a secret of many is taken out by itself."""


class Redaction:
    """Takes given secrets out of text, as they are, encoded for a URL, or a line of them alone."""

    def __init__(self, secrets: Sequence[Secret]) -> None:
        from urllib.parse import quote, quote_plus

        forms: set[str] = set()
        for secret in secrets:
            value = secret.reveal()
            lines = [line.strip() for line in value.splitlines()]
            for text in (value, *(line for line in lines if len(line) >= _PART)):
                forms |= {
                    text,
                    quote(text),
                    quote(text, safe=""),
                    quote_plus(text),
                    repr(text)[1:-1],
                }
        self._forms = sorted(filter(None, forms), key=len, reverse=True)

    def text(self, text: str) -> str:
        for form in self._forms:
            text = text.replace(form, SHOWN)
        return text

    def result(self, result: Result) -> Result:
        """Give a result without secrets, its lines cut only after these were found."""
        return replace(
            result,
            message=self.text(result.message),
            remedy=self.text(result.remedy),
            details=tuple(_cut(self.text(line)) for line in result.details),
        )


def _cut(line: str) -> str:
    return line if len(line) <= LONGEST else "…" + line[1 - LONGEST :]

"""What is wrong with a value, said without the value: it could be a secret."""

from __future__ import annotations


class TypeFault(Exception):  # noqa: N818 (a finding in the making, not a failure)
    """A text is not what its type asks for.

    ``message`` says what was expected and holds nothing of the text; ``detail``
    may quote from it and is shown only of a value that is no secret.
    """

    def __init__(
        self, message: str, remedy: str = "", *, detail: str = "", kind: str = "error"
    ) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.detail = detail
        self.kind = kind
        """``error``, or ``warning`` for what may do harm elsewhere."""

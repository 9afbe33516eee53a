"""``age:`` references: one encrypted TOML file of strings, or a whole encrypted text.

The same file is written here: :func:`encrypt` for a list of recipients.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stead.config.secrets.failure import UnopenedError, less_last_line_end, read_file
from stead.values.errors import ManifestError
from stead.values.names import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from stead.config.secrets.keys import Identities
    from stead.values.origin import Origin


def open_file(path: str, identities: Identities) -> str:
    """Decrypt a file to text. Raises UnopenedError."""
    data = read_file(path)
    try:
        content = identities.decrypt(data)
    except UnopenedError as error:
        raise UnopenedError(
            f"{path} cannot be opened: {error.reason}", tried=error.tried, remedy=error.remedy
        ) from None
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        pass
    raise UnopenedError(f"what {path} holds is not text in UTF-8")


class Contents:
    """What one decrypted file holds."""

    def __init__(self, path: str, text: str) -> None:
        self._path = path
        self._text = text
        self._table: dict[str, Any] | None = None

    def get(self, key: str) -> str:
        """Give a key's string, or the whole for an empty key. Raises UnopenedError."""
        if not key:
            return less_last_line_end(self._text)
        if self._table is None:
            self._table = table_of(self._text, self._path)
        if key not in self._table:
            close = nearest(key, self._table)
            raise UnopenedError(
                f"{self._path} holds no {key!r}" + (f"; did you mean {close!r}?" if close else ""),
                remedy=f"`stead secret set {key}` adds it" if not close else "",
            )
        value = self._table[key]
        if not isinstance(value, str):
            raise UnopenedError(
                f"{key!r} in {self._path} is no string",
                remedy="write its value in quotes (`stead secret edit`)",
            )
        return value


def table_of(text: str, path: str) -> dict[str, Any]:
    """Read decrypted TOML. Raises UnopenedError with the line, and nothing of the text."""
    import re
    import tomllib

    try:
        return tomllib.loads(text.removeprefix("\ufeff"))
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"at line (\d+)", str(error))
    line = f", line {found[1]}" if found else ""
    raise UnopenedError(
        f"what {path} holds is not TOML of strings{line}",
        remedy="correct it with `stead secret edit`, or refer to the whole of it, without `#KEY`",
    )


def recipient(text: str, where: Origin | None = None) -> Any:
    """Read a public key: ``age1…`` or a line of an SSH public key. Raises ManifestError."""
    import pyrage

    kinds = {"ssh-": pyrage.ssh, "age1tagpq1": pyrage.tagpq, "age1tag1": pyrage.tag}
    kind = next((k for start, k in kinds.items() if text.startswith(start)), pyrage.x25519)
    try:
        return kind.Recipient.from_str(text.strip())
    except pyrage.RecipientError:
        pass
    if text.startswith("AGE-SECRET-KEY-"):
        raise ManifestError(
            "this is a private key where a public one is wanted",
            where=where,
            remedy="take it away, and treat it as known to all who saw the file; write the public "
            "key instead (it begins with `age1`)",
        )
    raise ManifestError(
        f"{text[:80]!r} is not a public key that age can encrypt for",
        where=where,
        remedy="write `age1…`, or a line of an SSH public key (`ssh-ed25519 …`, `ssh-rsa …`)",
    )


def encrypt(content: str, recipients: Iterable[str], where: Origin | None = None) -> bytes:
    """Encrypt a text for all recipients, in the form of text. Raises ManifestError.

    As text because it lies in git, where a line that did not change costs nothing
    and a binary file is shown to nobody.
    """
    import pyrage

    keys: Sequence[Any] = [recipient(text, where) for text in recipients]
    if not keys:
        raise ManifestError(
            "nobody is named who may read these secrets",
            where=where,
            remedy='add `[secrets]` with `recipients = ["age1…"]` to stead.toml '
            "(`stead secret keygen` makes a key)",
        )
    return bytes(pyrage.encrypt(content.encode("utf-8"), keys, armored=True))

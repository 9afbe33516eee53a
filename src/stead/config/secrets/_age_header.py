"""What an age file says in clear: which kinds of keys it is encrypted for.

The format is that of age-encryption.org/v1: a line naming it, stanzas that begin
with ``->``, each holding the file's key wrapped for one recipient, and a line
that begins with ``---``.
"""

from __future__ import annotations

from stead.config.secrets.failure import UnopenedError
from stead.values.frozen import dataclass

MAGIC = b"age-encryption.org/v1\n"
ARMOR = b"-----BEGIN AGE ENCRYPTED FILE-----"
_ARMOR_END = b"-----END AGE ENCRYPTED FILE-----"


@dataclass(frozen=True, slots=True)
class Stanza:
    """One recipient: ``X25519``, ``scrypt``, ``ssh-ed25519``, ``ssh-rsa`` or another kind."""

    kind: str
    arguments: tuple[str, ...] = ()


def is_age(data: bytes) -> bool:
    """Say whether data is an age file, plain or in ASCII armor, by how it begins."""
    return data.startswith(MAGIC) or data.lstrip().startswith(ARMOR)


def unarmored(data: bytes) -> bytes:
    """Give the binary form of an age file. Raises UnopenedError for broken armor."""
    if data.startswith(MAGIC):
        return data
    import base64
    import binascii

    lines = data.strip().split(b"\n")
    if lines[0].strip() != ARMOR or lines[-1].strip() != _ARMOR_END:
        raise UnopenedError("it is not an age file, or its end is missing")
    try:
        return base64.b64decode(b"".join(line.strip() for line in lines[1:-1]), validate=True)
    except binascii.Error:
        pass
    raise UnopenedError("it is an age file whose text is damaged")


def stanzas(data: bytes) -> tuple[Stanza, ...]:
    """List whom a file is encrypted for. Raises UnopenedError for what is no age file.

    Stanzas that only make noise (``…-grease``) are left out.
    """
    binary = unarmored(data)
    if not binary.startswith(MAGIC):
        raise UnopenedError("it is not an age file")
    found: list[Stanza] = []
    for line in binary[len(MAGIC) :].split(b"\n"):
        if line.startswith(b"---"):
            return tuple(found)
        if line.startswith(b"-> "):
            words = line[3:].decode("ascii", "replace").split(" ")
            if not words[0].endswith("-grease"):
                found.append(Stanza(words[0], tuple(words[1:])))
    raise UnopenedError("it is an age file that breaks off in its header")

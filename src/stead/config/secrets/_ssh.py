"""SSH private keys as identities of age: ed25519 and RSA, with or without a passphrase.

OpenSSH's own format holds the public key in clear; its hash marks what is
encrypted for it, so that a passphrase is asked for only where it will help.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple

from stead.config.secrets.failure import UnopenedError

if TYPE_CHECKING:
    from collections.abc import Callable

_OPENSSH = b"openssh-key-v1\0"
_BEGIN = b"-----BEGIN OPENSSH PRIVATE KEY-----"
_END = b"-----END OPENSSH PRIVATE KEY-----"


class SshKey(NamedTuple):
    """A key that is open (``identity``), or that ``unlock`` opens for a passphrase."""

    identity: Any
    tag: str
    unlock: Callable[[str], Any]


def read_ssh(data: bytes, path: str = "") -> SshKey:
    """Read a private key. ``path`` is where it came from: its public half may lie beside it.

    ``unlock`` raises ValueError for a wrong passphrase. Raises UnopenedError for
    what is no key, or a kind that age does not know.
    """
    import pyrage

    public, locked = _public(data)
    if not public and path:
        public = _beside(path)
    kind = _first_string(public).decode("ascii", "replace") if public else ""
    if kind and kind not in ("ssh-ed25519", "ssh-rsa"):
        raise UnopenedError(f"is a key of the kind {kind}, which age cannot use")
    if not locked:
        try:
            return SshKey(pyrage.ssh.Identity.from_buffer(data), tag_of(public), _refuse)
        except pyrage.IdentityError as error:
            locked = "Encrypted" in str(error) or "decrypted first" in str(error)
    if not locked:
        raise UnopenedError("is not an SSH private key that can be read")
    return SshKey(None, tag_of(public), lambda passphrase: _unlocked(data, passphrase))


def tag_of(public: bytes) -> str:
    """Give the mark of a public key (in SSH's wire form) in an age file's header."""
    if not public:
        return ""
    import base64
    import hashlib

    return base64.b64encode(hashlib.sha256(public).digest()[:4]).decode().rstrip("=")


def _refuse(_passphrase: str) -> Any:
    raise ValueError("the key is open already")


def _unlocked(data: bytes, passphrase: str) -> Any:
    """Open a protected key. In memory only; the passphrase goes to no other program."""
    import pyrage
    from cryptography.hazmat.primitives import serialization

    load = (
        serialization.load_ssh_private_key if _BEGIN in data else serialization.load_pem_private_key
    )
    key = None
    try:
        key = load(data, passphrase.encode("utf-8"))
    except Exception:  # noqa: BLE001, S110 (several kinds for a wrong one; none may carry it on)
        pass
    if key is None:
        raise ValueError("the passphrase is wrong")
    plain = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.OpenSSH,
        serialization.NoEncryption(),
    )
    return pyrage.ssh.Identity.from_buffer(plain)


def _public(data: bytes) -> tuple[bytes, bool]:
    """Give the public half that an OpenSSH key holds in clear, and whether it is locked."""
    import base64
    import binascii

    if _BEGIN not in data:
        locked = b"ENCRYPTED" in data
        return b"", locked
    inside = data.partition(_BEGIN)[2].partition(_END)[0]
    try:
        raw = base64.b64decode(b"".join(inside.split()), validate=True)
    except binascii.Error:
        return b"", False
    if not raw.startswith(_OPENSSH):
        return b"", False
    at = len(_OPENSSH)
    fields = []
    for _ in range(3):  # the cipher, the derivation of its key, and that one's options
        field = _first_string(raw[at:])
        fields.append(field)
        at += 4 + len(field)
    return _first_string(raw[at + 4 :]), fields[0] != b"none"


def _beside(path: str) -> bytes:
    import base64
    import binascii

    try:
        with open(f"{os.fspath(path)}.pub", "rb") as file:
            words = file.read(65536).split()
        return base64.b64decode(words[1], validate=True)
    except (OSError, IndexError, binascii.Error):
        return b""


def _first_string(raw: bytes) -> bytes:
    length = int.from_bytes(raw[:4])
    return raw[4 : 4 + length]

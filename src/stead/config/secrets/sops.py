"""``sops:`` references: values of files that sops encrypted for age keys. Read only.

A random data key, itself encrypted for each age key, encrypts every value with
AES-256-GCM; the value's path is authenticated with it, so that no value can be
moved. A hash over all values in their order, encrypted the same way, authenticates
the file: a value taken away or put in is found out. The format is the one that
getsops/sops reads and writes (its ``sops.go``, ``aes/cipher.go``).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from stead.config.secrets._sops_stores import Leaf, Stored, Table, Timestamp, read
from stead.config.secrets.failure import UnopenedError, read_file
from stead.values.names import nearest

if TYPE_CHECKING:
    from collections.abc import Callable

    from stead.config.secrets.keys import Identities

DEFAULT_SUFFIX = "_unencrypted"

# Begins the hash over encrypted values alone, so that it never equals one over all of them:
# the sha256 of the word "sops".
_ONLY_ENCRYPTED = bytes.fromhex("8a3fd2ad54ce66527b1034f3d147be0b0b975b3bf44f72c6fdadec8176f27d69")

_ENCRYPTED = re.compile(r"ENC\[AES256_GCM,data:(.+),iv:(.+),tag:(.+),type:(.+)\]\Z", re.DOTALL)
_RULES = ("unencrypted_suffix", "encrypted_suffix", "unencrypted_regex", "encrypted_regex")
_COMMENT_RULES = ("unencrypted_comment_regex", "encrypted_comment_regex")
_OTHER_KEYS = {
    "pgp": "PGP",
    "kms": "AWS KMS",
    "gcp_kms": "Google Cloud KMS",
    "azure_kv": "Azure Key Vault",
    "hc_vault": "HashiCorp Vault",
}


class Contents:
    """What one decrypted file holds; its authentication has been checked."""

    def __init__(self, path: str, documents: tuple[Table, ...]) -> None:
        self._path = path
        self._documents = documents

    def get(self, key: str) -> str:
        """Give the value at a path with dots. Raises UnopenedError.

        Where a key itself has dots, the longest one that is there is taken. Items of a
        list are counted from 0.
        """
        for document in self._documents:
            found = _lookup(document, key)
            if found is not _NOTHING:
                return self._text(key, found)
        names = [name for document in self._documents for name in _paths(document)]
        close = nearest(key, names)
        raise UnopenedError(
            f"{self._path} holds no {key!r}" + (f"; did you mean {close!r}?" if close else ""),
            remedy="" if close else f"see which there are: {', '.join(names[:8]) or 'none'}",
        )

    def _text(self, key: str, value: Any) -> str:
        if isinstance(value, Table | list):
            inner = ", ".join(name for name in list(_paths(value))[:8])
            raise UnopenedError(
                f"{key!r} in {self._path} is not one value but several",
                remedy=f"name one of them: {key}.… ({inner})",
            )
        if value is None:
            raise UnopenedError(f"{key!r} in {self._path} has no value")
        if isinstance(value, bool):
            return "true" if value else "false"
        return value if isinstance(value, str) else as_bytes(value).decode()


def open_file(path: str, identities: Identities) -> Contents:
    """Decrypt a file and check its authentication. Raises UnopenedError."""
    try:
        text = read_file(path).decode("utf-8-sig")
    except UnicodeDecodeError:
        text = None
    if text is None:
        raise UnopenedError(f"{path} is not text in UTF-8")
    stored = read(text, path)
    cipher = _Cipher(_data_key(stored.metadata, path, identities), path)
    documents, digest = _decrypted(stored, cipher, path)
    _authenticate(stored.metadata, digest, cipher, path)
    return Contents(path, documents)


def _data_key(metadata: dict[str, Any], path: str, identities: Identities) -> bytes:
    """Give the key that the values are encrypted with."""
    groups = metadata.get("key_groups")
    holder = metadata
    if isinstance(groups, list) and groups and not metadata.get("age"):
        if len(groups) > 1:
            raise UnopenedError(
                f"{path} needs keys of {len(groups)} groups together, which is not done here",
                remedy="encrypt it for one group of age keys",
            )
        holder = groups[0] if isinstance(groups[0], dict) else {}
    entries = [e for e in holder.get("age") or () if isinstance(e, dict)]
    wrapped = [e["enc"] for e in entries if isinstance(e.get("enc"), str)]
    if not wrapped:
        others = [name for key, name in _OTHER_KEYS.items() if holder.get(key)]
        raise UnopenedError(
            f"{path} is not encrypted for any age key"
            + (f", only for {' and '.join(others)}" if others else ""),
            remedy="add an age key to it (`sops rotate --add-age age1… --in-place FILE`)",
        )
    closed: UnopenedError | None = None
    for text in wrapped:
        try:
            key = identities.decrypt(text.encode())
        except UnopenedError as error:
            closed = error
            continue
        if len(key) == 32:
            return key
        raise UnopenedError(f"{path} holds a data key of the wrong length")
    assert closed is not None
    recipients = [str(e.get("recipient", "?")) for e in entries]
    raise UnopenedError(
        f"{path} is encrypted for {_shown(recipients)}, and no key here fits",
        tried=closed.tried,
        remedy=closed.remedy.partition(" (`stead")[0],
    )


def _shown(recipients: list[str]) -> str:
    more = f" and {len(recipients) - 3} more" if len(recipients) > 3 else ""
    return ", ".join(recipients[:3]) + more


class _Cipher:
    """The data key, and what it decrypts."""

    def __init__(self, key: bytes, path: str) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        self._aead = AESGCM(key)
        self._path = path

    def decrypt(self, text: str, bound_to: str, what: str) -> Leaf | Timestamp:
        """Decrypt one value that is bound to its place. Raises UnopenedError."""
        import base64
        import binascii

        from cryptography.exceptions import InvalidTag

        if text == "":
            return ""  # sops leaves empty values as they are
        parts = _ENCRYPTED.match(text)
        if parts is None:
            raise UnopenedError(
                f"{what} in {self._path} is not encrypted, though by the file's rules it should be",
                remedy="encrypt the file again with sops; it was changed without",
            )
        plain = None
        try:
            data, nonce, tag = (
                base64.b64decode(part, validate=True) for part in parts.groups()[:3]
            )
            plain = self._aead.decrypt(nonce, data + tag, bound_to.encode())
        except (InvalidTag, binascii.Error, ValueError):
            pass
        if plain is None:
            raise UnopenedError(
                f"{what} in {self._path} was changed, or moved from another place",
                remedy="take the file from the history (`git checkout -- FILE`), or set it anew",
            )
        return _typed(plain, parts[4], what, self._path)


def _typed(plain: bytes, kind: str, what: str, path: str) -> Leaf | Timestamp:
    text = plain.decode("utf-8", "surrogateescape")
    readers: dict[str, Callable[[str], Any]] = {
        "str": str,
        "bytes": str,
        "comment": str,
        "int": int,
        "int64": int,
        "float": float,
        "bool": lambda t: {"true": True, "false": False}[t.lower()],
        "time": Timestamp,
    }
    try:
        return readers[kind](text)  # type: ignore[no-any-return]
    except (KeyError, ValueError):
        pass
    raise UnopenedError(f"{what} in {path} is of the type {kind[:20]!r}, and does not look like it")


def as_bytes(value: Leaf | Timestamp) -> bytes:
    """Give a value in the form in which it is hashed: numbers as Go writes them."""
    if isinstance(value, bool):
        return b"True" if value else b"False"
    if isinstance(value, float):
        from decimal import Decimal

        text = format(Decimal(repr(value)), "f")
        return (text.rstrip("0").rstrip(".") if "." in text else text).encode()
    return str(value).encode("utf-8", "surrogateescape")


def _decrypted(stored: Stored, cipher: _Cipher, path: str) -> tuple[tuple[Table, ...], str]:
    """Decrypt every value in order; gives the documents and the hash over the values."""
    import hashlib

    digest = hashlib.sha512()
    only = stored.metadata.get("mac_only_encrypted") in (True, "true")
    if only:
        digest.update(_ONLY_ENCRYPTED)
    is_encrypted = _rule(stored.metadata, path)

    def walk(value: Any, at: tuple[str, ...]) -> Any:
        if isinstance(value, Table):
            return Table(tuple((key, walk(item, (*at, key))) for key, item in value.pairs))
        if isinstance(value, list):
            return [walk(item, at) for item in value]
        if value is None:
            return None
        encrypted = is_encrypted(at, value)
        if encrypted:
            what = repr(".".join(at))
            text = value if isinstance(value, str) else "?"
            value = cipher.decrypt(text, ":".join(at) + ":", what)
        if encrypted or not only:
            digest.update(as_bytes(value))
        return value

    documents = tuple(walk(document, ()) for document in stored.documents)
    return documents, digest.hexdigest().upper()


def _rule(metadata: dict[str, Any], path: str) -> Callable[[tuple[str, ...], Any], bool]:
    """Give what says whether the value at a place is encrypted."""
    given = [name for name in _RULES if metadata.get(name)]
    if len(given) > 1:
        raise UnopenedError(f"{path} has two rules for what is encrypted: {' and '.join(given)}")
    if any(metadata.get(name) for name in _COMMENT_RULES):
        # Comments say what is encrypted. What is not then still takes part in the hash, so the
        # form alone can be believed: to exchange one for the other would change that.
        return lambda _at, value: isinstance(value, str) and _ENCRYPTED.match(value) is not None
    name = given[0] if given else "unencrypted_suffix"
    pattern = str(metadata[name]) if given else DEFAULT_SUFFIX
    wanted = name.startswith("encrypted")
    if name.endswith("suffix"):
        return lambda at, _: any(key.endswith(pattern) for key in at) == wanted
    try:
        compiled = re.compile(pattern)
    except re.error:
        compiled = None
    if compiled is None:
        raise UnopenedError(f"the rule {name} of {path} is no regular expression")
    return lambda at, _: any(compiled.search(key) for key in at) == wanted


def _authenticate(metadata: dict[str, Any], digest: str, cipher: _Cipher, path: str) -> None:
    """Compare the hash over the values with the one that the file holds, encrypted."""
    import hmac

    mac, modified = metadata.get("mac"), metadata.get("lastmodified")
    if not isinstance(mac, str) or not mac or not isinstance(modified, str):
        raise UnopenedError(
            f"{path} holds no authentication (`mac` and `lastmodified`)",
            remedy="encrypt the file again with sops",
        )
    kept = cipher.decrypt(mac, modified, "the authentication (`mac`)")
    if not hmac.compare_digest(str(kept).encode(), digest.encode()):
        raise UnopenedError(
            f"{path} was changed without sops: its values are not those that were authenticated",
            remedy="take the file from the history (`git checkout -- FILE`), and change it with "
            "`sops edit`",
        )


_NOTHING = object()


def _lookup(value: Any, key: str) -> Any:
    """Follow a path with dots; ``_NOTHING`` where it leads nowhere."""
    if not key:
        return value
    if isinstance(value, list):
        head, _, rest = key.partition(".")
        found = head.isascii() and head.isdigit() and int(head) < len(value)
        return _lookup(value[int(head)], rest) if found else _NOTHING
    if not isinstance(value, Table):
        return _NOTHING
    end = len(key)
    while end > 0:
        head = key[:end]
        for name, item in value.pairs:
            if name == head:
                found_here = _lookup(item, key[end + 1 :])
                if found_here is not _NOTHING:
                    return found_here
        end = key.rfind(".", 0, end)
    return _NOTHING


def _paths(value: Any, before: str = "") -> list[str]:
    """List the paths of all values."""
    items: list[tuple[str, Any]]
    if isinstance(value, Table):
        items = list(value.pairs)
    elif isinstance(value, list):
        items = [(str(number), item) for number, item in enumerate(value)]
    else:
        return [before]
    return [path for key, item in items for path in _paths(item, f"{before}.{key}".lstrip("."))]

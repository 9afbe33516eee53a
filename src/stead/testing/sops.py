"""Makes files as sops does, for tests: real encryption for age keys, without the sops program.

Written from the description of the format, apart from what reads it
(``stead.config.secrets.sops``): values are encrypted with AES-256-GCM under a
data key, each bound to its path; a SHA-512 over all values, bound to the time,
authenticates the file.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

MODIFIED = "2026-11-21T05:00:00Z"


def sops_file(
    tree: Mapping[str, Any],
    recipients: Sequence[str],
    form: str = "yaml",
    **rules: Any,
) -> str:
    """Encrypt a tree of mappings, lists and values; gives the file's text.

    ``form`` is ``yaml``, ``json`` or ``dotenv``. ``rules`` are sops' own settings
    (``encrypted_regex``, ``mac_only_encrypted``, …), as the file will hold them.
    """
    key = os.urandom(32)
    digest = hashlib.sha512()
    only = bool(rules.get("mac_only_encrypted"))
    if only:
        digest.update(hashlib.sha256(b"sops").digest())
    hidden = _rule(rules)

    def walk(value: Any, path: tuple[str, ...]) -> Any:
        if isinstance(value, dict):
            return {name: walk(item, (*path, name)) for name, item in value.items()}
        if isinstance(value, list):
            return [walk(item, path) for item in value]
        if value is None:
            return None
        if hidden(path) or not only:
            digest.update(_text(value).encode())
        return seal(value, key, "".join(f"{step}:" for step in path)) if hidden(path) else value

    made = walk(dict(tree), ())
    mac = seal(digest.hexdigest().upper(), key, MODIFIED)
    metadata: dict[str, Any] = {
        "age": [{"recipient": r, "enc": _wrapped(key, r)} for r in recipients],
        "lastmodified": MODIFIED,
        "mac": mac,
        "version": "3.9.0",
        **rules,
    }
    return _written(made, metadata, form)


def seal(value: Any, key: bytes, bound_to: str) -> str:
    """Encrypt one value, bound to its place."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    if value == "":
        return ""
    kinds = {str: "str", bool: "bool", int: "int", float: "float"}
    nonce = os.urandom(32)
    sealed = AESGCM(key).encrypt(nonce, _text(value).encode(), bound_to.encode())
    data, tag = sealed[:-16], sealed[-16:]
    parts = [base64.b64encode(part).decode() for part in (data, nonce, tag)]
    return "ENC[AES256_GCM,data:{},iv:{},tag:{},type:{}]".format(*parts, kinds[type(value)])


def _text(value: Any) -> str:
    """Write a value as Go would: no exponent, no needless fraction, truths with a capital."""
    if isinstance(value, float):
        if value.is_integer():
            return f"{value:.0f}"
        return f"{value:.20f}".rstrip("0") if abs(value) < 1e-4 else repr(value)
    return str(value)


def _rule(rules: Mapping[str, Any]) -> Callable[[tuple[str, ...]], bool]:
    if "encrypted_regex" in rules:
        return lambda path: any(re.search(rules["encrypted_regex"], step) for step in path)
    if "unencrypted_regex" in rules:
        return lambda path: not any(re.search(rules["unencrypted_regex"], step) for step in path)
    if "encrypted_suffix" in rules:
        return lambda path: any(step.endswith(rules["encrypted_suffix"]) for step in path)
    suffix = rules.get("unencrypted_suffix", "_unencrypted")
    return lambda path: not any(step.endswith(suffix) for step in path)


def _wrapped(key: bytes, recipient: str) -> str:
    import pyrage

    kind = pyrage.ssh if recipient.startswith("ssh-") else pyrage.x25519
    sealed = pyrage.encrypt(key, [kind.Recipient.from_str(recipient)], armored=True)
    return bytes(sealed).decode()


def _written(tree: dict[str, Any], metadata: dict[str, Any], form: str) -> str:
    if form == "json":
        return json.dumps({**tree, "sops": metadata}, indent="\t")
    if form == "yaml":
        import yaml

        return str(yaml.safe_dump({**tree, "sops": metadata}, sort_keys=False, width=10_000))
    lines = [f"{name}={value}" for name, value in tree.items()]
    for name, value in metadata.items():
        if name == "age":
            for number, entry in enumerate(value):
                escaped = entry["enc"].replace("\n", "\\n")
                lines.append(f"sops_age__list_{number}__map_enc={escaped}")
                lines.append(f"sops_age__list_{number}__map_recipient={entry['recipient']}")
        else:
            lines.append(f"sops_{name}={str(value).lower() if value is True else value}")
    return "\n".join(lines) + "\n"

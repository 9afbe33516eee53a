"""Secrets of a deployment: opened on the machine that deploys, and put into its payload alone.

They are in memory from here to the encrypted channel. What is kept or shown of one is a
digest with a key, by which the next deploy sees that it has changed.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
from typing import TYPE_CHECKING

from stead.config.outcome import list_changes, secret_entries
from stead.config.outcome import references as references_of
from stead.config.outcome import render as secret_text
from stead.deploy.rendered import references as references_of_files
from stead.deploy.rendered import rendered
from stead.values.activation import apply
from stead.values.errors import SecretError
from stead.values.frozen import replace
from stead.values.secret import Secret, SecretReference

if TYPE_CHECKING:
    from stead.deploy.payload import Laid, Running
    from stead.values.context import Context
    from stead.values.deployment import Payload, PlacedFile, Service
    from stead.values.table import LiteralSecret

    Opened = dict[SecretReference | LiteralSecret, Secret]


def opened(laid: Laid, context: Context) -> Payload:
    """Give a payload with its secrets. Raises SecretError with all that cannot be had."""
    wanted = _wanted(laid)
    if not wanted:
        return laid.payload
    known = _resolved(laid, tuple(wanted), context)
    values: list[tuple[str, str, str]] = []
    files: dict[str, PlacedFile] = {}
    for one in laid.running:
        texts = _texts(one, laid, known)
        values += [
            (service.name, name, texts[name])
            for service in _services(laid.payload, one)
            for name in service.secrets
        ]
        own = rendered(
            one.table, laid.where, name=one.name, code=laid.code,
            platform=one.prepared.composed.spec.platform, resolved=known,
        )  # fmt: skip
        files |= {f.path: f for f in own.placed}
    return replace(
        laid.payload,
        files=tuple(files.get(f.path, f) for f in laid.payload.files),
        secrets=tuple(values),
    )


def at_hand(laid: Laid, context: Context) -> tuple[tuple[str, str], ...]:
    """Give name and value of each secret that can be had here, to see that none is in an image.

    Who makes images need not have them all: they come when one is started.
    """
    found = []
    for reference in _wanted(laid):
        with contextlib.suppress(SecretError):
            for name, secret in _resolved(laid, (reference,), context).items():
                found.append((str(name), secret.reveal()))
    return tuple(found)


def _wanted(laid: Laid) -> dict[SecretReference | LiteralSecret, None]:
    wanted: dict[SecretReference | LiteralSecret, None] = {}
    for one in laid.running:
        for entry in secret_entries(one.table):
            wanted |= dict.fromkeys(references_of(entry))
        wanted |= dict.fromkeys(references_of_files(one.table))
    return wanted


def sealed(key: str, *words: str | bytes) -> str:
    """Give the digest of a secret with a key: it tells that it changed, and nothing else."""
    whole = b"\0".join(w if isinstance(w, bytes) else w.encode("utf-8", "surrogateescape") for w in words)  # fmt: skip
    return hmac.new(key.encode(), whole, hashlib.sha256).hexdigest()


def _resolved(
    laid: Laid, wanted: tuple[SecretReference | LiteralSecret, ...], context: Context
) -> Opened:
    """Open what is asked for, each as this machine finds it."""
    found: Opened = {}
    asked: dict[SecretReference, SecretReference] = {}
    for reference in wanted:
        if isinstance(reference, SecretReference):
            asked[reference] = laid.where.local(reference)
        elif reference.secret is not None:
            found[reference] = reference.secret
    if asked:
        from stead.config import secrets

        held = secrets.resolve(list(dict.fromkeys(asked.values())), context=context)
        found |= {there: held[here] for there, here in asked.items()}
    return found


def _texts(one: Running, laid: Laid, known: Opened) -> dict[str, str]:
    platform = one.prepared.composed.spec.platform
    base = next((dict(s.environment) for s in _services(laid.payload, one)), {})
    texts = {}
    for entry in secret_entries(one.table):
        text = secret_text(entry, known, platform=platform)
        if entry.where in ("prepend", "append"):
            text = apply(list_changes(entry, text, platform.path_separator), base)[entry.name]
        texts[entry.name] = text
    return texts


def _services(payload: Payload, one: Running) -> list[Service]:
    """Give what runs with the variables of an instance: its processes, and one-off commands."""
    every = [*payload.services, *(c.service for c in payload.commands)]
    return [s for s in every if s.name in one.services]

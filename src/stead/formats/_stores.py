"""The table of stores: in ``stead.toml``, and in the settings of a person."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from stead.formats._grammar import StoreTable
from stead.formats._words import bare_or_quoted
from stead.values.errors import ManifestError
from stead.values.secret import parse_reference
from stead.values.substitute import StoreAddress

if TYPE_CHECKING:
    from stead.formats._packages import Checks
    from stead.values.secret import SecretReference

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_OWN = "STEAD_"


def store(
    reader: Checks, name: str, table: str | StoreTable, at: tuple[str, ...], *, own: bool
) -> StoreAddress:
    """Read where a store is; what is wrong goes to the reader. ``own``: in a person's settings.

    A project does not say which of a person's secrets go to an address that it names: it may name
    variables that begin with STEAD_, and what the keyring has for that very address.
    """
    if isinstance(table, str):
        table = StoreTable(url=table)
    shown = f"store {bare_or_quoted(name)}"
    if not table.url.startswith(("https://", "http://")):
        reader.wrong(
            f"{shown} needs an address that begins with https:// or http://",
            at,
            f'for example: {name} = "https://stead.example.org"',
        )
    reader.check_address(table.url, at)
    token = _token(reader, shown, table, at) if table.token else None
    parts = urlsplit(table.url)
    if token is not None and parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        reader.wrong(
            f"the token of {shown} would go over the network in clear",
            (*at, "token"),
            "use an address that begins with https://",
        )
    if token is not None and not own and not _may_name(token, table.url):
        reader.wrong(
            f"a project may not say that {token.scheme}:… goes to {shown}",
            (*at, "token"),
            f"name a variable that begins with {_OWN}, or keyring:{table.url}#USER; or write the "
            "token into your own settings",
        )
    return StoreAddress(name, table.url.rstrip("/"), table.priority, token, reader.where(*at))


def _token(
    reader: Checks, shown: str, table: StoreTable, at: tuple[str, ...]
) -> SecretReference | None:
    try:
        found = parse_reference(table.token, reader.directory, reader.where(*at, "token"))
    except ManifestError as exc:
        reader.wrong(exc.message, (*at, "token"), exc.remedy)
        return None
    if found is None:
        reader.wrong(
            f"token of {shown} must say where the token is to be had, not what it is",
            (*at, "token"),
            "write env:NAME, keyring:SERVICE#USER, age:FILE#KEY, sops:FILE#KEY or command:…",
        )
    return found


def _may_name(token: SecretReference, url: str) -> bool:
    if token.scheme == "env":
        return token.body.startswith(_OWN)
    return token.scheme == "keyring" and token.body.rpartition("#")[0].rstrip("/") == url.rstrip(
        "/"
    )

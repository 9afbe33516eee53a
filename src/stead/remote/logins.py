"""The store servers that a person knows by name, and the tokens by which they ask them.

``stead/remotes.json`` in the directory for settings, for its owner alone. A token may lie in the
keyring instead. ``STEAD_REMOTE_TOKEN`` wins over both, and ``STEAD_REMOTE`` names the server where
no option does. A token is sent to the address that it was given for, and neither shown nor logged.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from stead.config.secrets.keys import config_directory
from stead.remote.origins import is_clear, origin
from stead.store.atomic import write_file
from stead.values.errors import RemoteError, UsageError
from stead.values.frozen import dataclass, field, replace
from stead.values.names import nearest
from stead.values.secret import Secret, SecretReference

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

TOKEN = "STEAD_REMOTE_TOKEN"  # noqa: S105 (a variable's name)
SERVER = "STEAD_REMOTE"
FILE = os.path.join("stead", "remotes.json")

_USER = "token"
_KEYRING_SECONDS = 10.0
_OTHERS = 0o077
_LONGEST_TOKEN = 16 * 1024
_LOG_IN = "`stead remote login ADDRESS` adds one"


@dataclass(frozen=True, slots=True)
class Server:
    """A store server: what a person calls it, its address, and where its token lies."""

    name: str
    address: str
    token: Secret | None = field(default=None, compare=False)
    keyring: bool = False
    expires: str = field(default="", compare=False)
    """When its token ends, as the server said at the login; empty where it does not."""


@dataclass(frozen=True, slots=True)
class Known:
    """All servers that a person knows; ``default`` is asked where none is named."""

    servers: tuple[Server, ...] = ()
    default: str = ""

    def find(self, name: str) -> Server | None:
        """Give the server of that name."""
        return next((s for s in self.servers if s.name == name), None)

    def with_server(self, server: Server, *, default: bool) -> Known:
        """Give them with one more, or another one of its name."""
        others = (s for s in self.servers if s.name != server.name)
        servers = tuple(sorted((*others, server), key=lambda s: s.name))
        return Known(servers, server.name if default or not self.default else self.default)

    def without(self, name: str) -> Known:
        """Give them without one; where one is left, that is the default."""
        left = tuple(s for s in self.servers if s.name != name)
        default = "" if self.default == name else self.default
        return Known(left, left[0].name if len(left) == 1 else default)


def path_of(environ: Mapping[str, str]) -> str:
    """Give the path of the file; raises RemoteError where nothing says where settings lie."""
    where = config_directory(environ)
    if not where:
        raise RemoteError(
            "there is no place for settings: neither HOME nor XDG_CONFIG_HOME is set",
            remedy=f"set one of them, or {SERVER} to an address and {TOKEN}",
        )
    return os.path.join(where, FILE)


def read(environ: Mapping[str, str]) -> Known:
    """Read what is known. Raises RemoteError for a file that others may read, or that is none."""
    path = path_of(environ)
    try:
        with open(path, "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            raw = file.read()
    except FileNotFoundError:
        return Known()
    except OSError as exc:
        raise RemoteError(
            f"this file cannot be read: {exc.strerror}",
            where=path,
            remedy="correct its rights, or remove it and log in again",
        ) from exc
    if os.name == "posix" and mode & _OTHERS:
        raise RemoteError(
            "others may read this file, which holds tokens",
            where=path,
            remedy=f"`chmod 600 {path}`, and make new tokens if others use this machine",
        )
    try:
        data = json.loads(raw)
        servers = tuple(
            Server(
                name,
                address_of(one["address"]),
                Secret(one["token"]) if one.get("token") else None,
                keyring=bool(one.get("keyring")),
                expires=str(one.get("expires") or ""),
            )
            for name, one in data["servers"].items()
        )
        default = str(data.get("default") or "")
    except (ValueError, KeyError, TypeError, AttributeError, UsageError) as exc:
        raise RemoteError(
            "this file is not as `stead remote login` writes it",
            where=path,
            remedy="remove it, and log in again",
        ) from exc
    return Known(servers, default)


def write(known: Known, environ: Mapping[str, str]) -> None:
    """Write what is known, for its owner alone. Raises StoreError, RemoteError."""
    servers: dict[str, Any] = {}
    for one in known.servers:
        servers[one.name] = {"address": one.address}
        if one.keyring:
            servers[one.name]["keyring"] = True
        elif one.token is not None:
            servers[one.name]["token"] = one.token.reveal()
        if one.expires:
            servers[one.name]["expires"] = one.expires
    data = {"version": 1, "default": known.default, "servers": servers}
    write_file(path_of(environ), (json.dumps(data, indent=2) + "\n").encode(), 0o600)


def change(
    act: Callable[[Known], Known], environ: Mapping[str, str], note: Callable[[str], None]
) -> Known:
    """Change what is known, with nobody else doing so meanwhile; gives what is known then.

    Raises what :func:`read` and :func:`write` raise.
    """
    from stead.store.locking import exclusive

    path = path_of(environ)
    with exclusive(f"{path}.lock", note=note, description="a login", remove=True):
        known = act(read(environ))
        write(known, environ)
    return known


def address_of(text: str) -> str:
    """Give an address as it is kept, without a slash at its end. Raises UsageError."""
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or parts.username is not None or parts.query or parts.fragment:
        raise UsageError(
            f"{_shown(text)!r} is no address of a store server",
            remedy="write https://HOST[:PORT]; who asks is said by a token, not by the address",
        )
    if not text.isascii() or not text.isprintable() or " " in text:
        raise UsageError(
            f"the address {text!r} has characters that may look like others",
            remedy="write the host as DNS has it",
        )
    host = f"{parts.scheme.lower()}://{parts.netloc.lower()}"
    return host + parts.path.rstrip("/")


def choose(named: str, environ: Mapping[str, str]) -> Server:
    """Give the server to ask, with its token: the one named, else that of ``STEAD_REMOTE``, else
    the default. ``named`` is a name or an address. Raises UsageError, RemoteError.
    """
    wanted = named or environ.get(SERVER, "")
    given = environ.get(TOKEN, "").strip()
    if given and "://" in wanted:
        return _ready(Server(urlsplit(wanted).hostname or "", address_of(wanted)), given)
    known = read(environ)
    if "://" in wanted:
        address = address_of(wanted)
        found = next((s for s in known.servers if s.address == address), None)
        found = found or Server(urlsplit(address).hostname or "", address)
    elif wanted:
        found = known.find(wanted)
        if found is None:
            close = nearest(wanted, [s.name for s in known.servers])
            raise UsageError(
                f"no store server {wanted!r} is known here"
                + (f"; did you mean {close}?" if close else ""),
                remedy=f"`stead remote list` names those that are; {_LOG_IN}",
            )
    else:
        found = known.find(known.default)
    if found is None:
        if known.servers:
            raise UsageError(
                "which store server is meant?",
                remedy=f"name it with --server ({', '.join(s.name for s in known.servers)})",
            )
        raise UsageError("no store server is known here", remedy=_LOG_IN)
    return _ready(found, given)


def _ready(server: Server, given: str) -> Server:
    """Give a server with the token that it gets."""
    return with_token(replace(server, token=token_of(given, TOKEN)) if given else server)


def with_token(server: Server) -> Server:
    """Give a server with its token, from the keyring where that has it. Raises RemoteError,
    and UsageError where it would be read on its way.
    """
    if server.keyring and server.token is None:
        server = replace(server, token=_from_keyring(server.address))
    if server.token is not None:
        check_private(server.address)
    return server


def token_for(address: str, environ: Mapping[str, str]) -> Secret | None:
    """Give the token by which a person asks an address, if they have logged in there.

    A manifest may name any address: it gets a token only if that was given for just this one.
    Raises RemoteError, UsageError.
    """
    if not config_directory(environ):
        return None
    found = next((s for s in read(environ).servers if s.address == address), None)
    return None if found is None else _ready(found, "").token


def check_private(address: str) -> None:
    """Raise UsageError where a token would be read on its way."""
    if is_clear(address):
        raise UsageError(
            "the token would go over the network in clear",
            where=address,
            remedy="use an address that begins with https://, or bring its port here by "
            "`ssh -L 8787:127.0.0.1:8787 HOST` and log in at http://127.0.0.1:8787",
        )


def token_of(text: str, where: str) -> Secret:
    """Read a token as it was given. Raises UsageError for what can be none; it is not shown."""
    token = text.strip()
    if not token:
        raise UsageError("the token is empty", where=where)
    if len(token) > _LONGEST_TOKEN or not token.isascii() or any(c <= " " for c in token):
        raise UsageError(
            "this is no token: it is too long, or holds spaces, line ends or other letters",
            where=where,
            remedy="give the token alone, as the server told it",
        )
    return Secret(token)


def keep_in_keyring(address: str, token: Secret) -> None:
    """Put a token into the person's keyring. Raises RemoteError where there is none."""
    try:
        import keyring
    except ImportError as exc:
        raise RemoteError(
            "the library that speaks to keyrings is not installed",
            remedy="install `stead[keyring]`, or leave --keyring out: then a file that "
            "only you may read has it",
        ) from exc
    try:
        keyring.set_password(origin(address), _USER, token.reveal())
    except Exception as exc:
        raise RemoteError(
            f"the keyring does not take the token ({type(exc).__name__})",
            remedy="unlock it, or leave --keyring out",
        ) from exc


def forget_in_keyring(address: str) -> None:
    """Take a token out of the keyring, if it is there."""
    import contextlib

    with contextlib.suppress(Exception):  # there is none, or nothing of the kind
        import keyring

        keyring.delete_password(origin(address), _USER)


def _from_keyring(address: str) -> Secret:
    from stead.config.secrets.failure import UnopenedError
    from stead.config.secrets.outside import from_keyring

    reference = SecretReference("keyring", f"{origin(address)}#{_USER}", "")
    try:
        return Secret(from_keyring(reference, _KEYRING_SECONDS))
    except UnopenedError as exc:
        raise RemoteError(exc.reason, where=address, remedy=exc.remedy) from exc


def _shown(text: str) -> str:
    """Give an address without what may be a password in it."""
    scheme, sign, rest = text.partition("?")[0].partition("://")
    return f"{scheme}{sign}…@{rest.rpartition('@')[2]}" if "@" in rest else f"{scheme}{sign}{rest}"

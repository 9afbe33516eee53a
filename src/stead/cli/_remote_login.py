"""`stead remote login`, `logout`, `list` and `whoami`: which servers there are, and who asks."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from stead.cli import _remote_common as common
from stead.cli import options
from stead.values.errors import RemoteError, UsageError

if TYPE_CHECKING:
    import argparse

    from stead.cli.app import App
    from stead.remote.logins import Known, Server
    from stead.values.secret import Secret

MORE = {
    "login": """\
The token is asked for on the terminal, without being shown. Elsewhere it is read from
--token-file, or taken from STEAD_REMOTE_TOKEN; it is never given on the command line. It is kept
in a file that only you may read, or in the keyring, for this address alone.""",
    "logout": """\
The token is revoked at the server too: nobody can use it any more. A server that cannot be asked
does not keep you from logging out here; the command says then how long the token stays valid, and
`stead remote logout ADDRESS --token-file FILE` revokes it later.""",
}

_MOST = 64 * 1024


def configure(name: str, parser: argparse.ArgumentParser) -> None:
    if name in ("list", "whoami"):
        options.json(parser)
    if name == "whoami":
        common.server(parser)
    if name == "logout":
        parser.add_argument(
            "name", nargs="?", default="", metavar="NAME", help="its name here, or its address"
        )
        parser.add_argument(
            "--token-file",
            metavar="FILE",
            help="revoke the token in FILE, whether it is known here or not; `-` is standard input",
        )
    if name != "login":
        return
    parser.add_argument(
        "address",
        metavar="ADDRESS",
        nargs="?",
        default="",
        help="https://HOST[:PORT], or the name of one that is known (default: the default one)",
    )
    parser.add_argument(
        "--name", default="", metavar="NAME", help="what to call it here (default: its host)"
    )
    parser.add_argument(
        "--token-file", metavar="FILE", help="read the token from FILE; `-` is standard input"
    )
    parser.add_argument("--keyring", action="store_true", help="keep the token in the keyring")
    parser.add_argument(
        "--default", action="store_true", help="ask this server where none is named"
    )


def execute(args: argparse.Namespace, app: App) -> int:
    act = {"login": _login, "logout": _logout, "list": _list, "whoami": _whoami}[args.action]
    return act(args, app)


def _login(args: argparse.Namespace, app: App) -> int:
    from stead.remote import api, logins
    from stead.remote.client import Client
    from stead.values.frozen import replace

    known = logins.read(app.context.environ)
    server = _meant(args, known, app)
    logins.check_private(server.address)
    token = _token(args, app, server.address)
    server = replace(server, token=token, keyring=args.keyring)
    # Before anything is kept: whether that is a server, and this a token of it.
    found = api.permission(Client(server, app.context.environ))
    if not found["authenticated"]:
        raise RemoteError("the store server does not know this token", where=server.address)
    server = replace(server, expires=common.clean(found["expiration"] or ""))
    before = known.find(server.name)
    if args.keyring:
        logins.keep_in_keyring(server.address, token)
    elif before is not None and before.keyring:
        logins.forget_in_keyring(before.address)
    known = logins.change(
        lambda known: known.with_server(server, default=args.default),
        app.context.environ,
        app.context.progress.note,
    )
    whose = common.clean(found["primary_namespace"])
    app.out(f"logged in to {server.name} ({server.address}), in namespace {whose}")
    if known.default != server.name:
        app.err(f"{known.default} stays the default; `--server {server.name}` asks this one")
    return 0


def _meant(args: argparse.Namespace, known: Known, app: App) -> Server:
    """Say which server is logged in to, and what it is to be called."""
    from urllib.parse import urlsplit

    from stead.remote import logins
    from stead.values import served
    from stead.values.frozen import replace

    text = args.address or app.context.environ.get(logins.SERVER, "") or known.default
    if not text:
        raise UsageError("which server?", remedy="write `stead remote login https://HOST[:PORT]`")
    if "://" not in text:
        found = known.find(text)
        if found is None:
            raise UsageError(
                f"{text!r} is neither an address nor the name of a server that is known",
                remedy="write https://HOST[:PORT]",
            )
        return replace(found, name=args.name or found.name)
    address = logins.address_of(text)
    there = next((s for s in known.servers if s.address == address), None)
    name = args.name or (there.name if there else urlsplit(address).hostname or "")
    served.checked(name.replace(":", "-"), "server's name")
    taken = known.find(name)
    if taken is not None and taken.address != address:
        raise UsageError(
            f"{name} is the name of another server already",
            where=taken.address,
            remedy="give this one another with --name, or `stead remote logout` of that one first",
        )
    return logins.Server(name, address)


def _token(args: argparse.Namespace, app: App, address: str) -> Secret:
    from stead.remote import logins

    given = app.context.environ.get(logins.TOKEN, "")
    if args.token_file:
        text, where = _read(args.token_file, app), args.token_file
    elif given:
        text, where = given, logins.TOKEN
    else:
        asked = app.context.ask(f"token for {address}: ") if app.context.ask else None
        if asked is None:
            raise UsageError(
                "there is no terminal to ask for the token on",
                remedy=f"give --token-file FILE (`-` is standard input), or set {logins.TOKEN}",
            )
        text, where = asked, "the terminal"
    return logins.token_of(text, where)


def _read(file: str, app: App) -> str:
    path = os.path.join(app.cwd, file)
    try:
        if file == "-":
            raw = sys.stdin.buffer.read(_MOST)
        else:
            with open(path, "rb") as opened:
                raw = opened.read(_MOST)
        return raw.decode()
    except OSError as exc:
        raise UsageError(f"the token cannot be read: {exc.strerror}", where=path) from exc
    except UnicodeDecodeError:
        # Without what it holds: that could be part of a secret.
        raise UsageError("what the file holds is no token", where=file) from None


def _logout(args: argparse.Namespace, app: App) -> int:
    from stead.remote import logins
    from stead.values.frozen import replace

    known = logins.read(app.context.environ)
    found = _leaving(args, known)
    if args.token_file:
        token = logins.token_of(_read(args.token_file, app), args.token_file)
        app.out(f"{found.name} ({found.address}): {_revoked(replace(found, token=token), app)}")
        return 0
    others = [s for s in known.servers if s.name != found.name and s.address == found.address]
    if any(s.token == found.token and s.keyring == found.keyring for s in others):
        told = f"its token stays valid, for {others[0].name} is the same server"
    else:
        told = _revoked(found, app)
        if found.keyring:
            logins.forget_in_keyring(found.address)
    logins.change(
        lambda known: known.without(found.name), app.context.environ, app.context.progress.note
    )
    app.out(f"forgot {found.name} ({found.address}); {told}")
    return 0


def _leaving(args: argparse.Namespace, known: Known) -> Server:
    """Say which server is logged out of. Raises UsageError for one that is not known."""
    from urllib.parse import urlsplit

    from stead.remote import logins

    name = args.name or known.default
    if "://" not in name:
        found = known.find(name)
    else:
        address = logins.address_of(name)
        found = next((s for s in known.servers if s.address == address), None)
        if found is None and args.token_file:
            return logins.Server(urlsplit(address).hostname or "", address)
    if found is None:
        raise UsageError(
            f"no store server {name!r} is known here" if name else "no store server is known here",
            remedy="`stead remote list` names those that are" if known.servers else "",
        )
    return found


def _revoked(server: Server, app: App) -> str:
    """Revoke a server's token there; says what became of it."""
    from stead.remote import api, logins
    from stead.remote.client import AnswerError, Client
    from stead.values.errors import SteadError

    try:
        ready = logins.with_token(server)
        if ready.token is None:
            return "there was no token"
        api.revoke(Client(ready, app.context.environ))
    except AnswerError as exc:
        if exc.status == 401:
            return "its token was not valid any more"
        why = exc.message
    except SteadError as exc:
        why = exc.message
    else:
        return "its token is revoked"
    app.err(f"the token is not revoked: {why}")
    app.err(
        f"  → `stead remote logout {server.address} --token-file FILE`, with the token in FILE, "
        "revokes it"
    )
    until = f"until {server.expires}" if server.expires else "until it is revoked"
    return f"its token stays valid {until}"


def _list(args: argparse.Namespace, app: App) -> int:
    from stead.remote import logins

    known = logins.read(app.context.environ)
    if args.json:
        app.out_json(
            [
                {
                    "name": s.name,
                    "address": s.address,
                    "default": s.name == known.default,
                    "token": "keyring" if s.keyring else "file" if s.token else "",
                }
                for s in known.servers
            ]
        )
        return 0
    for each in known.servers:
        default = " (default)" if each.name == known.default else ""
        app.out(f"{each.name}: {each.address}{default}")
    if not known.servers:
        app.err("no store server is known here; `stead remote login ADDRESS` adds one")
    return 0


def _whoami(args: argparse.Namespace, app: App) -> int:
    from stead.remote import api

    client = common.client_for(args, app)
    found = api.permission(client)
    answer = {
        "server": client.server.name,
        "address": client.server.address,
        "authenticated": found["authenticated"],
        "namespace": found["primary_namespace"],
        "roles": found["entity_roles"],
        "expires": found["expiration"] or "",
    }
    if args.json:
        app.out_json(answer)
        return 0
    who = (
        "known by a token" if found["authenticated"] else "nobody in particular: there is no token"
    )
    app.out(f"{answer['server']} ({answer['address']}): {who}")
    app.out(f"namespace {common.clean(answer['namespace'])}")
    for glob, roles in sorted(found["entity_roles"].items()):
        app.out(common.clean(f"  {glob}: {', '.join(roles)}"))
    if answer["expires"]:
        app.out(f"until {common.clean(answer['expires'])}")
    return 0

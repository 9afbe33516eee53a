"""`stead remote token`: a token for somebody else, with no more rights than one's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.cli import _remote_common as common
from stead.values.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from stead.cli.app import App

MORE = {
    "token": """\
Each GLOB=ROLE gives a role (viewer, developer, admin) for what matches NAMESPACE/NAME, such as
`geo/*=developer`; `*/*=admin` is all rights. None can be given that you have not. The token is
printed this once, alone on its line: hand it over in a way that nobody else reads.""",
}


def configure(_: str, parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "roles", nargs="+", metavar="GLOB=ROLE", help="what its holder may do, and where"
    )
    parser.add_argument(
        "--namespace", metavar="NAME", help="the holder's own namespace (default: yours)"
    )
    parser.add_argument(
        "--expires", metavar="DATE", help="when it ends, as 2027-01-31 (default: when yours does)"
    )
    common.server(parser)


def execute(args: argparse.Namespace, app: App) -> int:
    from stead.remote import api

    roles: dict[str, list[str]] = {}
    for text in args.roles:
        glob, sign, role = text.partition("=")
        if not sign or glob.count("/") != 1 or not role:
            raise UsageError(
                f"{text!r} is not GLOB=ROLE", remedy="for example `geo/*=developer`, in quotes"
            )
        roles.setdefault(glob, []).append(role)
    _check_date(args.expires)
    client = common.client_for(args, app)
    app.out(api.create_token(client, roles, args.namespace, args.expires))
    return 0


def _check_date(text: str | None) -> None:
    from datetime import datetime

    if text is None:
        return
    try:
        datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"{text!r} is no date", where="--expires", remedy="write it as 2027-01-31"
        ) from None

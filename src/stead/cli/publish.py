"""`stead publish`: packages given to an index, a channel or a directory."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stead.cli import options
from stead.values.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from stead.cli.app import App
    from stead.values.suite import Product

HELP = """Give packages to an index, a conda channel or a directory.

NAME is a definition, which is built if need be (see `stead package`), FILE a package that
is there. To an address, wheels and source distributions are uploaded; into a directory,
they are put side by side, and conda packages become a channel with its index.

The login comes from --token or --password, each a reference to a secret and never the
secret itself, from the address, from STEAD_PUBLISH_TOKEN, or STEAD_PUBLISH_USERNAME with
STEAD_PUBLISH_PASSWORD, from the variables of uv and twine, or from the keyring.
"""

_ENDINGS = {
    ".whl": "wheel",
    ".tar.gz": "sdist",
    ".zip": "sdist",
    ".conda": "conda",
    ".tar.bz2": "conda",
}


def configure(parser: argparse.ArgumentParser) -> None:
    from stead.cli.package import building

    parser.add_argument(
        "packages", nargs="*", metavar="NAME|FILE", help="a package's definition, or its file"
    )
    parser.add_argument(
        "--to",
        required=True,
        metavar="URL|DIR",
        help="an index's address for uploads, or a directory",
    )
    parser.add_argument("--user", metavar="USER", default="", help="the name to log in with")
    secret = parser.add_mutually_exclusive_group()
    secret.add_argument("--token", metavar="REF", help="where the token is: env:NAME, keyring:…")
    secret.add_argument("--password", metavar="REF", help="where the password is")
    parser.add_argument(
        "--skip-existing", action="store_true", help="pass over what is there already"
    )
    parser.add_argument("--dry-run", action="store_true", help="build and say what would be sent")
    building(parser)
    options.json(parser)


def execute(args: argparse.Namespace, app: App) -> int:
    from stead.matrix import logins, publishing

    where = publishing.place(args.to, app.cwd)
    login = logins.login_of(
        where,
        args.user,
        args.token or args.password or "",
        app.cwd,
        app.context,
        token=bool(args.token),
    )
    done = []
    for product in _products(args, app, uploads=bool(where.address)):
        name = os.path.basename(product.path)
        outcome = "not sent"
        if not args.dry_run:
            with app.context.progress.task(f"publishing {name}"):
                outcome = publishing.publish(
                    product, where, login, app.context, skip_existing=args.skip_existing
                )
        done.append({"file": name, "to": where.shown, "outcome": outcome})
        if not args.json:
            app.out(f"{name}: {outcome}" if args.dry_run else f"{name}: {outcome} at {where.shown}")
    if args.json:
        app.out_json(done)
    return 0


def _products(args: argparse.Namespace, app: App, *, uploads: bool) -> list[Product]:
    """Have all packages, before the first of them is sent.

    Where none is named, and they are to be uploaded, those that an index takes.
    """
    from stead.cli.package import definitions, products

    files = [word for word in args.packages if _is_file(word, app.cwd)]
    names = [word for word in args.packages if word not in files]
    made = {}
    if names or not files:
        defined = definitions(app)
        chosen = defined.chosen(names)
        if uploads and not names:
            chosen = tuple(one for one in chosen if one.format in ("wheel", "sdist"))
        for product in products(chosen, defined, args, app):
            made[product.definition] = product
    given = {file: _given(file, app) for file in files}
    return (
        [*(made | given).values()]
        if not args.packages
        else [(made | given)[word] for word in dict.fromkeys(args.packages)]
    )


def _is_file(word: str, cwd: str) -> bool:
    return word.endswith(tuple(_ENDINGS)) or os.path.isfile(os.path.join(cwd, word))


def _given(word: str, app: App) -> Product:
    from stead.matrix.products import make
    from stead.values.package import PackageDefinition

    path = os.path.normpath(os.path.join(app.cwd, word))
    kind = next((k for end, k in _ENDINGS.items() if path.endswith(end)), None)
    if kind is None:
        raise UsageError(
            f"{word} is no package by its name",
            remedy=f"packages end with {', '.join(_ENDINGS)}",
        )
    asked = PackageDefinition(word, "file", kind, file=path)  # type: ignore[arg-type]
    return make(asked, app.directory, None, app.context)

"""`stead serve`: the store server."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from stead.values.errors import SteadError, UsageError
from stead.values.frozen import replace

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Mapping
    from contextlib import AbstractContextManager

    from stead.cli.app import App
    from stead.server.config import ServerConfig
    from stead.server.services import Services
    from stead.values.context import Context

HELP = "Build environments for a team, and serve them."

EXTRA = "stead[server]"

OPTIONS = {
    "host": ("ADDRESS", "the address to listen on (default: 127.0.0.1)"),
    "port": ("PORT", "the port to listen on; 0 for any free one (default: 8787)"),
    "data": ("DIR", "where everything is kept (default: `server` below STEAD_HOME)"),
    "database": ("URL", "sqlite:///PATH or postgresql://… (default: a file in DIR)"),
    "blobs": ("URL", "file:///DIR or s3://BUCKET/PREFIX, … (default: a directory in DIR)"),
    "capacity": ("N", "builds that a worker works on at once (default: 2)"),
    "workers": ("N", "worker processes to start; 0 for none (default: 2)"),
    "cors": ("ORIGINS", "origins whose pages may call the API, joined by commas"),
    "publish": ("DIR", "a directory to keep current, with each environment in it"),
    "log": ("KIND", "how logs are written: json or text (default: text on a terminal, else json)"),
}
"""Options that give a value of the configuration, here or for `stead worker`."""

LISTS = (
    ("watch", "DIR=NAMESPACE", "fill a namespace from the files of a directory, watched"),
    ("git", "URL=NAMESPACE", "fill a namespace from the files of a git repository"),
)
"""Options that may be given several times."""

_OWN = tuple(name for name in OPTIONS if name != "publish")

_FLAGS = (*_OWN, *(name for name, _, _ in LISTS))


def configure(parser: argparse.ArgumentParser) -> None:
    for name in _OWN:
        metavar, told = OPTIONS[name]
        parser.add_argument(f"--{name}", metavar=metavar, help=told)
    for name, metavar, told in LISTS:
        parser.add_argument(f"--{name}", metavar=metavar, action="append", help=told)
    parser.add_argument(
        "--config", metavar="FILE", help="a TOML file with values (default: $STEAD_SERVER_CONFIG)"
    )
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument(
        "--show-config",
        action="store_true",
        help="print each value with where it comes from, and end",
    )
    instead.add_argument(
        "--admin-token",
        action="store_true",
        help="make another token with all rights, print it, and end",
    )
    instead.add_argument(
        "--check",
        action="store_true",
        help="look whether all that is kept agrees, mend what can be mended, and end",
    )
    parser.add_argument(
        "--contents", action="store_true", help="with --check: compare the bytes of files too"
    )
    parser.add_argument(
        "--json", action="store_true", help="with --check: print what was found as JSON"
    )


def execute(args: argparse.Namespace, app: App) -> int:
    from stead.server.config import shown

    flags = flags_of(args, _FLAGS)
    config = configuration(args, app, flags)
    if args.show_config:
        for name, value in shown(config).items():
            app.out(f"{name} = {_written(value['value'])}  # {value['origin']}")
        return 0
    if (args.contents or args.json) and not args.check:
        raise UsageError("--contents and --json go with --check")
    if args.check:
        return _check(args, app, config)
    if args.admin_token:
        return _admin_token(app, config)
    try:
        from stead.server.api import journal
        from stead.server.api.serving import serve
    except ModuleNotFoundError as exc:
        raise missing(exc) from exc
    journal.begin(config.log, sys.stderr)

    def told(address: str, token: str | None) -> None:
        if token is not None:
            app.out(f"admin token (shown this once): {token}")
        app.out(f"serving on {address}")
        sys.stdout.flush()

    workers = _workers(args, app, config, flags)
    serve(config, secrets_of(config, app), told, workers, app.context.environ)
    return 0


def finding(app: App, home: str) -> Context:
    """Give the context in which interpreters are found for a directory that is kept.

    What is fetched lies in ``home``, and what there is to tell is told otherwise.
    """
    from pathlib import Path

    from stead.cli.progress import Quiet

    return replace(app.context, home=Path(home), progress=Quiet())


def _check(args: argparse.Namespace, app: App, config: ServerConfig) -> int:
    try:
        from stead.server.checking import check, opened
    except ModuleNotFoundError as exc:
        raise missing(exc) from exc
    context = finding(app, os.path.join(config.data, "builds"))
    secrets = secrets_of(config, app)
    with opened(config, secrets, contents=args.contents, context=context) as checked:
        report = check(checked)
    if args.json:
        app.out_json(report.to_json())
    else:
        for one in report.found:
            app.out(
                f"{'mended' if one.repaired else 'wrong '}  {one.kind}: {one.subject}: {one.told}"
            )
        app.out("everything agrees" if report.sound else "not everything could be mended")
    return 0 if report.sound else 1


def _admin_token(app: App, config: ServerConfig) -> int:
    try:
        from stead.server.checking import opened
        from stead.server.services import another_token
    except ModuleNotFoundError as exc:
        raise missing(exc) from exc
    # It counts in a store that is there, as it is: none is made, and none brought up to date.
    with opened(config, secrets_of(config, app)) as found:
        app.out(another_token(found.database))
    return 0


def flags_of(args: argparse.Namespace, names: Iterable[str]) -> dict[str, Any]:
    """Give the values that the command line has."""
    return {name: value for name in names if (value := getattr(args, name)) is not None}


def configuration(args: argparse.Namespace, app: App, flags: Mapping[str, Any]) -> ServerConfig:
    """Put the configuration of a server or worker together."""
    from stead.server.config import load

    return load(
        home=os.fspath(app.context.home),
        environ=app.context.environ,
        flags=flags,
        file=os.path.join(app.cwd, args.config) if args.config else "",
    )


def secrets_of(config: ServerConfig, app: App) -> dict[str, str]:
    """Read the secrets that a configuration refers to."""
    references = config.secrets()
    if not references:
        return {}
    from stead.config.secrets import resolve

    found = resolve(references.values(), context=app.context)
    return {name: found[reference].reveal() for name, reference in references.items()}


def _workers(
    args: argparse.Namespace, app: App, config: ServerConfig, flags: Mapping[str, Any]
) -> Callable[[Services], AbstractContextManager[None]]:
    """Give what starts the workers, which read the same configuration for themselves."""
    from stead.server.supervising import hands_on, supervised

    argv = [sys.executable, "-m", "stead", "worker", "--with-input"]
    for name in ("data", "database", "blobs", "capacity", "log"):
        if name in flags:
            argv += [f"--{name}", flags[name]]
    if args.config:
        argv += ["--config", os.path.join(app.cwd, args.config)]
    return lambda services: supervised(
        argv, config.workers, app.context.environ, hands_on(services.database)
    )


def missing(error: ModuleNotFoundError) -> SteadError:
    """Say what to install where the server's libraries are missing."""
    return SteadError(
        f"the store server needs {error.name}, which is not installed",
        remedy=f"run `{sys.executable} -m pip install '{EXTRA}'`; from a clone of Stead, there, "
        "with '.[server]' in place of it",
    )


def _written(value: object) -> str:
    import json

    return json.dumps(value, ensure_ascii=False)

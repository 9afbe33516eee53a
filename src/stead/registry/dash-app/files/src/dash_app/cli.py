"""The command ``dash-app``."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import socket
import sys
from collections.abc import Sequence

from dash_app.main import DEFAULT_DATA, MODES, application, view
from dash_app.utils import InputError, read_table, to_csv


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code is 2 where what was given cannot be used."""
    parser = argparse.ArgumentParser(prog="dash-app", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="serve the app over HTTP")
    run.add_argument("--host", default=os.environ.get("HOST") or "127.0.0.1")
    run.add_argument("--port", default=os.environ.get("PORT") or "8050", help="default: PORT")
    run.add_argument("--title", default="Series over time")
    export = commands.add_parser("export", help="print what the app would show, as CSV")
    export.add_argument("--mode", choices=MODES, default="index")
    export.add_argument("--smooth", type=int, default=1, help="mean over so many rows")
    export.add_argument("names", nargs="*", help="series; all where none is named")
    for command in (run, export):
        command.add_argument("--data", default=DEFAULT_DATA, metavar="CSV")
    options = parser.parse_args(arguments)
    try:
        table = read_table(options.data)
        if options.command == "export":
            names = options.names or list(table.series)
            sys.stdout.write(to_csv(view(table, names, options.mode, options.smooth)))
            return 0
        listener = _listen(options.host, options.port)
    except InputError as error:
        print(f"dash-app: {error}", file=sys.stderr)
        return 2
    _serve(application(table, options.title).server, options.host, listener)
    return 0


def _listen(host: str, port: str) -> socket.socket:
    if not port.isdecimal() or int(port) > 65535:
        raise InputError(f"The port is {port!r}. Expected: a number from 0 to 65535.")
    try:
        return socket.create_server((host, int(port)))
    except OSError as error:
        raise InputError(
            f"Cannot listen on {host}:{port}: {error.strerror}. Expected: a free port."
        ) from error


def _serve(server: object, host: str, listener: socket.socket) -> None:
    import waitress

    # That a request waits for a moment is no fault that must be told.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    # The first process of a container is not ended by a signal that it does not handle.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    print(f"http://{host}:{listener.getsockname()[1]}", flush=True)
    waitress.serve(server, sockets=[listener], threads=8, _quiet=True)


if __name__ == "__main__":
    sys.exit(main())

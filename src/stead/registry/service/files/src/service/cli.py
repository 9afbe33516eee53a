"""The command ``service``."""

from __future__ import annotations

import argparse
import json
import os
import socket
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from service.main import DEFAULT_DATA, DEFAULT_FEATURES, DEFAULT_TARGET, Model, application, train
from service.utils import InputError, read_table

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code is 2 where what was given cannot be used."""
    parser = argparse.ArgumentParser(prog="service", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="serve the model over HTTP")
    run.add_argument("--host", default=os.environ.get("HOST") or "127.0.0.1")
    run.add_argument("--port", default=os.environ.get("PORT") or "8000", help="default: PORT")
    learn = commands.add_parser("train", help="learn a model and write it to a file")
    learn.add_argument("--out", required=True, metavar="FILE")
    predict = commands.add_parser("predict", help="predict one record, given as JSON")
    predict.add_argument("record", metavar="JSON")
    for command in (run, learn, predict):
        command.add_argument("--data", metavar="CSV", help="default: penguins")
        command.add_argument("--target", help="the column to predict")
        command.add_argument("--features", help="columns to predict from, with commas")
    for command in (run, predict):
        command.add_argument("--model", metavar="FILE", help="what `train` wrote")
    try:
        return _execute(parser.parse_args(arguments))
    except InputError as error:
        print(f"service: {error}", file=sys.stderr)
        return 2


def _execute(options: argparse.Namespace) -> int:
    if options.command == "train":
        Path(options.out).write_text(_model(options).to_json(), encoding="utf-8")
    elif options.command == "predict":
        model = _model(options)
        try:
            record = json.loads(options.record)
        except ValueError as error:
            raise InputError(
                f"Not JSON: {error}. Expected: an object with {'; '.join(model.expected())}."
            ) from error
        if not isinstance(record, dict):
            raise InputError(f"Expected: an object with {'; '.join(model.expected())}.")
        print(json.dumps({"target": model.target, **asdict(model.predict(record))}))
    else:
        _serve(_model(options), options.host, options.port)
    return 0


def _model(options: argparse.Namespace) -> Model:
    if getattr(options, "model", None):
        try:
            return Model.from_json(Path(options.model).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(
                f"{options.model} cannot be read. Expected: a file that `service train` wrote."
            ) from error
    features = tuple(name.strip() for name in (options.features or "").split(",") if name.strip())
    if not options.data:
        target = options.target or DEFAULT_TARGET
        return train(read_table(DEFAULT_DATA), target, features or DEFAULT_FEATURES)
    if not options.target:
        raise InputError("--target is missing. Expected: the name of the column to predict.")
    return train(read_table(options.data), options.target, features)


def _serve(model: Model, host: str, port: str) -> None:
    import uvicorn

    if not port.isdecimal() or int(port) > 65535:
        raise InputError(f"The port is {port!r}. Expected: a number from 0 to 65535.")
    try:
        listener = socket.create_server((host, int(port)))
    except OSError as error:
        raise InputError(
            f"Cannot listen on {host}:{port}: {error.strerror}. Expected: a free port."
        ) from error
    print(f"http://{host}:{listener.getsockname()[1]}", flush=True)
    # No logging of its own: who wants it configures the logger "uvicorn".
    config = uvicorn.Config(application(model), log_config=None, access_log=False)
    with listener:
        uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    raise SystemExit(main())

"""`stead commit`: make what a transaction has staged the place's."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stead.cli import options

if TYPE_CHECKING:
    import argparse

    from stead.cli.app import App
    from stead.history.committing import Committed
    from stead.history.transaction import Transaction

HELP = """Make what is staged in a `stead shell` the place's, all at once.

Manifests and lock change together and are one generation of the history. What was
changed in the place meanwhile is kept; where that contradicts what is staged, both
are shown and nothing is written. The transaction then starts over.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    options.reason(parser)
    options.json(parser)


def execute(args: argparse.Namespace, app: App) -> int:
    transaction = app.inside()
    if transaction.owner.dry:
        app.err("stead: nothing is committed in a dry run")
        return 0
    done = perform(app, transaction)
    app.staged()
    if args.json:
        app.out_json({"files": done.files, "operations": [o.words for o in done.operations]})
        return 0
    for line in told(app, done):
        app.out(line)
    return 0


def perform(app: App, transaction: Transaction) -> Committed:
    """Commit for an app that is in the transaction; its reason, else the staged words, is why."""
    from stead.history.committing import commit
    from stead.history.record import record, record_request
    from stead.history.who import Cause
    from stead.pipeline.keep import prepared
    from stead.values.errors import SteadError

    operations = [" ".join(o.words) for o in transaction.state.operations]
    cause = Cause(app.cause.command, app.reason or "; ".join(operations))

    def recorded() -> None:
        request = app.request_of_place()
        try:
            done = prepared(request, app.context)
        except SteadError:
            record_request(request, app.context, cause)
            raise
        record(done.composed, done.table, done.activation.build, app.context, cause)

    done = commit(transaction, app.request, app.context, cause=cause, record=recorded)
    for environment in done.environments:
        record_request(app.request_of_place(environment), app.context, cause)
    return done


def told(app: App, done: Committed) -> list[str]:
    """Say in lines what a commit did."""
    if not done.files:
        return ["nothing to commit"]
    return [f"committed {os.path.relpath(path, app.cwd)}" for path in done.files]

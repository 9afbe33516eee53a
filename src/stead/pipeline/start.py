"""start: what only a process may have, and what must hold when it starts.

Secrets are looked up here and nowhere else, for the process that is about to be;
files that hold one are there as long as it runs. What does not hold is said all
at once, before anything starts.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from stead.config.outcome import list_changes, references, secret_entries
from stead.config.outcome import render as secret_text
from stead.values.activation import Change, apply
from stead.values.frozen import replace
from stead.values.secret import SecretReference
from stead.values.selection import Selection
from stead.values.table import LiteralSecret

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from stead.pipeline.run import Command
    from stead.pipeline.steps import Prepared
    from stead.values.context import Context
    from stead.values.secret import Secret


@contextlib.contextmanager
def started(prepared: Prepared, command: Command, context: Context) -> Iterator[Command]:
    """Give a command what it needs at the last moment; within, it may run.

    Raises SecretError and CheckError, each with all that is wrong.
    """
    table, platform = prepared.table, prepared.composed.spec.platform
    hidden = secret_entries(table)
    checks = table.checks
    if not (hidden or checks or table.files):
        yield command
        return
    from stead.config import checks as checking
    from stead.pipeline import rendering
    from stead.store.private_files import private_files
    from stead.store.rendered import Wanted

    private = [p for p in rendering.planned(table) if p.secret]
    if not (hidden or checks or private):
        yield command
        return
    wanted = dict.fromkeys(r for e in hidden for r in references(e))
    resolved = _resolved(wanted, context)
    changes: list[Change] = []
    for entry in hidden:
        text = secret_text(entry, resolved, platform=platform)
        if entry.where in ("prepend", "append"):
            changes += list_changes(entry, text, platform.path_separator)
        else:
            changes.append(Change("set", entry.name, text))
    environ = apply(changes, command.environ)
    results = checking.evaluate(
        checks,
        table=table,
        environ=environ,
        platform=platform,
        run=context.run,
        secrets=tuple(resolved.values()),
    )
    if error := checking.failure(results):
        raise error
    _remember(prepared, context)
    files = [
        Wanted(
            p.file.path,
            text,
            p.file.base,
            private=True,
            origin=p.file.origin,
        )
        for p, text in zip(
            private, rendering.all_contents(private, table, platform, resolved), strict=True
        )
    ]
    if not files:
        yield replace(command, environ=environ)
        return
    spec = prepared.composed.spec
    with private_files(
        context.home,
        spec.place,
        spec.environment,
        files,
        environ=context.environ,
        note=context.progress.note,
    ) as held:
        yield replace(command, environ=environ, holds=held.descriptors)


def _remember(prepared: Prepared, context: Context) -> None:
    """Note which commands of the build hold, so that the next run need not ask them."""
    composed, activation = prepared.composed, prepared.activation
    commands = [c for c in prepared.table.checks if c.kind == "command"]
    if not commands or composed.request.selection != Selection():
        return
    from stead.pipeline.held import program_in_build, remember, sign

    spec = composed.spec
    found = [
        (c, program_in_build(c, activation.build, activation.changes, spec.platform))
        for c in commands
    ]
    signs = [sign(c, program) for c, program in found if program]
    remember(context.home, spec.place, spec.environment, signs)


def must_wait(prepared: Prepared) -> bool:
    """Say whether something is to be done when the process has ended."""
    if not prepared.table.files:
        return False
    from stead.pipeline import rendering

    return any(p.secret for p in rendering.planned(prepared.table))


def _resolved(
    wanted: Mapping[SecretReference | LiteralSecret, None], context: Context
) -> dict[SecretReference | LiteralSecret, Secret]:
    asked = [r for r in wanted if isinstance(r, SecretReference)]
    held = {r: r.secret for r in wanted if isinstance(r, LiteralSecret) and r.secret is not None}
    found: dict[SecretReference | LiteralSecret, Secret] = {}
    found.update(held.items())
    if not asked:
        return found
    from stead.config import secrets

    found.update(secrets.resolve(asked, context=context).items())
    return found

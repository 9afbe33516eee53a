"""What processes of an environment get: of its packages, and of the place's configuration.

Environments of layers have what ``stead run`` gives them. Their secrets are looked up for
the time of a run and no longer; files that hold one are there as long.
"""

from __future__ import annotations

import contextlib
import os

from stead.matrix.watching import watched
from stead.values.activation import Change, apply
from stead.values.frozen import dataclass, replace
from stead.values.suite import Ready

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from stead.matrix.kinds import Asked, Made
    from stead.pipeline.steps import Prepared
    from stead.values.activation import Activation
    from stead.values.context import Context
    from stead.values.suite import Work


@dataclass(frozen=True, slots=True)
class Held:
    """What entering an environment takes: what was asked, and for layers what a run is made of."""

    asked: Asked
    prepared: Prepared | None = None


def activated(
    asked: Asked, made: Made, changes: Sequence[Change], context: Context, *, reused: bool
) -> Ready:
    """Give an environment with its activation; ``changes`` are what its packages ask for.

    Raises ConfigurationError with all that is wrong in the place's configuration.
    """
    own = (
        *(Change("prepend", "PATH", p, os.pathsep) for p in reversed(made.programs)),
        *changes,
    )
    # Builds are read-only: compiled modules have a place of their own. Elsewhere they lie with
    # their sources, whose installer takes them away with these.
    shared = made.store.startswith(os.path.join(context.home, "store") + os.sep)
    pycache = os.path.join(context.home, "pycache")
    cache = Change("set" if shared else "unset", "PYTHONPYCACHEPREFIX", pycache if shared else "")
    own = (cache, *own)
    prepared = None
    if asked.environment.configuration is None:
        whole: tuple[Change, ...] = own
    else:
        prepared = _prepared(asked, made, own, context)
        whole = prepared.activation.changes
    return Ready(
        key=made.key,
        prefix=made.prefix,
        store=made.store,
        programs=made.programs,
        environ=_set(whole),
        reused=reused,
        changes=whole,
        held=Held(asked, prepared),
    )


@contextlib.contextmanager
def entered(ready: Ready, work: Work, context: Context) -> Iterator[Ready]:
    """Give an environment what only a run may have; within, its commands may run.

    That is the secrets among its variables, and the files that hold one. What the place
    checks at a start must hold. A build that the commands have changed is not used again,
    see :mod:`stead.matrix.watching`. Raises SecretError and CheckError, each with all that
    is wrong.
    """
    held = ready.held
    assert isinstance(held, Held), "it was not made ready here"
    with watched(ready, held.asked, context), _with_secrets(ready, held, work, context) as entered:
        yield entered


@contextlib.contextmanager
def _with_secrets(ready: Ready, held: Held, work: Work, context: Context) -> Iterator[Ready]:
    prepared = held.prepared
    if prepared is None:
        yield ready
        return
    from stead.config.outcome import secret_entries
    from stead.matrix.commands import passed
    from stead.pipeline.run import Command
    from stead.pipeline.start import started
    from stead.shells.state import undo
    from stead.values.secret import Secret

    given = passed(undo(context.environ), work.pass_env, work.disallow_pass_env)
    environ = apply(ready.changes, given) | dict(work.set_env)
    argv = work.commands[0].arguments if work.commands else ()
    command = Command(argv, work.directory, environ, prepared.activation)
    with started(prepared, command, context) as begun:
        came = {n: v for n, v in begun.environ.items() if environ.get(n) != v}
        hidden = {e.name for e in secret_entries(prepared.table)}
        yield replace(
            ready,
            changes=(*ready.changes, *(Change("set", n, v) for n, v in came.items())),
            environ=(*ready.environ, *came.items()),
            hidden=tuple(Secret(v) for n, v in begun.environ.items() if n in hidden and v),
        )


def _prepared(asked: Asked, made: Made, own: Sequence[Change], context: Context) -> Prepared:
    """Do for a test what ``stead run`` does, with an environment that is made already."""
    from stead.config.clean import leading_changes
    from stead.matrix.resolution import here
    from stead.pipeline import answering, steps
    from stead.pipeline.activate import activate
    from stead.pipeline.configure import require
    from stead.pipeline.request import Request

    platform = here()
    request = Request(
        directory=asked.root,
        environment=asked.environment.name,
        platform=platform,
        here=platform,
        user_home=context.environ.get("HOME", ""),
        named=True,
    )
    composed, _ = steps.read_together(request, context, fetch=False)
    table = steps.configured(composed, context, build=made.store)
    require(table)
    spec = composed.spec
    bare = activate(
        spec,
        table,
        None,
        interpreter=None,
        ecosystems=(),
        inputs=(),
        absent=(),
        modules=tuple((u.name, composed.modules.directory(u)) for u in spec.uses),
        context=context,
    )
    first = len(leading_changes(str(context.home)))
    changes = (*bare.changes[:first], *own, *bare.changes[first:])
    activation: Activation = replace(bare, changes=changes, build=made.store)
    locked = answering.Locked(answering.nothing_locked(composed))
    return steps.Prepared(composed, table, locked, activation)


def _set(changes: Sequence[Change]) -> tuple[tuple[str, str], ...]:
    """Give what changes set where there is nothing before, but for ``PATH``."""
    environ = apply(changes, {})
    environ.pop("PATH", None)
    return tuple(environ.items())

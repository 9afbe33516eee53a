"""Machines themselves: made, waited for, prepared outside of Stead's directories, taken away."""

from __future__ import annotations

import functools
import os
import threading
import time
from typing import TYPE_CHECKING

from stead.deploy.opening import opened
from stead.values.errors import ContactError, DeployError, SteadError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from stead.deploy.payload import Wanted
    from stead.deploy.recipes import Where
    from stead.values.context import Context
    from stead.values.kinds import Target
    from stead.values.platform import Platform

    Say = Callable[[str], None]

PAUSE = 1.0
"""Seconds between two tries to reach a machine that is being made."""


def there(
    recipe: str, nodes: Sequence[Where], context: Context, here: Platform
) -> list[SteadError]:
    """Try to reach nodes; gives why those cannot be that cannot."""
    from stead.deploy.rollout import together

    def ask(where: Where) -> None:
        target = opened(recipe, where, context, here)
        try:
            target.facts()
        finally:
            target.close()

    return [error for _, _, error in together(nodes, ask) if error is not None]


def created(
    recipe: str,
    target: Target,
    nodes: Sequence[Where],
    context: Context,
    *,
    here: Platform,
    patience: float,
    say: Say,
) -> None:
    """Make a target's machines, where none of them answers yet, and wait until they do.

    Raises DeployError when the command fails, ContactError when the machines do not
    answer within ``patience`` seconds, and what is wrong where some answer, or refuse us:
    those are there, and are not made anew.
    """
    if not target.create:
        return
    wrong = there(recipe, nodes, context, here)
    if not wrong:
        say(f"{target.name}: its machines are there already")
        return
    _refuse_to_remake(target, nodes, wrong)
    say(f"{target.name}: creating")
    _command("create", target, target.create, context)
    until = time.monotonic() + patience
    while wrong := there(recipe, nodes, context, here):
        for error in wrong:
            if not isinstance(error, ContactError):
                raise error
        if time.monotonic() + PAUSE > until:
            raise ContactError(
                f"target {target.name} was made, and does not answer within {patience:g} s",
                details=[str(error) for error in wrong],
                remedy="see what its create command did, and try again",
            )
        time.sleep(PAUSE)


def _refuse_to_remake(target: Target, nodes: Sequence[Where], wrong: Sequence[SteadError]) -> None:
    """Raise what is wrong, unless no machine of the target answers."""
    for error in wrong:
        if not isinstance(error, UnreachableError):
            raise error
    if len(wrong) < len(nodes):
        raise ContactError(
            f"{len(wrong)} of the {len(nodes)} machines of target {target.name} cannot be reached",
            details=[str(error) for error in wrong],
            remedy="those that answer are not made anew: mend or make the others, and try again",
        )


def destroyed(target: Target, context: Context, say: Say) -> None:
    """Take a target's machines away, with its own command. Raises DeployError."""
    if target.destroy:
        say(f"{target.name}: destroying")
        _command("destroy", target, target.destroy, context)


def prepared(
    nodes: Sequence[Where], wanted: Mapping[str, Wanted], context: Context, say: Say
) -> None:
    """Run the pyinfra deploys of recipes on their machines, before anything is sent there.

    Targets go side by side, but for those that have a machine in common: two that install
    packages there would be in each other's way. With the first that fails no further one begins.
    ``say`` hears of each line behind its target's name. Raises DeployError with what all said
    that failed.
    """
    from stead.deploy.pyinfra import run
    from stead.deploy.rollout import together

    own: dict[str, list[Where]] = {}
    for node in nodes:
        if wanted[node.target.name].recipe.pyinfra:
            own.setdefault(node.target.name, []).append(node)
    failed, speaking = threading.Event(), threading.Lock()

    def tell(name: str, line: str) -> None:
        with speaking:
            say(f"{name}: {line}")

    def one(names: Sequence[str]) -> None:
        for name in names:
            if failed.is_set():
                return
            recipe = wanted[name].recipe
            tell(name, f"pyinfra runs {recipe.pyinfra}")
            try:
                run(recipe, own[name], context, functools.partial(tell, name))
            except BaseException:
                failed.set()
                raise

    wrong = [error for _, _, error in together(_apart(own), one) if error is not None]
    if len(wrong) == 1:
        raise wrong[0]
    if wrong:
        raise DeployError(
            f"pyinfra failed for {len(wrong)} targets",
            details=[line for error in wrong for line in str(error).splitlines()],
            remedy="nothing of the recipe was sent; correct the deploy and try again",
        )


def _apart(own: Mapping[str, Sequence[Where]]) -> list[list[str]]:
    """Put targets together that have a machine in common; gives their names."""
    found: list[tuple[set[str], list[str]]] = []
    for name, nodes in own.items():
        machines, names = {node.address.rpartition("@")[2] for node in nodes}, [name]
        for known in [known for known in found if known[0] & machines]:
            found.remove(known)
            machines |= known[0]
            names = [*known[1], *names]
        found.append((machines, names))
    return [names for _, names in found]


def _command(what: str, target: Target, argv: Sequence[str], context: Context) -> None:
    """Run a command of a target's, in its manifest's directory."""
    environ = {
        **context.environ,
        "STEAD_TARGET": target.name,
        "STEAD_TARGET_HOSTS": " ".join(target.hosts),
    }
    program = argv[0]
    if "/" in program and not os.path.isabs(program):
        program = os.path.join(target.base, program)
    done = context.run(
        [program, *argv[1:]], cwd=target.base or None, env=environ, on_line=context.progress.note
    )
    if done.returncode:
        said = (done.stdout + done.stderr).strip().splitlines()
        raise DeployError(
            f"the {what} command of target {target.name} ended with {done.returncode}",
            where=target.origin,
            details=said[-10:],
            remedy="nothing was deployed; correct the command and try again",
        )

"""One deploy: each node asked, what will change there said, then changed."""

from __future__ import annotations

import os.path
from contextlib import nullcontext
from threading import Lock
from typing import TYPE_CHECKING

from stead.deploy import fitness
from stead.deploy import plan as planning
from stead.deploy.closure import write_tar
from stead.deploy.neighbours import Neighbours, remember
from stead.deploy.oci import assemble, layout
from stead.deploy.opening import opened as open_node
from stead.deploy.payload import payload
from stead.deploy.record import digest_of, key_in, read, record_of, written
from stead.deploy.rollout import roll_out, together
from stead.deploy.secrets import at_hand
from stead.deploy.secrets import opened as with_secrets
from stead.deploy.targets import Applied, Delivery
from stead.values.deployment import Facts
from stead.values.errors import DeployError, SteadError
from stead.values.frozen import dataclass, replace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from stead.deploy.neighbours import Taken
    from stead.deploy.payload import Wanted
    from stead.deploy.plan import Plan
    from stead.deploy.recipes import Where
    from stead.deploy.rollout import Outcome
    from stead.deploy.targets import Target
    from stead.values.context import Context
    from stead.values.kinds import Target as Declared
    from stead.values.platform import Platform

    Told = Callable[[Where, str, str], None]
    """Gets each step on a node as it begins, and a word on it."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A node that was asked: what is to be brought there, and what that changes."""

    where: Where
    target: Target
    delivery: Delivery
    plan: Plan


def planned(
    wanted: Mapping[str, Wanted],
    nodes: Sequence[Where],
    context: Context,
    here: Platform,
    *,
    prepared: bool = False,
) -> tuple[Ready, ...]:
    """Ask every node, and say what will change there. Nothing is changed anywhere.

    ``wanted`` is by target; ``here`` this machine's platform; ``prepared`` says that pyinfra
    has run. Raises DeployError with the mistakes of all nodes.
    """
    neighbours = Neighbours(nodes, context)

    def one(where: Where) -> Ready:
        target = open_node(wanted[where.target.name].recipe.name, where, context, here)
        try:
            with neighbours.turn(where) as taken:
                found = ready(
                    *(wanted[where.target.name], where, target, context),
                    prepared=prepared, taken=taken,
                )  # fmt: skip
                neighbours.deal(where, found.delivery.payload)
            return found
        except BaseException:
            target.close()
            raise

    results = together(nodes, one)
    wrong = [(where, error) for where, _, error in results if error is not None]
    made = tuple(one for _, one, _ in results if one is not None)
    if wrong:
        close(made)
        raise _all_of(wrong)
    return made


def ready(
    wanted: Wanted,
    where: Where,
    target: Target,
    context: Context,
    *,
    prepared: bool = False,
    taken: Sequence[Taken] = (),
) -> Ready:
    """Ask one node, and say what will change there.

    What pyinfra may bring is missing only once it has run. ``taken`` are ports that others have
    there, besides those that the node tells of.
    """
    facts = target.facts()
    facts = replace(facts, ports=tuple(dict.fromkeys((*facts.ports, *taken))))
    laid = payload(wanted, where, facts, context)
    before = target.running() if facts.running else ""
    if where.target.kind == "image":
        # Secrets come when it is started; and the same image is to be made everywhere.
        whole, key = laid.payload, ""
        known = tuple(("", name, value) for name, value in at_hand(laid, context))
        assemble.refuse_secrets(replace(whole, secrets=known))
    else:
        whole, key = with_secrets(laid, context), key_in(before)
    record = record_of(whole, key)
    digest = digest_of(record)
    runs = where.target.kind == "container"
    within = fitness.within(laid) if runs else None
    delivery = Delivery(whole, digest, written(record), write_tar, within)
    plan = planning.plan(
        whole, record, read(before), digest=digest, facts=facts, runs=where.target.kind != "image"
    )
    if plan.changes and where.target.kind != "image":
        plan = replace(plan, pyinfra=wanted.recipe.pyinfra)
    if not plan.nothing:
        notes = fitness.require(
            *(laid, facts, target.examine, target.ask),
            later=bool(plan.pyinfra) and not prepared,
            runs=runs,
        )
        plan = replace(plan, notes=notes)
    return Ready(where, target, delivery, plan)


def applied(
    made: Sequence[Ready], context: Context, told: Told, said: Callable[[Outcome], None]
) -> tuple[Outcome, ...]:
    """Bring it to the nodes, in their targets' batches; ``told`` hears of steps, ``said`` of ends."""
    by_name = {one.where.name: one for one in made}
    # Images of one layout share its index.
    alone = {_written(one.where.target): Lock() for one in made}
    neighbours = Neighbours((), context)

    def apply(where: Where) -> Applied:
        one = by_name[where.name]
        if one.plan.nothing and where.target.kind in ("local", "ssh"):
            return Applied(changed=False, generation=one.plan.generation)
        if where.target.kind == "local":
            fitness.refuse_taken(one.delivery.payload, Facts(ports=neighbours.others(where)))
            remember(one.delivery.payload.root, context)
        with alone[_written(where.target)] if where.target.output else nullcontext():
            return one.target.apply(one.delivery, lambda step, word: told(where, step, word))

    return roll_out([one.where for one in made], apply, said)


def _written(target: Declared) -> str:
    """Name what a target's images are written to."""
    found = layout.parse(target.output, target.base)
    return os.path.normpath(found.path) if found else target.output


def close(made: Sequence[Ready]) -> None:
    """End the ways to nodes."""
    for one in made:
        one.target.close()


def _all_of(wrong: Sequence[tuple[Where, SteadError]]) -> SteadError:
    """Give the one error, or one that says all of them."""
    texts = {str(error) for _, error in wrong}
    if len(wrong) == 1 or len(texts) == 1:
        return wrong[0][1]
    details = [
        f"{where.name}: {line}" for where, error in wrong for line in str(error).splitlines()
    ]
    return DeployError(
        f"{len(wrong)} nodes cannot be deployed to", details=details, remedy="nothing was deployed"
    )

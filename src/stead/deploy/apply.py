"""Bringing a payload to a machine: the steps of an apply, in their order.

Nothing that runs is touched before ``switch``. From there on a watchdog on the machine goes back
unless ``confirm`` is reached: whoever is ended in between, here or on the way, the machine runs
the old generation or the new one.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

from stead.deploy import generation, health, sending
from stead.deploy.fitness import refuse_taken
from stead.deploy.lease import Keeper
from stead.deploy.targets import Applied
from stead.values.errors import ContactError, DeployError, SteadError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from stead.deploy.machine import Begun, Machine
    from stead.deploy.targets import Delivery, Report
    from stead.values.deployment import Health, Part, Payload

_BEGINNING = 10.0
"""Seconds that a machine may take besides until a service has begun."""
_MARGIN = 15.0
"""Seconds between the end of the checks' time and the watchdog's."""
_NOTHING_BEFORE = "nothing runs there, as before; correct what was said, and deploy again"


def apply(machine: Machine, delivery: Delivery, report: Report | None = None) -> Applied:
    """Bring a payload there and let it run; see :meth:`stead.deploy.targets.Target.apply`."""
    told = report or (lambda _step, _word: None)
    facts, root = machine.standing()
    payload = delivery.payload
    if payload.root != root:
        raise DeployError(
            f"the plan is for {payload.root}, and the machine's directory is {root}",
            remedy="plan again",
        )
    if facts.running == delivery.digest and facts.standing:
        return Applied(changed=False, generation=facts.generation)
    before = machine.connection.sent
    warnings: list[str] = []
    with _held(machine, told, take=True) as (begun, keeper):
        if begun.facts.running == delivery.digest and not begun.unsettled:
            told("switch", "the services are started again")
            machine.restart()
            _check(machine, begun.facts.generation, payload.checks, keeper, told)
            number = begun.facts.generation
        else:
            number = begun.number
            try:
                _bring(machine, delivery, begun, keeper, told)
                _release(machine, payload, number, keeper, told)
            except BaseException:
                # Nothing of it is left; where it cannot be told so, the next deploy sees to it.
                with contextlib.suppress(SteadError):
                    machine.drop(number)
                raise
            _switch(machine, number, payload.checks, keeper, told, before=begun.facts.generation)
        warnings += _collect(machine, payload.keep, told)
    return Applied(True, number, machine.connection.sent - before, tuple(warnings))


def rollback(machine: Machine, number: int, report: Report | None = None) -> Applied:
    """Switch to an earlier generation; see :meth:`stead.deploy.targets.Target.rollback`."""
    told = report or (lambda _step, _word: None)
    standing = machine.status()
    earlier = [one for one in standing.generations if one.confirmed and not one.current]
    if not number:
        before = [one.number for one in earlier if one.number < standing.generation]
        number = max(before, default=0)
    if number == standing.generation and number:
        return Applied(changed=False, generation=number)
    if number not in [one.number for one in earlier]:
        there = ", ".join(str(one.number) for one in earlier) or "none"
        raise DeployError(
            "there is no generation to go back to" if not number else f"no generation {number}",
            details=(f"others there: {there}",),
        )
    with _held(machine, told, take=False) as (begun, keeper):
        checks = generation.checks_of(machine.record("checks", number))
        _switch(machine, number, checks, keeper, told, before=begun.facts.generation)
    return Applied(changed=True, generation=number)


@contextlib.contextmanager
def _held(
    machine: Machine, told: Callable[[str, str], None], *, take: bool
) -> Iterator[tuple[Begun, Keeper]]:
    told("begin", "")
    begun = machine.begin(take=take)
    if begun.reverted:
        told("begin", "a deploy before was not confirmed: what ran before it runs again")
    if begun.unsettled:
        told("begin", "a deploy before was not confirmed, and what ran before it does not start")
    try:
        with Keeper(machine.renew, machine.node.patience) as keeper:
            yield begun, keeper
    finally:
        # Without contact it ends by itself.
        with contextlib.suppress(SteadError):
            machine.end()


def _bring(
    machine: Machine,
    delivery: Delivery,
    begun: Begun,
    keeper: Keeper,
    told: Callable[[str, str], None],
) -> None:
    if machine.node.services == "systemd" and begun.facts.init == "none":
        raise DeployError(
            f"{begun.facts.user} cannot have units on {machine.connection.address or 'this machine'}",
            remedy='run systemd there; deploy as root, or with sudo = "services", or let the user '
            f"linger (`loginctl enable-linger {begun.facts.user}`); or leave it to us: "
            'services = "auto"',
        )
    refuse_taken(delivery.payload, begun.facts)
    missing = _missing(delivery.payload, begun)
    need = _need(delivery.payload, begun, missing)
    if begun.facts.free < need:
        raise DeployError(
            f"no space on {machine.connection.address or 'this machine'}: "
            f"{need >> 20} MiB are needed, {begun.facts.free >> 20} MiB are free",
            remedy="make room there, or keep fewer generations",
        )
    placed = generation.files(delivery, begun.number, begun.facts, machine.node.log_blocks)
    many = "no parts" if not missing else "1 part" if len(missing) == 1 else f"{len(missing)} parts"
    told("send", many)
    machine.deliver(
        begun.number,
        sending.stream(
            missing,
            delivery.write,
            there=dict(begun.pieces),
            generation=generation.archive(placed),
            # Packing costs more than carrying where nothing lies between.
            level=6 if machine.connection.address else 1,
        ),
    )
    keeper.check()


def _missing(payload: Payload, begun: Begun) -> list[Part]:
    there = set(begun.facts.parts)
    missing = []
    for tree in payload.trees:
        for part in tree.parts:
            if part.digest not in there:
                there.add(part.digest)
                missing.append(part)
    return missing


def _need(payload: Payload, begun: Begun, missing: Sequence[Part]) -> int:
    """Estimate the bytes that will be written: parts as they come, and trees."""
    trees = [tree for tree in payload.trees if tree.key not in begun.trees]
    unpacked = sum(part.size for tree in trees for part in tree.parts)
    return unpacked + sum(part.size for part in missing) // 3


def _release(
    machine: Machine,
    payload: Payload,
    number: int,
    keeper: Keeper,
    told: Callable[[str, str], None],
) -> None:
    for command in payload.commands:
        if not command.release:
            continue
        told("release", command.name)
        answer = machine.command(number, command.name)
        keeper.check()
        if answer.code:
            said = (answer.out.decode("utf-8", "replace") + answer.err).splitlines()
            raise DeployError(
                f"{command.name}, which runs before the switch, ended with {answer.code}",
                details=said[-10:],
                remedy="what ran before runs on; correct the command and deploy again",
            )


def _switch(
    machine: Machine,
    number: int,
    checks: Sequence[Health],
    keeper: Keeper,
    told: Callable[[str, str], None],
    *,
    before: int,
) -> None:
    told("switch", f"to generation {number}")
    try:
        machine.switch(
            number, sum(check.timeout for check in checks) + 2 * _MARGIN + machine.node.patience
        )
        _check(machine, number, checks, keeper, told)
        told("confirm", "")
        keeper.check()
        machine.confirm(number)
    except ContactError as exc:
        raise ContactError(
            exc.message,
            details=(
                *exc.details,
                f"the machine goes back to what ran before within {machine.node.patience:g} s",
            ),
            remedy=exc.remedy,
        ) from exc
    except BaseException as exc:
        _go_back(machine, number, exc, before)
        raise


def _go_back(machine: Machine, number: int, why: BaseException, before: int) -> None:
    logs: list[str] = []
    with contextlib.suppress(SteadError):
        logs = list(machine.logs("", 5, fresh=True))
    try:
        # Where it says that there is nothing to leave, the machine has gone back by itself.
        machine.revert(number)
    except SteadError as exc:
        if not isinstance(why, DeployError):
            why.add_note(f"going back failed as well: {exc}")
            return
        raise DeployError(
            why.message,
            details=(*why.details, *logs[-15:], f"going back failed as well: {exc}"),
            remedy="the machine goes on trying to go back; see `stead deploy status`, and deploy "
            "again when its services can be started",
        ) from why
    if isinstance(why, DeployError):
        raise DeployError(
            why.message,
            details=(*why.details, *logs[-15:]),
            remedy=why.remedy or ("what ran before runs again" if before else _NOTHING_BEFORE),
        ) from why


def _check(
    machine: Machine,
    number: int,
    checks: Sequence[Health],
    keeper: Keeper,
    told: Callable[[str, str], None],
) -> None:
    since = time.monotonic()
    for index, check in enumerate(checks):
        told("check", health.described(check))

        def command(left: float, index: int = index) -> str:
            answer = machine.command(number, generation.CHECK.format(index), left)
            said = (
                answer.err.strip() or answer.out.decode("utf-8", "replace").strip()
            ).splitlines()
            return f"ended with {answer.code}: {''.join(said[-1:])}" if answer.code else ""

        health.wait_for(check, machine.connection, command, keeper.check)
    _stay_up(machine, since, keeper)


def _stay_up(machine: Machine, since: float, keeper: Keeper) -> None:
    """See that services run, and have not ended, for a while. Raises DeployError."""
    while True:
        keeper.check()
        passed = time.monotonic() - since
        services = machine.status().services
        last = passed >= machine.node.settling and all(s.state == "running" for s in services)
        late = passed >= machine.node.settling + _BEGINNING
        for one in services:
            if one.restarts or (late and one.state != "running"):
                raise DeployError(
                    f"the service {one.name} does not stay up",
                    remedy="`stead run` it here, or see what it said above; a command that is to end "
                    "belongs in [app.NAME.commands]",
                )
        if last:
            return
        time.sleep(max(machine.node.settling / 5, 0.05))


def _collect(machine: Machine, keep: int, told: Callable[[str, str], None]) -> list[str]:
    """Clear away; what it cannot do does not undo what runs."""
    told("collect", "")
    try:
        machine.collect(max(1, keep))
    except SteadError as exc:
        return [f"old generations could not be removed: {exc.message}"]
    return []

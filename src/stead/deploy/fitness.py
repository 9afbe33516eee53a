"""Whether a machine is fit for what is to run there: asked before anything is changed.

What the trees need follows from their files; what the recipe wants are its checks. A
program of `sh` that only reads answers those that facts do not. Checks of one's own
commands need the code: they run there, before the switch.
"""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

from stead.config.checks import bounds
from stead.config.checks.facts import flag_name, linux_flags
from stead.deploy import programs
from stead.deploy.libraries import needs_of, refusals
from stead.values.errors import CheckError, DeployError
from stead.values.frozen import dataclass, replace

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from stead.deploy.payload import Laid
    from stead.values.deployment import Facts, Health, Payload
    from stead.values.kinds import Check
    from stead.values.platform import Platform

    Examine = Callable[[str], str]
    """Runs a program of `sh` on the machine and gives what it prints."""
    Ask = Callable[[Health], str]
    """Asks a port or an address as the machine sees it; gives what is wrong, empty for nothing."""

_ONE_BY_ONE = frozenset(["port", "url"])
_WITH_CODE = frozenset(["run"])
_AS_IT_IS = frozenset(["cpu", "glibc", "variable"])
"""Kinds of checks of what no deploy of pyinfra could change."""
_WITHIN = frozenset(["command", "path"])
"""Kinds of checks of what processes find; those in an image find what its base has."""
_EACH = """\
each() { while IFS= read -r l || [ -n "$l" ]; do printf '%s %s\\n' "$1" "$l"; done; }"""
"""Puts a word before each line, in a shell alone: images have little else."""
_LATER = "asked inside the image, before anything is switched"
_NEVER = "not asked: nothing runs in the image yet"
_OPTIONAL = "/lib-dynload/"
"""In the paths of the standard library's compiled modules, which most programs do not import."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that a machine lacks."""

    message: str
    where: str = ""
    remedy: str = ""
    mendable: bool = False
    """Whether pyinfra could bring it: a library, a program, a file, a service."""

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        return f"{place}{self.message}" + (f" → {self.remedy}" if self.remedy else "")


def require(
    laid: Laid,
    facts: Facts,
    examine: Examine | None = None,
    ask: Ask | None = None,
    *,
    later: bool = False,
    runs: bool = False,
) -> tuple[str, ...]:
    """Raise CheckError with all that a machine lacks; gives what is only worth saying.

    Without ``examine`` and ``ask``, as of an image, only facts are looked at. ``later`` says
    that pyinfra is still to run: what it could bring is then only worth saying. ``runs`` says
    that the image will be asked by :func:`within`.
    """
    faults, notes = _of_trees(laid, facts)
    faults += _taken(laid, facts)
    faults += [
        Fault(
            f"{lack.program}, which {' and '.join(lack.users)} run{'s'[len(lack.users) > 1 :]}, is not there",
            str(lack.origin),
            programs.REMEDY,
            mendable=True,
        )
        for lack in programs.lacking(laid, facts, examine)
    ]
    checks = [c for c in laid.checks if c.kind not in _WITH_CODE]
    within = {n for n, c in enumerate(checks) if c.kind in _WITHIN and facts.programs is not None}
    answers = _answers(examine, laid, checks, within)
    for number, check in enumerate(checks):
        if number in within:
            said = _in_base(check, laid, facts)
            if not said and not _comes_along(check, laid):
                notes += (f"check {check.name} is {_LATER if runs else _NEVER}",)
        elif check.kind in _ONE_BY_ONE:
            said = _asked(check, ask)
        elif check.kind == "glibc":
            said = _glibc(check, facts)
        elif check.kind == "variable":
            known = any(e.name == check.subject for r in laid.running for e in r.table.entries)
            said = "" if known else f"{check.subject} has no value"
        else:
            said = _judged(check, answers[number]) if number in answers else ""
        if said:
            faults.append(
                Fault(
                    f"check {check.name}: {said}",
                    str(check.origin),
                    check.message,
                    mendable=check.kind not in _AS_IT_IS,
                )
            )
    if later:
        notes += tuple(f"pyinfra has to mend: {fault}" for fault in faults if fault.mendable)
        faults = [fault for fault in faults if not fault.mendable]
    _refuse(faults, laid.payload.address or "this machine")
    return notes


def within(laid: Laid) -> Callable[[Examine], tuple[str, ...]]:
    """Give what asks the checks that only an image's inside can answer, once it is made.

    It gets what runs a program of ``sh`` there; gives what is only worth saying, and raises CheckError.
    """
    checks = [c for c in laid.checks if c.kind in _WITHIN and not _comes_along(c, laid)]

    def ask(examine: Examine) -> tuple[str, ...]:
        answers = _answers(examine, laid, checks, ())
        faults = [
            Fault(f"check {check.name}: {said}", str(check.origin), check.message)
            for number, check in enumerate(checks)
            if number in answers and (said := _judged(check, answers[number]))
        ]
        _refuse(faults, "the image")
        return tuple(
            f"check {check.name} was not asked: the image has no shell that answers"
            for number, check in enumerate(checks)
            if number not in answers
        )

    return ask


def _refuse(faults: Sequence[Fault], name: str) -> None:
    """Raise CheckError where there are faults."""
    if not faults:
        return
    if len(faults) == 1:
        one = faults[0]
        raise CheckError(f"{name}: {one.message}", where=one.where or None, remedy=one.remedy)
    raise CheckError(
        f"{len(faults)} things do not hold on {name}",
        details=[str(fault) for fault in faults],
        remedy="mend each of them; nothing was deployed",
    )


def _of_trees(laid: Laid, facts: Facts) -> tuple[list[Fault], tuple[str, ...]]:
    platforms = dict.fromkeys(r.prepared.composed.spec.platform for r in laid.running)
    faults = [wrong for p in platforms if (wrong := _other_platform(p, facts))]
    if faults or not facts.system:
        return faults, ()
    needs = needs_of(laid.payload.trees)
    optional = {name for name, by in needs.wanted_by if _OPTIONAL in by}
    firm = replace(needs, libraries=tuple(n for n in needs.libraries if n not in optional))
    faults = [
        Fault(line, remedy="use a newer system, or add a package that brings it", mendable=mendable)
        for part, mendable in (
            (replace(firm, libraries=()), False),
            (replace(firm, glibc=""), True),
        )
        for line in refusals(part, facts.glibc, facts.libraries)
    ]
    maybe = replace(needs, glibc="", libraries=tuple(sorted(optional & set(needs.libraries))))
    return faults, refusals(maybe, facts.glibc, facts.libraries)


def _taken(laid: Laid, facts: Facts) -> list[Fault]:
    """Find ports that other recipes of the node have."""
    wanted = {port: s.name for s in laid.payload.services for port in s.ports}
    return [
        Fault(
            f"{wanted[port]} is to listen on port {port}, which {service} of recipe {recipe} "
            "has there",
            remedy="give it another one, or offer a wider range: host.ports.NAME",
        )
        for port, service, recipe in facts.ports
        if port in wanted
    ]


def refuse_taken(payload: Payload, facts: Facts) -> None:
    """Raise DeployError where another recipe has taken a port since the plan."""
    wanted = {port for service in payload.services for port in service.ports}
    for port, service, recipe in facts.ports:
        if port in wanted:
            raise DeployError(
                f"{service} of recipe {recipe} has taken port {port} meanwhile",
                remedy="deploy again: it gets another one where the host offers more",
            )


def _other_platform(platform: Platform, facts: Facts) -> Fault | None:
    known = platform.marker_environment("3.12")
    system, machine = known["platform_system"], known["platform_machine"]
    if not facts.system or (facts.system, facts.machine) == (system, machine):
        return None
    return Fault(
        f"it is {facts.system} on {facts.machine}, and what is deployed was made for {platform}",
        remedy="say the target's platform, and deploy from a machine of that kind",
    )


def _glibc(check: Check, facts: Facts) -> str:
    if not facts.system:
        return ""
    if not facts.glibc:
        return "there is another C library than glibc"
    if check.expect and not bounds.fits(facts.glibc, bounds.versions(check.expect)):
        return f"glibc is {facts.glibc}, and {check.expect} is needed"
    return ""


def _asked(check: Check, ask: Ask | None) -> str:
    if ask is None:
        return ""
    from stead.values.deployment import Health

    if check.kind == "url":
        status = int(check.expect) if check.expect.isdigit() else 0
        wrong = ask(Health(url=check.subject, status=status, timeout=bounds.seconds(check.timeout)))
        return f"{check.subject}: {wrong}" if wrong else ""
    wrong = ask(Health(port=check.subject, timeout=bounds.seconds(check.timeout)))
    return f"{check.subject} cannot be reached from there: {wrong}" if wrong else ""


# -- what a program that only reads answers


def _in_base(check: Check, laid: Laid, facts: Facts) -> str:
    """Say what is wrong with a check of an image's inside, as far as its base tells."""
    if check.kind != "command" or not facts.programs or _comes_along(check, laid):
        return ""
    name = check.arguments[0]
    return "" if "/" in name or name in facts.programs else f"there is no command {name}"


def _comes_along(check: Check, laid: Laid) -> bool:
    """Say whether what a check asks for is part of the deploy, and so needs no asking."""
    if check.kind == "command":
        return _brought(check.arguments[0], laid)
    return check.kind == "path" and _comes(_place(check), laid)


def _place(check: Check) -> str:
    return os.path.normpath(os.path.join(check.base or "/", check.subject or "."))


def _answers(
    examine: Examine | None, laid: Laid, checks: Sequence[Check], without: Collection[int]
) -> dict[int, list[tuple[str, str]]]:
    """Give, by the checks' numbers, pairs of a word and what it says; some are not asked."""
    if examine is None:
        return {}
    pieces = [
        f"echo {number}\n( {text}\n) 2>/dev/null | each {number}"
        for number, check in enumerate(checks)
        if number not in without and (text := _program(check, laid))
    ]
    if not pieces:
        return {}
    found: dict[int, list[tuple[str, str]]] = {}
    for line in examine("\n".join([_EACH, *pieces, ""])).splitlines():
        number_text, _, rest = line.partition(" ")
        word, _, said = rest.partition(" ")
        if number_text.isdigit():
            # One that was asked and says nothing has no answer, which is one too.
            answers = found.setdefault(int(number_text), [])
            answers += [(word, said)] if word else []
    return found


def _program(check: Check, laid: Laid) -> str:
    """Write what a machine is asked for a check; empty for one that needs no asking."""
    if _comes_along(check, laid):
        return ""
    place = _place(check)
    if check.kind == "path":
        at = shlex.quote(place)
        return (
            f"if [ -d {at} ]; then echo directory; elif [ -e {at} ]; then echo file; "
            "else echo none; fi"
        )
    if check.kind == "space":
        return (
            f'p={shlex.quote(place)}; while [ ! -e "$p" ]; do p=${{p%/*}}; p=${{p:-/}}; done; '
            'df -Pk "$p" | { read -r _; read -r _ _ _ b _; echo "free $b"; }'
        )
    if check.kind == "command":
        words = shlex.join(check.arguments)
        return (
            f"if command -v {shlex.quote(check.arguments[0])} >/dev/null; then "
            f'o=$({words} 2>&1 </dev/null); echo "code $?"; '
            "printf '%s\\n' \"$o\" | each said; else echo none; fi"
        )
    if check.kind == "cpu":
        return (
            "echo \"cores $(getconf _NPROCESSORS_ONLN)\"; sed 's/^/info /' /proc/cpuinfo | "
            "grep -i -E '^info (flags|features)'"
        )
    if check.kind == "gpu":
        return (
            "nvidia-smi --query-gpu=name,memory.total --format=csv,noheader,nounits "
            "| sed 's/^/nvidia /'; [ -e /dev/kfd ] && echo amd; "
            "for d in /dev/dri/renderD*; do [ -e $d ] && echo any; done"
        )
    return ""


def _comes(place: str, laid: Laid) -> bool:
    """Say whether a path comes with the deploy: a file of the code, or a directory it makes."""
    root = laid.payload.root
    if place.startswith(f"{root}/trees/"):
        return laid.where.here(place) in laid.where.files
    return any(place in service.makes for service in laid.payload.services)


def _brought(program: str, laid: Laid) -> bool:
    """Say whether an environment that is sent has the program."""
    if "/" in program:
        return program.startswith(f"{laid.payload.root}/trees/")
    builds = {r.prepared.activation.build for r in laid.running} - {""}
    return any(os.path.exists(os.path.join(build, "bin", program)) for build in builds)


def _judged(check: Check, answers: Iterable[tuple[str, str]]) -> str:
    listed = list(answers)
    said: dict[str, list[str]] = {}
    for word, rest in listed:
        said.setdefault(word, []).append(rest)
    if check.kind == "path":
        if "none" in said:
            return f"{check.subject} is not there"
        is_ = next(iter(said), "")
        if check.expect and is_ != check.expect:
            return f"{check.subject} is a {is_}, not a {check.expect}"
        return ""
    if check.kind == "space":
        free = int(said.get("free", ["0"])[0] or 0) * 1024
        wanted = bounds.size(check.expect)
        if free >= wanted:
            return ""
        return f"{bounds.in_bytes(free)} are free, and {bounds.in_bytes(wanted)} are needed"
    if check.kind == "command":
        return _command(check, said)
    if check.kind == "cpu":
        return _cpu(check, said)
    return _gpu(check, said)


def _command(check: Check, said: dict[str, list[str]]) -> str:
    name = check.arguments[0]
    if "none" in said:
        return f"there is no command {name}"
    if said.get("code", ["0"])[0] != "0":
        return f"{name} ended with {said['code'][0]}"
    if not check.expect:
        return ""
    version = bounds.version_in("\n".join(said.get("said", ())))
    if bounds.fits(version, bounds.versions(check.expect)):
        return ""
    return f"{name} is {version or 'of no known version'}, and {check.expect} is needed"


def _cpu(check: Check, said: dict[str, list[str]]) -> str:
    cores = said.get("cores", [""])[0]
    if check.expect and not bounds.fits(cores or "0", bounds.at_least(check.expect)):
        return (
            f"there are {cores or 'an unknown number of'} processors, and {check.expect} are needed"
        )
    flags = linux_flags("\n".join(said.get("info", ())))
    missing = [f for f in check.arguments if flag_name(f) not in flags]
    return f"the processor lacks {', '.join(missing)}" if missing else ""


def _gpu(check: Check, said: dict[str, list[str]]) -> str:
    vendor = check.subject if check.subject not in ("", "true", "True") else ""
    if not said or (vendor and vendor not in said):
        return f"there is no graphics processor{f' of {vendor}' if vendor else ''}"
    if check.expect:
        memories = [line.rpartition(",")[2].strip() for line in said.get("nvidia", ())]
        largest = max((int(m) for m in memories if m.isdigit()), default=0) << 20
        if largest < bounds.size(check.expect):
            return f"its graphics processor has less than {check.expect}"
    return ""

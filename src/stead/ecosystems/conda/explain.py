"""Why no set of packages will do, in plain words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from stead.values.errors import UnsatisfiableError
from stead.values.names import nearest
from stead.values.requirement import PYTHON

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rattler import Gateway, MatchSpec, Subdir

    from stead.ecosystems.conda.channels import Located
    from stead.ecosystems.protocol import LockRequest
    from stead.values.context import Context
    from stead.values.requirement import Requirement

SHOWN = 8
"""How many versions a message lists."""

_CACHED_ONLY = " (offline: only what is cached was considered)"

_PHRASES = (
    (re.compile(r"(\S+) \*(?=[ ,]|$)"), r"\1"),
    (
        re.compile(r"cannot be installed because there are no viable options:?"),
        "cannot be had, because none of these fits:",
    ),
    (
        re.compile(r"can be installed with any of the following options:?"),
        "which any of these gives:",
    ),
    (re.compile(r"which (which any of these gives:)"), r"\1"),
    (re.compile(r"would require"), "needs"),
    (re.compile(r"for which no candidates were found"), "which no channel has as asked"),
    (
        re.compile(r"which conflicts with the versions reported above"),
        "which contradicts what stands above",
    ),
    (re.compile(r"^Cannot solve the request because of: "), ""),
)


async def explained(
    exc: Exception,
    request: LockRequest,
    channels: Sequence[Located],
    source: Gateway,
    context: Context,
) -> UnsatisfiableError:
    """Turn the solver's refusal into an error that names the request and what there is.

    Each request is looked up by itself first: a missing package or version is
    the commonest reason and has the simplest answer.
    """
    asked = [r for r in request.requirements if r.ecosystem in ("conda", PYTHON)]
    offline = _CACHED_ONLY if context.offline else ""
    for requirement in asked:
        error = await _alone(requirement, request, channels, source, context)
        if error:
            return error
    details = ["asked: " + ", ".join(f"{r.name} {r.spec}".strip() for r in asked)]
    details += plain_words(str(exc))
    return UnsatisfiableError(
        f"no set of conda packages for {request.platform} satisfies all requests at once{offline}",
        where=next((r.origin for r in asked if r.origin.file), None),
        details=details,
        remedy="loosen or remove one of the requests named above",
    )


def plain_words(text: str) -> list[str]:
    """Reword the solver's tree of reasons, line by line."""
    lines = []
    for line in text.splitlines():
        worded = line.rstrip()
        for pattern, replacement in _PHRASES:
            worded = pattern.sub(replacement, worded)
        if worded.strip() and worded.strip() != "The following packages are incompatible":
            lines.append(worded)
    return lines


async def _alone(
    requirement: Requirement,
    request: LockRequest,
    channels: Sequence[Located],
    source: Gateway,
    context: Context,
) -> UnsatisfiableError | None:
    from stead.ecosystems.conda.specs import match_spec

    name, where = requirement.name, requirement.origin if requirement.origin.file else None
    asked = [c for c in channels if requirement.index in ("", c.written)]
    shown = ", ".join(c.shown for c in asked)
    if name.startswith("__"):
        return _virtual(requirement, request, context)
    lists = await _records(name, asked, request, source)
    if not lists:
        names = await source.names(
            [c.url for c in asked],
            _subdirs(request),
            channel_relations="disabled",
        )
        close = nearest(name, (n.normalized for n in names))
        return UnsatisfiableError(
            f"no channel has a package {name!r} for {request.platform} (asked: {shown})",
            where=where,
            remedy=f"did you mean {close!r}?" if close else "check the name, or add its channel",
        )
    spec = match_spec(requirement)
    if any(_fits(spec, record) for record in lists):
        return None
    versions, offline = _versions(lists), _CACHED_ONLY if context.offline else ""
    return UnsatisfiableError(
        f"no {name} that is {requirement.spec!r} for {request.platform} is in {shown}{offline}",
        where=where,
        details=(f"there is: {versions}",),
        remedy=f"ask for a version of {name} that exists",
    )


def _virtual(
    requirement: Requirement, request: LockRequest, context: Context
) -> UnsatisfiableError | None:
    from rattler import PackageRecord

    from stead.ecosystems.conda.specs import match_spec
    from stead.ecosystems.conda.virtual import virtual_packages

    spec = match_spec(requirement)
    there = [
        PackageRecord(v.name, str(v.version), v.build_string, 0, request.platform.name)
        for v in virtual_packages(request.platform, context.environ)
        if v.name.normalized == requirement.name
    ]
    if any(spec.matches(record) for record in there):
        return None
    has = f"which has {there[0].version}" if there else "which has none"
    variable = "CONDA_OVERRIDE_" + requirement.name[2:].upper()
    return UnsatisfiableError(
        f"{_shown(requirement)} is asked of the machine for {request.platform}, {has}",
        where=requirement.origin if requirement.origin.file else None,
        remedy=f"set {variable} to the version to solve for",
    )


async def _records(
    name: str, channels: Sequence[Located], request: LockRequest, source: Gateway
) -> list[object]:
    from rattler.exceptions import GatewayError

    try:
        lists = await source.query(
            [c.url for c in channels],
            _subdirs(request),
            [name],
            recursive=False,
            channel_relations="disabled",
        )
    except GatewayError:
        return []
    return [record for records in lists for record in records]


def _subdirs(request: LockRequest) -> list[Subdir]:
    from rattler import Subdir

    return [Subdir(request.platform.name), Subdir("noarch")]


def _fits(spec: MatchSpec, record: object) -> bool:
    return bool(spec.matches(record))  # type: ignore[arg-type]


def _versions(records: Sequence[object]) -> str:
    found = {str(r.version): r.version for r in records}  # type: ignore[attr-defined]
    ordered = sorted(found, key=lambda text: found[text])
    shown = ordered[-SHOWN:]
    return ("… " if len(ordered) > SHOWN else "") + ", ".join(shown)


def _shown(requirement: Requirement) -> str:
    text = f"{requirement.name} {requirement.spec}".strip()
    return f"{text} ({requirement.origin})" if requirement.origin.file else text

"""Requests for conda packages, in every form people write them.

``numpy=1.26``, ``numpy 1.26``, ``conda-forge::numpy``, ``numpy>=1,<2 py312*``
and ``pkg[version='>=1', build=py_0]`` become a :class:`Requirement`, whose
``spec`` is what conda calls the rest of a MatchSpec. conda's own meaning holds:
a version after a single ``=`` or after a space is fuzzy or exact as it says in
its documentation, so ``=1.26`` is ``1.26.*`` and ``1.26`` alone is ``==1.26``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from stead.values.errors import ManifestError
from stead.values.requirement import PYTHON, Requirement

if TYPE_CHECKING:
    from rattler import MatchSpec

    from stead.values.origin import Origin

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(?=[\s<>=!~]|\Z)")
_BUILD = re.compile(r"[\w.*+]*\Z|\^.*\$\Z")
_BRACKETS = re.compile(r"\[(?P<body>[^\[\]]*)\]\s*\Z")
_PAIR = re.compile(
    r"""\s*(?P<key>[a-z0-9_]+)\s*=\s*(?P<value>'[^']*'|"[^"]*"|[^,'"\s]+)\s*(?:,|\Z)"""
)
_COMMENT = re.compile(r"\s+#.*\Z")

REMEDY = "write it as 'name', 'name >=1,<2', 'name=1.26' or 'channel::name'"


def parse_spec(text: str, origin: Origin) -> Requirement:
    """Read one request. ``origin`` is where it was written.

    Raises ManifestError when it is none.
    """
    body = _COMMENT.sub("", text.strip()).strip()
    pairs: dict[str, str] = {}
    if found := _BRACKETS.search(body):
        pairs = _pairs(found["body"], text, origin)
        body = body[: found.start()].strip()
    channel, separator, rest = body.rpartition("::")
    if separator:
        # "channel:namespace:name" never came to mean anything; only "::" counts.
        channel, body = channel.strip(), rest.strip()
    name = _NAME.match(body)
    if not name or (separator and not channel):
        raise ManifestError(f"{text!r} names no conda package", where=origin, remedy=REMEDY)
    version, build = _split(body[name.end() :].strip())
    version = pairs.pop("version", version)
    if not _BUILD.match(build):
        raise ManifestError(f"{text!r} is too much for one package", where=origin, remedy=REMEDY)
    build = pairs.pop("build", pairs.pop("build_string", build))
    channel = pairs.pop("channel", channel)
    if "subdir" in pairs and channel.endswith("/" + pairs["subdir"]):
        channel = channel.removesuffix("/" + pairs["subdir"])
    spec = " ".join(part for part in (version or ("*" if build else ""), build) if part)
    if pairs:
        spec += "[" + ",".join(f'{key}="{value}"' for key, value in sorted(pairs.items())) + "]"
    requirement = Requirement("conda", name.group().lower(), spec, index=channel, origin=origin)
    match_spec(requirement)
    return requirement


def match_spec(requirement: Requirement, url: str = "") -> MatchSpec:
    """Make rattler's MatchSpec of a requirement; ``url`` is its channel's address, if it names one.

    Raises ManifestError, with the requirement's place, when the spec means nothing.
    """
    from rattler import MatchSpec
    from rattler.exceptions import InvalidMatchSpecError

    spec, brackets = requirement.spec.strip(), ""
    if found := _BRACKETS.search(spec):
        spec, brackets = spec[: found.start()].strip(), found["body"]
    version, build = _split(spec)
    if requirement.ecosystem == PYTHON:
        version, build = _from_pep440(spec), ""
    if url:
        brackets = f'{brackets},channel="{url}"'.lstrip(",")
    text = " ".join(p for p in (requirement.name, version or ("*" if build else ""), build) if p)
    try:
        return MatchSpec(f"{text}[{brackets}]" if brackets else text)
    except InvalidMatchSpecError as exc:
        raise ManifestError(
            f"{requirement.name!r} has a version that means nothing: {requirement.spec!r} ({exc})",
            where=requirement.origin if requirement.origin.file else None,
            remedy=REMEDY,
        ) from exc


def versions_of(spec: str) -> str:
    """Give the part of a request's ``spec`` that is about versions, as rattler reads it."""
    return _split(_BRACKETS.sub("", spec).strip())[0]


def _pairs(body: str, text: str, origin: Origin) -> dict[str, str]:
    pairs: dict[str, str] = {}
    at = 0
    while at < len(body):
        found = _PAIR.match(body, at)
        if not found:
            raise ManifestError(
                f"{text!r}: {body[at:].strip()!r} is no key=value", where=origin, remedy=REMEDY
            )
        pairs[found["key"]] = found["value"].strip("'\"")
        at = found.end()
    return pairs


def _split(spec: str) -> tuple[str, str]:
    """Split what follows a name into version and build, for each way of writing them."""
    spec = re.sub(r"\s*([,|])\s*", r"\1", spec)
    spec = re.sub(r"([<>=!~])\s+(?=[\w*])", r"\1", spec)
    version, _, build = spec.partition(" ")
    if not build and "=" in version[1:]:
        # name=1.26=py312_0, whose first "=" is conda's "exactly" when a build follows
        exact = re.fullmatch(r"={0,2}([\w*][\w.*!+]*)=([\w.*]+)", version)
        if exact:
            version, build = exact[1] if "*" in exact[1] else f"=={exact[1]}", exact[2]
    return _fuzzy(version), build.strip().removeprefix("=")


def _fuzzy(version: str) -> str:
    # rattler refuses what conda takes: a star after "=", and reads a comma list piecewise
    return re.sub(r"(?<![<>=!~])=([\w.!+]+?)(?:\.?\*)?(?=[,|]|\Z)", r"\1.*", version)


def _from_pep440(spec: str) -> str:
    """Read a request for Python: PEP 440 specifiers, or a bare ``3.12`` for any 3.12."""
    compact = spec.replace(" ", "")
    if re.fullmatch(r"\d+(\.\d+)?", compact):
        return f"{compact}.*"
    if re.fullmatch(r"\d+(\.\d+){2,}\w*", compact):
        return f"=={compact}"
    parts = [re.sub(r"\A={2,3}(.*\.\*)\Z", r"\1", p) for p in compact.split(",") if p]
    return ",".join(_fuzzy(p.replace("===", "==")) for p in parts)

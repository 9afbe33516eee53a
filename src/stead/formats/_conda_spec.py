"""What conda's tools mean by a line of a dependency list.

Their language is looser than a strict MatchSpec: ``numpy=1.26`` is any 1.26,
``numpy=1.26.4=py312_0`` that very build, ``numpy 1.26`` exactly 1.26. What
leaves this module is the strict form, which says each of these in one way.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from stead.values.errors import ManifestError
from stead.values.patterns import regex
from stead.values.requirement import Requirement, Source

if TYPE_CHECKING:
    from stead.values.origin import Origin

_NAME = regex(r"\s*([A-Za-z0-9_][A-Za-z0-9_.-]*|\*)\s*(.*)", re.DOTALL)
_BRACKET = regex(r"\[([^\[\]]*)\]")
_PAIR = regex(r"\s*([a-z_0-9]+)\s*=\s*(\"[^\"]*\"|'[^']*'|[^,'\"]*)\s*(?:,|$)")
_OPERATOR = regex(r"(===|==|!=|>=|<=|~=|>|<|=)?\s*(.*)", re.DOTALL)
_VERSION = regex(r"[A-Za-z0-9_.!+\-]+(?:\.?\*)?|\*")
_BUILD = regex(r"[A-Za-z0-9_.*+\-]+|\^.*\$")
_KEYS = ("build_number", "subdir", "md5", "sha256", "fn", "features", "track_features")

REMEDY = "write NAME, NAME=1.26, NAME>=1,<2 or CHANNEL::NAME=1.26=BUILD"


def parse(text: str, origin: Origin) -> Requirement:
    """Give the ``conda`` requirement that an entry of a dependency list means.

    The channel in front of ``::`` becomes the requirement's index. Raises
    ManifestError.
    """
    text = text.partition("#")[0] if " #" in text else text
    text = text.strip()
    if "://" in text.partition("[")[0] and "::" not in text:
        return _direct(text, origin)
    channel, separator, rest = text.rpartition("::")
    match = _NAME.fullmatch(rest if separator else text)
    if match is None or match[1] == "*":
        raise _refused(text, origin)
    options: dict[str, str] = {}
    tail = match[2]
    if bracket := _BRACKET.search(tail):
        options = _pairs(bracket[1], text, origin)
        tail = tail[: bracket.start()] + " " + tail[bracket.end() :]
    version, build = _split(tail.strip(), text, origin)
    version = options.pop("version", version)
    build = options.pop("build", build)
    channel = options.pop("channel", channel)
    if "/" in channel and "://" not in channel and not channel.startswith(("/", ".")):
        head, _, subdir = channel.rpartition("/")
        if re.fullmatch(r"noarch|(linux|osx|win|emscripten|wasi|freebsd)-\w+", subdir):
            channel = head
            options.setdefault("subdir", subdir)
    spec = _version(version, exact=bool(build), text=text, origin=origin)
    if build and build != "*":
        spec = f"{spec or '*'} {build}"
    if options:
        spec += "[" + ", ".join(f'{k}="{v}"' for k, v in sorted(options.items())) + "]"
    return Requirement("conda", match[1].lower(), spec, index=channel, origin=origin)


def _split(tail: str, text: str, origin: Origin) -> tuple[str, str]:
    """Split what follows a name into version and build."""
    if not tail:
        return "", ""
    # `=1.26=py312_0`, `==1.26=py312_0`
    if match := re.fullmatch(r"(={1,2}\s*[^=\s,|<>!~]+)\s*=\s*([^=\s]+)", tail):
        return match[1], match[2]
    # Spaces are allowed after operators, commas and bars: what remains splits off the build.
    packed = re.sub(r"\s*([,|])\s*", r"\1", tail)
    packed = re.sub(r"(===|==|!=|>=|<=|~=|>|<|=)\s+", r"\1", packed)
    parts = packed.split()
    if len(parts) > 2 or (len(parts) == 2 and not _BUILD.fullmatch(parts[1].lstrip("="))):
        raise _refused(text, origin)
    return parts[0], parts[1].lstrip("=") if len(parts) == 2 else ""


def _version(version: str, *, exact: bool, text: str, origin: Origin) -> str:
    """Give a version request in the strict form."""
    version = re.sub(r"\s+", "", version)
    if version in ("", "*", "=*", "==*"):
        return ""
    if version.startswith("^") and version.endswith("$"):
        raise ManifestError(
            f"{text!r} asks for versions by a regular expression",
            where=origin,
            remedy="write a range: >=1,<2",
        )
    pieces = re.split(r"([,|()])", version)
    return "".join(
        p if p in ",|()" or not p else _clause(p, exact=exact, text=text, origin=origin)
        for p in pieces
    )


def _clause(clause: str, *, exact: bool, text: str, origin: Origin) -> str:
    match = _OPERATOR.fullmatch(clause)
    assert match is not None  # the pattern takes any text
    operator, version = match[1] or "", match[2]
    if not _VERSION.fullmatch(version):
        raise _refused(text, origin)
    starred = version.endswith("*")
    bare = version.rstrip("*").rstrip(".")
    if version == "*":
        return "*"
    if operator in ("", "=", "==", "===") and starred:
        return f"{bare}.*"
    if operator == "=" and not exact:
        return f"{bare}.*"
    if operator in ("", "=", "==", "==="):
        return f"=={bare}"
    if starred and operator != "!=":
        return f"{operator}{bare}"
    return f"{operator}{bare}.*" if starred else f"{operator}{bare}"


def _pairs(inside: str, text: str, origin: Origin) -> dict[str, str]:
    found: dict[str, str] = {}
    at = 0
    while at < len(inside.rstrip()):
        match = _PAIR.match(inside, at)
        if match is None:
            raise _refused(text, origin)
        key, value = match[1], match[2].strip().strip("'\"")
        if key not in ("version", "build", "channel", "name", "url", *_KEYS):
            raise ManifestError(
                f"unknown key {key!r} in {text!r}",
                where=origin,
                remedy=f"known are version, build, channel, {', '.join(_KEYS[:4])}",
            )
        found[key] = value
        at = match.end()
    return found


def _direct(text: str, origin: Origin) -> Requirement:
    """Read the URL of one package file."""
    url, _, fragment = text.partition("#")
    stem = re.sub(r"\.(conda|tar\.bz2)$", "", url.rpartition("/")[2])
    parts = stem.rsplit("-", 2)
    if len(parts) != 3 or stem == url.rpartition("/")[2]:
        raise _refused(text, origin)
    hashes = (f"{'sha256' if len(fragment) == 64 else 'md5'}:{fragment}",) if fragment else ()
    name, version, build = parts
    return Requirement(
        "conda",
        name.lower(),
        f"=={version} {build}",
        source=Source("url", url),
        hashes=hashes,
        origin=origin,
    )


def _refused(text: str, origin: Origin) -> ManifestError:
    return ManifestError(f"{text!r} is not a conda requirement", where=origin, remedy=REMEDY)

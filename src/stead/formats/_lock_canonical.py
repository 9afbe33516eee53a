"""Reads a lock that is written exactly as :func:`stead.formats.stead_lock.write` writes.

Ten times as fast as a TOML parser: the text is matched group by group, and what
an artifact keeps for its ecosystem is turned into JSON and parsed at one stroke.
Any doubt gives None, and the text goes to the reader that understands all TOML
and can say what is wrong.
"""

from __future__ import annotations

import json
from typing import Any

from stead.formats._lock_values import BAD, from_toml, sorted_pins
from stead.values.lock import Artifact, File, Lock, LockedEnvironment, Pin
from stead.values.patterns import regex
from stead.values.requirement import Source

# Control characters are looked for in the text as a whole, which is faster.
_PLAIN = r'"([^"\\\n]*)"'
_LIST = r'\[\n  ("[^\n]*",\n(?:  "[^\n]*",\n)*)\]\n'
_FILE = r'  \{ name = "[^"\\\n]*", sha256 = "[^"\\\n]*"(?:, size = (?:0|[1-9][0-9]{0,17}))? \},\n'

_HEAD = regex(r"(?:#[^\n]*\n)*version = ([1-9][0-9]{0,3})\n")
_ENVIRONMENT = regex(
    rf"\n\[environment\.{_PLAIN}\.{_PLAIN}\.{_PLAIN}\]\n"
    rf"(?:python = {_PLAIN}\n)?(?:requests = {_LIST})?(?:artifacts = {_LIST})?"
)
_PIN = regex(
    rf"\n\[pin\.{_PLAIN}(?:\.\"([0-9]+)\")?\]\nlocation = {_PLAIN}\n(?:working = {_PLAIN}\n)?"
    rf"(?:requested = {_PLAIN}\n)?(?=commit|version)(?:commit = {_PLAIN}\n)?"
    rf"(?:version = {_PLAIN}\nintegrity = {_PLAIN}\n)?(?:subdirectory = {_PLAIN}\n)?"
)
_ARTIFACT = regex(
    rf"\n\[artifact\.{_PLAIN}\]\nname = {_PLAIN}\nversion = {_PLAIN}\n(?:index = {_PLAIN}\n)?"
    rf"(?:source = \{{ ([^\n]*) \}}\n)?(?:files = \[\n((?:{_FILE})+)\]\n)?"
    rf"(?:depends = {_LIST})?(?:extra = \{{ ([^\n]*) \}}\n)?"
)
_SOURCE = regex(
    rf"kind = \"(path|url|git)\", location = {_PLAIN}(, editable = true)?"
    rf"(?:, revision = {_PLAIN})?(?:, subdirectory = {_PLAIN})?"
)
_FILES = regex(rf"name = {_PLAIN}, sha256 = {_PLAIN}(?:, size = ([0-9]+))? ")
# The escapes that TOML and JSON read alike.
_STRINGS = regex(r'(?:"(?:[^"\\\n]|\\[btnfr"\\]|\\u00[01][0-9a-f]|\\u007f)*",\n(?:  |$))*')
_CONTROLS = bytes([*range(10), *range(11, 32), 127])


class _OtherwiseError(Exception):
    """The text is not canonical."""


def read(text: str) -> Lock | None:
    """Read canonical text; None for any other, right or wrong."""
    head = _HEAD.match(text)
    if head is None or _has_controls(text):
        return None
    try:
        return _read(text, head.end(), int(head[1]))
    except _OtherwiseError:
        return None


def _has_controls(text: str) -> bool:
    try:
        raw = text.encode()
    except UnicodeEncodeError:
        return True
    return len(raw.translate(None, _CONTROLS)) != len(raw)


def _read(text: str, pos: int, version: int) -> Lock | None:
    environments = []
    while found := _ENVIRONMENT.match(text, pos):
        environments.append(found.groups())
        pos = found.end()
    pins = []
    while found := _PIN.match(text, pos):
        pins.append(found.groups(""))
        pos = found.end()
    groups = []
    while found := _ARTIFACT.match(text, pos):
        groups.append(found.groups(""))
        pos = found.end()
    if pos != len(text) or len({p[:2] for p in pins}) != len(pins):
        return None
    artifacts = _artifacts(groups)
    made = []
    for place, name, platform, python, requests, names in environments:
        try:
            members = tuple([artifacts[n] for n in _strings(names or "")])
        except KeyError:
            return None
        if len({(a.ecosystem, a.name) for a in members}) != len(members):
            return None
        asked = tuple(_strings(requests or ""))
        made.append(LockedEnvironment(place, name, platform, asked, python or "", members))
    if len({e.slot for e in made}) != len(made):
        return None
    return Lock(
        tuple(sorted(made, key=lambda e: e.slot)),
        sorted_pins(
            Pin(name, at, asked, commit, subdirectory, working, version_of_item, integrity)
            for name, _, at, working, asked, commit, version_of_item, integrity, subdirectory in pins
        ),
        version,
    )


def _artifacts(groups: list[tuple[str | Any, ...]]) -> dict[str, Artifact]:
    extras = iter(_extras([g[7] for g in groups]))
    made: dict[str, Artifact] = {}
    for label, name, version, index, source, files, depends, _ in groups:
        ecosystem, slash, rest = label.partition("/")
        if not slash or not ecosystem or not rest.startswith(f"{name}-{version}"):
            raise _OtherwiseError
        made[label] = Artifact(
            ecosystem,
            name,
            version,
            index,
            tuple([File(n, h, int(s or 0)) for n, h, s in _FILES.findall(files)]),
            tuple(_strings(depends)),
            _source(source) if source else None,
            next(extras),
        )
    if len(made) != len(groups):
        raise _OtherwiseError
    return made


def _strings(group: str) -> list[str]:
    """Split the lines of a list, without its brackets and the first indent."""
    if not group:
        return []
    inner = group[1:-3]
    values = inner.split('",\n  "')
    if "\\" in inner or inner.count('"') != 2 * len(values) - 2:
        if not _STRINGS.fullmatch(group):
            raise _OtherwiseError
        decoded: list[str] = json.loads(f"[{group[:-2]}]")
        return decoded
    return values


def _source(group: str) -> Source:
    found = _SOURCE.fullmatch(group)
    if found is None:
        raise _OtherwiseError
    kind: Any
    kind, location, editable, revision, subdirectory = found.groups("")
    return Source(kind, location, bool(editable), revision, subdirectory)


def _extras(groups: list[str]) -> list[tuple[tuple[str, Any], ...]]:
    """Parse all artifacts' extra values at once; inline tables become JSON objects."""
    values: list[dict[str, Any] | None]
    try:
        values = json.loads(
            "[" + ",".join([_as_json(g) for g in groups]) + "]",
            parse_constant=_refuse,
            parse_float=_refuse,
        )
    except ValueError as exc:
        raise _OtherwiseError from exc
    if len(values) != len(groups):
        raise _OtherwiseError
    # More keys in the text than in the object: nested tables, or a key that stands twice.
    return [
        tuple(value.items())
        if value is not None and len(value) == group.count('" = ')
        else _lock_extra(group)
        for value, group in zip(values, groups, strict=True)
    ]


def _as_json(group: str) -> str:
    # A backslash could hide a quote; "null" and '":' mean something to JSON alone.
    if "\\" in group or "null" in group or '":' in group:
        return "null"
    return "{" + group.replace('" = ', '": ') + "}"


def _lock_extra(group: str) -> tuple[tuple[str, Any], ...]:
    import tomllib

    try:
        data = tomllib.loads(f"extra = {{ {group} }}")
    except tomllib.TOMLDecodeError as exc:
        raise _OtherwiseError from exc
    values = tuple((k, from_toml(v)) for k, v in data["extra"].items())
    if any(v is BAD for _, v in values):
        raise _OtherwiseError
    return values


def _refuse(text: str) -> None:
    raise ValueError(text)

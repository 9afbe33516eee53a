"""``stead.lock``: the exact artifacts of all environments of a workspace, as text.

The text is TOML in one canonical form: the same lock always gives the same
bytes. Each environment lists the artifacts it is made of, one per line; each
artifact stands once, in a group of lines under a header of its own. Two branches
that add different packages therefore touch different lines, as a rule.

A workspace's lock holds thousands of artifacts and is read by nearly every
command. :mod:`tomllib` needs about 160 ms per megabyte; so text in canonical
form, which is what :func:`write` makes, is read by a reader made for it
(``_lock_canonical``), and anything else by ``_lock_toml``. Both give the same.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from stead.formats import _toml_text
from stead.formats._lock_values import NULL, sorted_pins
from stead.values.errors import LockError
from stead.values.lock import LOCK_VERSION, Artifact, Lock, LockedEnvironment, Pin
from stead.values.origin import Origin
from stead.values.patterns import regex

if TYPE_CHECKING:
    from collections.abc import Iterable

NAME = "stead.lock"
HEADER = "# Made by `stead lock` from the manifests; change those, not this.\n"

_VERSION = regex(r"^version\s*=\s*([0-9]+)\s*(?:#.*)?\r?$", re.MULTILINE)
_MARKER = regex(r"^(?:<{7} |>{7} |={7}\r?$|\|{7} )", re.MULTILINE)


def read(text: str, file: str) -> Lock:
    """Read a lock; ``file`` is its path, for errors.

    Raises :class:`LockError` with file and line: for the format of a newer Stead,
    for marks of a merge conflict, for anything that is no lock.
    """
    text = text.removeprefix("\ufeff")
    conflict = _MARKER.search(text)
    if conflict:
        raise LockError(
            "git left a merge conflict here",
            where=Origin(file, text.count("\n", 0, conflict.start()) + 1),
            remedy="run `stead lock`: it keeps what both sides have and solves the rest",
        )
    check_version(text, file)
    from stead.formats import _lock_canonical

    lock = _lock_canonical.read(text)
    if lock is None:
        from stead.formats import _lock_toml

        lock = _lock_toml.read(text, file)
    return lock


def read_conflicted(text: str, file: str) -> Lock:
    """Read what can be read of a damaged lock, to lock again from.

    Takes the artifacts of both sides of a merge conflict, and leaves out what
    makes no sense. The environments' requests are emptied of meaning, so that no
    specification agrees with them: the result is only good as the ``old`` of a new
    lock. Raises :class:`LockError` for the format of a newer Stead alone.
    """
    from stead.formats import _lock_mend

    check_version(text, file)
    return _lock_mend.read(text)


def check_version(text: str, file: str) -> None:
    """Refuse a newer format, before anything else in it can be misunderstood."""
    found = _VERSION.search(text)
    if found and int(found[1]) > LOCK_VERSION:
        raise LockError(
            f"this lock was made by a newer Stead (format {found[1]}; this one reads {LOCK_VERSION})",
            where=Origin(file, text.count("\n", 0, found.start()) + 1),
            remedy="update Stead, or delete the lock and run `stead lock`",
        )


def write(lock: Lock) -> str:
    """Give the text of a lock. Raises :class:`LockError` for a value that no text can hold."""
    labels = _Labels(lock.environments)
    parts = [HEADER, f"version = {lock.version}\n"]
    artifacts: dict[str, Artifact] = {}
    for env in sorted(lock.environments, key=lambda e: e.slot):
        names = []
        for artifact in env.artifacts:
            label = labels(artifact, env.platform)
            artifacts[label] = artifact
            names.append(label)
        parts.append(f"\n[environment.{'.'.join(string(s) for s in env.slot)}]\n")
        if env.python:
            parts.append(f"python = {string(env.python)}\n")
        parts.append(_strings("requests", sorted(env.requests)))
        parts.append(_strings("artifacts", sorted(names)))
    parts.extend(_pins(lock.pins))
    parts.extend(_artifact(label, artifacts[label]) for label in sorted(artifacts))
    return "".join(parts)


class _Labels:
    """Names artifacts in the text: by their id, and more where one id has several meanings.

    A build number says nothing of the platform, and an index may serve another
    file to each: what differs is kept apart by platform, or failing that by digest.
    """

    def __init__(self, environments: Iterable[LockedEnvironment]) -> None:
        self._variants: dict[str, list[tuple[Artifact, set[str]]]] = {}
        for env in environments:
            for artifact in env.artifacts:
                variants = self._variants.setdefault(artifact.id, [])
                for variant, platforms in variants:
                    if variant is artifact or variant == artifact:
                        platforms.add(env.platform)
                        break
                else:
                    variants.append((artifact, {env.platform}))

    def __call__(self, artifact: Artifact, platform: str) -> str:
        variants = self._variants[artifact.id]
        if len(variants) == 1:
            return artifact.id
        here = next(p for a, p in variants if a is artifact or a == artifact)
        first = min(here)
        if sum(min(p) == first for _, p in variants) == 1:
            return f"{artifact.id}@{first}"
        from stead.values.digest import digest

        return f"{artifact.id}@{digest(artifact)[:10]}"


def _artifact(label: str, artifact: Artifact) -> str:
    text = (
        f"\n[artifact.{string(label)}]\n"
        f"name = {string(artifact.name)}\nversion = {string(artifact.version)}\n"
    )
    if artifact.index:
        text += f"index = {string(artifact.index)}\n"
    if artifact.source:
        s = artifact.source
        text += f"source = {{ kind = {string(s.kind)}, location = {string(s.location)}"
        text += ", editable = true" if s.editable else ""
        text += f", revision = {string(s.revision)}" if s.revision else ""
        text += f", subdirectory = {string(s.subdirectory)}" if s.subdirectory else ""
        text += " }\n"
    if artifact.files:
        text += "files = [\n"
        for f in artifact.files:
            text += (
                f"  {{ name = {string(f.name)}, sha256 = {string(f.sha256)}"
                f"{f', size = {f.size}' if f.size else ''} }},\n"
            )
        text += "]\n"
    text += _strings("depends", artifact.depends)
    if artifact.extra:
        if len({key for key, _ in artifact.extra}) != len(artifact.extra):
            raise LockError(f"{artifact.id}: a key stands twice among the extra values")
        pairs = ", ".join(f"{string(k)} = {_value(v, artifact.id)}" for k, v in artifact.extra)
        text += f"extra = {{ {pairs} }}\n"
    return text


def _pins(pins: Iterable[Pin]) -> list[str]:
    """Write the pinned modules; a name that two places use differently gets a number."""
    texts = []
    used: dict[str, int] = {}
    for pin in sorted_pins(pins):
        number = used[pin.name] = used.get(pin.name, 0) + 1
        header = string(pin.name) + (f".{string(str(number))}" if number > 1 else "")
        text = f"\n[pin.{header}]\nlocation = {string(pin.location)}\n"
        if pin.working:  # not at the end: a group that another branch puts after it would touch it
            text += f"working = {string(pin.working)}\n"
        if pin.requested:
            text += f"requested = {string(pin.requested)}\n"
        if pin.commit or not pin.integrity:
            text += f"commit = {string(pin.commit)}\n"
        if pin.integrity:
            text += f"version = {string(pin.version)}\nintegrity = {string(pin.integrity)}\n"
        if pin.subdirectory:
            text += f"subdirectory = {string(pin.subdirectory)}\n"
        texts.append(text)
    return texts


def _strings(key: str, values: Iterable[str]) -> str:
    lines = "".join(f"  {string(v)},\n" for v in values)
    return f"{key} = [\n{lines}]\n" if lines else ""


def string(text: str) -> str:
    """Write a string. Raises :class:`LockError` for what is not Unicode text."""
    try:
        return _toml_text.string(text)
    except UnicodeEncodeError as exc:
        raise LockError(f"{text!r} is not Unicode text; a lock cannot hold it") from exc


def _value(value: Any, owner: str) -> str:
    if value is None:
        return f'{{ "{NULL}" = true }}'
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return string(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float) and value - value == 0:
        return repr(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(_value(v, owner) for v in value)}]"
    if isinstance(value, dict) and NULL not in value:
        pairs = ", ".join(f"{string(str(k))} = {_value(v, owner)}" for k, v in value.items())
        return f"{{ {pairs} }}" if pairs else "{}"
    raise LockError(f"{owner}: {value!r} is no value that a lock can hold")

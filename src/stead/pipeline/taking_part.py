"""Files besides manifests that configuration leads to: templates, and scripts that it names.

What they hold is not in the spec. So trust, and the next run, look at them themselves.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stead.pipeline.files import is_file, load_text
from stead.values.errors import SteadError
from stead.values.secret import parse_reference, scheme_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from stead.values.kinds import Check, Raw, RenderedFile
    from stead.values.spec import Configuration

_LARGEST = 4 * 2**20
"""Bytes of an argument's file that is still taken for a script; one that grows past it has changed."""

_TAKES_IN = ("include", "import", "extends")
"""Words that a template which reads another one cannot do without."""


def templates_and_scripts(configuration: Configuration) -> tuple[str, ...]:
    """List templates with those that they include, and scripts of checks and of secrets.

    Absolute paths, each once; a template that is not there is among them. A script is
    a program that is named by a path, and an argument that is a file.
    """
    kinds = configuration.kinds
    found: list[str] = []
    for file in (*configuration.files, *(f for app in kinds.apps for f in app.files)):
        found += _templates(file)
    places = {
        entry.name: os.path.normpath(os.path.join(entry.base, entry.path))
        for entry in configuration.paths
        if entry.path is not None
    }
    checks = [*configuration.checks, *(c for app in kinds.apps for c in app.checks)]
    checks += [c for lib in kinds.libs for c in lib.checks]
    for check in checks:
        if check.kind in ("command", "run"):
            found += _scripts(_arguments(check, places), check.base, places.values())
    for value, base in _values(configuration):
        for text in (value,) if isinstance(value, str) else value:
            if scheme_of(text) == "command":
                found += _of_secret(text, base)
    return tuple(dict.fromkeys(found))


def _templates(file: RenderedFile) -> list[str]:
    if not file.template:
        return []
    main = os.path.normpath(os.path.join(file.base, file.template))
    directory = os.path.dirname(main)
    text = _text(main)
    if text is None or "{%" not in text or not any(word in text for word in _TAKES_IN):
        return [main]
    from stead.config.render import included

    def path(name: str) -> str:
        return os.path.join(directory, *name.split("/"))

    return [main, *map(path, included(file, text, load=lambda name: _text(path(name))))]


def _arguments(check: Check, places: Mapping[str, str]) -> list[str]:
    """Give the words of a check's command, with what ``[paths]`` says put in."""
    words = list(check.arguments)
    for name, place in places.items():
        for written in (f"${{paths.{name}}}", f"{{paths.{name}}}"):
            words = [word.replace(written, place) for word in words]
    return words


def _of_secret(text: str, base: str) -> Iterable[str]:
    try:
        reference = parse_reference(text, base)
    except SteadError:
        return ()  # said where the table is made
    return _scripts(reference.argv, base) if reference else ()


def _scripts(words: Iterable[str], base: str, more: Iterable[str] = ()) -> Iterator[str]:
    """Give the files that words name; what is the system's own is no part of a project."""
    tops = [os.path.join(top, "") for top in (base, *more) if top]
    for number, word in enumerate(words):
        path = os.path.normpath(os.path.join(base or os.sep, word))
        if os.path.isabs(word) and not any(f"{path}{os.sep}".startswith(top) for top in tops):
            continue
        program = number == 0 and os.path.dirname(word) != ""
        if program or (number > 0 and is_file(path) and os.path.getsize(path) <= _LARGEST):
            yield path


def _values(configuration: Configuration) -> Iterator[tuple[Raw, str]]:
    """Give every value that can be a reference to a secret, and the directory it is read from."""
    kinds = configuration.kinds
    for definition in configuration.definitions:
        if definition.value is not None:
            yield definition.value, definition.base
    for declared in (*configuration.declarations, *(d for lib in kinds.libs for d in lib.accepts)):
        if declared.default is not None:
            yield declared.default, declared.base
    for host in kinds.hosts:
        for offer in host.secrets:
            yield offer.value, host.base
    for client in kinds.clients:
        yield from ((v.value, v.base or client.base) for v in client.values if v.value is not None)
    for app in kinds.apps:
        yield from ((v.value, v.base or app.base) for v in app.variables if v.value is not None)
    for recipe in kinds.recipes:
        for setting in (*recipe.settings, *(s for o in recipe.on for s in o.settings)):
            if setting.value is not None:
                yield setting.value, setting.base or recipe.base


def _text(path: str) -> str | None:
    try:
        return load_text(path)
    except (OSError, ValueError, SteadError):
        return None

"""A docker compose file, as far as it says what processes' environments are."""

from __future__ import annotations

import os.path
from typing import TYPE_CHECKING, Any

from stead.formats import _yaml
from stead.formats._dotenv_compose import expand
from stead.formats._dotenv_dialects import taken
from stead.values.errors import ManifestError
from stead.values.frozen import dataclass
from stead.values.origin import Origin

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Load = Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class Service:
    """One service. A value of None is to come from the caller's shell."""

    name: str
    variables: tuple[tuple[str, str | None], ...]
    image: str = ""
    built: bool = False
    command: tuple[str, ...] = ()


def read(text: str, file: str, load: Load) -> tuple[tuple[Service, ...], tuple[str, ...]]:
    """Give the services with their environments, and notes of what could not be taken.

    ``load`` gives the text of a file, None where there is none: of ``env_file``s, and of
    the ``.env`` beside this file, whose values stand in for ``${NAME}``. One that cannot be
    read becomes a note. Raises ManifestError for what is no compose file.
    """
    data = _yaml.load(text, file)
    services = data.get("services") if isinstance(data, dict) else None
    if not isinstance(services, dict) or not all(isinstance(s, dict) for s in services.values()):
        raise ManifestError(
            "this compose file has no services",
            where=Origin(file),
            remedy="give one with a `services:` section whose entries are mappings",
        )
    reader = _Reader(file, load)
    found = tuple(reader.service(str(name), table) for name, table in services.items())
    return found, tuple(reader.notes)


class _Reader:
    def __init__(self, file: str, load: Load) -> None:
        self.file = file
        self.directory = os.path.dirname(file)
        self.load = load
        self.notes: list[str] = []
        self.known: Mapping[str, str] = {}
        self.known = self._taken(os.path.join(self.directory, ".env")) or {}

    def service(self, name: str, table: Mapping[str, Any]) -> Service:
        variables: dict[str, str | None] = {}
        for path in self._files(table.get("env_file"), name):
            variables |= self._file(path, name)
        variables |= self._section(table.get("environment"), name)
        command = table.get("command")
        if table.get("extends"):
            self.notes.append(f"service {name}: what it `extends` is not taken")
        return Service(
            name,
            tuple(variables.items()),
            str(table.get("image") or ""),
            "build" in table,
            tuple(str(word) for word in command) if isinstance(command, list) else (),
        )

    def _files(self, given: Any, service: str) -> list[tuple[str, bool]]:
        """Give the paths of ``env_file``, and whether each must be there."""
        listed = given if isinstance(given, list) else [given] if given else []
        found = []
        for item in listed:
            path = item.get("path") if isinstance(item, dict) else item
            must = item.get("required", True) if isinstance(item, dict) else True
            if isinstance(item, dict) and item.get("format") == "raw":
                self.notes.append(f"service {service}: env_file {path} is read raw; not taken")
                continue
            if isinstance(path, str):
                written = self._text(path, f"service {service}: env_file")
                found.append((os.path.normpath(os.path.join(self.directory, written)), bool(must)))
        return found

    def _file(self, path: tuple[str, bool], service: str) -> Mapping[str, str]:
        found = self._taken(path[0])
        if found is None and path[1]:
            self.notes.append(f"service {service}: env_file {path[0]} is not there")
        return found or {}

    def _taken(self, path: str) -> dict[str, str] | None:
        """Read a file of variables, None where there is none; of one that is refused, nothing.

        The notes name each of these: the others are worth having all the same.
        """
        try:
            held = self.load(path)
            if held is None:
                return None
            entries, notes = taken(held, path, "compose", self.known)
        except ManifestError as exc:
            self.notes.append(f"{exc.where}: {exc.message}; nothing of this file is taken")
            return {}
        self.notes += notes
        return {e.name: e.value for e in entries}

    def _section(self, given: Any, service: str) -> dict[str, str | None]:
        """Read ``environment``: a mapping, or a list of ``NAME=VALUE`` and names."""
        pairs: list[tuple[str, Any]] = []
        if isinstance(given, dict):
            pairs = [(str(k), v) for k, v in given.items()]
        elif isinstance(given, list):
            for item in given:
                name, sign, value = str(item).partition("=")
                pairs.append((name, value if sign else None))
        found: dict[str, str | None] = {}
        for name, value in pairs:
            if value is None:
                found[name] = self.known.get(name)
            elif isinstance(value, bool):
                found[name] = "true" if value else "false"
            elif isinstance(value, str | int | float):
                found[name] = self._text(str(value), f"service {service}: {name}")
            else:
                self.notes.append(f"service {service}: {name} is not a text; not taken")
        return found

    def _text(self, value: str, what: str) -> str:
        """Replace ``${NAME}`` by what the ``.env`` beside the file has."""
        text, refers, refused = expand(value, self.known)
        if refused:
            self.notes.append(f"{what}: {refused}; taken as it is written")
            return value
        for name in refers:
            self.notes.append(f"{what} uses {name}, which compose takes from the caller's shell")
        return text

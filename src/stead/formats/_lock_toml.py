"""Reads a lock in any TOML spelling, and says where it makes no sense."""

from __future__ import annotations

from typing import Any, NoReturn, cast

from stead.formats._lock_values import BAD, from_toml, sorted_pins
from stead.formats.toml_lines import Lines, parse
from stead.values.errors import LockError, ManifestError
from stead.values.lock import Artifact, File, Lock, LockedEnvironment, Pin
from stead.values.origin import Origin
from stead.values.requirement import Source

_REMEDY = "restore the file from version control, or run `stead lock` to make it anew"


def read(text: str, file: str) -> Lock:
    """Read a lock. Raises :class:`LockError` with file and line."""
    try:
        data, lines = parse(text, file)
    except ManifestError as exc:
        raise LockError(exc.message, where=exc.where, details=exc.details, remedy=_REMEDY) from exc
    return Reader(data, lines, file).lock()


class Reader:
    def __init__(self, data: dict[str, Any], lines: Lines, file: str) -> None:
        self.data = data
        self.lines = lines
        self.file = file

    def lock(self) -> Lock:
        data = self.data
        version = data.get("version")
        if not isinstance(version, int) or isinstance(version, bool) or version < 1:
            self.wrong("this is no lock: it has no format version", "version")
        self.known(data, {"version", "environment", "pin", "artifact"})
        artifacts = {
            label: self.artifact(label, self.table(table, "artifact", label))
            for label, table in self.table(data.get("artifact", {}), "artifact").items()
        }
        environments = [
            self.environment((place, name, platform), artifacts)
            for place, names in self.table(data.get("environment", {}), "environment").items()
            for name, platforms in self.table(names, "environment", place).items()
            for platform in self.table(platforms, "environment", place, name)
        ]
        environments.sort(key=lambda e: e.slot)
        return Lock(tuple(environments), self.pins(), version)

    def wrong(self, message: str, *path: str | int) -> NoReturn:
        raise LockError(message, where=Origin(self.file, self.lines.at(*path)), remedy=_REMEDY)

    def table(self, value: Any, *path: str | int) -> dict[str, Any]:
        if not isinstance(value, dict):
            self.wrong(f"{path[-1]} must be a table", *path)
        return cast("dict[str, Any]", value)

    def known(self, table: dict[str, Any], keys: set[str], *path: str | int) -> None:
        for key in table:
            if key not in keys:
                self.wrong(f"a lock has no key {key!r} here", *path, key)

    def text(self, table: dict[str, Any], key: str, *path: str | int, need: bool = False) -> str:
        value = table.get(key, "")
        if not isinstance(value, str):
            self.wrong(f"{key} must be a string", *path, key)
        if need and key not in table:
            self.wrong(f"{key} is missing", *path)
        return value

    def texts(self, table: dict[str, Any], key: str, *path: str | int) -> tuple[str, ...]:
        value = table.get(key, [])
        if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
            self.wrong(f"{key} must be a list of strings", *path, key)
        return tuple(value)

    def environment(
        self, slot: tuple[str, str, str], artifacts: dict[str, Artifact]
    ) -> LockedEnvironment:
        place, name, platform = slot
        path = ("environment", *slot)
        table = self.table(self.data["environment"][place][name][platform], *path)
        self.known(table, {"python", "requests", "artifacts"}, *path)
        members: list[Artifact] = []
        seen: dict[tuple[str, str], str] = {}
        for i, label in enumerate(self.texts(table, "artifacts", *path)):
            artifact = artifacts.get(label)
            if artifact is None:
                self.wrong(f"{label} is listed, but not described below", *path, "artifacts", i)
            first = seen.setdefault((artifact.ecosystem, artifact.name), label)
            if first != label or artifact in members:
                self.wrong(
                    f"{artifact.ecosystem} {artifact.name} is listed twice ({first}, {label})",
                    *path,
                    "artifacts",
                    i,
                )
            members.append(artifact)
        return LockedEnvironment(
            place,
            name,
            platform,
            self.texts(table, "requests", *path),
            self.text(table, "python", *path),
            tuple(members),
        )

    def pins(self) -> tuple[Pin, ...]:
        made = []
        for name, value in self.table(self.data.get("pin", {}), "pin").items():
            table = self.table(value, "pin", name)
            numbered = {k: v for k, v in table.items() if isinstance(v, dict)}
            alone = {k: v for k, v in table.items() if k not in numbered}
            if alone:
                made.append(self.pin(name, alone, "pin", name))
            made += [self.pin(name, t, "pin", name, n) for n, t in numbered.items()]
        return sorted_pins(made)

    def pin(self, name: str, table: dict[str, Any], *path: str | int) -> Pin:
        keys = {
            "location",
            "requested",
            "commit",
            "subdirectory",
            "working",
            "version",
            "integrity",
        }
        self.known(table, keys, *path)
        return Pin(
            name,
            self.text(table, "location", *path, need=True),
            self.text(table, "requested", *path),
            self.text(table, "commit", *path, need="integrity" not in table),
            self.text(table, "subdirectory", *path),
            self.text(table, "working", *path),
            self.text(table, "version", *path, need="integrity" in table),
            self.text(table, "integrity", *path),
        )

    def artifact(self, label: str, table: dict[str, Any]) -> Artifact:
        path = ("artifact", label)
        keys = {"name", "version", "index", "source", "files", "depends", "extra"}
        self.known(table, keys, *path)
        name = self.text(table, "name", *path, need=True)
        version = self.text(table, "version", *path, need=True)
        ecosystem, slash, rest = label.partition("/")
        if not slash or not ecosystem or not rest.startswith(f"{name}-{version}"):
            self.wrong(f"{label} is not how {name} {version} is called", *path)
        extra = self.table(table.get("extra", {}), *path, "extra")
        return Artifact(
            ecosystem,
            name,
            version,
            self.text(table, "index", *path),
            self.files(table.get("files", []), *path, "files"),
            self.texts(table, "depends", *path),
            self.source(table["source"], *path, "source") if "source" in table else None,
            tuple((k, self.json_value(v, *path, "extra", k)) for k, v in extra.items()),
        )

    def files(self, value: Any, *path: str | int) -> tuple[File, ...]:
        if not isinstance(value, list):
            self.wrong("files must be a list", *path)
        made = []
        for i, item in enumerate(value):
            table = self.table(item, *path, i)
            self.known(table, {"name", "sha256", "size"}, *path, i)
            size = table.get("size", 0)
            if not isinstance(size, int) or isinstance(size, bool) or size < 0:
                self.wrong("size must be a number of bytes", *path, i, "size")
            made.append(
                File(
                    self.text(table, "name", *path, i, need=True),
                    self.text(table, "sha256", *path, i, need=True),
                    size,
                )
            )
        return tuple(made)

    def source(self, value: Any, *path: str | int) -> Source:
        table = self.table(value, *path)
        self.known(table, {"kind", "location", "editable", "revision", "subdirectory"}, *path)
        kind = self.text(table, "kind", *path, need=True)
        editable = table.get("editable", False)
        if kind not in ("path", "url", "git") or not isinstance(editable, bool):
            self.wrong("source is none that Stead knows", *path)
        return Source(
            cast("Any", kind),
            self.text(table, "location", *path, need=True),
            editable,
            self.text(table, "revision", *path),
            self.text(table, "subdirectory", *path),
        )

    def json_value(self, value: Any, *path: str | int) -> Any:
        made = from_toml(value)
        if made is BAD:
            self.wrong("a lock holds neither dates nor infinite numbers", *path)
        return made

"""The basics of ``pixi.toml`` (and ``[tool.pixi]``): what is asked, by features, with tasks.

Its tables are nearly those of ``stead.toml``: they are put into that shape and read by its
reader. Features become layers; an environment of several features becomes a layer that
inherits from them.
"""

from __future__ import annotations

import os
import re
import shlex
from typing import TYPE_CHECKING, Any

from stead.formats import stead_toml, toml_lines
from stead.values.errors import ManifestError
from stead.values.frozen import replace
from stead.values.origin import Origin

if TYPE_CHECKING:
    from collections.abc import Callable

    from stead.values.manifest import Manifest

FORMAT = "pixi.toml"
_FAMILIES = {"linux": "linux", "osx": "osx", "win": "windows", "unix": ""}
_CONDA = ("version", "build", "channel")
_PYPI = ("version", "extras", "path", "editable", "url", "git", "rev", "tag", "branch")
_SHELL = re.compile(r"[|&;<>()$`\\*?\[\]#~{}!\n]")


def read(file: str, load: Callable[[str], str]) -> tuple[Manifest, tuple[str, ...]]:
    """Read pixi's manifest; give it with notes of what Stead has no words for.

    Raises ManifestError.
    """
    data, lines = toml_lines.parse(load(file), file)
    if os.path.basename(file) == "pyproject.toml":
        data = data.get("tool", {}).get("pixi", {})
    if not isinstance(data, dict) or not (data.get("workspace") or data.get("project")):
        raise ManifestError(
            "this is not a manifest of pixi: it has no [workspace]",
            where=Origin(file),
            remedy="name the file with pixi's tables, or give --format",
        )
    reader = _Reader()
    head = data.get("workspace") or data["project"]
    root = reader.tables(data, head.get("channels", []))
    layers: dict[str, Any] = {}
    reader.targets(data, layers)
    for name, feature in data.get("feature", {}).items():
        layers[name] = reader.tables(feature, feature.get("channels", []))
        if feature.get("target"):
            reader.notes.append(f"left out: what feature {name} asks for on single platforms")
    for name, environment in data.get("environments", {}).items():
        features = environment if isinstance(environment, list) else environment.get("features", [])
        if name != "default" and features != [name]:
            layers[name] = {"inherits": [f for f in features if f != name]}
    space = {
        "platforms": [p if isinstance(p, str) else p["name"] for p in head.get("platforms", [])]
    }
    if head.get("name"):
        space["name"] = head["name"]
    table = {**root, "workspace": space, **({"layer": layers} if layers else {})}
    manifest = stead_toml.from_table(table, lines, file)
    return replace(manifest, format=FORMAT), tuple(reader.notes)


class _Reader:
    def __init__(self) -> None:
        self.notes: list[str] = []

    def tables(self, data: dict[str, Any], channels: list[Any]) -> dict[str, Any]:
        """Put the tables of the root or of a feature into the shape of ``stead.toml``'s."""
        conda: dict[str, Any] = {}
        names = [c if isinstance(c, str) else c["channel"] for c in channels]
        if names:
            conda["channels"] = names
        for key in ("dependencies", "host-dependencies"):
            for name, value in data.get(key, {}).items():
                conda[name] = self.wish(name, value, _CONDA)
        pypi = {n: self.wish(n, v, _PYPI) for n, v in data.get("pypi-dependencies", {}).items()}
        options = data.get("pypi-options", {})
        if urls := options.get("extra-index-urls"):
            pypi["indexes"] = list(urls)
        if data.get("build-dependencies"):
            self.notes.append("left out: build-dependencies (they are for building packages)")
        made: dict[str, Any] = {}
        packages = {k: v for k, v in (("conda", conda), ("pypi", pypi)) if v}
        if packages:
            made["packages"] = packages
        activation = data.get("activation", {})
        if activation.get("env"):
            made["vars"] = dict(activation["env"])
        if activation.get("scripts"):
            self.notes.append("left out: activation scripts (Stead runs none)")
        tasks = {n: self.task(v) for n, v in data.get("tasks", {}).items()}
        if tasks:
            made["tasks"] = tasks
        return made

    def targets(self, data: dict[str, Any], layers: dict[str, Any]) -> None:
        """Put what is asked for on single platforms into the layers of their families."""
        for target, tables in data.get("target", {}).items():
            family = _FAMILIES.get(target, "")
            if family:
                layers[family] = self.tables(tables, [])
            else:
                self.notes.append(f"left out: what is asked for on {target} alone")

    def wish(self, name: str, value: Any, keys: tuple[str, ...]) -> Any:
        if not isinstance(value, dict):
            return value
        if strange := sorted(value.keys() - {*keys, "subdirectory", "index"}):
            self.notes.append(f"left out: {', '.join(strange)} of {name}")
        return {k: v for k, v in value.items() if k in keys or k == "subdirectory"}

    def task(self, value: Any) -> Any:
        table = value if isinstance(value, dict) else {"cmd": value}
        if isinstance(value, list):
            table = {"depends-on": value}
        made: dict[str, Any] = {}
        command = table.get("cmd")
        if isinstance(command, str) and command.strip():
            made["run"] = ["sh", "-c", command] if _SHELL.search(command) else shlex.split(command)
        elif command:
            made["run"] = list(command)
        depends = table.get("depends-on", table.get("depends_on", []))
        depends = [depends] if isinstance(depends, str) else depends
        if depends:
            made["depends"] = [d if isinstance(d, str) else d["task"] for d in depends]
        for key in ("inputs", "outputs", "cwd", "env", "description"):
            if table.get(key):
                made[key] = table[key]
        return made

"""The shipped items, each with every choice it offers, and how they land in a directory."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

from stead.modules.registry.opening import shipped
from stead.modules.render import written
from stead.values.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stead.values.item import Answer, Item, Option


@dataclass(frozen=True, slots=True)
class Variant:
    """An item with the options it is written with."""

    item: Item
    options: tuple[tuple[str, Answer], ...]
    chosen: str = ""
    """What is not as the item proposes it: ``type=linear``."""

    def __str__(self) -> str:
        return f"{self.item.name}-{self.chosen}" if self.chosen else self.item.name

    @property
    def package(self) -> str:
        """The name that Python imports it by."""
        return self.item.name.replace("-", "_")

    def files(self) -> dict[str, bytes]:
        """What lands in a module's directory: path → content."""
        return {file.path: file.content for file in written(self.item, self.options)}

    def write(self, directory: Path) -> Path:
        """Write the files below a directory, which is given back."""
        for file in written(self.item, self.options):
            path = directory / file.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file.content)
            path.chmod(0o755 if file.executable else 0o644)
        return directory

    def requirements(self) -> set[str]:
        """What its ``pyproject.toml`` asks for: to build, to run and to test it."""
        read = tomllib.loads(self.files()["pyproject.toml"].decode())
        project = read["project"]
        return {
            *read["build-system"]["requires"],
            *project["dependencies"],
            *project["optional-dependencies"]["test"],
        }


def _choices(option: Option) -> tuple[Answer, ...]:
    if option.type == "bool":
        return (False, True)
    return option.choices


def variants() -> Iterator[Variant]:
    """Every shipped item as it proposes itself, then with each other choice of each option."""
    registry = shipped()
    for summary in registry.items():
        item = registry.item(summary.name)
        proposed = {o.name: o.default for o in item.options if o.default is not None}
        yield Variant(item, tuple(proposed.items()))
        for option in item.options:
            for choice in _choices(option):
                if choice != option.default:
                    chosen = {**proposed, option.name: choice}
                    yield Variant(item, tuple(chosen.items()), f"{option.name}={choice}")


ALL = tuple(variants())
PYTHON = tuple(v for v in ALL if v.item.language == "python")
INTERFACES = tuple(v for v in PYTHON if v.chosen != "fit=numpy")
"""Those of Python that differ in their interface: with its choice, `forecast` is swapped for itself."""
ITEMS = tuple(v for v in ALL if not v.chosen)

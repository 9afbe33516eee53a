"""The settings of a person: ``stead/config.toml`` in their directory for settings.

It holds what no project should say for everybody: the registries that this person knows.
"""

from __future__ import annotations

from typing import Any

from stead.formats._grammar import RegistryTable  # noqa: TC001 (the reader looks at the annotations)
from stead.formats._grammar_values import A_NAME, NAME
from stead.formats.models import Model, Problems, entry
from stead.formats.models import read as read_model
from stead.values.origin import Origin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from stead.values.registry import Registry


class Settings(Model):
    """The keys of a person's settings."""

    trust: dict[str, Any] = entry(
        "Whose directories are trusted: read where that is decided.", factory=dict
    )

    registries: dict[str, str | RegistryTable] = entry(
        "Registries of modules, by name, as in `stead.toml`.",
        factory=dict,
        keys=NAME,
        means=A_NAME,
        examples=('team = "https://example.org/registry"',),
    )


def read(file: str, text: str) -> tuple[Registry, ...]:
    """Give the registries of a person's settings. Raises ManifestError with all that is wrong."""
    from stead.formats._packages import Checks
    from stead.formats._registries import registry
    from stead.formats.toml_lines import parse

    data, lines = parse(text, file)

    def where(*path: str | int) -> Origin:
        return Origin(file, lines.at(*path))

    problems = Problems()
    settings = read_model(Settings, data, where, problems)
    reader = Checks(file, where, problems, ())
    found = tuple(
        registry(reader, name, table, ("registries", name))
        for name, table in settings.registries.items()
    )
    problems.check()
    return found

"""The settings of a person: ``stead/config.toml`` in their directory for settings.

It holds what no project should say for everybody: the registries and stores that this person knows.
"""

from __future__ import annotations

from typing import Any

from stead.formats._grammar import (  # noqa: TC001 (the reader looks at the annotations)
    RegistryTable,
    StoreTable,
)
from stead.formats._grammar_values import A_NAME, NAME
from stead.formats.models import Model, Problems, entry
from stead.formats.models import read as read_model
from stead.values.frozen import dataclass
from stead.values.origin import Origin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from stead.values.registry import Registry
    from stead.values.substitute import StoreAddress


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

    stores: dict[str, str | StoreTable] = entry(
        "Store servers, by name, as in `stead.toml`. A token may be any reference to a secret.",
        factory=dict,
        keys=NAME,
        means=A_NAME,
        examples=('team = { url = "https://stead.example.org", token = "env:TEAM_TOKEN" }',),
    )


@dataclass(frozen=True)
class Known:
    """What a person's settings name."""

    registries: tuple[Registry, ...] = ()
    stores: tuple[StoreAddress, ...] = ()


def read(file: str, text: str) -> Known:
    """Read a person's settings. Raises ManifestError with all that is wrong."""
    from stead.formats._packages import Checks
    from stead.formats._registries import registry
    from stead.formats._stores import store
    from stead.formats.toml_lines import parse

    data, lines = parse(text, file)

    def where(*path: str | int) -> Origin:
        return Origin(file, lines.at(*path))

    problems = Problems()
    settings = read_model(Settings, data, where, problems)
    reader = Checks(file, where, problems, ())
    found = Known(
        tuple(
            registry(reader, name, table, ("registries", name))
            for name, table in settings.registries.items()
        ),
        tuple(
            store(reader, name, table, ("stores", name), own=True)
            for name, table in settings.stores.items()
        ),
    )
    problems.check()
    return found

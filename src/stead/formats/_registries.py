"""The table of registries: in ``stead.toml``, and in the settings of a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.formats._grammar import RegistryTable
from stead.formats._words import bare_or_quoted
from stead.values.registry import SHIPPED, Registry

if TYPE_CHECKING:
    from stead.formats._packages import Checks


def registry(
    reader: Checks, name: str, table: str | RegistryTable, at: tuple[str, ...]
) -> Registry:
    """Read where a registry is; what is wrong goes to the reader."""
    if isinstance(table, str):
        table = _from_text(table)
    if name == SHIPPED:
        reader.wrong(
            f"{SHIPPED} is the registry that comes with Stead",
            at,
            "choose another name for this one",
        )
    if [bool(table.path), bool(table.git), bool(table.url)].count(True) != 1:
        reader.wrong(
            f"registry {bare_or_quoted(name)} needs one of path, git and url",
            at,
            f'for example: {name} = "../registry"',
        )
    for key in ("rev", "subdirectory"):
        if not table.git and getattr(table, key):
            reader.wrong(f"{key} goes with git", (*at, key), f"remove {key}")
    if table.url and not table.url.startswith(("https://", "http://")):
        reader.wrong(
            f'url must begin with https:// or http://, not "{table.url}"',
            (*at, "url"),
            "write a directory as path",
        )
    reader.check_inside(table.subdirectory, (*at, "subdirectory"))
    reader.check_address(table.git or table.url, at)
    return Registry(
        name=name,
        kind="git" if table.git else "url" if table.url else "path",
        location=table.git or table.url.rstrip("/") or table.path,
        revision=table.rev,
        subdirectory=table.subdirectory.strip("/"),
        base=reader.directory,
        origin=reader.where(*at),
    )


def _from_text(text: str) -> RegistryTable:
    if text.startswith("git+"):
        address, _, revision = text.removeprefix("git+").partition("#")
        return RegistryTable(git=address, rev=revision)
    if text.startswith(("https://", "http://")):
        return RegistryTable(url=text)
    return RegistryTable(path=text)

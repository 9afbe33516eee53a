"""``stead-item.toml``: what an item of a registry is, apart from its files' contents."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from stead.formats._grammar_item import ItemRoot
from stead.formats._words import describe
from stead.formats.models import Problems
from stead.formats.models import read as read_model
from stead.formats.toml_lines import parse
from stead.values.digest import digest
from stead.values.errors import ManifestError
from stead.values.frozen import dataclass, replace
from stead.values.item import Commands, Item, ItemFile, Need, Option
from stead.values.origin import Origin
from stead.values.sha import sha256

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stead.formats._grammar_item import OptionTable
    from stead.formats.models import Where
    from stead.values.item import Answer

NAME = "stead-item.toml"
FILES = "files"
"""The directory beside it that holds the item's files, as they land below the module's."""


@dataclass(frozen=True, slots=True)
class Description:
    """What the file says. ``item`` has neither files nor integrity yet."""

    file: str
    item: Item
    data: Mapping[str, Any]
    """The file's own tables, which the integrity is made from."""
    render: tuple[str, ...]


def read(text: str, file: str) -> Description:
    """Read a description; all its mistakes are raised as one ManifestError."""
    data, lines = parse(text, file)
    problems = Problems()

    def where(*path: str | int) -> Origin:
        return Origin(file, lines.at(*path))

    root = read_model(ItemRoot, data, where, problems)
    item = Item(
        name=root.name,
        kind=root.kind,
        version=root.version,
        summary=root.summary,
        language=root.language,
        options=tuple(_option(n, t, where, problems) for n, t in root.options.items()),
        needs=tuple(
            Need(
                n,
                t.registry,
                t.version,
                t.integrity,
                tuple(sorted(t.options.items())),
                where("needs", n),
            )
            for n, t in sorted(root.needs.items())
        ),
        expects=root.expects,
        listens=root.listens,
        health=root.health,
        commands=Commands(root.commands.install, root.commands.run, root.commands.test),
    )
    if root.accepts:
        item = replace(item, accepts=_accepts(root, file, where, problems))
    if item.language == "python" and item.commands != Commands():
        problems.add(
            "a Python item has no commands of its own",
            where("commands"),
            "say them in the module's pyproject.toml: [project.scripts], and tests for pytest",
        )
    problems.check()
    return Description(file, item, data, root.render)


def complete(description: Description, contents: Mapping[str, tuple[bytes, bool]]) -> Item:
    """Give the item with its files: path below ``files/`` → content, and whether it is a program.

    Raises ManifestError where a pattern of ``render`` names none of them.
    """
    for pattern in description.render:
        if not any(fnmatchcase(path, pattern) for path in contents):
            raise ManifestError(
                f'"{pattern}" in render names no file of the item',
                where=Origin(description.file),
                remedy=f"patterns are matched with paths below {FILES}/: src/name/main.py",
            )
    files = tuple(
        ItemFile(
            path,
            content,
            executable,
            any(fnmatchcase(path, pattern) for pattern in description.render),
        )
        for path, (content, executable) in sorted(contents.items())
    )
    listed = [[f.path, f.executable, sha256(f.content).hexdigest()] for f in files]
    integrity = f"sha256:{digest([description.data, listed])}"
    return replace(description.item, files=files, integrity=integrity)


def fits(option: Option, answer: object) -> bool:
    """Say whether an option may be this."""
    if option.type == "enum":
        return answer in option.choices
    if option.type == "float":
        return isinstance(answer, int | float) and not isinstance(answer, bool)
    kinds: dict[str, type] = {"str": str, "int": int, "bool": bool}
    return type(answer) is kinds[option.type]


def _option(name: str, table: OptionTable, where: Where, problems: Problems) -> Option:
    def wrong(message: str, key: str, remedy: str) -> None:
        problems.add(message, where("options", name, key), remedy)

    default: Answer | None = table.default
    if isinstance(default, float):
        default = float(default)  # as it was written counts for versions alone
    option = Option(
        name,
        table.type,
        table.choices,
        default,
        table.question,
        table.description,
        where("options", name),
    )
    if table.type == "enum" and not table.choices:
        wrong(f"option {name} has no choices", "type", 'for example: choices = ["a", "b"]')
    elif table.choices and table.type != "enum":
        wrong(f"option {name} has choices and is no enum", "choices", 'say type = "enum"')
    elif default is not None and not fits(option, default):
        may = (
            "one of its choices"
            if table.type == "enum"
            else {"str": "a string", "int": "a whole number", "bool": "true or false"}.get(
                table.type, "a number"
            )
        )
        wrong(f"the default of {name} must be {may}, not {describe(default)}", "default", "")
    return option


def _accepts(root: ItemRoot, file: str, where: Where, problems: Problems) -> Any:
    from stead.formats._kinds import KindsReader

    reader = KindsReader(file, where, problems, ())
    return tuple(
        # A path relative to the item means nothing where it is added.
        replace(reader.declaration(name, table, ("accepts", name)), base="")
        for name, table in root.accepts.items()
    )

"""Making an item of a registry from a module of one's own."""

from __future__ import annotations

import os
import tomllib
from typing import TYPE_CHECKING, Any

from stead.formats import _toml_text
from stead.formats import item as item_file
from stead.modules import record
from stead.modules.registry.directory import contents_of
from stead.values.errors import CollisionError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stead.values.context import Context

_LANGUAGES = (("pyproject.toml", "python"), ("package.json", "node"), ("Cargo.toml", "rust"))


def item_of(directory: str, name: str, kind: str) -> dict[str, tuple[bytes, bool]]:
    """Give the files of an item made from a module: path in the item → content, and its mode bit.

    Raises UsageError where there is no module, RegistryError for a file that no item can have.
    """
    if not os.path.isdir(directory):
        raise UsageError(
            f"there is no directory {directory}", remedy="say with --from DIR where the module is"
        )
    held = contents_of(directory, without=(record.DIRECTORY,))
    if not held:
        raise UsageError(f"{directory} holds no files", remedy="say --from DIR")
    text = _described(name, kind, held)
    # What is written must be read again by the reader of items.
    item_file.complete(item_file.read(text, item_file.NAME), held)
    return {
        item_file.NAME: (text.encode(), False),
        **{f"{item_file.FILES}/{path}": file for path, file in held.items()},
    }


def write(
    files: Mapping[str, tuple[bytes, bool]], target: str, context: Context, *, dry: bool = False
) -> tuple[str, ...]:
    """Write an item into a new directory, all or nothing; gives the files, absolute.

    Raises CollisionError where the directory holds something.
    """
    from stead.pipeline.writing import layout_of
    from stead.store.edits import edit_files

    if os.path.lexists(target) and not (os.path.isdir(target) and not os.listdir(target)):
        raise CollisionError(
            "there is something already where the item would be",
            where=target,
            remedy="nothing was written; copy what is new to its files/ and raise its version, or move it away",
        )
    edits = {os.path.join(target, *path.split("/")): (None, c) for path, (c, _) in files.items()}
    modes = {os.path.join(target, *path.split("/")): 0o755 for path, (_, x) in files.items() if x}
    if not dry:
        name = os.path.basename(target)
        edit_files(layout_of(context), edits, f"making the item {name}", modes=modes)
    return tuple(edits)


def _described(name: str, kind: str, held: Mapping[str, tuple[bytes, bool]]) -> str:
    language = next((word for file, word in _LANGUAGES if file in held), "none")
    version, summary = "1.0.0", f"What {name} does"
    commands: dict[str, Any] = {}
    if language == "python":
        project = _toml(held["pyproject.toml"][0]).get("project", {})
        version = str(project.get("version", version))
        summary = str(project.get("description", "")) or summary
    elif language == "node":
        commands = {
            "install": [["npm", "ci"]],
            "run": ["npm", "start"],
            "test": [["npm", "test"]],
        }
    elif language == "rust":
        commands = {
            "install": [["cargo", "build", "--release"]],
            "run": ["cargo", "run", "--release"],
            "test": [["cargo", "test"]],
        }
    value = _toml_text.value
    lines = [
        f"name = {value(name)}",
        f"kind = {value(kind)}",
        f"version = {value(version)}",
        f"summary = {value(summary)}",
        f"language = {value(language)}",
        "# Which inputs it expects, a line each; shown before and after it is added.",
        "expects = []",
        "# Which files are Jinja templates over the options; the others are copied as they are.",
        "render = []",
        "",
        "# [options.NAME]",
        '# type = "enum"',
        '# choices = ["one", "other"]',
        '# default = "one"',
        '# question = "Which one?"',
    ]
    if commands:
        lines += ["", "[commands]", *(f"{k} = {value(v)}" for k, v in commands.items())]
    return "\n".join(lines) + "\n"


def _toml(content: bytes) -> dict[str, Any]:
    try:
        return tomllib.loads(content.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise UsageError(
            f"the module's pyproject.toml cannot be read: {exc}", remedy="mend it first"
        ) from exc

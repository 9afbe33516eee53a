"""Making an item of a registry from a module of one's own."""

from __future__ import annotations

import os
import tomllib
from typing import TYPE_CHECKING, Any

from stead.formats import _toml_splice, _toml_text
from stead.formats import item as item_file
from stead.modules import record
from stead.modules.outdated import is_newer
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
            remedy="nothing was written; --update --version VERSION makes a new version of it",
        )
    edits = {os.path.join(target, *path.split("/")): (None, c) for path, (c, _) in files.items()}
    modes = {os.path.join(target, *path.split("/")): 0o755 for path, (_, x) in files.items() if x}
    if not dry:
        name = os.path.basename(target)
        edit_files(layout_of(context), edits, f"making the item {name}", modes=modes)
    return tuple(edits)


def update_of(
    directory: str, target: str, version: str
) -> tuple[dict[str, tuple[bytes | None, bytes | None, bool]], tuple[str, ...]]:
    """Give what becomes of an item's files as a module is released as a new version of it.

    Path in the item → what it holds, what it is to hold, and its mode bit; None is no file. Its
    templates stay, as the module has what they became: those that the module has are given too.
    Raises UsageError for a version that is no newer one, or where there is no such item.
    """
    if not os.path.isfile(os.path.join(target, item_file.NAME)):
        raise UsageError(
            f"there is no item {os.path.basename(target)} to update",
            where=target,
            remedy="leave --update out: `stead module new` makes one",
        )
    if not os.path.isdir(directory):
        raise UsageError(
            f"there is no directory {directory}", remedy="say with --from DIR where the module is"
        )
    held = contents_of(directory, without=(record.DIRECTORY,))
    there = contents_of(os.path.join(target, item_file.FILES))
    with open(os.path.join(target, item_file.NAME), encoding="utf-8", newline="") as file:
        text = file.read()
    item = item_file.complete(item_file.read(text, file.name), there)
    templates = {file.path for file in item.files if file.rendered}
    after = {p: c for p, c in held.items() if p not in templates}
    after |= {p: c for p, c in there.items() if p in templates}
    if after != there or version:
        if not (version and is_newer(version, item.version)):
            raise UsageError(
                f"{item.name} is {item.version} in this registry, "
                + (f"and {version} is no later version" if version else "and it has changed"),
                where=target,
                remedy="nothing was written; say --version VERSION, a later one",
            )
        changed = _toml_splice.put(text, (), "version", version)
        item_file.complete(item_file.read(changed, file.name), after)
    else:
        changed = text
    edits: dict[str, tuple[bytes | None, bytes | None, bool]] = {}
    for path in sorted(after.keys() | there.keys()):
        was, now = there.get(path), after.get(path)
        if was != now:
            edits[f"{item_file.FILES}/{path}"] = (
                was[0] if was else None,
                now[0] if now else None,
                bool(now and now[1]),
            )
    if changed != text:
        edits[item_file.NAME] = (text.encode(), changed.encode(), False)
    return edits, tuple(sorted(templates & held.keys()))


def write_update(
    edits: Mapping[str, tuple[bytes | None, bytes | None, bool]], target: str, context: Context
) -> None:
    """Change an item's files, all or none of them. Raises StoreError."""
    from stead.pipeline.writing import layout_of
    from stead.store.edits import edit_files

    full = {path: os.path.join(target, *path.split("/")) for path in edits}
    modes = {
        full[path]: 0o755 if runs else 0o644
        for path, (_, after, runs) in edits.items()
        if after is not None and path != item_file.NAME
    }
    edit_files(
        layout_of(context),
        {full[path]: (before, after) for path, (before, after, _) in edits.items()},
        f"updating the item {os.path.basename(target)}",
        modes={p: m for p, m in modes.items() if not os.path.exists(p)},
        chmod={p: m for p, m in modes.items() if os.path.exists(p)},
        note=context.progress.note,
    )


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

"""`stead module show`: an item of a registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.cli import options
from stead.values.digest import plain

if TYPE_CHECKING:
    import argparse

    from stead.cli.app import App
    from stead.modules.registry import Source
    from stead.values.item import Item

MORE = "Its integrity is what other items and locks pin."


def configure(parser: argparse.ArgumentParser) -> None:
    from stead.cli._modules import registry

    parser.add_argument("name", metavar="NAME", help="the item, or REGISTRY/NAME")
    registry(parser)
    parser.add_argument(
        "--revision", default="", metavar="VERSION", help="the item's version (default: the latest)"
    )
    options.json(parser)


def execute(args: argparse.Namespace, app: App) -> int:
    from stead.cli._modules import project_of, sources
    from stead.modules import needs

    registry, _, name = args.name.rpartition("/")
    source = needs.find(sources(project_of(app), app), name, args.registry or registry)
    item = source.item(name, args.revision)
    if args.json:
        app.out_json(_as_json(item, source))
    else:
        for line in _lines(item, source):
            app.out(line)
    return 0


def _as_json(item: Item, source: Source) -> dict[str, object]:
    shown = plain(item)
    del shown["files"]
    return {
        **shown,
        "registry": source.name,
        "location": source.location,
        "commit": source.commit,
        "options": [
            {
                "name": o.name,
                "type": o.type,
                "choices": o.choices,
                "default": o.default,
                "question": o.question,
                "description": o.description,
            }
            for o in item.options
        ],
        "files": [
            {"path": f.path, "size": len(f.content), "rendered": f.rendered} for f in item.files
        ],
    }


def _lines(item: Item, source: Source) -> list[str]:
    lines = [
        f"{item.name} {item.version}: {item.summary}",
        f"  {item.kind}, {item.language}, from {source.name} ({source.location})",
        f"  {item.integrity}",
    ]
    if item.options:
        lines.append("options")
    for o in item.options:
        may = "|".join(o.choices) or o.type.upper()
        default = "must be given" if o.default is None else f"default {_word(o.default)}"
        said = o.description or o.question
        lines.append(f"  --{o.name} {may}  {f'{said} ' if said else ''}({default})")
    if item.expects:
        lines += ["expects", *(f"  {line}" for line in item.expects)]
    if item.accepts:
        lines.append("reads the variables")
    for d in item.accepts:
        default = f" (default {d.default})" if d.default is not None else ""
        need = " (required)" if d.required else default
        lines.append(f"  {d.name}  {d.type.name}{need}  {d.description}".rstrip())
    if item.needs:
        lines += ["needs", *(f"  {n.name} {n.version}" for n in item.needs)]
    return [*lines, "files", *(f"  {f.path}" for f in item.files)]


def _word(answer: object) -> str:
    return str(answer).lower() if isinstance(answer, bool) else str(answer)
